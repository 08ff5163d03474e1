//! What `verify` does with a running server.
//!
//! Three things follow from the contract alone and need no scenario: what an operation that reads JSON must refuse and
//! must read (`bodies.rs`), that a secured operation answers 401 to every credential that is none (`secured.rs`), and
//! what is not listed (`unlisted.rs`). What else the contract lists is reached here. An operation or a listed status that
//! nothing reached fails the check, so a new one needs a line in [`SCENARIOS`].

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use dropshot_codegen::OperationRef;
use serde_json::{Value, json};

use crate::report::Problem;

use super::drive::{Drive, Expect, Halt};
use super::exchange::{Answer, Request};

/// Someone who can log in.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) domain: Option<String>,
    pub(crate) role: String,
}

/// Who is there on the scratch database.
pub(crate) struct World {
    /// The administrator that the server made at its first start.
    pub(crate) administrator: Account,
    /// A user of a tenant.
    pub(crate) user: Account,
    /// The file of the database.
    pub(crate) database: PathBuf,
}

/// A scenario: a name, what it reaches, and how.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) status: u16,
    pub(crate) run: fn(&mut Drive, &World) -> Result<(), Halt>,
}

const fn scenario(
    name: &'static str,
    operation: &'static str,
    status: u16,
    run: fn(&mut Drive, &World) -> Result<(), Halt>,
) -> Scenario {
    Scenario {
        name,
        operation,
        status,
        run,
    }
}

/// All of them, in the order in which they run.
pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario(
        "a system administrator logs in",
        "login",
        200,
        |drive, world| open(drive, &world.administrator).map(drop),
    ),
    scenario(
        "a user of a tenant logs in",
        "login",
        200,
        |drive, world| open(drive, &world.user).map(drop),
    ),
    scenario(
        "a user name in another case logs in",
        "login",
        200,
        |drive, world| {
            let user = &world.user;
            open(
                drive,
                &Account {
                    username: user.username.to_ascii_uppercase(),
                    ..user.clone()
                },
            )
            .map(drop)
        },
    ),
    scenario(
        "a wrong password is refused",
        "login",
        401,
        |drive, world| {
            refused(
                drive,
                &Account {
                    password: format!("{}x", world.user.password),
                    ..world.user.clone()
                },
            )
        },
    ),
    scenario(
        "a user of a tenant without the domain is refused",
        "login",
        401,
        |drive, world| {
            refused(
                drive,
                &Account {
                    domain: None,
                    ..world.user.clone()
                },
            )
        },
    ),
    scenario(
        "an unknown user is refused",
        "login",
        401,
        |drive, world| {
            refused(
                drive,
                &Account {
                    username: "nobody".to_owned(),
                    ..world.user.clone()
                },
            )
        },
    ),
    scenario(
        "who guesses too often has to wait",
        "login",
        429,
        |drive, world| {
            // An account of its own, so that nobody else is held back.
            let guessed = Account {
                username: "guessed".to_owned(),
                ..world.user.clone()
            };
            let operation = drive.operation("login")?;
            let request = login(&operation, &guessed);
            // As many as are free (`throttle.free_failures`), and one more.
            for _ in 0..5 {
                drive.ask(&operation, &request, Expect::Status(401))?;
            }
            drive
                .ask(&operation, &request, Expect::Status(429))
                .map(drop)
        },
    ),
    scenario(
        "a bearer token shows its session",
        "getLoginStatus",
        200,
        |drive, world| {
            let token = open(drive, &world.user)?;
            let answer = status(drive, |request| request.bearer(&token), 200)?;
            shows(drive, &answer, &token, &world.user)
        },
    ),
    scenario(
        "a session cookie shows its session",
        "getLoginStatus",
        200,
        |drive, world| {
            let token = open(drive, &world.administrator)?;
            let answer = status(drive, |request| request.cookie(COOKIE, &token), 200)?;
            shows(drive, &answer, &token, &world.administrator)
        },
    ),
    scenario(
        "a bearer token wins over a session cookie",
        "getLoginStatus",
        200,
        |drive, world| {
            let (token, other) = (
                open(drive, &world.user)?,
                open(drive, &world.administrator)?,
            );
            let answer = status(
                drive,
                |request| request.cookie(COOKIE, &other).bearer(&token),
                200,
            )?;
            shows(drive, &answer, &token, &world.user)
        },
    ),
    scenario(
        "a wrong bearer token is not made up for by a session cookie",
        "getLoginStatus",
        401,
        |drive, world| {
            let token = open(drive, &world.user)?;
            status(
                drive,
                |request| request.cookie(COOKIE, &token).bearer(&unknown(&token)),
                401,
            )
            .map(drop)
        },
    ),
    scenario(
        "a login ends the session whose cookie it brings",
        "getLoginStatus",
        401,
        |drive, world| {
            let before = open(drive, &world.user)?;
            let operation = drive.operation("login")?;
            let request = login(&operation, &world.user).cookie(COOKIE, &before);
            drive.ask(&operation, &request, Expect::Status(200))?;
            status(drive, |request| request.bearer(&before), 401).map(drop)
        },
    ),
    scenario(
        "a logout by bearer token ends the session",
        "logout",
        204,
        |drive, world| {
            let token = open(drive, &world.user)?;
            logout(drive, |request| request.bearer(&token), 204)?;
            status(drive, |request| request.cookie(COOKIE, &token), 401).map(drop)
        },
    ),
    scenario(
        "a logout by session cookie ends the session",
        "logout",
        204,
        |drive, world| {
            let token = open(drive, &world.user)?;
            logout(drive, |request| request.cookie(COOKIE, &token), 204)?;
            status(drive, |request| request.bearer(&token), 401).map(drop)
        },
    ),
    scenario(
        "a second logout is refused",
        "logout",
        401,
        |drive, world| {
            let token = open(drive, &world.user)?;
            logout(drive, |request| request.bearer(&token), 204)?;
            logout(drive, |request| request.bearer(&token), 401).map(drop)
        },
    ),
    scenario(
        "a login without a database is put off",
        "login",
        503,
        |drive, world| {
            let operation = drive.operation("login")?;
            without_database(drive, world, &login(&operation, &world.user), &operation)
        },
    ),
    scenario(
        "a session without a database cannot be told",
        "getLoginStatus",
        503,
        |drive, world| {
            let token = open(drive, &world.user)?;
            let operation = drive.operation("getLoginStatus")?;
            without_database(drive, world, &to(&operation).bearer(&token), &operation)?;
            status(drive, |request| request.bearer(&token), 200).map(drop)
        },
    ),
    scenario(
        "a logout without a database is put off",
        "logout",
        503,
        |drive, world| {
            let token = open(drive, &world.user)?;
            let operation = drive.operation("logout")?;
            without_database(drive, world, &to(&operation).bearer(&token), &operation)?;
            status(drive, |request| request.bearer(&token), 200).map(drop)
        },
    ),
];

/// Sends a request while the database is not there, until the server has noticed, and puts the database back.
fn without_database(
    drive: &mut Drive,
    world: &World,
    request: &Request,
    operation: &OperationRef,
) -> Result<(), Halt> {
    let away = world.database.with_extension("away");
    moved(drive, &world.database, &away)?;
    // A session's check notices within a second; a logout must not come before, or it would end the session.
    let noticed = until_status(drive, 503);
    let answer = noticed.and_then(|()| drive.ask(operation, request, Expect::Status(503)));
    moved(drive, &away, &world.database)?;
    answer?;
    until_status(drive, 401)
}

/// Asks for the status of a session that nobody has, until it is answered so.
fn until_status(drive: &mut Drive, expected: u16) -> Result<(), Halt> {
    let operation = drive.operation("getLoginStatus")?;
    let request = to(&operation).bearer(&"0".repeat(32));
    let deadline = Instant::now() + NOTICED;
    loop {
        let answer = drive.answer(&operation, &request)?;
        if answer.status == expected {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return drive
                .ask(&operation, &request, Expect::Status(expected))
                .map(drop);
        }
        thread::sleep(PAUSE);
    }
}

fn moved(drive: &mut Drive, from: &Path, to: &Path) -> Result<(), Halt> {
    fs::rename(from, to).map_err(|error| {
        let message = format!("the database cannot be moved to {}: {error}", to.display());
        drive.fail("", Problem::new(message));
        Halt
    })
}

/// How long a server may take until it has noticed that its database is gone, or back; and how long it is left alone in
/// between.
const NOTICED: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// The cookie that carries a session.
const COOKIE: &str = "session";

/// Logs in and gives the token of the new session.
pub(crate) fn open(drive: &mut Drive, account: &Account) -> Result<String, Halt> {
    let operation = drive.operation("login")?;
    let answer = drive.ask(&operation, &login(&operation, account), Expect::Status(200))?;
    answer
        .cookie(COOKIE)
        .filter(|token| !token.is_empty())
        .ok_or_else(|| {
            drive.fail(
                &operation.pointer,
                Problem::new(format!("the answer 200 sets no cookie `{COOKIE}`")),
            );
            Halt
        })
}

/// A token that no session has: the given one with its first character changed.
pub(crate) fn unknown(token: &str) -> String {
    let first = if token.starts_with('0') { '1' } else { '0' };
    token
        .chars()
        .enumerate()
        .map(|(index, character)| if index == 0 { first } else { character })
        .collect()
}

/// Asks for the status of the session and expects an answer of this status.
pub(crate) fn status(
    drive: &mut Drive,
    credential: impl FnOnce(Request) -> Request,
    expected: u16,
) -> Result<Answer, Halt> {
    let operation = drive.operation("getLoginStatus")?;
    drive.ask(
        &operation,
        &credential(to(&operation)),
        Expect::Status(expected),
    )
}

fn logout(
    drive: &mut Drive,
    credential: impl FnOnce(Request) -> Request,
    expected: u16,
) -> Result<Answer, Halt> {
    let operation = drive.operation("logout")?;
    drive.ask(
        &operation,
        &credential(to(&operation)),
        Expect::Status(expected),
    )
}

fn refused(drive: &mut Drive, account: &Account) -> Result<(), Halt> {
    let operation = drive.operation("login")?;
    drive
        .ask(&operation, &login(&operation, account), Expect::Status(401))
        .map(drop)
}

fn login(operation: &OperationRef, account: &Account) -> Request {
    let mut body = json!({ "username": account.username, "password": account.password });
    if let Some(domain) = &account.domain {
        body["domain"] = json!(domain);
    }
    to(operation).json(&body)
}

/// A request to an operation, wherever the contract has it.
fn to(operation: &OperationRef) -> Request {
    Request::new(&operation.method, &operation.path)
}

/// Whether a status tells of this session: its own token, its role, and, as the contract says of the server, no field
/// left out.
fn shows(drive: &mut Drive, answer: &Answer, token: &str, account: &Account) -> Result<(), Halt> {
    let operation = drive.operation("getLoginStatus")?;
    let body = answer.json();
    let mut wrong = Vec::new();
    if body["access_token"] != *token {
        wrong.push("`access_token` is not the token of the session");
    }
    if body["role"] != *account.role {
        wrong.push("`role` is not the role of the user");
    }
    if body["expires_in"]
        .as_i64()
        .is_none_or(|seconds| seconds <= 0)
    {
        wrong.push("`expires_in` is not the time that is left");
    }
    if body["expires_at"] == Value::Null {
        wrong.push("`expires_at` is left out");
    }
    for message in &wrong {
        let pointer = format!("{}/responses/200", operation.pointer);
        let problem = Problem::at(drive.contract(), &pointer, *message);
        drive.fail(&operation.pointer, problem);
    }
    if wrong.is_empty() { Ok(()) } else { Err(Halt) }
}
