#![doc = include_str!("../README.md")]

mod base;
mod client;
mod credential;
mod emit;
mod info;
mod operation;
mod report;
mod schema;
mod settings;
mod types;
mod validate;

pub use client::{ClientSettings, generate_client};
pub use emit::{generate, secret_types};
pub use openapi_contract::{Contract, Document, Finding, Location, OperationRef};
pub use report::{RefusedOperation, Report, Supported, generate_supported, report};
pub use schema::secret_names;
pub use settings::Settings;
