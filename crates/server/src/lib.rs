//! The login server of a multi-tenant PBX.
//!
//! A library so that tests, and `xtask verify`, can build a server with a clock of their own; `main.rs` is thin over it.
//! Imports run one way: `cli` and `http` use `app`, which holds the rules and uses `store`. `app` knows neither HTTP nor
//! SQL.

pub mod app;
pub mod audit;
pub mod cli;
pub mod config;
pub mod context;
mod error;
pub mod http;
mod huge_pages;
mod limits;
pub mod log;
pub mod metrics;
pub mod ops;
mod panic;
pub mod password;
pub mod proxies;
pub mod store;
pub mod throttle;
pub mod tls;
pub mod token;
