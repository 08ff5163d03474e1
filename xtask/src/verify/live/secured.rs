//! Every secured operation, with every credential that is none: each must be answered 401.

use dropshot_codegen::{Contract, OperationRef};
use serde_json::Value;

use crate::report::Problem;

use super::cases;
use super::credential::{Carrier, Credentials};
use super::drive::{Drive, Expect, Halt};
use super::exchange::Request;
use super::scenarios;
use super::stage::World;

/// Asks every secured operation with no credential, with none that holds by each of its schemes, and with one that holds
/// by schemes that it does not list.
pub(crate) fn run(drive: &mut Drive, credentials: &Credentials) {
    let contract = drive.contract();
    for operation in contract.operations() {
        if names(contract, &operation).is_empty() {
            continue;
        }
        match requests(contract, &operation, credentials) {
            Ok(requests) => {
                for (name, request) in requests {
                    drive.begin(name);
                    // What is wrong is kept; the other credentials are asked all the same.
                    let _ = drive.ask(&operation, &request, Expect::Status(401));
                }
            }
            Err(problem) => drive.fail(&operation.pointer, problem),
        }
    }
}

/// A request with a credential that holds, if the operation asks for one. `token` is that of a session that lives, and
/// is opened where there is none.
pub(crate) fn authorized(
    drive: &mut Drive,
    world: &World,
    operation: &OperationRef,
    request: Request,
    token: &mut Option<String>,
) -> Result<Request, Halt> {
    let contract = drive.contract();
    let names = names(contract, operation);
    let Some(name) = names.first() else {
        return Ok(request);
    };
    let carrier = match Carrier::named(contract, name) {
        Ok(carrier) => carrier,
        Err(problem) => {
            drive.fail(&operation.pointer, problem);
            return Err(Halt);
        }
    };
    let token = match token {
        Some(token) => token,
        None => token.insert(scenarios::open(drive, &world.administrator)?),
    };
    Ok(carrier.send(request, token))
}

/// The security schemes of an operation, each once.
fn names(contract: &Contract, operation: &OperationRef) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (_, name) in contract.security_schemes(&operation.pointer) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn requests(
    contract: &Contract,
    operation: &OperationRef,
    credentials: &Credentials,
) -> Result<Vec<(String, Request)>, Problem> {
    let sample = cases::sample(contract, operation)?.request;
    let mut requests = Vec::new();
    if !contract.accepts_anonymous(&operation.pointer) {
        requests.push((
            "it is asked without a credential".to_owned(),
            sample.clone(),
        ));
    }
    let listed = names(contract, operation);
    let tokens = [
        ("an empty", Some("")),
        ("a malformed", Some("none")),
        ("a malformed", Some("a b")),
        ("an unknown", credentials.unknown.as_deref()),
        ("an expired", credentials.expired.as_deref()),
        ("a revoked", credentials.revoked.as_deref()),
    ];
    let altered: Vec<String> = credentials
        .live
        .iter()
        .flat_map(|token| altered(token))
        .collect();
    for name in &listed {
        let carrier = Carrier::named(contract, name)?;
        for (kind, token) in tokens {
            let Some(token) = token else { continue };
            requests.push((
                format!("{kind} credential is sent by `{name}`"),
                carrier.send(sample.clone(), token),
            ));
        }
    }
    for name in &listed {
        let carrier = Carrier::named(contract, name)?;
        for token in &altered {
            requests.push((
                format!("an altered credential is sent by `{name}`"),
                carrier.send(sample.clone(), token),
            ));
        }
    }
    if let Some(token) = credentials.live.as_deref() {
        requests.extend(foreign(contract, &listed, &sample, token)?);
    }
    Ok(requests)
}

/// What a lenient reader would take for the token.
fn altered(token: &str) -> Vec<String> {
    let swapped = match token.to_ascii_lowercase() {
        lower if lower == token => token.to_ascii_uppercase(),
        lower => lower,
    };
    let mut all = vec![
        swapped,
        format!("x {token}"),
        format!("{token} x"),
        format!("{token}0"),
        format!("\"{token}\""),
    ];
    // One that looks the same in either case is not altered.
    all.retain(|other| other != token);
    all
}

/// A credential that holds, sent in ways that are not listed: by the other schemes of the contract, and by what a lenient
/// reader would take for one of them.
fn foreign(
    contract: &Contract,
    listed: &[String],
    sample: &Request,
    token: &str,
) -> Result<Vec<(String, Request)>, Problem> {
    let authorization = |scheme: &str| {
        sample
            .clone()
            .header("Authorization", format!("{scheme}{token}"))
    };
    let mut query = sample.clone();
    let mark = if query.path.contains('?') { '&' } else { '?' };
    query.path = format!("{}{mark}access_token={token}", query.path);
    let mut requests: Vec<(String, Request)> = [
        ("as `Authorization` without a scheme", authorization("")),
        (
            "as `Authorization` of the scheme Basic",
            authorization("Basic "),
        ),
        (
            "as `Authorization` of the scheme Token",
            authorization("Token "),
        ),
        (
            "as a cookie of another name",
            sample.clone().cookie("verify", token),
        ),
        (
            "as a header of another name",
            sample.clone().header("X-Verify", token),
        ),
        ("in the query", query),
    ]
    .into_iter()
    .map(|(how, request)| (format!("a credential that holds is sent {how}"), request))
    .collect();
    let declared = contract.value().pointer("/components/securitySchemes");
    for (name, _) in declared.and_then(Value::as_object).into_iter().flatten() {
        if !listed.contains(name) {
            requests.push((
                format!("a credential that holds is sent by `{name}`, which is not listed"),
                Carrier::named(contract, name)?.send(sample.clone(), token),
            ));
        }
    }
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = r"
openapi: 3.0.3
info: { title: t, version: 1.0.0 }
security: [{ token: [] }, { cookie: [] }]
paths:
  /things/{id}:
    put:
      operationId: putThing
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      requestBody:
        required: true
        content: { application/json: { schema: { type: object, example: { a: 1 } } } }
      responses: { '204': { description: done } }
components:
  securitySchemes:
    token: { type: http, scheme: bearer }
    cookie: { type: apiKey, in: cookie, name: sid }
    other: { type: apiKey, in: header, name: X-Key }
";

    #[test]
    fn every_credential_that_is_none_is_sent_by_every_scheme() {
        let contract = Contract::parse("openapi.yaml", CONTRACT).expect("a contract");
        let operation = &contract.operations()[0];
        let of = |token: &str| Some(token.to_owned());
        let credentials = Credentials {
            live: of("AB12"),
            unknown: of("0B12"),
            expired: of("CD34"),
            revoked: of("EF56"),
        };
        let requests = requests(&contract, operation, &credentials).expect("they can be made");
        let lines: Vec<String> = requests
            .iter()
            .map(|(name, request)| {
                let body = String::from_utf8_lossy(&request.body);
                format!(
                    "{name}: {} {} {:?} {body}",
                    request.method, request.path, request.headers
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        it is asked without a credential: PUT /things/a [("content-type", "application/json")] {"a":1}
        an empty credential is sent by `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer ")] {"a":1}
        a malformed credential is sent by `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer none")] {"a":1}
        a malformed credential is sent by `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer a b")] {"a":1}
        an unknown credential is sent by `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer 0B12")] {"a":1}
        an expired credential is sent by `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer CD34")] {"a":1}
        a revoked credential is sent by `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer EF56")] {"a":1}
        an empty credential is sent by `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=")] {"a":1}
        a malformed credential is sent by `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=none")] {"a":1}
        a malformed credential is sent by `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=a b")] {"a":1}
        an unknown credential is sent by `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=0B12")] {"a":1}
        an expired credential is sent by `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=CD34")] {"a":1}
        a revoked credential is sent by `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=EF56")] {"a":1}
        an altered credential is sent by `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer ab12")] {"a":1}
        an altered credential is sent by `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer x AB12")] {"a":1}
        an altered credential is sent by `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer AB12 x")] {"a":1}
        an altered credential is sent by `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer AB120")] {"a":1}
        an altered credential is sent by `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer \"AB12\"")] {"a":1}
        an altered credential is sent by `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=ab12")] {"a":1}
        an altered credential is sent by `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=x AB12")] {"a":1}
        an altered credential is sent by `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=AB12 x")] {"a":1}
        an altered credential is sent by `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=AB120")] {"a":1}
        an altered credential is sent by `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=\"AB12\"")] {"a":1}
        a credential that holds is sent as `Authorization` without a scheme: PUT /things/a [("content-type", "application/json"), ("Authorization", "AB12")] {"a":1}
        a credential that holds is sent as `Authorization` of the scheme Basic: PUT /things/a [("content-type", "application/json"), ("Authorization", "Basic AB12")] {"a":1}
        a credential that holds is sent as `Authorization` of the scheme Token: PUT /things/a [("content-type", "application/json"), ("Authorization", "Token AB12")] {"a":1}
        a credential that holds is sent as a cookie of another name: PUT /things/a [("content-type", "application/json"), ("Cookie", "verify=AB12")] {"a":1}
        a credential that holds is sent as a header of another name: PUT /things/a [("content-type", "application/json"), ("X-Verify", "AB12")] {"a":1}
        a credential that holds is sent in the query: PUT /things/a?access_token=AB12 [("content-type", "application/json")] {"a":1}
        a credential that holds is sent by `other`, which is not listed: PUT /things/a [("content-type", "application/json"), ("X-Key", "AB12")] {"a":1}
        "#);
    }

    #[test]
    fn an_unknown_token_looks_like_a_known_one() {
        assert_eq!(scenarios::unknown("AB12"), "0B12");
        assert_eq!(scenarios::unknown("0B12"), "1B12");
    }
}
