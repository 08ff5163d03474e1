//! OpenAPI 3.0 documents with source locations.

mod contract;
mod document;
mod finding;
pub mod grammar;
pub mod pointer;
mod validate;
mod yaml;

pub use contract::Contract;
pub use document::{Document, OperationRef};
pub use finding::{Finding, Location, OneLine};
