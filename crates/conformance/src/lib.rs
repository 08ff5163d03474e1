#![doc = include_str!("../README.md")]

mod cargo;
pub mod cli;
mod client;
pub mod document;
mod drive;
mod fresh_copy;
mod generate;
mod generated;
mod harness;
mod live;
pub mod mutate;
pub mod report;
mod scenario;
#[cfg(test)]
mod testing;
mod timings;
mod verify;
mod workspace;

pub use cargo::build_with_profile;
pub use drive::driver::{Call, Driver};
pub use drive::exchange::{Request, Response, Sender};
pub use drive::proxy::{Exchange, RecordingProxy, Source};
pub use drive::response_check::Routing;
pub use drive::sandbox::{Sandbox, Server, scratch_secret};
pub use drive::{Abort, Drive, Expect};
pub use harness::{ClientBench, Generated, Generator, Harness};
pub use scenario::Scenario;
pub use workspace::Workspace;
