//! Check 4: the client does what the contract promises.
//!
//! Its generated half has a method for every operation and no other ([`methods`]). Then it is driven: the scenarios of the
//! live check are played again, and whatever a program can say with the client's types goes through it ([`typed`]). Between
//! client and server stands a tap ([`tap`]) that sees both sides, so that what the client sends and what it makes of the
//! answer are each held against the contract. `Session`, written by hand, is taken through a login's life ([`session`]).
//!
//! xtask links no client: `xtask/driver`, built by cargo and run as a child process, makes the calls ([`driver`]).

use anyhow::Result;
use dropshot_codegen::Contract;

use crate::report::{Check, Item, Problem};
use crate::workspace::Workspace;

use super::live::stage::Stage;
use super::server::Server;

mod driver;
mod methods;
mod session;
mod tap;
mod typed;

use driver::Driver;

/// What the report calls the client where it cannot be driven.
const DRIVEN: &str = "the client, driven";

/// Holds the client's methods against the operations, and drives it against a server.
///
/// # Errors
///
/// A file cannot be read, cargo cannot be started, or there is no room for a scratch database.
pub(crate) fn check(
    contract: &Contract,
    workspace: &Workspace,
    server: &Server,
) -> Result<Vec<Item>> {
    let mut items = methods::check(contract, workspace)?;
    items.extend(match driven(contract, workspace, server)? {
        Ok(items) => items,
        Err(problem) => vec![Item::judged(Check::Client, DRIVEN, vec![problem])],
    });
    Ok(items)
}

/// The outer error: it could not run. The inner one: it ran, and client or server cannot be had.
fn driven(
    contract: &Contract,
    workspace: &Workspace,
    server: &Server,
) -> Result<Result<Vec<Item>, Problem>> {
    let built = server
        .timings()
        .step("build the client", || driver::build(workspace))?;
    let mut driver = match built {
        Ok(binary) => Driver::start(&binary)?,
        Err(problem) => return Ok(Err(problem)),
    };
    let stage = match server.binary()? {
        Ok(binary) => match Stage::set(binary)? {
            Ok(stage) => stage,
            Err(problem) => return Ok(Err(problem)),
        },
        Err(problem) => return Ok(Err(problem)),
    };
    server.timings().step("drive the client", || {
        let mut items = typed::items(contract, &stage, &mut driver)?;
        items.push(session::item(contract, workspace, &stage, &mut driver)?);
        Ok(Ok(items))
    })
}
