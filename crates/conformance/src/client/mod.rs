//! Check *client*: the client does what the contract promises.
//!
//! Its generated half has a method for every operation and no other ([`methods`]). Then it is driven: the scenarios of the
//! harness run again, and every request that the client's types can express goes through it ([`typed`]). Between client and
//! server is a [`RecordingProxy`](crate::RecordingProxy), so that what the client sends and what it makes of the response are
//! each compared with the contract. The harness checks the half that is written by hand.
//!
//! No client is linked: the service's driver, built by cargo and run as a child process, makes the calls.

use anyhow::Result;
use dropshot_codegen::Contract;

use crate::cargo::Builds;
use crate::drive::driver::Driver;
use crate::harness::{ClientBench, Generator, Harness};
use crate::live::Stage;
use crate::report::{Check, Item, Problem};

mod methods;
mod typed;

/// What the report calls the client if it cannot be driven.
const DRIVEN: &str = "the client, driven";

/// Compares the client's methods with the operations, and drives it against a server.
///
/// # Errors
///
/// A file cannot be read, cargo cannot be started, or there is no room for a scratch folder.
pub(crate) fn check<H: Harness>(
    harness: &H,
    contract: &Contract,
    builds: &Builds,
) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    for file in harness.generated() {
        if let Generator::Client(_) = file.generator {
            items.extend(methods::check(
                harness,
                contract,
                builds.workspace(),
                file.path,
            )?);
        }
    }
    if let Some(package) = harness.driver() {
        items.extend(match driven(harness, contract, builds, package)? {
            Ok(items) => items,
            Err(problem) => vec![Item::judged(Check::Client, DRIVEN, vec![problem])],
        });
    }
    Ok(items)
}

/// The outer error: it could not run. The inner one: it ran, and client or server cannot be had.
fn driven<H: Harness>(
    harness: &H,
    contract: &Contract,
    builds: &Builds,
    package: &'static str,
) -> Result<Result<Vec<Item>, Problem>> {
    let mut driver = match builds.binary(package, "the client")? {
        Ok(binary) => Driver::start(&binary)?,
        Err(problem) => return Ok(Err(problem)),
    };
    let stage = match Stage::set(harness, builds)? {
        Ok(stage) => stage,
        Err(problem) => return Ok(Err(problem)),
    };
    builds.timings().step("drive the client", || {
        let mut items = typed::items(harness, contract, &stage, &mut driver)?;
        let mut bench = ClientBench {
            contract,
            workspace: builds.workspace(),
            server: &stage.server.url(),
            driver: &mut driver,
        };
        items.extend(harness.check_client(&mut bench)?);
        Ok(Ok(items))
    })
}
