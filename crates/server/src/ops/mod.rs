//! The operations listener: liveness, readiness and metrics.
//!
//! It is apart from the contract's listener, so that the network decides who can reach it; its requests are neither logged nor
//! counted. It is a second dropshot server, so that no other HTTP server has to be linked and kept secure.

mod ready;
mod server;

pub use self::server::{Ops, StartError, start};
