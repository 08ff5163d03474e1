//! The client of PBX Login, the login service of a multi-tenant PBX.
//!
//! Most programs need only [`Session`]: log in, get the status of the session, log out.
//!
//! ```no_run
//! use pbx_login_client::{Credentials, Error, Session};
//!
//! # async fn example() -> Result<(), Error> {
//! let session = Session::log_in(
//!     "https://login.pbx.example.com",
//!     Credentials { username: "alice", password: "correct horse", domain: Some("pbx.example.com") },
//! )
//! .await?;
//!
//! let status = session.status().await?;
//! println!("{} until {}", status.role, status.expires_at);
//!
//! // Hand the token to another service, in the header `Authorization: Bearer …`.
//! let token = session.access_token().expose();
//! # let _ = token;
//!
//! session.log_out().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A service that receives a token checks it in the same way; all checks share their connections:
//!
//! ```no_run
//! use pbx_login_client::{Error, Session};
//!
//! # async fn example(from_header: &str) -> Result<(), Error> {
//! // Once, at the start:
//! let sessions = Session::resume("https://login.pbx.example.com", "")?;
//!
//! // For each request:
//! match sessions.with_token(from_header).status().await {
//!     Ok(status) => println!("may do what {} may", status.role),
//!     Err(Error::Expired) => println!("answer 401"),
//!     Err(error) => println!("answer 503: {error}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`Session`] uses [`Client`], which progenitor generates from the contract, with one method for each operation and the
//! wire types in [`types`]. Neither `Debug` nor an error of this crate prints a password or a token.

mod credential;
mod error;
// Formatted by prettyplease, and compared byte for byte by `cargo xtask verify`.
#[rustfmt::skip]
mod generated;
mod session;

pub use credential::Credential;
pub use error::Error;
pub use generated::{Client, secret, types};
pub use progenitor_client::{ClientInfo, ResponseValue};
pub use session::{Credentials, Session, Status};
