//! Generates a [dropshot](https://docs.rs/dropshot) API trait and its types from an OpenAPI 3.0 document.
//!
//! ```
//! use dropshot_codegen::{Contract, Settings, generate};
//!
//! let contract = Contract::parse("openapi.yaml", "
//! openapi: 3.0.3
//! info: { title: Clock, version: 1.0.0 }
//! paths:
//!   /time:
//!     get:
//!       operationId: getTime
//!       summary: Tell the time
//!       responses:
//!         '200':
//!           description: successful operation
//!           content:
//!             application/json:
//!               schema: { $ref: '#/components/schemas/Time' }
//! components:
//!   schemas:
//!     Time: { type: string, format: date-time }
//! ").expect("it is a contract");
//! let code = generate(&contract, &Settings::default()).expect("it can be generated");
//! assert!(code.contains("async fn get_time("));
//! ```
//!
//! # How it works
//!
//! 1. [`Contract::parse`] reads YAML or JSON into a value and a table that knows where each node stands, and holds it against a table of
//!    OpenAPI 3.0.3. What is no OpenAPI ends here.
//! 2. [`generate`] reads the contract part by part (operations, parameters, responses, headers, credentials, schemas; a file each) into
//!    tokens. What it does not support it reports and reads on, so that one run finds everything. The same table says which fields nobody
//!    reads, so that nothing is passed over in silence.
//! 3. Schemas become types by [typify](https://docs.rs/typify), checked before against what typify enforces.
//! 4. The tokens are formatted. Nothing comes out unless nothing was reported.
//!
//! [`report`] tells which operations come out, and [`generate_supported`] writes those although others are refused.
//!
//! Everything that is wrong is a [`Finding`]: file, line, column, pointer, and what to write instead.
//!
//! # What the generated code needs
//!
//! The crates `async-trait`, `cookie`, `dropshot`, `http`, `schemars` 0.8, `serde`, `serde_json` and `zeroize`; `chrono` for dates, `uuid`
//! for its format, `regress` for patterns, `base64` for users with passwords (`scheme: basic`), `form_urlencoded` for keys in a query
//! and `http-body` for bodies that may be left out. Each only where the contract uses it.
//!
//! # What a contract can say beyond OpenAPI
//!
//! | extension | of | meaning |
//! |---|---|---|
//! | `x-secret: true` | a schema | a string whose type shows nothing of it, as `format: password` does |
//! | `x-request-body-max-bytes: N` | an operation | a longer body is refused; otherwise the server's `default_request_body_max_bytes` holds |
//! | `x-streaming: true` | the media type `application/octet-stream` of a body | the handler gets the bytes as they come |
//! | `x-wildcard: true` | a path parameter at the end of its path | it stands for the rest of the path: an array of its segments. Dropshot leaves the operation out of its document |
//! | `x-dropshot-pagination: { required: [..] }` | an operation | it answers page by page; the first page needs these parameters |
//! | `x-dropshot-websocket: {}` | an operation | it goes on as a websocket |

mod answer;
mod body;
mod contract;
mod credential;
mod default;
mod doc;
mod document;
mod emit;
mod error;
mod extractor;
mod grammar;
mod header;
mod info;
mod location;
mod name;
mod operation;
mod pagination;
mod parameter;
mod path;
mod pointer;
mod refusal;
mod report;
mod response;
mod schema;
mod secret;
mod settings;
mod stock;
mod survey;
mod types;

pub use contract::{Contract, OperationRef};
pub use emit::{generate, secret_types};
pub use location::{Finding, Location};
pub use report::{RefusedOperation, Report, Supported, generate_supported, report};
pub use settings::Settings;
