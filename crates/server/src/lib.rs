//! The login server of a multi-tenant PBX.
//!
//! It is a library, so that tests can build a server with their own clock. Imports run one way: `cli`, `http` and `ops`
//! use `app`, which uses `store` and `domain`. `app` contains neither HTTP nor SQL.

pub mod app;
pub mod audit;
pub mod cli;
pub mod client_addresses;
pub mod clock;
pub mod config;
pub mod connections;
pub mod context;
pub mod domain;
mod error;
pub mod http;
mod limits;
mod log;
pub mod metrics;
pub mod ops;
mod panic;
pub mod password;
pub mod proxies;
pub mod random;
pub mod rate_limiter;
pub mod store;
mod tls;
pub mod token;
mod unix_user;
