//! What `verify` does with a running server.
//!
//! Three things follow from the contract alone and need no scenario: what an operation must refuse and must read
//! (`cases.rs`), that a secured operation answers 401 to every credential that is none (`secured.rs`), and what is not
//! listed (`unlisted.rs`). What else the contract lists is reached here, once over HTTP and once through the generated
//! client. An operation or a listed status that nothing reached fails the check, so a new one needs a scenario:
//!
//! ```ignore
//! scenario("a user is found by name", "getUser", 200, |drive, world| {
//!     let token = open(drive, &world.administrator)?;
//!     let operation = drive.operation("getUser")?;
//!     let request = to(&operation).path("name", "alice").query("domain", "x").bearer(&token);
//!     drive.ask(&operation, &request, Expect::Status(200)).map(drop)
//! }),
//! ```
//!
//! `?` ends a scenario that cannot go on; why has been kept. What a scenario needs of the world:
//!
//! - `world.administrator`, `world.user`, `world.namesake`: who can log in; [`open`] gives a token;
//! - `drive.visit(world.start(&[("PBX_LOGIN_SESSION_LIFETIME", "1s")]))?`: goes on with a server of these settings on the
//!   same database, until the scenario ends. `("PBX_LOGIN_DATABASE", "sqlite:own.db")` gives it one of its own, on which
//!   there is only the administrator;
//! - `world.database()`: the file of the database, to be taken away for a while;
//! - `drive.held(world.run(&["user", "disable", ..], ""))?`: a command of the server on the database, with its stdin.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use chrono::DateTime;
use dropshot_codegen::OperationRef;
use serde_json::json;

use crate::report::Problem;

use super::drive::{Drive, Expect, Halt};
use super::exchange::{Answer, Request};
use super::stage::{Account, World};

/// A scenario: a name, what it reaches, and how.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) status: u16,
    pub(crate) run: fn(&mut Drive, &World) -> Result<(), Halt>,
}

impl Scenario {
    /// Plays the scenario. One that does not reach what it says it does would hide a gap.
    pub(crate) fn play(&self, drive: &mut Drive, world: &World) {
        drive.begin(self.name);
        if (self.run)(drive, world).is_ok() && !drive.has_reached(self.operation, self.status) {
            let problem = Problem::new(format!(
                "the scenario says that it reaches {} {}, but it does not",
                self.operation, self.status
            ));
            drive.fail("", problem.help("mend xtask/src/verify/live/scenarios.rs"));
        }
    }
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
        "the password of the same name in another tenant is refused",
        "login",
        401,
        |drive, world| {
            refused(
                drive,
                &Account {
                    password: world.namesake.password.clone(),
                    ..world.user.clone()
                },
            )
        },
    ),
    scenario(
        "a user who is disabled is refused, and the sessions end",
        "login",
        401,
        |drive, world| {
            let token = open(drive, &world.namesake)?;
            let user = |verb| {
                let account = &world.namesake;
                let domain = account.domain.as_deref().unwrap_or_default();
                world.run(&["user", verb, &account.username, "--domain", domain], "")
            };
            drive.held(user("disable"))?;
            refused(drive, &world.namesake)?;
            until_ended(drive, &token)?;
            drive.held(user("enable"))
        },
    ),
    scenario(
        "a cookie is for encrypted connections alone where TLS ends in a proxy",
        "login",
        200,
        |drive, world| {
            drive.visit(world.start(&[("PBX_LOGIN_TLS_TERMINATED", "true")]))?;
            let operation = drive.operation("login")?;
            let request = login(&operation, &world.user);
            let answer = drive.ask(&operation, &request, Expect::Status(200))?;
            let message = "the cookie is not `Secure` behind a proxy that ends TLS";
            held(drive, &operation, 200, is_secure(&answer), message)
        },
    ),
    scenario(
        "a cookie is for any connection where nothing is encrypted",
        "login",
        200,
        |drive, world| {
            // RFC 6265, section 5.4: no browser would send it back.
            let operation = drive.operation("login")?;
            let request = login(&operation, &world.user);
            let answer = drive.ask(&operation, &request, Expect::Status(200))?;
            let message = "the cookie is `Secure` though nothing is encrypted";
            held(drive, &operation, 200, !is_secure(&answer), message)
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
        "a cookie is kept for as long as its session lives",
        "getLoginStatus",
        200,
        |drive, world| {
            let operation = drive.operation("login")?;
            let request = login(&operation, &world.user);
            let opened = drive.ask(&operation, &request, Expect::Status(200))?;
            let token = opened.cookie(COOKIE).unwrap_or_default();
            let answer = status(drive, |request| request.bearer(&token), 200)?;
            let left = answer.json()["expires_in"].as_i64().unwrap_or(0);
            let attributes = opened.attributes(COOKIE);
            let kept = attributes
                .iter()
                .find_map(|it| it.strip_prefix("Max-Age=")?.parse::<i64>().ok());
            let alike = kept.is_some_and(|kept| (left..=left + MOMENTS).contains(&kept));
            let message = "`Max-Age` of the cookie is not the time that the session lives";
            held(drive, &operation, 200, alike, message)
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
        "a token shows the session of its own user and tenant",
        "getLoginStatus",
        200,
        |drive, world| {
            let (mine, other) = (open(drive, &world.user)?, open(drive, &world.namesake)?);
            let answer = status(drive, |request| request.bearer(&mine), 200)?;
            shows(drive, &answer, &mine, &world.user)?;
            let answer = status(drive, |request| request.bearer(&other), 200)?;
            shows(drive, &answer, &other, &world.namesake)
        },
    ),
    scenario(
        "the scheme of a bearer token is read in any case",
        "getLoginStatus",
        200,
        |drive, world| {
            // RFC 9110, section 11.1.
            let token = open(drive, &world.user)?;
            let value = format!("bEARER {token}");
            status(drive, |request| request.header("Authorization", value), 200).map(drop)
        },
    ),
    scenario(
        "a logout ends the session that it belongs to, and no other",
        "logout",
        204,
        |drive, world| {
            let (mine, other) = (open(drive, &world.user)?, open(drive, &world.user)?);
            logout(drive, |request| request.bearer(&mine), 204)?;
            status(drive, |request| request.bearer(&mine), 401)?;
            status(drive, |request| request.bearer(&other), 200).map(drop)
        },
    ),
    scenario(
        "a refused login leaves the session whose cookie it brings alone",
        "login",
        401,
        |drive, world| {
            let token = open(drive, &world.user)?;
            let operation = drive.operation("login")?;
            let wrong = Account {
                password: "wrong".to_owned(),
                ..world.user.clone()
            };
            let request = login(&operation, &wrong).cookie(COOKIE, &token);
            drive.ask(&operation, &request, Expect::Status(401))?;
            status(drive, |request| request.bearer(&token), 200).map(drop)
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
    let database = world.database();
    let away = database.with_extension("away");
    moved(drive, &database, &away)?;
    // A session's check notices within a second; a logout must not come before, or it would end the session.
    let noticed = until_status(drive, 503);
    let answer = noticed.and_then(|()| drive.ask(operation, request, Expect::Status(503)));
    moved(drive, &away, &database)?;
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
/// How many seconds may pass between two things that belong to one moment.
const MOMENTS: i64 = 5;

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

/// How long a server may honour a session that another process has ended.
const ENDED: Duration = Duration::from_secs(1);

/// Asks for a session that another process has ended, until the server knows.
fn until_ended(drive: &mut Drive, token: &str) -> Result<(), Halt> {
    let operation = drive.operation("getLoginStatus")?;
    let request = to(&operation).bearer(token);
    let deadline = Instant::now() + ENDED;
    while Instant::now() < deadline {
        if drive.answer(&operation, &request)?.status == 401 {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    drive
        .ask(&operation, &request, Expect::Status(401))
        .map(drop)
}

/// Ends a session and expects an answer of this status.
pub(crate) fn logout(
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

fn is_secure(answer: &Answer) -> bool {
    answer.attributes(COOKIE).iter().any(|it| it == "Secure")
}

/// Keeps what is wrong with an answer, unless it holds.
fn held(
    drive: &mut Drive,
    operation: &OperationRef,
    status: u16,
    holds: bool,
    message: &str,
) -> Result<(), Halt> {
    if holds {
        return Ok(());
    }
    let pointer = format!("{}/responses/{status}", operation.pointer);
    let problem = Problem::at(drive.contract(), &pointer, message);
    drive.fail(&operation.pointer, problem);
    Err(Halt)
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
    let left = body["expires_in"].as_i64().unwrap_or(0);
    if left <= 0 {
        wrong.push("`expires_in` is not the time that is left");
    }
    let at = body["expires_at"].as_str().unwrap_or_default();
    if !at.ends_with('Z') || at.contains('.') {
        wrong.push("`expires_at` is not in whole seconds of UTC");
    }
    // The moment of the answer is in its header `Date` (RFC 9110, section 6.6.1).
    let moment = DateTime::parse_from_rfc3339(at).ok();
    let apart = moment
        .zip(answer.date())
        .map(|(at, now)| (at - now).num_seconds() - left);
    if apart.is_none_or(|seconds| seconds.abs() > MOMENTS) {
        wrong.push("`expires_at` is not `expires_in` seconds away");
    }
    wrong
        .into_iter()
        .try_for_each(|message| held(drive, &operation, 200, false, message))
}
