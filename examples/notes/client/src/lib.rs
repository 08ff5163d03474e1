//! The client of Notes.
//!
//! `cargo xtask generate` writes `generated.rs` from `openapi.yaml`: [`Client`] has a method for each operation.

// prettyplease formats this file, and `cargo xtask verify` compares it byte for byte.
#[rustfmt::skip]
mod generated;

use std::error::Error;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};

pub use generated::{Client, types};

/// Returns a client that sends `api_key` with each request.
///
/// # Errors
/// Fails if the key is not a valid header value.
pub fn connect(base_url: &str, api_key: &str) -> Result<Client, Box<dyn Error + Send + Sync>> {
    let connections = reqwest::Client::builder().default_headers(headers(api_key)?);
    Ok(Client::new_with_client(base_url, connections.build()?))
}

/// Returns the headers that carry `api_key`, for a client with its own connections.
///
/// # Errors
/// Fails if the key is not a valid header value.
pub fn headers(api_key: &str) -> Result<HeaderMap, InvalidHeaderValue> {
    let mut api_key = HeaderValue::from_str(api_key)?;
    api_key.set_sensitive(true);
    let name = HeaderName::from_static("x-api-key");
    Ok(HeaderMap::from_iter([(name, api_key)]))
}
