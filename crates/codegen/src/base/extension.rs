//! The OpenAPI extensions that the generator reads.

/// Limits the body of an operation, in bytes.
pub(crate) const BODY_LIMIT: &str = "x-request-body-max-bytes";

/// Marks a paginated operation and lists the parameters that the first page requires.
pub(crate) const PAGINATION: &str = "x-dropshot-pagination";

/// dropshot's mark of a paginated operation in the schema of its parameters (0.18, `pagination.rs`).
pub(crate) const PAGINATION_SENTINEL: &str = "x-dropshot-pagination-param";

/// Marks the schema of a secret.
pub(crate) const SECRET: &str = "x-secret";

/// Marks a media type with bytes that are streamed to the handler.
pub(crate) const STREAMING: &str = "x-streaming";

/// Marks an operation that continues as a websocket, as dropshot does.
pub(crate) const WEBSOCKET: &str = "x-dropshot-websocket";

/// Marks a path parameter that matches the rest of the path.
pub(crate) const WILDCARD: &str = "x-wildcard";

pub(crate) const DROPSHOT_EXTENSIONS: [&str; 2] = [PAGINATION, WEBSOCKET];
