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
//! # What schemas become
//!
//! | schema | type |
//! |---|---|
//! | component | a type of its name, in upper camel case; of two names that become one, the later gets a number |
//! | object with properties, enumeration, bounded value, `oneOf` … without a name | a type named after where it stands: `ThingColour` |
//! | string, by its format | `String`, `uuid::Uuid`, `chrono`'s dates, `std::net`'s addresses |
//! | integer | the type of its format, else `i64`, or `u64` where nothing below zero is allowed; `NonZeroU32` and its like from 1 on |
//! | bounds | a newtype that is made by `TryFrom` and read through it, for whatever the type itself does not hold to |
//! | array; of a fixed length up to 32 | `Vec<T>`; `[T; N]` |
//! | object without properties | `BTreeMap<String, T>`, `serde_json::Map` |
//! | `nullable`; not required | `Option<T>`; one that is not required may be absent, and null only if it is nullable |
//! | `oneOf`, `anyOf` | an `enum` in the form of serde that fits: tagged, else the first alternative that fits |
//! | `allOf`, or `oneOf` beside properties | a struct; what has a name in it is a field with `#[serde(flatten)]` |
//! | `{}` | `serde_json::Value` |
//!
//! Known to be looser than the schema: `oneOf` does not look whether a second alternative fits; a `discriminator` is only a hint, which
//! dropshot does not repeat; and serde reads a struct from a list of its fields in the order of their names too.
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
mod credential;
mod default;
mod doc;
mod emit;
mod error;
mod extractor;
mod header;
mod info;
mod name;
mod operation;
mod pagination;
mod parameter;
mod path;
mod refusal;
mod report;
mod response;
mod schema;
mod secret;
mod settings;
mod stock;
mod tokens;
mod types;
mod validate;

pub use emit::{generate, secret_types};
use openapi_contract::pointer;
pub use openapi_contract::{Contract, Document, Finding, Location, OperationRef};
pub use report::{RefusedOperation, Report, Supported, generate_supported, report};
pub use schema::secret_names;
pub use settings::Settings;
