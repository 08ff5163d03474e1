//! Check 5: a real server on a scratch database, driven over HTTP and held against the contract.
//!
//! What is asked comes from the contract where it can ([`cases`], [`secured`], [`unlisted`]) and from [`scenarios`] where
//! it cannot. Every answer is judged ([`judge`]), and in the end everything that the contract lists must have been
//! reached ([`seen`]): what nothing exercised is a failure.
//!
//! Three servers share the database. The first has the settings that are the defaults. The second opens sessions that
//! last a second; the first is asked until such a session is over for it. The third counts no failed logins.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use dropshot_codegen::{Contract, OperationRef};

use crate::report::{Check, Item, Problem};
use crate::timings::Timings;

use super::server::Server;

pub(crate) mod cases;
mod credential;
pub(crate) mod drive;
pub(crate) mod exchange;
pub(crate) mod judge;
mod parameters;
mod process;
pub(crate) mod scenarios;
pub(crate) mod secured;
pub(crate) mod seen;
pub(crate) mod stage;
mod unlisted;
mod values;

use cases::Fate;
use credential::Credentials;
use drive::{Drive, Expect, Halt};
use exchange::{Request, Sender};
use scenarios::SCENARIOS;
use stage::{Stage, World};

/// The lifetime of the sessions that are to expire.
const SHORT: &str = "1s";

/// How long the first server may take until such a session is over for it, and how long it is left alone in between.
const EXPIRY: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// Runs the server through everything.
///
/// # Errors
///
/// Cargo cannot be started, or there is no room for a scratch database.
pub(crate) fn check(contract: &Contract, server: &Server) -> Result<Vec<Item>> {
    let played = match server.binary()? {
        Ok(binary) => match server
            .timings()
            .step("set the stage", || Stage::set(binary))?
        {
            Ok(stage) => play(contract, stage, server.timings())?,
            Err(problem) => Err(problem),
        },
        Err(problem) => Err(problem),
    };
    Ok(played.unwrap_or_else(|problem| {
        vec![Item::judged(Check::Live, "a running server", vec![problem])]
    }))
}

/// The outer error: it could not run. The inner one: it ran, and a server that is needed does not start.
fn play(
    contract: &Contract,
    stage: Stage,
    timings: &Timings,
) -> Result<Result<Vec<Item>, Problem>> {
    let Stage { world, mut server } = stage;
    let short = match world.start(&[("PBX_LOGIN_SESSION_LIFETIME", SHORT)]) {
        Ok(short) => short,
        Err(problem) => return Ok(Err(problem)),
    };
    let sender = |url: String| Sender::to(url).context("cannot make an HTTP client");
    let mut drive = Drive::new(contract, sender(server.url())?);

    timings.step("play the scenarios", || {
        for scenario in SCENARIOS {
            scenario.play(&mut drive, &world);
        }
    });
    // Most cases are logins that fail, all of them from one address.
    let patient = match world.start(&[("PBX_LOGIN_THROTTLE_ENABLED", "false")]) {
        Ok(patient) => patient,
        Err(problem) => return Ok(Err(problem)),
    };
    // Not before the last server has started: as it starts, it clears away what has expired, and what is cleared away shows
    // nothing of whether expiry is looked at.
    drive.turn_to(sender(short.url())?);
    drive.begin(format!("a session of {SHORT} is opened"));
    let expired = scenarios::open(&mut drive, &world.user).ok();
    drive.turn_to(sender(patient.url())?);
    timings.step("send every case", || {
        for operation in contract.operations() {
            match cases::cases(contract, &operation) {
                Ok(cases) => ask(&mut drive, &world, &operation, cases),
                Err(problem) => drive.fail(&operation.pointer, problem),
            }
        }
    });
    drive.turn_to(sender(server.url())?);
    timings.step("ask for what is not listed", || unlisted::run(&mut drive));
    if let Some(token) = &expired {
        drive.begin("a session is over");
        timings.step("wait for a session to expire", || {
            let _ = until_expired(&mut drive, token);
        });
    }
    timings.step("try every credential", || {
        let credentials = Credentials::gather(&mut drive, &world, expired);
        secured::run(&mut drive, &credentials);
    });

    if let Some(status) = server.ended() {
        drive.fail(
            "",
            Problem::new(format!(
                "the server ended while it was driven, with {status}"
            )),
        );
    }
    drive.spend_exceptions();
    Ok(Ok(drive.into_seen().items(contract)))
}

/// Sends every case to an operation; with a credential that holds, where it asks for one.
fn ask(drive: &mut Drive, world: &World, operation: &OperationRef, cases: Vec<cases::Case>) {
    let mut credential = None;
    for case in cases {
        drive.begin(case.name);
        let request =
            match secured::authorized(drive, world, operation, case.request, &mut credential) {
                Ok(request) => request,
                Err(Halt) => return,
            };
        let expect = match case.fate {
            Fate::Refused(status) => Expect::Status(status),
            Fate::Read => Expect::Read,
        };
        // What is wrong is kept; the other cases are sent all the same.
        let answer = drive.ask(operation, &request, expect);
        if let (Ok(answer), Some(field), Fate::Refused(status)) = (&answer, &case.field, case.fate)
        {
            drive.names(operation, status, answer, field);
        }
        // What succeeded may have ended the session.
        if answer.is_ok_and(|answer| answer.status < 400) && operation.method != "GET" {
            credential = None;
        }
    }
}

/// Asks for a session until it is over.
fn until_expired(drive: &mut Drive, token: &str) -> Result<(), Halt> {
    let operation = drive.operation("getLoginStatus")?;
    let request = Request::new(&operation.method, &operation.path).bearer(token);
    let deadline = Instant::now() + EXPIRY;
    loop {
        let answer = drive.answer(&operation, &request)?;
        if answer.status == 401 {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let message = format!(
                "a session of {SHORT} still holds after {} s",
                EXPIRY.as_secs()
            );
            drive.fail(
                &operation.pointer,
                Problem::at(drive.contract(), &operation.pointer, message),
            );
            return Err(Halt);
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests;
