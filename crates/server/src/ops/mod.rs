//! The operations listener: liveness, readiness and metrics.
//!
//! It is separate from the listener of the API, so that a firewall can restrict it; its requests are neither logged nor
//! counted. It is a second dropshot server, so that the program needs no other HTTP server.

mod ready;
mod server;

pub use self::server::{Ops, StartError, start};
