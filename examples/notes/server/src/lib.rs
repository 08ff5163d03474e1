//! An example of a contract-first service that stores short notes.
//!
//! `cargo xtask generate` writes `generated.rs` from `openapi.yaml`; the other files are handwritten.

// prettyplease formats this file, and `cargo xtask verify` compares it byte for byte.
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
/// Fails if the contract has conflicting routes.
pub fn api() -> anyhow::Result<ApiDescription<Store>> {
    Ok(generated::notes::api_description::<handlers::Handlers>()?)
}

/// Starts a server that accepts requests with `api_key`.
///
/// # Errors
/// Fails if the address cannot be bound.
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
