#![doc = include_str!("../README.md")]

pub mod compatibility;
mod contract;
pub mod diff;
mod document;
mod finding;
pub mod grammar;
pub mod lint;
pub mod meaning;
mod openapi_3_1;
mod operation;
pub mod pointer;
pub mod schema;
mod simplify;
mod validate;
mod yaml;

pub use contract::Contract;
pub use document::Document;
pub use finding::{Finding, Location, OneLine};
pub use operation::OperationRef;
pub use simplify::plain_media_type;
