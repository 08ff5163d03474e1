//! Responses that scenarios do not reach, each with the expected result of `Session`.

use dropshot_conformance::Response;
use serde_json::{Value, json};

pub(super) struct Canned {
    pub(super) name: &'static str,
    pub(super) step: &'static str,
    pub(super) response: Response,
    pub(super) result: Value,
}

pub(super) fn canned() -> Vec<Canned> {
    let kind = |kind: &str| json!({ "kind": kind });
    let row = |name, step, response, result| Canned {
        name,
        step,
        response,
        result,
    };
    let login = |cookies: &[&str]| {
        cookies.iter().fold(plain(200), |response, cookie| {
            with(response, "set-cookie", cookie)
        })
    };
    let status = |body: Value| Response {
        body: body.to_string().into_bytes(),
        ..with(plain(200), "content-type", "application/json")
    };
    let waits = |status: u16| with(error(status), "retry-after", "7");
    let throttled = || json!({ "kind": "Throttled", "wait": 7 });
    let whole = || {
        json!({
            "access_token": "T", "expires_at": "2026-03-01T08:30:00Z", "expires_in": 9, "role": "Admin",
        })
    };
    let user = || {
        json!({
            "id": "U1", "username": "alice", "tenant_id": "T1", "domain": "a.example", "role": "Admin",
            "created_at": "2026-03-01T08:00:00Z",
        })
    };
    let without_domain = || {
        let mut body = user();
        body.as_object_mut().map(|fields| fields.remove("domain"));
        body
    };
    let without_tenant = || {
        let mut body = without_domain();
        body.as_object_mut()
            .map(|fields| fields.remove("tenant_id"));
        body
    };
    let with_kind = |mut body: Value| {
        body["kind"] = json!("Ok");
        body
    };
    let but = |field: &str, value: Value| {
        let mut body = whole();
        body[field] = value;
        status(body)
    };
    let token = || json!({ "kind": "Ok", "token": "A1" });
    vec![
        row(
            "a login without the cookie is `InvalidResponse`",
            "log_in",
            login(&[]),
            kind("InvalidResponse"),
        ),
        row(
            "a login with a different cookie is `InvalidResponse`",
            "log_in",
            login(&["sessionx=A1; Path=/"]),
            kind("InvalidResponse"),
        ),
        row(
            "the cookie is found among others",
            "log_in",
            login(&["a=b; Path=/", "session=A1; Path=/"]),
            token(),
        ),
        row(
            "the cookie is found without attributes",
            "log_in",
            login(&["session=A1"]),
            token(),
        ),
        row(
            "a malformed login is `InvalidInput`",
            "log_in",
            error(400),
            kind("InvalidInput"),
        ),
        row(
            "a rate-limited login is `Throttled`",
            "log_in",
            waits(429),
            throttled(),
        ),
        row(
            "a login that is shed is `Throttled`",
            "log_in",
            waits(503),
            throttled(),
        ),
        row(
            "a 429 without Retry-After is `InvalidResponse`",
            "log_in",
            error(429),
            kind("InvalidResponse"),
        ),
        row(
            "a server that is down behind a proxy is `Unreachable`",
            "log_in",
            error(503),
            kind("Unreachable"),
        ),
        row(
            "a bad gateway is `Unreachable`",
            "status",
            error(502),
            kind("Unreachable"),
        ),
        row(
            "a gateway timeout is `Unreachable`",
            "status",
            error(504),
            kind("Unreachable"),
        ),
        row(
            "an error of the server is `InvalidResponse`",
            "status",
            error(500),
            kind("InvalidResponse"),
        ),
        row(
            "an unknown session is `Expired`",
            "status",
            error(401),
            kind("Expired"),
        ),
        row(
            "a redirect is `InvalidResponse` and is not followed",
            "log_in",
            with(plain(307), "location", "/elsewhere"),
            kind("InvalidResponse"),
        ),
        row(
            "a status that is not JSON is `InvalidResponse`",
            "status",
            with(plain(200), "content-type", "application/json"),
            kind("InvalidResponse"),
        ),
        row(
            "a status without `access_token` is `InvalidResponse`",
            "status",
            but("access_token", Value::Null),
            kind("InvalidResponse"),
        ),
        row(
            "a status without `expires_at` is `InvalidResponse`",
            "status",
            but("expires_at", Value::Null),
            kind("InvalidResponse"),
        ),
        row(
            "a status without `expires_in` is `InvalidResponse`",
            "status",
            but("expires_in", Value::Null),
            kind("InvalidResponse"),
        ),
        row(
            "a status with a negative `expires_in` is `InvalidResponse`",
            "status",
            but("expires_in", json!(-1)),
            kind("InvalidResponse"),
        ),
        row(
            "a status without `role` is `InvalidResponse`",
            "status",
            but("role", Value::Null),
            kind("InvalidResponse"),
        ),
        row(
            "a status has all of its fields",
            "status",
            status(whole()),
            {
                let mut result = whole();
                result["kind"] = json!("Ok");
                result
            },
        ),
        row(
            "a logout without a live session is `Expired`",
            "log_out",
            error(401),
            kind("Expired"),
        ),
        row(
            "a user of a tenant has all fields",
            "user",
            status(user()),
            with_kind(user()),
        ),
        row(
            "a user without a tenant has neither tenant id nor domain",
            "check",
            status(without_tenant()),
            with_kind(without_tenant()),
        ),
        row(
            "a user with a tenant id but no domain is `InvalidResponse`",
            "user",
            status(without_domain()),
            kind("InvalidResponse"),
        ),
        row(
            "a check of an unknown session finds no user",
            "check",
            error(401),
            kind("NoSession"),
        ),
        row(
            "a check by an overloaded server is `Throttled`",
            "check",
            waits(503),
            throttled(),
        ),
        row(
            "a check by a server without the operation is `InvalidResponse`",
            "check",
            error(404),
            kind("InvalidResponse"),
        ),
        row("a logout succeeds", "log_out", plain(204), kind("Ok")),
    ]
}

pub(super) fn plain(status: u16) -> Response {
    Response {
        status,
        headers: Default::default(),
        body: Vec::new(),
    }
}

/// Returns an error response with the body of the contract.
fn error(status: u16) -> Response {
    let body = json!({ "request_id": "1", "message": "no" });
    Response {
        body: body.to_string().into_bytes(),
        ..with(plain(status), "content-type", "application/json")
    }
}

fn with(mut response: Response, name: &'static str, value: &str) -> Response {
    if let Ok(value) = value.parse() {
        response.headers.append(name, value);
    }
    response
}
