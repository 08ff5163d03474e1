//! What those who operate the server ask: whether it is alive, whether it can serve, what it measures.
//!
//! On a listener of its own, apart from the contract's: who may reach it is for the network to say, and what goes on here
//! is neither logged nor counted among the requests. It is a second dropshot server, so that nothing else has to be linked
//! and kept safe.

mod ready;
mod server;

pub use self::server::{Ops, StartError, start};
