#![doc = include_str!("../README.md")]

#[cfg(feature = "build")]
mod build;
#[cfg(feature = "run")]
mod outcome;
#[cfg(feature = "run")]
mod request;
#[cfg(feature = "run")]
mod run;

#[cfg(feature = "build")]
pub use build::write_calls;
#[cfg(feature = "run")]
pub use outcome::{Outcome, empty, json, outcome};
#[cfg(feature = "run")]
pub use request::{Arguments, CallError, Request, Target};
#[cfg(feature = "run")]
pub use run::{http_client, run};
