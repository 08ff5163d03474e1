use dropshot_conformance::{Abort, Drive, Request, Response, Scenario};

use super::steps::*;
use crate::service::PbxLogin;

pub(super) const SCENARIOS: &[Scenario<PbxLogin>] = &[
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
        "a logout without a database returns 503",
        "logout",
        503,
        |drive, pbx| {
            let token = log_in(drive, &pbx.user)?;
            call_without_database(drive, pbx, "logout", |request| request.bearer(&token))?;
            status(drive, |request| request.bearer(&token), 200).map(drop)
        },
    ),
];

pub(crate) fn logout(
    drive: &mut Drive,
    credential: impl FnOnce(Request) -> Request,
    expected: u16,
) -> Result<Response, Abort> {
    call(drive, "logout", credential, expected)
}
