//! Every secured operation, with every credential that is none: each must be answered 401.

use dropshot_codegen::{Contract, OperationRef};

use crate::report::Problem;
use crate::verify::contract::security::schemes;

use super::bodies;
use super::credential::Carrier;
use super::drive::{Drive, Expect};
use super::exchange::Request;
use super::scenarios::unknown;

/// Asks every secured operation with no credential, with none that holds, and with `expired`, the token of a session that
/// is over.
pub(crate) fn run(drive: &mut Drive, expired: Option<&str>) {
    let contract = drive.contract();
    for operation in contract.operations() {
        let schemes: Vec<String> = schemes(contract, &operation.pointer)
            .into_iter()
            .map(|(_, name)| name)
            .collect();
        if schemes.is_empty() {
            continue;
        }
        match requests(contract, &operation, &schemes, expired) {
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

fn requests(
    contract: &Contract,
    operation: &OperationRef,
    schemes: &[String],
    expired: Option<&str>,
) -> Result<Vec<(String, Request)>, Problem> {
    let sample = bodies::sample(contract, operation)?;
    let mut requests = vec![(
        "it is asked without a credential".to_owned(),
        sample.clone(),
    )];
    for name in schemes {
        let carrier = Carrier::named(contract, name)?;
        let mut values = vec![
            ("an empty", ""),
            ("a malformed", "none"),
            ("a malformed", "a b"),
        ];
        let wrong = expired.map(unknown);
        values.extend(wrong.as_deref().map(|token| ("a wrong", token)));
        values.extend(expired.map(|token| ("an expired", token)));
        for (kind, value) in values {
            requests.push((
                format!("{kind} credential is sent by `{name}`"),
                carrier.send(sample.clone(), value),
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
";

    #[test]
    fn every_credential_that_is_none_is_sent_by_every_scheme() {
        let contract = Contract::parse("openapi.yaml", CONTRACT).expect("a contract");
        let operation = &contract.operations()[0];
        let schemes = ["token".to_owned(), "cookie".to_owned()];
        let requests =
            requests(&contract, operation, &schemes, Some("AB12")).expect("they can be made");
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
        it is asked without a credential: PUT /things/x [("content-type", "application/json")] {"a":1}
        an empty credential is sent by `token`: PUT /things/x [("content-type", "application/json"), ("Authorization", "Bearer ")] {"a":1}
        a malformed credential is sent by `token`: PUT /things/x [("content-type", "application/json"), ("Authorization", "Bearer none")] {"a":1}
        a malformed credential is sent by `token`: PUT /things/x [("content-type", "application/json"), ("Authorization", "Bearer a b")] {"a":1}
        a wrong credential is sent by `token`: PUT /things/x [("content-type", "application/json"), ("Authorization", "Bearer 0B12")] {"a":1}
        an expired credential is sent by `token`: PUT /things/x [("content-type", "application/json"), ("Authorization", "Bearer AB12")] {"a":1}
        an empty credential is sent by `cookie`: PUT /things/x [("content-type", "application/json"), ("Cookie", "sid=")] {"a":1}
        a malformed credential is sent by `cookie`: PUT /things/x [("content-type", "application/json"), ("Cookie", "sid=none")] {"a":1}
        a malformed credential is sent by `cookie`: PUT /things/x [("content-type", "application/json"), ("Cookie", "sid=a b")] {"a":1}
        a wrong credential is sent by `cookie`: PUT /things/x [("content-type", "application/json"), ("Cookie", "sid=0B12")] {"a":1}
        an expired credential is sent by `cookie`: PUT /things/x [("content-type", "application/json"), ("Cookie", "sid=AB12")] {"a":1}
        "#);
    }

    #[test]
    fn an_unknown_token_looks_like_a_known_one() {
        assert_eq!(unknown("AB12"), "0B12");
        assert_eq!(unknown("0B12"), "1B12");
    }
}
