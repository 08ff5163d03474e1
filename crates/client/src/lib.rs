#![doc = include_str!("../README.md")]

mod checker;
mod credential;
mod error;
// Formatted by prettyplease, and compared byte for byte by `cargo xtask verify`.
#[rustfmt::skip]
mod generated;
mod session;
mod user;

pub use checker::SessionChecker;
pub use credential::Credential;
pub use error::Error;
pub use generated::{Client, secret, types};
pub use progenitor_client::{ClientInfo, ResponseValue};
pub use session::{Credentials, Session, Status};
pub use user::{Tenant, User};
