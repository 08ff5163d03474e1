//! Stores short notes: an example of a contract-first service.
//!
//! `generated.rs` comes from `openapi.yaml` by `cargo xtask generate`; everything else is written by hand.

// Formatted by prettyplease, and compared byte for byte by `cargo xtask verify`.
#[rustfmt::skip]
pub mod generated;
mod handlers;
mod refusal;
mod store;

use std::net::SocketAddr;

use dropshot::{ApiDescription, ConfigDropshot, HttpServer, ServerBuilder};

pub use refusal::ErrorCodes;
pub use store::Store;

/// Returns the operations of the contract with their handlers.
///
/// # Errors
///
/// Two routes of the contract contradict each other.
pub fn api() -> anyhow::Result<ApiDescription<Store>> {
    Ok(generated::notes::api_description::<handlers::Handlers>()?)
}

/// Starts a server for requests that carry `api_key`.
///
/// # Errors
///
/// The address cannot be bound.
pub fn start(
    address: SocketAddr,
    api_key: &str,
    log: slog::Logger,
) -> anyhow::Result<HttpServer<Store>> {
    let config = ConfigDropshot {
        bind_address: address,
        default_request_body_max_bytes: 16 * 1024,
        ..ConfigDropshot::default()
    };
    let server = ServerBuilder::new(api()?, Store::new(api_key), log);
    Ok(server.config(config).start()?)
}
