//! Sends an invalid credential together with an invalid parameter or body: the response must be 401.
//!
//! A caller that is not authenticated must not learn which parameters and bodies an operation accepts.

use std::collections::BTreeSet;

use dropshot_codegen::{Contract, OperationRef};
use openapi_contract::pointer::child;

use crate::drive::credential::Carrier;
use crate::drive::exchange::Request;
use crate::drive::{Drive, Expect};
use crate::report::Problem;

use super::cases;
use super::secured::{self, Credentials};

/// Calls each secured operation with a missing and with an unknown credential.
pub(crate) fn run(drive: &mut Drive, credentials: &Credentials, body_limit: usize) {
    let contract = drive.contract();
    for operation in contract.operations() {
        match requests(contract, &operation, credentials, body_limit) {
            Ok(requests) => {
                for (name, request) in requests {
                    drive.begin_scenario(name);
                    send(drive, &operation, &request);
                }
            }
            Err(problem) => drive.fail(&operation.pointer, problem),
        }
    }
}

fn send(drive: &mut Drive, operation: &OperationRef, request: &Request) {
    let Ok(response) = drive.send(operation, request) else {
        return;
    };
    if response.status == 401 {
        return;
    }
    let message = format!(
        "the server responded with {} instead of 401: it validated a parameter or the body before the credential",
        response.status
    );
    let responses = child(&operation.pointer, "responses");
    let problem = Problem::at(drive.contract(), &responses, message)
        .help("authenticate the request before the handler calls `into_inner()` of a parameter or the body");
    drive.fail(&operation.pointer, problem);
}

fn requests(
    contract: &Contract,
    operation: &OperationRef,
    credentials: &Credentials,
    body_limit: usize,
) -> Result<Vec<(String, Request)>, Problem> {
    let schemes = secured::scheme_names(contract, operation);
    let Some(scheme) = schemes.first() else {
        return Ok(Vec::new());
    };
    let carrier = Carrier::named(contract, scheme)?;
    let valid = cases::sample(contract, operation)?.request;
    let mut cases = cases::cases(contract, operation, body_limit)?;
    // The first case of each status, for parameters and for the body.
    let mut kinds = BTreeSet::new();
    cases.retain(|case| match case.expected {
        Expect::Status(status) => kinds.insert((status, case.request.body == valid.body)),
        Expect::Accepted => false,
    });
    let mut requests = Vec::new();
    for case in cases {
        if let Some(unknown) = credentials.for_scheme(scheme).unknown {
            requests.push((
                format!("{}, with an unknown credential", case.name),
                carrier.send(case.request.clone(), &unknown),
            ));
        }
        if !contract.accepts_anonymous(&operation.pointer) {
            let name = format!("{}, without a credential", case.name);
            requests.push((name, case.request));
        }
    }
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use super::super::secured::SchemeCredentials;
    use super::*;
    use crate::drive::tests::{config, server};

    const CONTRACT: &str = r"
openapi: 3.0.3
info: { title: t, version: 1.0.0 }
paths:
  /things/{id}:
    put:
      operationId: putThing
      security: [{ token: [] }]
      parameters: [{ name: id, in: path, required: true, schema: { type: integer, example: 1 } }]
      requestBody:
        required: true
        content: { application/json: { schema: { type: object, example: { a: 1 } } } }
      responses:
        '204': { description: done }
        '400': { description: no }
        '401': { description: no }
  /open:
    get:
      operationId: getOpen
      parameters: [{ name: id, in: query, required: true, schema: { type: integer, example: 1 } }]
      responses: { '204': { description: done } }
components:
  securitySchemes:
    token: { type: http, scheme: bearer }
";

    const UNAUTHORIZED: &str = "HTTP/1.1 401 Unauthorized\r\nCache-Control: no-store\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n";
    const INVALID: &str =
        "HTTP/1.1 400 Bad Request\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n";

    fn contract() -> Contract {
        Contract::parse("openapi.yaml", CONTRACT).expect("the contract is valid")
    }

    fn credentials() -> Credentials {
        Credentials::for_tests(&[(
            "token",
            SchemeCredentials {
                unknown: Some("0B12".to_owned()),
                ..SchemeCredentials::default()
            },
        )])
    }

    #[test]
    fn each_kind_of_refusal_is_combined_with_each_invalid_credential() {
        let contract = contract();
        let lines: Vec<String> = contract
            .operations()
            .iter()
            .flat_map(|operation| {
                requests(&contract, operation, &credentials(), 16)
                    .expect("the requests can be generated")
            })
            .map(|(name, request)| {
                let authorized = request.headers.iter().any(|it| it.0 == "Authorization");
                let body = String::from_utf8_lossy(&request.body).trim_end().to_owned();
                format!("{name}: {} {authorized} {body}", request.path)
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        the parameter `id` that is a fraction, with an unknown credential: /things/1.5 true {"a":1}
        the parameter `id` that is a fraction, without a credential: /things/1.5 false {"a":1}
        an empty body, with an unknown credential: /things/1 true 
        an empty body, without a credential: /things/1 false 
        a body one byte over the maximum size, with an unknown credential: /things/1 true {"a":1}
        a body one byte over the maximum size, without a credential: /things/1 false {"a":1}
        a body without a media type, with an unknown credential: /things/1 true {"a":1}
        a body without a media type, without a credential: /things/1 false {"a":1}
        "#);
    }

    #[test]
    fn parameter_validated_before_the_credential_is_reported() {
        let contract = contract();
        let responses = &[INVALID, UNAUTHORIZED];
        let mut drive = Drive::new(config(&contract), server(responses));
        let operation = contract.operations().remove(0);
        let request = Request::to(&operation).path("id", "x");
        for scenario in ["a", "b"] {
            drive.begin_scenario(scenario);
            send(&mut drive, &operation, &request);
        }
        let text = crate::report::tests::plain(&crate::report::Report {
            items: drive.into_coverage().items(&contract, "the scenarios"),
        });
        let found = text
            .split("         openapi.yaml")
            .find(|it| it.contains("instead of 401"));
        insta::assert_snapshot!(found.expect("the finding is reported"), @"
        :13:7: the server responded with 400 instead of 401: it validated a parameter or the body before the credential
                     13 |       responses:
                        |       ^^^^^^^^^
                   at /paths/~1things~1{id}/put/responses
                   when: a
                   help: authenticate the request before the handler calls `into_inner()` of a parameter or the body
        ");
    }
}
