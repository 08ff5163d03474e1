//! Scenarios: requests that reach statuses that do not follow from the contract.
//!
//! The check *live* fails if a listed status is not reached, so a new operation may need a scenario. [`Scenario`] has
//! an example; `?` ends a scenario that cannot continue, because the reason was already recorded. A scenario can use:
//!
//! - `pbx.administrator`, `pbx.user`, `pbx.namesake`: accounts that can log in; [`log_in`] returns a token;
//! - `drive.start_server(&[("PBX_LOGIN_SESSION_LIFETIME", "1s")])?`: another server on the same database until the
//!   scenario ends; `("PBX_LOGIN_DATABASE", "sqlite:own.db")` gives it a new database;
//! - `send_without_database(drive, pbx, …)`: a request while the database is unavailable;
//! - `drive.run(&["user", "disable", ..], "")?`: a command of the server; returns its output, such as the id of a new
//!   user.

mod steps;

use dropshot_conformance::{Expect, Request, Scenario};

use crate::service::{Account, PbxLogin};

use steps::*;
pub(crate) use steps::{log_in, logout};

pub(crate) const SCENARIOS: &[Scenario<PbxLogin>] = &[
    Scenario::new(
        "a system administrator logs in",
        "login",
        200,
        |drive, pbx| log_in(drive, &pbx.administrator).map(drop),
    ),
    Scenario::new("a user of a tenant logs in", "login", 200, |drive, pbx| {
        log_in(drive, &pbx.user).map(drop)
    }),
    Scenario::new(
        "a user name in a different case logs in",
        "login",
        200,
        |drive, pbx| {
            let username = pbx.user.username.to_ascii_uppercase();
            log_in(drive, &pbx.user.with_username(&username)).map(drop)
        },
    ),
    Scenario::new("a wrong password is refused", "login", 401, |drive, pbx| {
        expect_refusal(
            drive,
            &pbx.user.with_password(&format!("{}x", pbx.user.password)),
        )
    }),
    Scenario::new(
        "a user of a tenant without the domain is refused",
        "login",
        401,
        |drive, pbx| {
            expect_refusal(
                drive,
                &Account {
                    domain: None,
                    ..pbx.user.clone()
                },
            )
        },
    ),
    Scenario::new(
        "the password of a user with the same name in another tenant is refused",
        "login",
        401,
        |drive, pbx| expect_refusal(drive, &pbx.user.with_password(&pbx.namesake.password)),
    ),
    Scenario::new(
        "a disabled user cannot log in, and the user's sessions end",
        "login",
        401,
        |drive, pbx| {
            let token = log_in(drive, &pbx.namesake)?;
            let account = &pbx.namesake;
            let domain = account.domain.as_deref().unwrap_or_default();
            let user = ["--domain", domain];
            drive.run(
                &["user", "disable", &account.username, user[0], user[1]],
                "",
            )?;
            expect_refusal(drive, account)?;
            wait_until_ended(drive, &token)?;
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
            drive.start_server(&[("PBX_LOGIN_TLS_TERMINATED", "true")])?;
            let operation = drive.operation("login")?;
            let request = login_request(&operation, &pbx.user);
            let response = drive.send_expecting(&operation, &request, Expect::Status(200))?;
            let message = "the cookie is not `Secure` behind a proxy that terminates TLS";
            ensure(drive, &operation, 200, is_secure(&response), message)
        },
    ),
    Scenario::new(
        "a cookie is not `Secure` if no connection is encrypted",
        "login",
        200,
        |drive, pbx| {
            // RFC 6265, section 5.4: browsers would not send it back.
            let operation = drive.operation("login")?;
            let request = login_request(&operation, &pbx.user);
            let response = drive.send_expecting(&operation, &request, Expect::Status(200))?;
            let message = "the cookie is `Secure` although the connection is not encrypted";
            ensure(drive, &operation, 200, !is_secure(&response), message)
        },
    ),
    Scenario::new("an unknown user is refused", "login", 401, |drive, pbx| {
        expect_refusal(drive, &pbx.user.with_username("unknown"))
    }),
    Scenario::new(
        "too many wrong passwords are rate limited",
        "login",
        429,
        |drive, pbx| {
            // A separate account, so that other scenarios are not rate limited.
            let guessed = pbx.user.with_username("guessed");
            let operation = drive.operation("login")?;
            let request = login_request(&operation, &guessed);
            // One more than `throttle.free_failures`.
            for _ in 0..5 {
                drive.send_expecting(&operation, &request, Expect::Status(401))?;
            }
            drive
                .send_expecting(&operation, &request, Expect::Status(429))
                .map(drop)
        },
    ),
    Scenario::new(
        "a bearer token shows its session",
        "getLoginStatus",
        200,
        |drive, pbx| {
            let token = log_in(drive, &pbx.user)?;
            let response = status(drive, |request| request.bearer(&token), 200)?;
            check_status(drive, &response, &token, &pbx.user)
        },
    ),
    Scenario::new(
        "a session cookie shows its session",
        "getLoginStatus",
        200,
        |drive, pbx| {
            let token = log_in(drive, &pbx.administrator)?;
            let response = status(drive, |request| request.cookie(COOKIE, &token), 200)?;
            check_status(drive, &response, &token, &pbx.administrator)
        },
    ),
    Scenario::new(
        "a cookie expires with its session",
        "getLoginStatus",
        200,
        |drive, pbx| {
            let operation = drive.operation("login")?;
            let request = login_request(&operation, &pbx.user);
            let opened = drive.send_expecting(&operation, &request, Expect::Status(200))?;
            let token = opened.cookie(COOKIE).unwrap_or_default();
            let response = status(drive, |request| request.bearer(&token), 200)?;
            let left = response.json()["expires_in"].as_i64().unwrap_or(0);
            let is_equal = expires_with(&opened, left);
            ensure(drive, &operation, 200, is_equal, COOKIE_AND_SESSION)
        },
    ),
    Scenario::new(
        "sliding expiration renews the cookie only if the request sent it",
        "getLoginStatus",
        200,
        |drive, pbx| {
            drive.start_server(&[("PBX_LOGIN_SESSION_MAX_LIFETIME", "8h")])?;
            let token = log_in(drive, &pbx.user)?;
            let operation = drive.operation("getLoginStatus")?;
            let response = status(drive, |request| request.cookie(COOKIE, &token), 200)?;
            let renewed = response.cookie(COOKIE).as_deref() == Some(token.as_str());
            let message = "the cookie is not renewed with the token of the session";
            ensure(drive, &operation, 200, renewed, message)?;
            let left = response.json()["expires_in"].as_i64().unwrap_or(0);
            let is_equal = expires_with(&response, left);
            ensure(drive, &operation, 200, is_equal, COOKIE_AND_SESSION)?;
            let response = status(drive, |request| request.bearer(&token), 200)?;
            let unset = response.cookie(COOKIE).is_none();
            let message = "the response sets a cookie although the request had none";
            ensure(drive, &operation, 200, unset, message)
        },
    ),
    Scenario::new(
        "a bearer token takes precedence over a session cookie",
        "getLoginStatus",
        200,
        |drive, pbx| {
            let (token, other) = (
                log_in(drive, &pbx.user)?,
                log_in(drive, &pbx.administrator)?,
            );
            let response = status(
                drive,
                |request| request.cookie(COOKIE, &other).bearer(&token),
                200,
            )?;
            check_status(drive, &response, &token, &pbx.user)
        },
    ),
    Scenario::new(
        "a token shows the session of its own user and tenant",
        "getLoginStatus",
        200,
        |drive, pbx| {
            let (mine, other) = (log_in(drive, &pbx.user)?, log_in(drive, &pbx.namesake)?);
            let response = status(drive, |request| request.bearer(&mine), 200)?;
            check_status(drive, &response, &mine, &pbx.user)?;
            let response = status(drive, |request| request.bearer(&other), 200)?;
            check_status(drive, &response, &other, &pbx.namesake)
        },
    ),
    Scenario::new(
        "a bearer token shows its user",
        "showCurrentUser",
        200,
        |drive, pbx| {
            for account in [&pbx.user, &pbx.namesake] {
                let token = log_in(drive, account)?;
                let response = current_user(drive, |request| request.bearer(&token), 200)?;
                check_user(drive, &response, account)?;
            }
            Ok(())
        },
    ),
    Scenario::new(
        "a session cookie shows its user, a system user without a tenant",
        "showCurrentUser",
        200,
        |drive, pbx| {
            let token = log_in(drive, &pbx.administrator)?;
            let response = current_user(drive, |request| request.cookie(COOKIE, &token), 200)?;
            check_user(drive, &response, &pbx.administrator)
        },
    ),
    Scenario::new(
        "users with the same name in two tenants have different ids and tenants",
        "showCurrentUser",
        200,
        |drive, pbx| {
            let operation = drive.operation("showCurrentUser")?;
            let mut users = Vec::new();
            for account in [&pbx.user, &pbx.user, &pbx.namesake] {
                let token = log_in(drive, account)?;
                let response = current_user(drive, |request| request.bearer(&token), 200)?;
                users.push(response.json());
            }
            let message = "two sessions of a user show different users";
            ensure(drive, &operation, 200, users[0] == users[1], message)?;
            for field in ["id", "tenant_id"] {
                let differ = users[0][field] != users[2][field];
                let message = format!("users of two tenants have the same `{field}`");
                ensure(drive, &operation, 200, differ, &message)?;
            }
            Ok(())
        },
    ),
    Scenario::new(
        "sliding expiration renews the cookie of a request for the user",
        "showCurrentUser",
        200,
        |drive, pbx| {
            drive.start_server(&[("PBX_LOGIN_SESSION_MAX_LIFETIME", "8h")])?;
            let token = log_in(drive, &pbx.user)?;
            let operation = drive.operation("showCurrentUser")?;
            let response = current_user(drive, |request| request.cookie(COOKIE, &token), 200)?;
            let renewed = response.cookie(COOKIE).as_deref() == Some(token.as_str());
            let message = "the cookie is not renewed with the token of the session";
            ensure(drive, &operation, 200, renewed, message)
        },
    ),
    Scenario::new(
        "the scheme of a bearer token is case-insensitive",
        "getLoginStatus",
        200,
        |drive, pbx| {
            // RFC 9110, section 11.1: schemes are case-insensitive.
            let token = log_in(drive, &pbx.user)?;
            let value = format!("bEARER {token}");
            status(drive, |request| request.header("Authorization", value), 200).map(drop)
        },
    ),
    Scenario::new(
        "a logout ends only its own session",
        "logout",
        204,
        |drive, pbx| {
            let (mine, other) = (log_in(drive, &pbx.user)?, log_in(drive, &pbx.user)?);
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
            let token = log_in(drive, &pbx.user)?;
            let operation = drive.operation("login")?;
            let wrong = pbx.user.with_password("wrong");
            let request = login_request(&operation, &wrong).cookie(COOKIE, &token);
            drive.send_expecting(&operation, &request, Expect::Status(401))?;
            status(drive, |request| request.bearer(&token), 200).map(drop)
        },
    ),
    Scenario::new(
        "two session cookies are ambiguous",
        "getLoginStatus",
        401,
        |drive, pbx| {
            let token = log_in(drive, &pbx.user)?;
            let cookies = format!("{COOKIE}={token}; {COOKIE}={token}");
            status(drive, |request| request.header("Cookie", &cookies), 401)?;
            // A bearer token takes precedence.
            let both = |request: Request| request.header("Cookie", &cookies).bearer(&token);
            status(drive, both, 200).map(drop)
        },
    ),
    Scenario::new(
        "a logout that another origin sends with the cookie is refused",
        "logout",
        403,
        |drive, pbx| {
            let token = log_in(drive, &pbx.user)?;
            let by_cookie = |request: Request| request.cookie(COOKIE, &token);
            let foreign = [
                ("Sec-Fetch-Site", "cross-site"),
                ("Sec-Fetch-Site", "same-site"),
                ("Origin", "https://other.example"),
            ];
            for (name, value) in foreign {
                logout(drive, |request| by_cookie(request).header(name, value), 403)?;
            }
            status(drive, |request| request.bearer(&token), 200)?;
            let own = ("Sec-Fetch-Site", "same-origin");
            logout(
                drive,
                |request| by_cookie(request).header(own.0, own.1),
                204,
            )
            .map(drop)
        },
    ),
    Scenario::new(
        "a bearer token is accepted from every origin",
        "logout",
        204,
        |drive, pbx| {
            let token = log_in(drive, &pbx.user)?;
            let foreign = |request: Request| request.header("Sec-Fetch-Site", "cross-site");
            logout(drive, |request| foreign(request).bearer(&token), 204).map(drop)
        },
    ),
    Scenario::new(
        "a valid session cookie does not replace an invalid bearer token",
        "getLoginStatus",
        401,
        |drive, pbx| {
            let token = log_in(drive, &pbx.user)?;
            status(
                drive,
                |request| {
                    request
                        .cookie(COOKIE, &token)
                        .bearer(&unknown_token(&token))
                },
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
            let before = log_in(drive, &pbx.user)?;
            let operation = drive.operation("login")?;
            let request = login_request(&operation, &pbx.user).cookie(COOKIE, &before);
            drive.send_expecting(&operation, &request, Expect::Status(200))?;
            status(drive, |request| request.bearer(&before), 401).map(drop)
        },
    ),
    Scenario::new(
        "a logout by bearer token ends the session",
        "logout",
        204,
        |drive, pbx| {
            let token = log_in(drive, &pbx.user)?;
            logout(drive, |request| request.bearer(&token), 204)?;
            status(drive, |request| request.cookie(COOKIE, &token), 401).map(drop)
        },
    ),
    Scenario::new(
        "a logout by session cookie ends the session",
        "logout",
        204,
        |drive, pbx| {
            let token = log_in(drive, &pbx.user)?;
            logout(drive, |request| request.cookie(COOKIE, &token), 204)?;
            status(drive, |request| request.bearer(&token), 401).map(drop)
        },
    ),
    Scenario::new("a second logout is refused", "logout", 401, |drive, pbx| {
        let token = log_in(drive, &pbx.user)?;
        logout(drive, |request| request.bearer(&token), 204)?;
        logout(drive, |request| request.bearer(&token), 401).map(drop)
    }),
    Scenario::new(
        "a login without a database returns 503",
        "login",
        503,
        |drive, pbx| {
            let operation = drive.operation("login")?;
            send_without_database(
                drive,
                pbx,
                &login_request(&operation, &pbx.user),
                &operation,
            )
        },
    ),
    Scenario::new(
        "a session check without a database returns 503",
        "getLoginStatus",
        503,
        |drive, pbx| {
            let token = log_in(drive, &pbx.user)?;
            let operation = drive.operation("getLoginStatus")?;
            send_without_database(
                drive,
                pbx,
                &Request::to(&operation).bearer(&token),
                &operation,
            )?;
            status(drive, |request| request.bearer(&token), 200).map(drop)
        },
    ),
    Scenario::new(
        "a request for the user without a database returns 503",
        "showCurrentUser",
        503,
        |drive, pbx| {
            let token = log_in(drive, &pbx.user)?;
            let operation = drive.operation("showCurrentUser")?;
            send_without_database(
                drive,
                pbx,
                &Request::to(&operation).bearer(&token),
                &operation,
            )?;
            current_user(drive, |request| request.bearer(&token), 200).map(drop)
        },
    ),
    Scenario::new(
        "a logout without a database returns 503",
        "logout",
        503,
        |drive, pbx| {
            let token = log_in(drive, &pbx.user)?;
            let operation = drive.operation("logout")?;
            send_without_database(
                drive,
                pbx,
                &Request::to(&operation).bearer(&token),
                &operation,
            )?;
            status(drive, |request| request.bearer(&token), 200).map(drop)
        },
    ),
];
