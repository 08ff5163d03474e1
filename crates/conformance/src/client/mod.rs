//! Check *client*: the client does what the contract promises.
//!
//! The generated part must have a method for every operation and no other ([`methods`]). Then, the scenarios run again,
//! and the client sends every request that its types allow ([`typed`]) through a
//! [`RecordingProxy`](crate::RecordingProxy), so that requests and results can be compared with the contract. The
//! harness checks the handwritten part.
//!
//! No client is linked: a driver, run as a child process, makes the calls.

use anyhow::Result;
use dropshot_codegen::Contract;

use crate::cargo::Builds;
use crate::drive::driver::Driver;
use crate::harness::{ClientBench, Generator, Harness};
use crate::live::PreparedServer;
use crate::report::{Check, Item, Problem};

mod methods;
mod typed;

const DRIVEN_SUBJECT: &str = "the client, driven";

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
        items.extend(match drive_client(harness, contract, builds, package)? {
            Ok(items) => items,
            Err(problem) => vec![Item::from_problems(
                Check::Client,
                DRIVEN_SUBJECT,
                vec![problem],
            )],
        });
    }
    Ok(items)
}

/// Drives the client; the inner result fails if client or server does not build or start.
fn drive_client<H: Harness>(
    harness: &H,
    contract: &Contract,
    builds: &Builds,
    package: &'static str,
) -> Result<Result<Vec<Item>, Problem>> {
    let mut driver = match builds.binary(package, "the client")? {
        Ok(binary) => Driver::start(&binary)?,
        Err(problem) => return Ok(Err(problem)),
    };
    let prepared = match PreparedServer::start(harness, builds)? {
        Ok(prepared) => prepared,
        Err(problem) => return Ok(Err(problem)),
    };
    builds.timings().step("drive the client", || {
        let mut items = typed::items(harness, contract, &prepared, &mut driver)?;
        let mut bench = ClientBench {
            contract,
            workspace: builds.workspace(),
            server: &prepared.server.url(),
            driver: &mut driver,
        };
        items.extend(harness.check_client(&mut bench)?);
        Ok(Ok(items))
    })
}
