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

mod steps;

use crate::report::Problem;

use super::drive::{Drive, Expect, Halt};
use super::stage::{Account, World};

use steps::*;
pub(crate) use steps::{logout, open, status, unknown};

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
            let alike = kept_for(&opened, left);
            held(drive, &operation, 200, alike, COOKIE_AND_SESSION)
        },
    ),
    scenario(
        "where sessions slide, whoever sent the cookie gets it anew, and nobody else",
        "getLoginStatus",
        200,
        |drive, world| {
            drive.visit(world.start(&[("PBX_LOGIN_SESSION_MAX_LIFETIME", "8h")]))?;
            let token = open(drive, &world.user)?;
            let operation = drive.operation("getLoginStatus")?;
            let answer = status(drive, |request| request.cookie(COOKIE, &token), 200)?;
            let anew = answer.cookie(COOKIE).as_deref() == Some(token.as_str());
            let message = "the cookie is not set anew, to the token of the session";
            held(drive, &operation, 200, anew, message)?;
            let left = answer.json()["expires_in"].as_i64().unwrap_or(0);
            let alike = kept_for(&answer, left);
            held(drive, &operation, 200, alike, COOKIE_AND_SESSION)?;
            let answer = status(drive, |request| request.bearer(&token), 200)?;
            let unset = answer.cookie(COOKIE).is_none();
            let message = "a cookie is set although the request came without";
            held(drive, &operation, 200, unset, message)
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
