//! Scenarios: requests that reach statuses that do not follow from the contract.
//!
//! The check *live* fails if a listed status is not reached, so a new operation may need a scenario. Add it to the file
//! of its noun, which has the same name in `crates/server/src/http`; a new file needs a line in [`SCENARIOS`].
//! [`Scenario`] has an example; `?` ends a scenario that cannot continue, because the reason was already recorded. A
//! scenario can use:
//!
//! - `pbx.administrator`, `pbx.user`, `pbx.namesake`: accounts that can log in; [`log_in`] returns a token;
//! - `drive.start_server(&[("PBX_LOGIN_SESSION_LIFETIME", "1s")])?`: another server on the same database until the
//!   scenario ends; `("PBX_LOGIN_DATABASE", "sqlite:own.db")` gives it a new database;
//! - `call(drive, "logout", |request| …, 403)?`: sends a request, checks the status, and returns the response;
//! - `call_without_database(drive, pbx, "logout", |request| …)?`: does so while the database is unavailable;
//! - `drive.run(&["user", "list", "--format", "json"], "")?`: a command of the server; returns its output, such as the
//!   ids of users.

mod login;
mod logout;
mod steps;
mod user;

use dropshot_conformance::Scenario;

use crate::service::PbxLogin;

pub(crate) use logout::logout;
pub(crate) use steps::log_in;

pub(crate) const SCENARIOS: &[&[Scenario<PbxLogin>]] =
    &[login::SCENARIOS, logout::SCENARIOS, user::SCENARIOS];
