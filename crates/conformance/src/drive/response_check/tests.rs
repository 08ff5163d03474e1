use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use super::*;
use crate::report::tests::plain;
use crate::report::{Check, Item, Report};

const CONTRACT: &str = r"
openapi: 3.0.3
info: { title: Things, version: 1.0.0 }
paths:
  /things:
    get:
      operationId: getThings
      responses:
        '200':
          description: Here.
          headers:
            Cache-Control: { $ref: '#/components/headers/NoStore' }
            X-Left: { required: true, schema: { type: integer, format: int32 } }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Thing' }
        '401':
          description: No.
          headers:
            Cache-Control: { $ref: '#/components/headers/NoStore' }
            WWW-Authenticate: { required: true, schema: { type: string, enum: [Bearer] } }
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Error' }
    delete:
      operationId: deleteThings
      responses:
        '204':
          description: Gone.
          headers:
            Cache-Control: { $ref: '#/components/headers/NoStore' }
components:
  headers:
    NoStore: { required: true, schema: { type: string, enum: [no-store] } }
  schemas:
    Thing:
      type: object
      required: [name]
      properties: { name: { type: string, maxLength: 3 }, made: { type: string, format: date-time } }
    Error:
      type: object
      required: [request_id, message]
      properties: { request_id: { type: string }, error_code: { type: string }, message: { type: string } }
";

fn contract() -> Contract {
    Contract::parse("openapi.yaml", CONTRACT).expect("the contract is valid")
}

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("the name is valid");
        map.append(
            name,
            HeaderValue::from_str(value).expect("the value is valid"),
        );
    }
    Response {
        status,
        headers: map,
        body: body.as_bytes().to_vec(),
    }
}

fn checker(contract: &Contract) -> ResponseChecker<'_> {
    ResponseChecker::new(contract, &[("cache-control", "no-store")], Routing::Strict)
}

fn report_of(operation: usize, response: &Response) -> String {
    let contract = contract();
    let operation = &contract.operations()[operation];
    let problems = checker(&contract).check_operation(operation, response);
    plain(&Report {
        items: vec![Item::from_problems(Check::Live, "things", problems)],
    })
}

const NO_STORE: (&str, &str) = ("Cache-Control", "no-store");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const LEFT: (&str, &str) = ("X-Left", "3");
const ERROR: &str = r#"{"request_id":"1","message":"no"}"#;

#[test]
fn listed_responses_are_fresh() {
    let headers = [NO_STORE, JSON, LEFT, ("Date", "now"), ("X-Request-Id", "1")];
    let body = r#"{"name":"a","made":"2026-03-01T08:30:00Z"}"#;
    insta::assert_snapshot!(report_of(0, &response(200, &headers, body)), @"
     fresh live      things

    1 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
    insta::assert_snapshot!(report_of(0, &response(401, &[NO_STORE, JSON, ("WWW-Authenticate", "Bearer")], ERROR)), @"
     fresh live      things

    1 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
    insta::assert_snapshot!(report_of(1, &response(204, &[NO_STORE], "")), @"
     fresh live      things

    1 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
}

#[test]
fn unlisted_status_is_reported() {
    insta::assert_snapshot!(report_of(0, &response(500, &[NO_STORE, JSON], ERROR)), @"
    failed live      things
             openapi.yaml:8:7: the server responded with 500, which is not listed
                  8 |       responses:
                    |       ^^^^^^^^^
               at /paths/~1things/get/responses
               help: list it in the contract, or fix the server

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
}

#[test]
fn missing_invalid_and_unlisted_headers_are_reported() {
    let body = r#"{"name":"a"}"#;
    insta::assert_snapshot!(report_of(0, &response(200, &[JSON], body)), @"
    failed live      things
             openapi.yaml:12:13: the 200 response lacks the header `Cache-Control`
                 12 |             Cache-Control: { $ref: '#/components/headers/NoStore' }
                    |             ^^^^^^^^^^^^^
               at /paths/~1things/get/responses/200/headers/Cache-Control
             openapi.yaml:13:13: the 200 response lacks the header `X-Left`
                 13 |             X-Left: { required: true, schema: { type: integer, format: int32 } }
                    |             ^^^^^^
               at /paths/~1things/get/responses/200/headers/X-Left

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
    let headers = [
        ("Cache-Control", "private"),
        JSON,
        ("X-Left", "2147483648"),
        ("X-Left", "many"),
        ("Server", "s"),
    ];
    insta::assert_snapshot!(report_of(0, &response(200, &headers, body)), @r#"
    failed live      things
             openapi.yaml:12:13: the header `Cache-Control` of the 200 response is invalid: value is not one of "no-store"
                 12 |             Cache-Control: { $ref: '#/components/headers/NoStore' }
                    |             ^^^^^^^^^^^^^
               at /paths/~1things/get/responses/200/headers/Cache-Control
             openapi.yaml:13:13: the header `X-Left` of the 200 response is invalid: value is greater than the maximum of 2147483647
                 13 |             X-Left: { required: true, schema: { type: integer, format: int32 } }
                    |             ^^^^^^
               at /paths/~1things/get/responses/200/headers/X-Left
             openapi.yaml:13:13: the header `X-Left` of the 200 response is invalid: value is not of type "integer"
                 13 |             X-Left: { required: true, schema: { type: integer, format: int32 } }
                    |             ^^^^^^
               at /paths/~1things/get/responses/200/headers/X-Left
             openapi.yaml:9:9: the 200 response has an unlisted header `server`
                  9 |         '200':
                    |         ^^^^^
               at /paths/~1things/get/responses/200
               help: list it in the contract, or fix the server

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    "#);
    insta::assert_snapshot!(report_of(0, &response(401, &[NO_STORE, JSON], ERROR)), @"
    failed live      things
             openapi.yaml:21:13: the 401 response lacks the header `WWW-Authenticate`
                 21 |             WWW-Authenticate: { required: true, schema: { type: string, enum: [Bearer] } }
                    |             ^^^^^^^^^^^^^^^^
               at /paths/~1things/get/responses/401/headers/WWW-Authenticate

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
}

#[test]
fn invalid_body_is_reported_without_its_values() {
    let headers = [NO_STORE, JSON, LEFT];
    let body = r#"{"name":"hidden","made":"hidden","more":"hidden"}"#;
    let text = report_of(0, &response(200, &headers, body));
    assert!(!text.contains("hidden"), "{text}");
    insta::assert_snapshot!(text, @r#"
    failed live      things
             openapi.yaml:16:15: the body of the 200 response is invalid: /name: value is longer than 3 characters
                 16 |               schema: { $ref: '#/components/schemas/Thing' }
                    |               ^^^^^^
               at /paths/~1things/get/responses/200/content/application~1json/schema
             openapi.yaml:16:15: the body of the 200 response is invalid: /made: value is not a "date-time"
                 16 |               schema: { $ref: '#/components/schemas/Thing' }
                    |               ^^^^^^
               at /paths/~1things/get/responses/200/content/application~1json/schema
             openapi.yaml:16:15: the body of the 200 response is invalid: Unevaluated properties are not allowed ('more' was unexpected)
                 16 |               schema: { $ref: '#/components/schemas/Thing' }
                    |               ^^^^^^
               at /paths/~1things/get/responses/200/content/application~1json/schema

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    "#);
    insta::assert_snapshot!(report_of(0, &response(200, &headers, "{}")), @r#"
    failed live      things
             openapi.yaml:16:15: the body of the 200 response is invalid: "name" is a required property
                 16 |               schema: { $ref: '#/components/schemas/Thing' }
                    |               ^^^^^^
               at /paths/~1things/get/responses/200/content/application~1json/schema

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    "#);
    insta::assert_snapshot!(report_of(0, &response(200, &headers, "{\"name\":")), @"
    failed live      things
             openapi.yaml:9:9: the body of the 200 response is not valid JSON: EOF while parsing a value at line 1 column 8
                  9 |         '200':
                    |         ^^^^^
               at /paths/~1things/get/responses/200

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
}

#[test]
fn unlisted_media_type_and_unlisted_body_are_reported() {
    let text = ("Content-Type", "text/plain");
    insta::assert_snapshot!(report_of(0, &response(200, &[NO_STORE, LEFT, text], "a")), @"
    failed live      things
             openapi.yaml:9:9: the 200 response has an unlisted media type
                  9 |         '200':
                    |         ^^^^^
               at /paths/~1things/get/responses/200
               contract: application/json
               server  : text/plain

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
    insta::assert_snapshot!(report_of(1, &response(204, &[NO_STORE, text], "a")), @"
    failed live      things
             openapi.yaml:28:9: the 204 response has a body, but the contract lists none
                 28 |         '204':
                    |         ^^^^^
               at /paths/~1things/delete/responses/204

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
    insta::assert_snapshot!(report_of(1, &response(204, &[NO_STORE, JSON], "")), @"
    failed live      things
             openapi.yaml:28:9: the 204 response has a `Content-Type`, but the contract lists none
                 28 |         '204':
                    |         ^^^^^
               at /paths/~1things/delete/responses/204

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
}

#[test]
fn response_to_unlisted_request_must_be_a_listed_error_with_allow() {
    let contract = contract();
    let checker = checker(&contract);
    let listed = ["DELETE".to_owned(), "GET".to_owned()];
    let report = |problems| {
        plain(&Report {
            items: vec![Item::from_problems(
                Check::Live,
                "unlisted requests",
                problems,
            )],
        })
    };

    let good = response(405, &[NO_STORE, JSON, ("Allow", "GET, DELETE")], ERROR);
    assert_eq!(checker.check_unlisted(&good, Some(&listed), false), vec![]);
    let head = response(
        405,
        &[NO_STORE, JSON, ("Allow", "GET"), ("Allow", "DELETE")],
        "",
    );
    assert_eq!(checker.check_unlisted(&head, Some(&listed), true), vec![]);
    assert_eq!(
        checker.check_unlisted(&response(404, &[NO_STORE, JSON], ERROR), None, false),
        vec![]
    );

    let bad = response(405, &[JSON, ("Allow", "GET")], r#"{"error":"no"}"#);
    insta::assert_snapshot!(report(checker.check_unlisted(&bad, Some(&listed), false)), @r#"
    failed live      unlisted requests
             openapi.yaml:4:1: the 405 response lacks `Cache-Control: no-store`
                  4 | paths:
                    | ^^^^^
               at /paths
               help: every response of this service must have it: list `Cache-Control: { $ref: '#/components/headers/NoStore' }` under `headers` of each response of the contract, so that generated code sends it
             openapi.yaml:4:1: the header `Allow` does not list the methods of the contract
                  4 | paths:
                    | ^^^^^
               at /paths
               contract: DELETE, GET
               server  : GET
             openapi.yaml:24:15: the body of the 405 response is invalid: "request_id" is a required property
                 24 |               schema: { $ref: '#/components/schemas/Error' }
                    |               ^^^^^^
               at /paths/~1things/get/responses/401/content/application~1json/schema
             openapi.yaml:24:15: the body of the 405 response is invalid: "message" is a required property
                 24 |               schema: { $ref: '#/components/schemas/Error' }
                    |               ^^^^^^
               at /paths/~1things/get/responses/401/content/application~1json/schema
             openapi.yaml:24:15: the body of the 405 response is invalid: Unevaluated properties are not allowed ('error' was unexpected)
                 24 |               schema: { $ref: '#/components/schemas/Error' }
                    |               ^^^^^^
               at /paths/~1things/get/responses/401/content/application~1json/schema

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    "#);
}

#[test]
fn cookie_is_read_from_the_response() {
    let headers = [
        ("Set-Cookie", "other=1; Path=/"),
        ("Set-Cookie", "session=ABC; HttpOnly; Path=/"),
    ];
    assert_eq!(
        response(200, &headers, "").cookie("session").as_deref(),
        Some("ABC")
    );
    assert_eq!(response(200, &headers, "").cookie("absent"), None);
    assert_eq!(response(200, &[], r#"{"a":1}"#).json(), json!({ "a": 1 }));
}

#[test]
fn wrong_error_code_is_reported() {
    let contract = Contract::parse(
        "openapi.yaml",
        &CONTRACT.replace(
            "          description: No.\n",
            "          description: No.\n          x-error-code: Refused\n",
        ),
    )
    .expect("the contract is valid");
    let operation = &contract.operations()[0];
    let headers = [NO_STORE, JSON, ("WWW-Authenticate", "Bearer")];
    let coded =
        |code: &str| format!(r#"{{"request_id":"1","message":"no","error_code":"{code}"}}"#);
    let problems = |body: &str| {
        plain(&Report {
            items: vec![Item::from_problems(
                Check::Live,
                "things",
                checker(&contract).check_operation(operation, &response(401, &headers, body)),
            )],
        })
    };
    insta::assert_snapshot!(problems(&coded("Refused")), @"
     fresh live      things

    1 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
    insta::assert_snapshot!(problems(&coded("Denied")), @"
    failed live      things
             openapi.yaml:19:11: the 401 response has the wrong `error_code`
                 19 |           x-error-code: Refused
                    |           ^^^^^^^^^^^^
               at /paths/~1things/get/responses/401/x-error-code
               contract: Refused
               server  : Denied
               help: declare it with `x-error-code` of the response, or fix the server

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
    insta::assert_snapshot!(problems(ERROR), @"
    failed live      things
             openapi.yaml:19:11: the 401 response has the wrong `error_code`
                 19 |           x-error-code: Refused
                    |           ^^^^^^^^^^^^
               at /paths/~1things/get/responses/401/x-error-code
               contract: Refused
               server  : (nothing)
               help: declare it with `x-error-code` of the response, or fix the server

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
    // Without a declared code, an error must have none.
    let headers = [NO_STORE, JSON, ("Allow", "DELETE, GET")];
    let allow = ["DELETE".to_owned(), "GET".to_owned()];
    let unlisted = checker(&contract).check_unlisted(
        &response(405, &headers, &coded("Denied")),
        Some(&allow),
        false,
    );
    insta::assert_snapshot!(plain(&Report { items: vec![Item::from_problems(Check::Live, "other", unlisted)] }), @"
    failed live      other
             openapi.yaml:4:1: the 405 response has the wrong `error_code`
                  4 | paths:
                    | ^^^^^
               at /paths/x-error-code
               contract: (nothing)
               server  : Denied
               help: declare it with `x-error-code` of the response, or fix the server

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
}
