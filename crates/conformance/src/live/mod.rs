//! Check *live*: compares a running server in a scratch folder with the contract.
//!
//! Requests are generated from the contract ([`without_input`], [`cases`], [`secured`], [`order`], [`unlisted`]);
//! scenarios of the harness add the others. Everything that the contract lists must be reached.
//!
//! Up to three servers share the folder: one with the harness's settings, one with credentials that expire soon, and
//! one for generated requests, which may need other settings. Expiry is checked on the first.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use dropshot_codegen::{Contract, OperationRef};

use crate::cargo::Builds;
use crate::drive::credential::Carrier;
use crate::drive::exchange::{Request, Sender};
use crate::drive::process::RunningServer;
use crate::drive::sandbox::Sandbox;
use crate::drive::{Abort, Drive, DriveConfig, Expect};
use crate::harness::Harness;
use crate::report::{Check, Item, Problem};
use crate::timings::Timings;

pub(crate) mod case;
pub(crate) mod cases;
mod order;
mod parameters;
pub(crate) mod secured;
mod unlisted;
mod values;
pub(crate) mod without_input;

use secured::Credentials;

/// The time limit for the first server to refuse an expired credential.
const EXPIRY_TIMEOUT: Duration = Duration::from_secs(10);

const EXPIRY_INTERVAL: Duration = Duration::from_millis(50);

pub(crate) struct PreparedServer {
    pub(crate) sandbox: Sandbox,
    pub(crate) server: RunningServer,
}

impl PreparedServer {
    /// Starts and prepares a server in an empty folder.
    ///
    /// The outer result fails if the folder cannot be created, the inner one if the server does not start or cannot be
    /// prepared.
    pub(crate) fn start<H: Harness>(harness: &H, builds: &Builds) -> Result<Result<Self, Problem>> {
        let server = harness.server();
        let binary = match builds.binary(server.package, "the server")? {
            Ok(binary) => binary,
            Err(problem) => return Ok(Err(problem)),
        };
        let mut sandbox = Sandbox::new(server, &binary)?;
        match harness.scratch_settings(sandbox.folder()) {
            Ok(settings) => sandbox.add_settings(settings),
            Err(problem) => return Ok(Err(problem)),
        }
        let server = match sandbox.start(&[]) {
            Ok(server) => server,
            Err(problem) => return Ok(Err(problem)),
        };
        let outcome = harness.prepare(&sandbox);
        Ok(outcome.map(|()| Self { sandbox, server }))
    }

    pub(crate) fn config<'c, H: Harness>(
        &'c self,
        harness: &'c H,
        contract: &'c Contract,
    ) -> DriveConfig<'c> {
        DriveConfig {
            contract,
            required_headers: harness.required_headers(),
            routing: harness.routing(),
            sandbox: Some(&self.sandbox),
        }
    }
}

pub(crate) fn check<H: Harness>(
    harness: &H,
    contract: &Contract,
    builds: &Builds,
) -> Result<Vec<Item>> {
    let timings = builds.timings();
    let driven = match timings.step("prepare the server", || {
        PreparedServer::start(harness, builds)
    })? {
        Ok(prepared) => drive_all(harness, contract, prepared, timings)?,
        Err(problem) => Err(problem),
    };
    Ok(driven.unwrap_or_else(|problem| {
        vec![Item::from_problems(
            Check::Live,
            "a running server",
            vec![problem],
        )]
    }))
}

/// Runs the checks; the inner result fails if a server does not start.
fn drive_all<H: Harness>(
    harness: &H,
    contract: &Contract,
    mut prepared: PreparedServer,
    timings: &Timings,
) -> Result<Result<Vec<Item>, Problem>> {
    let sender =
        |server: &RunningServer| Sender::to(server.url()).context("cannot make an HTTP client");
    let start = |settings| prepared.sandbox.start(settings);
    let expiring = match harness.expiry_settings().map(start).transpose() {
        Ok(expiring) => expiring,
        Err(problem) => return Ok(Err(problem)),
    };
    let mut drive = Drive::new(
        prepared.config(harness, contract),
        sender(&prepared.server)?,
    );

    timings.step("run the scenarios", || {
        for scenario in harness.scenarios().iter().copied().flatten() {
            scenario.run(&mut drive, harness);
        }
    });
    timings.step("call operations without input", || {
        without_input::run(&mut drive, harness, None);
    });
    let settings = harness.case_settings();
    let patient = match (!settings.is_empty()).then(|| start(settings)).transpose() {
        Ok(patient) => patient,
        Err(problem) => return Ok(Err(problem)),
    };
    // Obtained last, because a server may remove expired credentials when it starts, which would hide a missing check.
    let mut expired = BTreeMap::new();
    if let Some(server) = &expiring {
        drive.set_sender(sender(server)?);
        drive.begin_scenario("obtaining a credential that expires soon");
        for scheme in secured::all_schemes(contract) {
            if let Ok(credential) = harness.credential(&mut drive, &scheme) {
                expired.insert(scheme, credential);
            }
        }
    }
    drive.set_sender(sender(patient.as_ref().unwrap_or(&prepared.server))?);
    timings.step("send generated requests", || {
        for operation in contract.operations() {
            match cases::cases(contract, &operation, harness.body_limit()) {
                Ok(cases) => send_cases(&mut drive, harness, &operation, cases),
                Err(problem) => drive.fail(&operation.pointer, problem),
            }
        }
    });
    drive.set_sender(sender(&prepared.server)?);
    timings.step("send unlisted requests", || unlisted::run(&mut drive));
    timings.step("wait for a credential to expire", || {
        for (scheme, credential) in &expired {
            drive.begin_scenario("waiting for a credential to expire");
            let _ = wait_until_expired(&mut drive, scheme, credential);
        }
    });
    timings.step("send invalid credentials", || {
        let credentials = Credentials::gather(&mut drive, harness, expired);
        secured::run(&mut drive, &credentials);
        if harness.authenticates_first() {
            order::run(&mut drive, &credentials, harness.body_limit());
        }
    });
    drive.check_header_exceptions();
    let mut coverage = drive.into_coverage();
    if let Some(status) = prepared.server.ended() {
        let message = format!("the server ended during the check, with {status}");
        coverage.record("", Problem::new(message), "all scenarios");
    }
    Ok(Ok(coverage.items(contract, harness.scenarios_file())))
}

fn send_cases<H: Harness>(
    drive: &mut Drive,
    harness: &H,
    operation: &OperationRef,
    cases: Vec<case::Case>,
) {
    let mut credential = None;
    for case in cases {
        drive.begin_scenario(case.name);
        let request =
            match secured::authorize(drive, harness, operation, case.request, &mut credential) {
                Ok(request) => request,
                Err(Abort) => return,
            };
        // The problem is recorded; the other cases are sent anyway.
        let response = drive.send_expecting(operation, &request, case.expected);
        if let (Ok(response), Some(field), Expect::Status(status)) =
            (&response, &case.field, case.expected)
        {
            drive.check_names_field(operation, status, response, field);
        }
        // A success may have revoked the credential.
        if response.is_ok_and(|response| response.status < 400) && operation.method != "GET" {
            credential = None;
        }
    }
}

fn wait_until_expired(drive: &mut Drive, scheme: &str, credential: &str) -> Result<(), Abort> {
    let contract = drive.contract();
    // A GET changes nothing, so it can be repeated while the credential is valid.
    let operation = contract.operations().into_iter().find(|operation| {
        operation.method == "GET"
            && secured::scheme_names(contract, operation)
                .iter()
                .any(|it| it == scheme)
    });
    let Some(operation) = operation else {
        return Ok(());
    };
    let sample = cases::sample(contract, &operation).map(|sample| sample.request);
    let sample = drive.require(sample)?;
    let carrier = drive.require(Carrier::named(contract, scheme))?;
    let request: Request = carrier.send(sample, credential);
    let deadline = Instant::now() + EXPIRY_TIMEOUT;
    loop {
        let response = drive.send(&operation, &request)?;
        if response.status == 401 {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let message = format!(
                "a credential that should have expired is still valid after {} s",
                EXPIRY_TIMEOUT.as_secs()
            );
            drive.fail(
                &operation.pointer,
                Problem::at(contract, &operation.pointer, message),
            );
            return Err(Abort);
        }
        thread::sleep(EXPIRY_INTERVAL);
    }
}
