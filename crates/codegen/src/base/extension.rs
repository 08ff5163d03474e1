//! The extensions of OpenAPI that the generator reads.

/// The extension that limits the body of an operation, in bytes.
pub(crate) const BODY_LIMIT: &str = "x-request-body-max-bytes";

/// The extension of a paginated operation, which lists the parameters that the first page needs.
pub(crate) const PAGINATION: &str = "x-dropshot-pagination";

/// The marker of a paginated operation in its parameter schema (dropshot 0.18, `pagination.rs`).
pub(crate) const PAGINATION_SENTINEL: &str = "x-dropshot-pagination-param";

/// The extension of a schema that is a secret.
pub(crate) const SECRET: &str = "x-secret";

/// The extension of a media type whose bytes are streamed to the handler.
pub(crate) const STREAMING: &str = "x-streaming";

/// The extension of an operation that continues as a websocket, as dropshot defines it.
pub(crate) const WEBSOCKET: &str = "x-dropshot-websocket";

/// The extension of a path parameter for the rest of the path.
pub(crate) const WILDCARD: &str = "x-wildcard";

/// The extensions of an operation that dropshot defines.
pub(crate) const OF_DROPSHOT: [&str; 2] = [PAGINATION, WEBSOCKET];
