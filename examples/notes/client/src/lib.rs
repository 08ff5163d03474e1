//! The client of Notes.
//!
//! `generated.rs` comes from `openapi.yaml` by `cargo xtask generate`: [`Client`] has a method for each operation.

// Formatted by prettyplease, and compared byte for byte by `cargo xtask verify`.
#[rustfmt::skip]
mod generated;

use std::error::Error;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};

pub use generated::{Client, types};

/// Returns a client that sends `api_key` with each request.
///
/// # Errors
///
/// The key cannot be sent in a header.
pub fn connect(base_url: &str, api_key: &str) -> Result<Client, Box<dyn Error + Send + Sync>> {
    let connections = reqwest::Client::builder().default_headers(headers(api_key)?);
    Ok(Client::new_with_client(base_url, connections.build()?))
}

/// Returns the headers that carry `api_key`, for a client with connections of its own.
///
/// # Errors
///
/// The key cannot be sent in a header.
pub fn headers(api_key: &str) -> Result<HeaderMap, InvalidHeaderValue> {
    let mut api_key = HeaderValue::from_str(api_key)?;
    api_key.set_sensitive(true);
    let name = HeaderName::from_static("x-api-key");
    Ok(HeaderMap::from_iter([(name, api_key)]))
}
