//! Scenarios: requests that reach statuses which the contract alone does not reach.
//!
//! The check *live* fails if a listed status is not reached, so a new operation may need a scenario. [`Scenario`] has
//! an example; `?` ends a scenario that cannot continue, because the reason has been recorded. A scenario can use:
//!
//! - `pbx.administrator`, `pbx.user`, `pbx.namesake`: accounts that can log in; [`open`] returns a token;
//! - `drive.visit(&[("PBX_LOGIN_SESSION_LIFETIME", "1s")])?`: another server on the same database until the scenario ends;
//!   `("PBX_LOGIN_DATABASE", "sqlite:own.db")` gives it a new database;
//! - `drive.path(DATABASE)?`: the path of the database, to make it unavailable;
//! - `drive.run(&["user", "disable", ..], "")?`: a command of the server; returns its output, such as the id of a new user.

mod steps;

use dropshot_conformance::{Expect, Request, Scenario};

use crate::service::{Account, PbxLogin};

use steps::*;
pub(crate) use steps::{logout, open};

pub(crate) const SCENARIOS: &[Scenario<PbxLogin>] = &[
    Scenario::new(
        "a system administrator logs in",
        "login",
        200,
        |drive, pbx| open(drive, &pbx.administrator).map(drop),
    ),
    Scenario::new("a user of a tenant logs in", "login", 200, |drive, pbx| {
        open(drive, &pbx.user).map(drop)
    }),
    Scenario::new(
        "a user name in another case logs in",
        "login",
        200,
        |drive, pbx| {
            let user = &pbx.user;
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
    Scenario::new("a wrong password is refused", "login", 401, |drive, pbx| {
        refused(
            drive,
            &Account {
                password: format!("{}x", pbx.user.password),
                ..pbx.user.clone()
            },
        )
    }),
    Scenario::new(
        "a user of a tenant without the domain is refused",
        "login",
        401,
        |drive, pbx| {
            refused(
                drive,
                &Account {
                    domain: None,
                    ..pbx.user.clone()
                },
            )
        },
    ),
    Scenario::new(
        "the password of the same name in another tenant is refused",
        "login",
        401,
        |drive, pbx| {
            refused(
                drive,
                &Account {
                    password: pbx.namesake.password.clone(),
                    ..pbx.user.clone()
                },
            )
        },
    ),
    Scenario::new(
        "disabling a user refuses logins and ends sessions",
        "login",
        401,
        |drive, pbx| {
            let token = open(drive, &pbx.namesake)?;
            let account = &pbx.namesake;
            let domain = account.domain.as_deref().unwrap_or_default();
            let user = ["--domain", domain];
            drive.run(
                &["user", "disable", &account.username, user[0], user[1]],
                "",
            )?;
            refused(drive, account)?;
            until_ended(drive, &token)?;
            drive
                .run(&["user", "enable", &account.username, user[0], user[1]], "")
                .map(drop)
        },
    ),
    Scenario::new(
        "a cookie is `Secure` if a proxy terminates TLS",
        "login",
        200,
        |drive, pbx| {
            drive.visit(&[("PBX_LOGIN_TLS_TERMINATED", "true")])?;
            let operation = drive.operation("login")?;
            let request = login(&operation, &pbx.user);
            let answer = drive.ask(&operation, &request, Expect::Status(200))?;
            let message = "the cookie is not `Secure` behind a proxy that terminates TLS";
            ensure(drive, &operation, 200, is_secure(&answer), message)
        },
    ),
    Scenario::new(
        "a cookie is not `Secure` if no connection is encrypted",
        "login",
        200,
        |drive, pbx| {
            // RFC 6265, section 5.4: browsers would not send it back.
            let operation = drive.operation("login")?;
            let request = login(&operation, &pbx.user);
            let answer = drive.ask(&operation, &request, Expect::Status(200))?;
            let message = "the cookie is `Secure` though nothing is encrypted";
            ensure(drive, &operation, 200, !is_secure(&answer), message)
        },
    ),
    Scenario::new("an unknown user is refused", "login", 401, |drive, pbx| {
        refused(
            drive,
            &Account {
                username: "unknown".to_owned(),
                ..pbx.user.clone()
            },
        )
    }),
    Scenario::new(
        "too many wrong passwords are rate limited",
        "login",
        429,
        |drive, pbx| {
            // A separate account, so that other scenarios are not rate limited.
            let guessed = Account {
                username: "guessed".to_owned(),
                ..pbx.user.clone()
            };
            let operation = drive.operation("login")?;
            let request = login(&operation, &guessed);
            // `throttle.free_failures`, and one more.
            for _ in 0..5 {
                drive.ask(&operation, &request, Expect::Status(401))?;
            }
            drive
                .ask(&operation, &request, Expect::Status(429))
                .map(drop)
        },
    ),
    Scenario::new(
        "a bearer token shows its session",
        "getLoginStatus",
        200,
        |drive, pbx| {
            let token = open(drive, &pbx.user)?;
            let answer = status(drive, |request| request.bearer(&token), 200)?;
            shows(drive, &answer, &token, &pbx.user)
        },
    ),
    Scenario::new(
        "a session cookie shows its session",
        "getLoginStatus",
        200,
        |drive, pbx| {
            let token = open(drive, &pbx.administrator)?;
            let answer = status(drive, |request| request.cookie(COOKIE, &token), 200)?;
            shows(drive, &answer, &token, &pbx.administrator)
        },
    ),
    Scenario::new(
        "a cookie expires with its session",
        "getLoginStatus",
        200,
        |drive, pbx| {
            let operation = drive.operation("login")?;
            let request = login(&operation, &pbx.user);
            let opened = drive.ask(&operation, &request, Expect::Status(200))?;
            let token = opened.cookie(COOKIE).unwrap_or_default();
            let answer = status(drive, |request| request.bearer(&token), 200)?;
            let left = answer.json()["expires_in"].as_i64().unwrap_or(0);
            let alike = expires_in(&opened, left);
            ensure(drive, &operation, 200, alike, COOKIE_AND_SESSION)
        },
    ),
    Scenario::new(
        "sliding expiration renews the cookie only if the request sent it",
        "getLoginStatus",
        200,
        |drive, pbx| {
            drive.visit(&[("PBX_LOGIN_SESSION_MAX_LIFETIME", "8h")])?;
            let token = open(drive, &pbx.user)?;
            let operation = drive.operation("getLoginStatus")?;
            let answer = status(drive, |request| request.cookie(COOKIE, &token), 200)?;
            let renewed = answer.cookie(COOKIE).as_deref() == Some(token.as_str());
            let message = "the cookie is not renewed with the token of the session";
            ensure(drive, &operation, 200, renewed, message)?;
            let left = answer.json()["expires_in"].as_i64().unwrap_or(0);
            let alike = expires_in(&answer, left);
            ensure(drive, &operation, 200, alike, COOKIE_AND_SESSION)?;
            let answer = status(drive, |request| request.bearer(&token), 200)?;
            let unset = answer.cookie(COOKIE).is_none();
            let message = "a cookie is set although the request had none";
            ensure(drive, &operation, 200, unset, message)
        },
    ),
    Scenario::new(
        "a bearer token takes precedence over a session cookie",
        "getLoginStatus",
        200,
        |drive, pbx| {
            let (token, other) = (open(drive, &pbx.user)?, open(drive, &pbx.administrator)?);
            let answer = status(
                drive,
                |request| request.cookie(COOKIE, &other).bearer(&token),
                200,
            )?;
            shows(drive, &answer, &token, &pbx.user)
        },
    ),
    Scenario::new(
        "a token shows the session of its own user and tenant",
        "getLoginStatus",
        200,
        |drive, pbx| {
            let (mine, other) = (open(drive, &pbx.user)?, open(drive, &pbx.namesake)?);
            let answer = status(drive, |request| request.bearer(&mine), 200)?;
            shows(drive, &answer, &mine, &pbx.user)?;
            let answer = status(drive, |request| request.bearer(&other), 200)?;
            shows(drive, &answer, &other, &pbx.namesake)
        },
    ),
    Scenario::new(
        "the scheme of a bearer token is case-insensitive",
        "getLoginStatus",
        200,
        |drive, pbx| {
            // RFC 9110, section 11.1.
            let token = open(drive, &pbx.user)?;
            let value = format!("bEARER {token}");
            status(drive, |request| request.header("Authorization", value), 200).map(drop)
        },
    ),
    Scenario::new(
        "a logout ends only its own session",
        "logout",
        204,
        |drive, pbx| {
            let (mine, other) = (open(drive, &pbx.user)?, open(drive, &pbx.user)?);
            logout(drive, |request| request.bearer(&mine), 204)?;
            status(drive, |request| request.bearer(&mine), 401)?;
            status(drive, |request| request.bearer(&other), 200).map(drop)
        },
    ),
    Scenario::new(
        "a refused login does not end the session of its cookie",
        "login",
        401,
        |drive, pbx| {
            let token = open(drive, &pbx.user)?;
            let operation = drive.operation("login")?;
            let wrong = Account {
                password: "wrong".to_owned(),
                ..pbx.user.clone()
            };
            let request = login(&operation, &wrong).cookie(COOKIE, &token);
            drive.ask(&operation, &request, Expect::Status(401))?;
            status(drive, |request| request.bearer(&token), 200).map(drop)
        },
    ),
    Scenario::new(
        "a valid session cookie does not replace an invalid bearer token",
        "getLoginStatus",
        401,
        |drive, pbx| {
            let token = open(drive, &pbx.user)?;
            status(
                drive,
                |request| request.cookie(COOKIE, &token).bearer(&unknown(&token)),
                401,
            )
            .map(drop)
        },
    ),
    Scenario::new(
        "a login ends the session of its cookie",
        "getLoginStatus",
        401,
        |drive, pbx| {
            let before = open(drive, &pbx.user)?;
            let operation = drive.operation("login")?;
            let request = login(&operation, &pbx.user).cookie(COOKIE, &before);
            drive.ask(&operation, &request, Expect::Status(200))?;
            status(drive, |request| request.bearer(&before), 401).map(drop)
        },
    ),
    Scenario::new(
        "a logout by bearer token ends the session",
        "logout",
        204,
        |drive, pbx| {
            let token = open(drive, &pbx.user)?;
            logout(drive, |request| request.bearer(&token), 204)?;
            status(drive, |request| request.cookie(COOKIE, &token), 401).map(drop)
        },
    ),
    Scenario::new(
        "a logout by session cookie ends the session",
        "logout",
        204,
        |drive, pbx| {
            let token = open(drive, &pbx.user)?;
            logout(drive, |request| request.cookie(COOKIE, &token), 204)?;
            status(drive, |request| request.bearer(&token), 401).map(drop)
        },
    ),
    Scenario::new("a second logout is refused", "logout", 401, |drive, pbx| {
        let token = open(drive, &pbx.user)?;
        logout(drive, |request| request.bearer(&token), 204)?;
        logout(drive, |request| request.bearer(&token), 401).map(drop)
    }),
    Scenario::new(
        "a login without a database is answered 503",
        "login",
        503,
        |drive, pbx| {
            let operation = drive.operation("login")?;
            without_database(drive, &login(&operation, &pbx.user), &operation)
        },
    ),
    Scenario::new(
        "a session check without a database is answered 503",
        "getLoginStatus",
        503,
        |drive, pbx| {
            let token = open(drive, &pbx.user)?;
            let operation = drive.operation("getLoginStatus")?;
            without_database(drive, &Request::to(&operation).bearer(&token), &operation)?;
            status(drive, |request| request.bearer(&token), 200).map(drop)
        },
    ),
    Scenario::new(
        "a logout without a database is answered 503",
        "logout",
        503,
        |drive, pbx| {
            let token = open(drive, &pbx.user)?;
            let operation = drive.operation("logout")?;
            without_database(drive, &Request::to(&operation).bearer(&token), &operation)?;
            status(drive, |request| request.bearer(&token), 200).map(drop)
        },
    ),
];
