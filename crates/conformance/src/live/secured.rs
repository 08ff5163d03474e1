//! Sends invalid credentials to every secured operation, which must respond with 401.

use std::collections::BTreeMap;

use dropshot_codegen::{Contract, OperationRef};
use serde_json::Value;

use crate::report::Problem;

use crate::drive::credential::Carrier;
use crate::drive::exchange::Request;
use crate::drive::{Abort, Drive, Expect};
use crate::harness::Harness;

use super::cases;

#[derive(Debug, Default)]
pub(crate) struct Credentials {
    by_scheme: BTreeMap<String, SchemeCredentials>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct SchemeCredentials {
    pub(crate) live: Option<String>,
    /// A live credential with one character changed.
    pub(crate) unknown: Option<String>,
    pub(crate) expired: Option<String>,
    pub(crate) revoked: Option<String>,
}

impl Credentials {
    pub(crate) fn gather<H: Harness>(
        drive: &mut Drive,
        harness: &H,
        mut expired: BTreeMap<String, String>,
    ) -> Self {
        drive.begin_scenario("obtaining credentials");
        let mut by_scheme = BTreeMap::new();
        for scheme in all_schemes(drive.contract()) {
            let live = harness.credential(drive, &scheme).ok();
            let revoked = harness
                .credential(drive, &scheme)
                .ok()
                .filter(|credential| {
                    matches!(harness.revoke(drive, &scheme, credential), Some(Ok(())))
                });
            let of_scheme = SchemeCredentials {
                unknown: live.as_deref().map(|live| harness.unknown(live)),
                live,
                expired: expired.remove(&scheme),
                revoked,
            };
            by_scheme.insert(scheme, of_scheme);
        }
        Self { by_scheme }
    }

    #[cfg(test)]
    pub(super) fn for_tests(by_scheme: &[(&str, SchemeCredentials)]) -> Self {
        let by_scheme = by_scheme.iter().cloned();
        Self {
            by_scheme: by_scheme.map(|(name, it)| (name.to_owned(), it)).collect(),
        }
    }

    pub(super) fn for_scheme(&self, scheme: &str) -> SchemeCredentials {
        self.by_scheme.get(scheme).cloned().unwrap_or_default()
    }
}

pub(crate) fn all_schemes(contract: &Contract) -> Vec<String> {
    let mut all = Vec::new();
    for operation in contract.operations() {
        for name in scheme_names(contract, &operation) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
    }
    all
}

/// Calls each secured operation with missing, invalid and misplaced credentials.
///
/// Each invalid credential is sent by each scheme of the operation, and a valid one by schemes that it does not list.
pub(crate) fn run(drive: &mut Drive, credentials: &Credentials) {
    let contract = drive.contract();
    for operation in contract.operations() {
        if scheme_names(contract, &operation).is_empty() {
            continue;
        }
        match requests(contract, &operation, credentials) {
            Ok(requests) => {
                for (name, request) in requests {
                    drive.begin_scenario(name);
                    let _ = drive.send_expecting(&operation, &request, Expect::Status(401));
                }
            }
            Err(problem) => drive.fail(&operation.pointer, problem),
        }
    }
}

/// Adds a valid credential to a request if the operation requires one.
///
/// `credential` caches a valid one.
pub(crate) fn authorize<H: Harness>(
    drive: &mut Drive,
    harness: &H,
    operation: &OperationRef,
    request: Request,
    credential: &mut Option<String>,
) -> Result<Request, Abort> {
    let contract = drive.contract();
    let names = scheme_names(contract, operation);
    let Some(name) = names.first() else {
        return Ok(request);
    };
    authorize_by(drive, harness, operation, request, name, credential)
}

/// Like [`authorize`], for one security scheme.
pub(crate) fn authorize_by<H: Harness>(
    drive: &mut Drive,
    harness: &H,
    operation: &OperationRef,
    request: Request,
    scheme: &str,
    credential: &mut Option<String>,
) -> Result<Request, Abort> {
    let carrier = match Carrier::named(drive.contract(), scheme) {
        Ok(carrier) => carrier,
        Err(problem) => {
            drive.fail(&operation.pointer, problem);
            return Err(Abort);
        }
    };
    let credential = match credential {
        Some(credential) => credential,
        None => credential.insert(harness.credential(drive, scheme)?),
    };
    Ok(carrier.send(request, credential))
}

pub(crate) fn scheme_names(contract: &Contract, operation: &OperationRef) -> Vec<String> {
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
        requests.push(("a request without a credential".to_owned(), sample.clone()));
    }
    let listed = scheme_names(contract, operation);
    for name in &listed {
        let carrier = Carrier::named(contract, name)?;
        let SchemeCredentials {
            unknown,
            expired,
            revoked,
            ..
        } = credentials.for_scheme(name);
        let tokens = [
            ("an empty", Some(String::new())),
            ("a malformed", Some("none".to_owned())),
            ("a malformed", Some("a b".to_owned())),
            ("an unknown", unknown),
            ("an expired", expired),
            ("a revoked", revoked),
        ];
        for (kind, token) in tokens {
            let Some(token) = token else { continue };
            requests.push((
                format!("{kind} credential is sent with the scheme `{name}`"),
                carrier.send(sample.clone(), &token),
            ));
        }
    }
    for name in &listed {
        let carrier = Carrier::named(contract, name)?;
        for token in credentials
            .for_scheme(name)
            .live
            .iter()
            .flat_map(|it| altered_tokens(it))
        {
            requests.push((
                format!("an altered credential is sent with the scheme `{name}`"),
                carrier.send(sample.clone(), &token),
            ));
        }
    }
    let first = listed.first().map(|name| credentials.for_scheme(name));
    if let Some(token) = first.and_then(|of_scheme| of_scheme.live) {
        requests.extend(misplaced_credentials(contract, &listed, &sample, &token)?);
    }
    Ok(requests)
}

/// Returns credentials that a lenient parser might accept as the token.
fn altered_tokens(token: &str) -> Vec<String> {
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
    // Without letters, the case makes no difference.
    all.retain(|other| other != token);
    all
}

/// Returns requests with a valid credential in places that the operation does not list.
fn misplaced_credentials(
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
        ("in `Authorization` without a scheme", authorization("")),
        (
            "in `Authorization` with the scheme Basic",
            authorization("Basic "),
        ),
        (
            "in `Authorization` with the scheme Token",
            authorization("Token "),
        ),
        (
            "as a cookie with a different name",
            sample.clone().cookie("verify", token),
        ),
        (
            "in a header with a different name",
            sample.clone().header("X-Verify", token),
        ),
        ("in the query", query),
    ]
    .into_iter()
    .map(|(how, request)| (format!("a valid credential is sent {how}"), request))
    .collect();
    let declared = contract.value().pointer("/components/securitySchemes");
    for (name, _) in declared.and_then(Value::as_object).into_iter().flatten() {
        if !listed.contains(name) {
            requests.push((
                format!("a valid credential is sent with the scheme `{name}`, which is not listed"),
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
    fn each_invalid_credential_is_sent_by_each_scheme() {
        let contract = Contract::parse("openapi.yaml", CONTRACT).expect("the contract is valid");
        let operation = &contract.operations()[0];
        let of = |token: &str| Some(token.to_owned());
        let of_scheme = SchemeCredentials {
            live: of("AB12"),
            unknown: of("0B12"),
            expired: of("CD34"),
            revoked: of("EF56"),
        };
        let credentials =
            Credentials::for_tests(&["token", "cookie"].map(|name| (name, of_scheme.clone())));
        let requests =
            requests(&contract, operation, &credentials).expect("the requests can be generated");
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
        a request without a credential: PUT /things/a [("content-type", "application/json")] {"a":1}
        an empty credential is sent with the scheme `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer ")] {"a":1}
        a malformed credential is sent with the scheme `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer none")] {"a":1}
        a malformed credential is sent with the scheme `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer a b")] {"a":1}
        an unknown credential is sent with the scheme `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer 0B12")] {"a":1}
        an expired credential is sent with the scheme `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer CD34")] {"a":1}
        a revoked credential is sent with the scheme `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer EF56")] {"a":1}
        an empty credential is sent with the scheme `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=")] {"a":1}
        a malformed credential is sent with the scheme `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=none")] {"a":1}
        a malformed credential is sent with the scheme `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=a b")] {"a":1}
        an unknown credential is sent with the scheme `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=0B12")] {"a":1}
        an expired credential is sent with the scheme `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=CD34")] {"a":1}
        a revoked credential is sent with the scheme `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=EF56")] {"a":1}
        an altered credential is sent with the scheme `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer ab12")] {"a":1}
        an altered credential is sent with the scheme `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer x AB12")] {"a":1}
        an altered credential is sent with the scheme `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer AB12 x")] {"a":1}
        an altered credential is sent with the scheme `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer AB120")] {"a":1}
        an altered credential is sent with the scheme `token`: PUT /things/a [("content-type", "application/json"), ("Authorization", "Bearer \"AB12\"")] {"a":1}
        an altered credential is sent with the scheme `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=ab12")] {"a":1}
        an altered credential is sent with the scheme `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=x AB12")] {"a":1}
        an altered credential is sent with the scheme `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=AB12 x")] {"a":1}
        an altered credential is sent with the scheme `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=AB120")] {"a":1}
        an altered credential is sent with the scheme `cookie`: PUT /things/a [("content-type", "application/json"), ("Cookie", "sid=\"AB12\"")] {"a":1}
        a valid credential is sent in `Authorization` without a scheme: PUT /things/a [("content-type", "application/json"), ("Authorization", "AB12")] {"a":1}
        a valid credential is sent in `Authorization` with the scheme Basic: PUT /things/a [("content-type", "application/json"), ("Authorization", "Basic AB12")] {"a":1}
        a valid credential is sent in `Authorization` with the scheme Token: PUT /things/a [("content-type", "application/json"), ("Authorization", "Token AB12")] {"a":1}
        a valid credential is sent as a cookie with a different name: PUT /things/a [("content-type", "application/json"), ("Cookie", "verify=AB12")] {"a":1}
        a valid credential is sent in a header with a different name: PUT /things/a [("content-type", "application/json"), ("X-Verify", "AB12")] {"a":1}
        a valid credential is sent in the query: PUT /things/a?access_token=AB12 [("content-type", "application/json")] {"a":1}
        a valid credential is sent with the scheme `other`, which is not listed: PUT /things/a [("content-type", "application/json"), ("X-Key", "AB12")] {"a":1}
        "#);
    }

    #[test]
    fn unknown_credential_differs_in_its_first_character() {
        let harness = crate::testing::Things;
        assert_eq!(harness.unknown("AB12"), "0B12");
        assert_eq!(harness.unknown("0B12"), "1B12");
    }
}
