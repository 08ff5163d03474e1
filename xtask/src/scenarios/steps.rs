use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use dropshot_codegen::OperationRef;
use dropshot_conformance::report::Problem;
use dropshot_conformance::{Abort, Drive, Expect, Request, Response};
use serde_json::json;

use crate::service::{Account, DATABASE, PbxLogin};

/// Sends a request while the database is unavailable, and waits until the server notices each change.
pub(super) fn send_without_database(
    drive: &mut Drive,
    pbx: &PbxLogin,
    request: &Request,
    operation: &OperationRef,
) -> Result<(), Abort> {
    set_database_available(drive, pbx, false)?;
    // Until the server notices, a logout could still end the session.
    let noticed = wait_for_status(drive, 503);
    let response =
        noticed.and_then(|()| drive.send_expecting(operation, request, Expect::Status(503)));
    set_database_available(drive, pbx, true)?;
    response?;
    wait_for_status(drive, 401)
}

pub(super) fn wait_for_status(drive: &mut Drive, expected: u16) -> Result<(), Abort> {
    let operation = drive.operation("getLoginStatus")?;
    let request = Request::to(&operation).bearer(&"0".repeat(32));
    let deadline = Instant::now() + DETECTION_TIMEOUT;
    loop {
        let response = drive.send(&operation, &request)?;
        if response.status == expected {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return drive
                .send_expecting(&operation, &request, Expect::Status(expected))
                .map(drop);
        }
        thread::sleep(POLL_INTERVAL);
    }
}

fn set_database_available(drive: &mut Drive, pbx: &PbxLogin, available: bool) -> Result<(), Abort> {
    let file = drive.path(DATABASE)?;
    let away = file.with_extension("away");
    let folder = file.parent().unwrap_or(Path::new(""));
    match (&pbx.postgres, available) {
        (Some(postgres), true) => drive.require(postgres.resume(folder)),
        (Some(postgres), false) => drive.require(postgres.suspend(folder)),
        (None, true) => move_database(drive, &away, &file),
        (None, false) => move_database(drive, &file, &away),
    }
}

fn move_database(drive: &mut Drive, from: &Path, to: &Path) -> Result<(), Abort> {
    fs::rename(from, to).map_err(|error| {
        let message = format!("the database cannot be moved to {}: {error}", to.display());
        drive.fail("", Problem::new(message));
        Abort
    })
}

/// The time limit for a server to notice that its database became unavailable or available.
pub(super) const DETECTION_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The tolerance when two readings of the same time are compared, in seconds.
pub(super) const MAX_SECONDS_APART: i64 = 5;

pub(super) const COOKIE: &str = "session";

pub(crate) fn log_in(drive: &mut Drive, account: &Account) -> Result<String, Abort> {
    let operation = drive.operation("login")?;
    let response = drive.send_expecting(
        &operation,
        &login_request(&operation, account),
        Expect::Status(200),
    )?;
    response
        .cookie(COOKIE)
        .filter(|token| !token.is_empty())
        .ok_or_else(|| {
            drive.fail(
                &operation.pointer,
                Problem::new(format!("the 200 response sets no cookie `{COOKIE}`")),
            );
            Abort
        })
}

pub(super) fn status(
    drive: &mut Drive,
    credential: impl FnOnce(Request) -> Request,
    expected: u16,
) -> Result<Response, Abort> {
    let operation = drive.operation("getLoginStatus")?;
    drive.send_expecting(
        &operation,
        &credential(Request::to(&operation)),
        Expect::Status(expected),
    )
}

/// The staleness bound: how long a server may accept a session that another process has ended.
pub(super) const STALENESS_BOUND: Duration = Duration::from_secs(1);

/// Checks a session that another process has ended until the server refuses it.
pub(super) fn wait_until_ended(drive: &mut Drive, token: &str) -> Result<(), Abort> {
    let operation = drive.operation("getLoginStatus")?;
    let request = Request::to(&operation).bearer(token);
    let deadline = Instant::now() + STALENESS_BOUND;
    while Instant::now() < deadline {
        if drive.send(&operation, &request)?.status == 401 {
            return Ok(());
        }
        thread::sleep(POLL_INTERVAL);
    }
    drive
        .send_expecting(&operation, &request, Expect::Status(401))
        .map(drop)
}

pub(super) fn expect_refusal(drive: &mut Drive, account: &Account) -> Result<(), Abort> {
    let operation = drive.operation("login")?;
    drive
        .send_expecting(
            &operation,
            &login_request(&operation, account),
            Expect::Status(401),
        )
        .map(drop)
}

pub(super) fn login_request(operation: &OperationRef, account: &Account) -> Request {
    let mut body = json!({ "username": account.username, "password": account.password });
    if let Some(domain) = &account.domain {
        body["domain"] = json!(domain);
    }
    Request::to(operation).json(&body)
}

pub(super) fn ensure(
    drive: &mut Drive,
    operation: &OperationRef,
    status: u16,
    condition: bool,
    message: &str,
) -> Result<(), Abort> {
    if condition {
        return Ok(());
    }
    let pointer = format!("{}/responses/{status}", operation.pointer);
    let problem = Problem::at(drive.contract(), &pointer, message);
    drive.fail(&operation.pointer, problem);
    Err(Abort)
}
