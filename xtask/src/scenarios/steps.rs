use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use chrono::DateTime;
use dropshot_conformance::report::Problem;
use dropshot_conformance::{Abort, Drive, Expect, Request, Response};
use serde_json::{Value, json};

use crate::service::{Account, DATABASE, PbxLogin};

/// Calls an operation and checks the status of the response.
pub(super) fn call(
    drive: &mut Drive,
    operation: &str,
    prepare: impl FnOnce(Request) -> Request,
    expected: u16,
) -> Result<Response, Abort> {
    let operation = drive.operation(operation)?;
    let request = prepare(Request::to(&operation));
    drive.send_expecting(&operation, &request, Expect::Status(expected))
}

/// Calls an operation while the database is unavailable.
///
/// Waits until the server notices that the database became unavailable, and available again.
pub(super) fn call_without_database(
    drive: &mut Drive,
    pbx: &PbxLogin,
    operation: &str,
    prepare: impl FnOnce(Request) -> Request,
) -> Result<(), Abort> {
    set_database_available(drive, pbx, false)?;
    // Until the server notices, a logout could still end the session.
    let noticed = wait_for_status(drive, 503);
    let response = noticed.and_then(|()| call(drive, operation, prepare, 503));
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
    let response = call(drive, "login", |it| it.json(&credentials(account)), 200)?;
    let token = response.cookie(COOKIE).unwrap_or_default();
    let message = format!("the 200 response sets no cookie `{COOKIE}`");
    ensure(drive, "login", 200, !token.is_empty(), &message)?;
    Ok(token)
}

pub(super) fn status(
    drive: &mut Drive,
    credential: impl FnOnce(Request) -> Request,
    expected: u16,
) -> Result<Response, Abort> {
    call(drive, "getLoginStatus", credential, expected)
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
    call(drive, "login", |it| it.json(&credentials(account)), 401).map(drop)
}

/// Returns the body of a login.
pub(super) fn credentials(account: &Account) -> Value {
    let mut body = json!({ "username": account.username, "password": account.password });
    if let Some(domain) = &account.domain {
        body["domain"] = json!(domain);
    }
    body
}

/// Returns whether a time is in whole seconds of UTC.
pub(super) fn is_in_whole_seconds(time: &Value) -> bool {
    let time = time.as_str().unwrap_or_default();
    time.ends_with('Z') && !time.contains('.')
}

/// Returns the seconds from a response to a time in its body; negative if it is in the past.
pub(super) fn seconds_from_response(response: &Response, field: &str) -> Option<i64> {
    let time = DateTime::parse_from_rfc3339(response.json()[field].as_str()?).ok()?;
    // The header `Date` is the time of the response (RFC 9110, section 6.6.1).
    Some((time - response.date()?).num_seconds())
}

/// Reports a response of an operation that does not meet a condition.
pub(super) fn ensure(
    drive: &mut Drive,
    operation: &str,
    status: u16,
    condition: bool,
    message: &str,
) -> Result<(), Abort> {
    if condition {
        return Ok(());
    }
    let operation = drive.operation(operation)?;
    let pointer = format!("{}/responses/{status}", operation.pointer);
    let problem = Problem::at(drive.contract(), &pointer, message);
    drive.fail(&operation.pointer, problem);
    Err(Abort)
}
