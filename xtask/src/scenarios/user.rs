use dropshot_conformance::{Abort, Drive, Request, Response, Scenario};

use super::steps::*;
use crate::service::{Account, PbxLogin};

pub(super) const SCENARIOS: &[Scenario<PbxLogin>] = &[
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
            let mut users = Vec::new();
            for account in [&pbx.user, &pbx.user, &pbx.namesake] {
                let token = log_in(drive, account)?;
                let response = current_user(drive, |request| request.bearer(&token), 200)?;
                users.push(response.json());
            }
            let message = "two sessions of a user show different users";
            ensure(drive, "showCurrentUser", 200, users[0] == users[1], message)?;
            for field in ["id", "tenant_id"] {
                let differ = users[0][field] != users[2][field];
                let message = format!("users of two tenants have the same `{field}`");
                ensure(drive, "showCurrentUser", 200, differ, &message)?;
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
            let response = current_user(drive, |request| request.cookie(COOKIE, &token), 200)?;
            let renewed = response.cookie(COOKIE).as_deref() == Some(token.as_str());
            let message = "the cookie is not renewed with the token of the session";
            ensure(drive, "showCurrentUser", 200, renewed, message)
        },
    ),
    Scenario::new(
        "a request for the user without a database returns 503",
        "showCurrentUser",
        503,
        |drive, pbx| {
            let token = log_in(drive, &pbx.user)?;
            call_without_database(drive, pbx, "showCurrentUser", |it| it.bearer(&token))?;
            current_user(drive, |request| request.bearer(&token), 200).map(drop)
        },
    ),
];

fn current_user(
    drive: &mut Drive,
    credential: impl FnOnce(Request) -> Request,
    expected: u16,
) -> Result<Response, Abort> {
    call(drive, "showCurrentUser", credential, expected)
}

fn check_user(drive: &mut Drive, response: &Response, account: &Account) -> Result<(), Abort> {
    let body = response.json();
    let until = seconds_from_response(response, "created_at");
    // The accounts are created when the server is started for the checks.
    let ages = -MAX_ACCOUNT_AGE..=MAX_SECONDS_APART;
    for (condition, message) in [
        (
            body["username"] == *account.username,
            "`username` is not the name of the user",
        ),
        (
            body["role"] == *account.role,
            "`role` is not the role of the user",
        ),
        (
            body["domain"].as_str() == account.domain.as_deref(),
            "`domain` is not the domain of the user's tenant",
        ),
        (
            body["tenant_id"].is_string() == account.domain.is_some(),
            "`tenant_id` is absent for a user of a tenant, or present for a system user",
        ),
        (
            body["id"] != body["tenant_id"],
            "`id` is the id of the tenant",
        ),
        (
            is_in_whole_seconds(&body["created_at"]),
            "`created_at` is not in whole seconds of UTC",
        ),
        (
            until.is_some_and(|seconds| ages.contains(&seconds)),
            "`created_at` is not the time at which the user was created",
        ),
    ] {
        ensure(drive, "showCurrentUser", 200, condition, message)?;
    }
    Ok(())
}

/// The maximum age of an account during the checks, in seconds.
const MAX_ACCOUNT_AGE: i64 = 3600;
