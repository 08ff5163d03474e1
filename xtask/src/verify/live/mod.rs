//! Check 5: a real server on a scratch database, driven over HTTP and held against the contract.
//!
//! What is asked comes from the contract where it can ([`bodies`], [`secured`], [`unlisted`]) and from [`scenarios`] where
//! it cannot. Every answer is judged ([`judge`]), and in the end everything that the contract lists must have been
//! reached ([`seen`]): what nothing exercised is a failure.
//!
//! Two servers share the database. The second opens sessions that last a second; the first is then asked until such a
//! session is over for it.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use dropshot_codegen::Contract;

use crate::report::{Check, Item, Problem};

use super::server::{self, Server};

mod bodies;
mod credential;
mod drive;
mod exchange;
mod judge;
mod process;
mod scenarios;
mod secured;
mod seen;
mod unlisted;

use bodies::Fate;
use drive::{Drive, Expect, Halt};
use exchange::{Request, Sender};
use process::Running;
use scenarios::{Account, SCENARIOS, World};

/// The file of the scratch database.
const DATABASE: &str = "verify.db";

/// The domain of the tenant on the scratch database.
const DOMAIN: &str = "verify.example.com";

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
    let failed = |problem: Problem| {
        Ok(vec![Item::judged(
            Check::Live,
            "a running server",
            vec![problem],
        )])
    };
    let binary = match server.binary()? {
        Ok(binary) => binary,
        Err(problem) => return failed(problem),
    };
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let site = Site {
        binary,
        folder: folder.path(),
    };
    let driven = server
        .timings()
        .step("drive the server", || drive(contract, &site))?;
    match driven {
        Ok(items) => Ok(items),
        Err(problem) => failed(problem),
    }
}

/// A scratch folder with a database, and the server that uses it.
struct Site<'a> {
    binary: &'a Path,
    folder: &'a Path,
}

impl Site<'_> {
    fn command(&self) -> Command {
        let mut command = server::command(self.binary, self.folder);
        command
            .env("PBX_LOGIN_DATABASE", format!("sqlite:{DATABASE}"))
            .env("PBX_LOGIN_LOG_FORMAT", "json");
        command
    }

    /// A server on a port of its own choice.
    fn serve(&self, settings: &[(&str, &str)]) -> Result<Running, Problem> {
        let mut command = self.command();
        command
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--ops-listen",
                "127.0.0.1:0",
            ])
            .envs(settings.iter().copied());
        Running::start(&mut command)
    }

    /// Runs a command of the server, with `input` on its stdin.
    fn run(&self, arguments: &[&str], input: &str) -> Result<(), Problem> {
        let name = format!("`pbx-login-server {}`", arguments.join(" "));
        let run = || {
            let mut command = self.command();
            command
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut child = command.spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(input.as_bytes())?;
            }
            child.wait_with_output()
        };
        let output =
            run().map_err(|error| Problem::new(format!("{name} cannot be run: {error}")))?;
        if output.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(Problem::new(format!("{name} ended with {}", output.status))
            .detail("stderr", stderr.trim_end()))
    }
}

/// The outer error: it could not run. The inner one: it ran, and there is no server to drive.
fn drive(contract: &Contract, site: &Site) -> Result<Result<Vec<Item>, Problem>> {
    let world = World {
        administrator: Account {
            username: "admin".to_owned(),
            password: scratch_password(),
            domain: None,
            role: "SystemAdmin".to_owned(),
        },
        user: Account {
            username: "alice".to_owned(),
            password: scratch_password(),
            domain: Some(DOMAIN.to_owned()),
            role: "StandardUser".to_owned(),
        },
        database: site.folder.join(DATABASE),
    };
    let administrator = (
        "PBX_LOGIN_ADMIN_PASSWORD",
        world.administrator.password.as_str(),
    );
    let people = || -> Result<(Running, Running), Problem> {
        let server = site.serve(&[administrator])?;
        site.run(&["tenant", "create", DOMAIN], "")?;
        let user = [
            "user",
            "create",
            &world.user.username,
            "--domain",
            DOMAIN,
            "--role",
            &world.user.role,
        ];
        site.run(
            &[&user[..], &["--password-stdin"]].concat(),
            &world.user.password,
        )?;
        let short = site.serve(&[administrator, ("PBX_LOGIN_SESSION_LIFETIME", SHORT)])?;
        Ok((server, short))
    };
    let (mut server, short) = match people() {
        Ok(servers) => servers,
        Err(problem) => return Ok(Err(problem)),
    };

    let sender =
        |running: &Running| Sender::to(running.url()).context("cannot make an HTTP client");
    let mut drive = Drive::new(contract, sender(&short)?);
    drive.begin(format!("a session of {SHORT} is opened"));
    let expired = scenarios::open(&mut drive, &world.user).ok();
    drive.turn_to(sender(&server)?);
    for scenario in SCENARIOS {
        drive.begin(scenario.name);
        if (scenario.run)(&mut drive, &world).is_ok() {
            reaches(&mut drive, scenario.operation, scenario.status);
        }
    }
    for operation in contract.operations() {
        match bodies::cases(contract, &operation) {
            Ok(cases) => {
                for case in cases {
                    drive.begin(case.name);
                    let expect = match case.fate {
                        Fate::Refused(status) => Expect::Status(status),
                        Fate::Read => Expect::Read,
                    };
                    // What is wrong is kept; the other bodies are sent all the same.
                    let _ = drive.ask(&operation, &case.request, expect);
                }
            }
            Err(problem) => drive.fail(&operation.pointer, problem),
        }
    }
    unlisted::run(&mut drive);
    if let Some(token) = &expired {
        drive.begin("a session is over");
        let _ = until_expired(&mut drive, token);
    }
    secured::run(&mut drive, expired.as_deref());

    if let Some(status) = server.ended() {
        drive.fail(
            "",
            Problem::new(format!(
                "the server ended while it was driven, with {status}"
            )),
        );
    }
    Ok(Ok(drive.into_seen().items(contract)))
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

/// A scenario that says of itself what it does not do would hide a gap.
fn reaches(drive: &mut Drive, operation: &str, status: u16) {
    if !drive.has_reached(operation, status) {
        let problem = Problem::new(format!(
            "the scenario says that it reaches {operation} {status}, but it does not"
        ))
        .help("mend xtask/src/verify/live/scenarios.rs");
        drive.fail("", problem);
    }
}

/// A password that nobody can guess, for a database that lives for seconds: two outputs of a SipHash whose keys the
/// standard library seeds from the operating system.
fn scratch_password() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests;
