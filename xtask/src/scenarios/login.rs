use dropshot_conformance::{Abort, Drive, Request, Response, Scenario};

use super::steps::*;
use crate::service::{Account, PbxLogin};

pub(super) const SCENARIOS: &[Scenario<PbxLogin>] = &[
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
            let response = call(drive, "login", |it| it.json(&credentials(&pbx.user)), 200)?;
            let message = "the cookie is not `Secure` behind a proxy that terminates TLS";
            ensure(drive, "login", 200, is_secure(&response), message)
        },
    ),
    Scenario::new(
        "a cookie is not `Secure` if no connection is encrypted",
        "login",
        200,
        |drive, pbx| {
            // RFC 6265, section 5.4: browsers would not send it back.
            let response = call(drive, "login", |it| it.json(&credentials(&pbx.user)), 200)?;
            let message = "the cookie is `Secure` although the connection is not encrypted";
            ensure(drive, "login", 200, !is_secure(&response), message)
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
            // One more than `throttle.free_failures`.
            for _ in 0..5 {
                expect_refusal(drive, &guessed)?;
            }
            call(drive, "login", |it| it.json(&credentials(&guessed)), 429).map(drop)
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
            let opened = call(drive, "login", |it| it.json(&credentials(&pbx.user)), 200)?;
            let token = opened.cookie(COOKIE).unwrap_or_default();
            let response = status(drive, |request| request.bearer(&token), 200)?;
            let left = response.json()["expires_in"].as_i64().unwrap_or(0);
            let is_equal = expires_with(&opened, left);
            ensure(drive, "login", 200, is_equal, COOKIE_AND_SESSION)
        },
    ),
    Scenario::new(
        "sliding expiration renews the cookie only if the request sent it",
        "getLoginStatus",
        200,
        |drive, pbx| {
            drive.start_server(&[("PBX_LOGIN_SESSION_MAX_LIFETIME", "8h")])?;
            let token = log_in(drive, &pbx.user)?;
            let response = status(drive, |request| request.cookie(COOKIE, &token), 200)?;
            let renewed = response.cookie(COOKIE).as_deref() == Some(token.as_str());
            let message = "the cookie is not renewed with the token of the session";
            ensure(drive, "getLoginStatus", 200, renewed, message)?;
            let left = response.json()["expires_in"].as_i64().unwrap_or(0);
            let is_equal = expires_with(&response, left);
            ensure(drive, "getLoginStatus", 200, is_equal, COOKIE_AND_SESSION)?;
            let response = status(drive, |request| request.bearer(&token), 200)?;
            let unset = response.cookie(COOKIE).is_none();
            let message = "the response sets a cookie although the request had none";
            ensure(drive, "getLoginStatus", 200, unset, message)
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
        "a refused login does not end the session of its cookie",
        "login",
        401,
        |drive, pbx| {
            let token = log_in(drive, &pbx.user)?;
            let wrong = credentials(&pbx.user.with_password("wrong"));
            let with_cookie = |request: Request| request.json(&wrong).cookie(COOKIE, &token);
            call(drive, "login", with_cookie, 401)?;
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
            let valid = credentials(&pbx.user);
            let with_cookie = |request: Request| request.json(&valid).cookie(COOKIE, &before);
            call(drive, "login", with_cookie, 200)?;
            status(drive, |request| request.bearer(&before), 401).map(drop)
        },
    ),
    Scenario::new(
        "a login without a database returns 503",
        "login",
        503,
        |drive, pbx| {
            call_without_database(drive, pbx, "login", |it| it.json(&credentials(&pbx.user)))
        },
    ),
    Scenario::new(
        "a session check without a database returns 503",
        "getLoginStatus",
        503,
        |drive, pbx| {
            let token = log_in(drive, &pbx.user)?;
            call_without_database(drive, pbx, "getLoginStatus", |it| it.bearer(&token))?;
            status(drive, |request| request.bearer(&token), 200).map(drop)
        },
    ),
];

/// Returns an unknown token of the same form.
fn unknown_token(token: &str) -> String {
    let first = if token.starts_with('0') { "1" } else { "0" };
    format!("{first}{}", token.get(1..).unwrap_or_default())
}

fn is_secure(response: &Response) -> bool {
    response.attributes(COOKIE).iter().any(|it| it == "Secure")
}

/// Returns whether a response sets the session cookie for about this many seconds.
fn expires_with(response: &Response, seconds: i64) -> bool {
    let attributes = response.attributes(COOKIE);
    let max_age = attributes
        .iter()
        .find_map(|it| it.strip_prefix("Max-Age=")?.parse::<i64>().ok());
    max_age.is_some_and(|max_age| (seconds..=seconds + MAX_SECONDS_APART).contains(&max_age))
}

const COOKIE_AND_SESSION: &str =
    "`Max-Age` of the cookie is not the remaining lifetime of the session";

fn check_status(
    drive: &mut Drive,
    response: &Response,
    token: &str,
    account: &Account,
) -> Result<(), Abort> {
    let body = response.json();
    let left = body["expires_in"].as_i64().unwrap_or(0);
    let apart = seconds_from_response(response, "expires_at").map(|seconds| seconds - left);
    for (condition, message) in [
        (
            body["access_token"] == *token,
            "`access_token` is not the token of the session",
        ),
        (
            body["role"] == *account.role,
            "`role` is not the role of the user",
        ),
        (left > 0, "`expires_in` is not the remaining time"),
        (
            is_in_whole_seconds(&body["expires_at"]),
            "`expires_at` is not in whole seconds of UTC",
        ),
        (
            apart.is_some_and(|seconds| seconds.abs() <= MAX_SECONDS_APART),
            "`expires_at` is not `expires_in` seconds away",
        ),
    ] {
        ensure(drive, "getLoginStatus", 200, condition, message)?;
    }
    Ok(())
}
