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
    Contract::parse("openapi.yaml", CONTRACT).expect("a contract")
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        map.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    Response {
        status,
        headers: map,
        body: body.as_bytes().to_vec(),
    }
}

fn judge(contract: &Contract) -> Judge<'_> {
    Judge::new(contract, &[("cache-control", "no-store")], Routing::Strict)
}

fn judged(operation: usize, answer: &Response) -> String {
    let contract = contract();
    let operation = &contract.operations()[operation];
    let problems = judge(&contract).operation(operation, answer);
    plain(&Report {
        items: vec![Item::judged(Check::Live, "things", problems)],
    })
}

const NO_STORE: (&str, &str) = ("Cache-Control", "no-store");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const LEFT: (&str, &str) = ("X-Left", "3");
const ERROR: &str = r#"{"request_id":"1","message":"no"}"#;

#[test]
fn answers_as_listed_are_fresh() {
    let headers = [NO_STORE, JSON, LEFT, ("Date", "now"), ("X-Request-Id", "1")];
    let body = r#"{"name":"a","made":"2026-03-01T08:30:00Z"}"#;
    insta::assert_snapshot!(judged(0, &answer(200, &headers, body)), @"
     fresh live      things

    1 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
    insta::assert_snapshot!(judged(0, &answer(401, &[NO_STORE, JSON, ("WWW-Authenticate", "Bearer")], ERROR)), @"
     fresh live      things

    1 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
    insta::assert_snapshot!(judged(1, &answer(204, &[NO_STORE], "")), @"
     fresh live      things

    1 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
}

#[test]
fn a_status_that_is_not_listed_is_found() {
    insta::assert_snapshot!(judged(0, &answer(500, &[NO_STORE, JSON], ERROR)), @"
    failed live      things
             openapi.yaml:8:7: the server answered 500, which is not listed
                  8 |       responses:
                    |       ^^^^^^^^^
               at /paths/~1things/get/responses
               help: list it in the contract, or fix the server

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
}

#[test]
fn headers_that_lack_or_do_not_fit_or_are_not_listed_are_found() {
    let body = r#"{"name":"a"}"#;
    insta::assert_snapshot!(judged(0, &answer(200, &[JSON], body)), @"
    failed live      things
             openapi.yaml:12:13: the answer 200 lacks the header `Cache-Control`
                 12 |             Cache-Control: { $ref: '#/components/headers/NoStore' }
                    |             ^^^^^^^^^^^^^
               at /paths/~1things/get/responses/200/headers/Cache-Control
             openapi.yaml:13:13: the answer 200 lacks the header `X-Left`
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
    insta::assert_snapshot!(judged(0, &answer(200, &headers, body)), @r#"
    failed live      things
             openapi.yaml:12:13: the header `Cache-Control` of the answer 200 does not fit: value is not one of "no-store"
                 12 |             Cache-Control: { $ref: '#/components/headers/NoStore' }
                    |             ^^^^^^^^^^^^^
               at /paths/~1things/get/responses/200/headers/Cache-Control
             openapi.yaml:13:13: the header `X-Left` of the answer 200 does not fit: value is greater than the maximum of 2147483647
                 13 |             X-Left: { required: true, schema: { type: integer, format: int32 } }
                    |             ^^^^^^
               at /paths/~1things/get/responses/200/headers/X-Left
             openapi.yaml:13:13: the header `X-Left` of the answer 200 does not fit: value is not of type "integer"
                 13 |             X-Left: { required: true, schema: { type: integer, format: int32 } }
                    |             ^^^^^^
               at /paths/~1things/get/responses/200/headers/X-Left
             openapi.yaml:9:9: the answer 200 has a header `server` that is not listed
                  9 |         '200':
                    |         ^^^^^
               at /paths/~1things/get/responses/200
               help: list it in the contract, or fix the server

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    "#);
    insta::assert_snapshot!(judged(0, &answer(401, &[NO_STORE, JSON], ERROR)), @"
    failed live      things
             openapi.yaml:21:13: the answer 401 lacks the header `WWW-Authenticate`
                 21 |             WWW-Authenticate: { required: true, schema: { type: string, enum: [Bearer] } }
                    |             ^^^^^^^^^^^^^^^^
               at /paths/~1things/get/responses/401/headers/WWW-Authenticate

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
}

#[test]
fn a_body_that_does_not_fit_is_found_and_not_shown() {
    let headers = [NO_STORE, JSON, LEFT];
    let body = r#"{"name":"hidden","made":"hidden","more":"hidden"}"#;
    let text = judged(0, &answer(200, &headers, body));
    assert!(!text.contains("hidden"), "{text}");
    insta::assert_snapshot!(text, @r#"
    failed live      things
             openapi.yaml:16:15: the body of the answer 200 does not fit: /name: value is longer than 3 characters
                 16 |               schema: { $ref: '#/components/schemas/Thing' }
                    |               ^^^^^^
               at /paths/~1things/get/responses/200/content/application~1json/schema
             openapi.yaml:16:15: the body of the answer 200 does not fit: /made: value is not a "date-time"
                 16 |               schema: { $ref: '#/components/schemas/Thing' }
                    |               ^^^^^^
               at /paths/~1things/get/responses/200/content/application~1json/schema
             openapi.yaml:16:15: the body of the answer 200 does not fit: Unevaluated properties are not allowed ('more' was unexpected)
                 16 |               schema: { $ref: '#/components/schemas/Thing' }
                    |               ^^^^^^
               at /paths/~1things/get/responses/200/content/application~1json/schema

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    "#);
    insta::assert_snapshot!(judged(0, &answer(200, &headers, "{}")), @r#"
    failed live      things
             openapi.yaml:16:15: the body of the answer 200 does not fit: "name" is a required property
                 16 |               schema: { $ref: '#/components/schemas/Thing' }
                    |               ^^^^^^
               at /paths/~1things/get/responses/200/content/application~1json/schema

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    "#);
    insta::assert_snapshot!(judged(0, &answer(200, &headers, "{\"name\":")), @"
    failed live      things
             openapi.yaml:9:9: the body of the answer 200 is no JSON: EOF while parsing a value at line 1 column 8
                  9 |         '200':
                    |         ^^^^^
               at /paths/~1things/get/responses/200

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
}

#[test]
fn a_body_of_another_type_and_one_where_none_is_listed_are_found() {
    let text = ("Content-Type", "text/plain");
    insta::assert_snapshot!(judged(0, &answer(200, &[NO_STORE, LEFT, text], "a")), @"
    failed live      things
             openapi.yaml:9:9: the answer 200 is of a type that is not listed
                  9 |         '200':
                    |         ^^^^^
               at /paths/~1things/get/responses/200
               contract: application/json
               server  : text/plain

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
    insta::assert_snapshot!(judged(1, &answer(204, &[NO_STORE, text], "a")), @"
    failed live      things
             openapi.yaml:28:9: the answer 204 has a body where the contract lists none
                 28 |         '204':
                    |         ^^^^^
               at /paths/~1things/delete/responses/204

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
    insta::assert_snapshot!(judged(1, &answer(204, &[NO_STORE, JSON], "")), @"
    failed live      things
             openapi.yaml:28:9: the answer 204 has a `Content-Type` where the contract lists none
                 28 |         '204':
                    |         ^^^^^
               at /paths/~1things/delete/responses/204

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
}

#[test]
fn what_is_not_listed_must_be_an_error_like_the_others_and_name_what_is() {
    let contract = contract();
    let judge = judge(&contract);
    let listed = ["DELETE".to_owned(), "GET".to_owned()];
    let report = |problems| {
        plain(&Report {
            items: vec![Item::judged(Check::Live, "what is not listed", problems)],
        })
    };

    let good = answer(405, &[NO_STORE, JSON, ("Allow", "GET, DELETE")], ERROR);
    assert_eq!(judge.unlisted(&good, Some(&listed), false), vec![]);
    let head = answer(
        405,
        &[NO_STORE, JSON, ("Allow", "GET"), ("Allow", "DELETE")],
        "",
    );
    assert_eq!(judge.unlisted(&head, Some(&listed), true), vec![]);
    assert_eq!(
        judge.unlisted(&answer(404, &[NO_STORE, JSON], ERROR), None, false),
        vec![]
    );

    let bad = answer(405, &[JSON, ("Allow", "GET")], r#"{"error":"no"}"#);
    insta::assert_snapshot!(report(judge.unlisted(&bad, Some(&listed), false)), @r#"
    failed live      what is not listed
             openapi.yaml:4:1: the answer 405 lacks `Cache-Control: no-store`
                  4 | paths:
                    | ^^^^^
               at /paths
               help: every response of this service has it: list `Cache-Control` under `headers` of each response of the contract, with the enum `no-store`, and generated code sends it
             openapi.yaml:4:1: the header `Allow` does not name the listed methods
                  4 | paths:
                    | ^^^^^
               at /paths
               contract: DELETE, GET
               server  : GET
             openapi.yaml:24:15: the body of the answer 405 does not fit: "request_id" is a required property
                 24 |               schema: { $ref: '#/components/schemas/Error' }
                    |               ^^^^^^
               at /paths/~1things/get/responses/401/content/application~1json/schema
             openapi.yaml:24:15: the body of the answer 405 does not fit: "message" is a required property
                 24 |               schema: { $ref: '#/components/schemas/Error' }
                    |               ^^^^^^
               at /paths/~1things/get/responses/401/content/application~1json/schema
             openapi.yaml:24:15: the body of the answer 405 does not fit: Unevaluated properties are not allowed ('error' was unexpected)
                 24 |               schema: { $ref: '#/components/schemas/Error' }
                    |               ^^^^^^
               at /paths/~1things/get/responses/401/content/application~1json/schema

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    "#);
}

#[test]
fn the_session_cookie_is_read_from_the_answer() {
    let headers = [
        ("Set-Cookie", "other=1; Path=/"),
        ("Set-Cookie", "session=ABC; HttpOnly; Path=/"),
    ];
    assert_eq!(
        answer(200, &headers, "").cookie("session").as_deref(),
        Some("ABC")
    );
    assert_eq!(answer(200, &headers, "").cookie("absent"), None);
    assert_eq!(answer(200, &[], r#"{"a":1}"#).json(), json!({ "a": 1 }));
}

#[test]
fn an_error_code_that_is_not_the_listed_one_is_found() {
    let contract = Contract::parse(
        "openapi.yaml",
        &CONTRACT.replace(
            "          description: No.\n",
            "          description: No.\n          x-error-code: Refused\n",
        ),
    )
    .expect("a contract");
    let operation = &contract.operations()[0];
    let headers = [NO_STORE, JSON, ("WWW-Authenticate", "Bearer")];
    let coded =
        |code: &str| format!(r#"{{"request_id":"1","message":"no","error_code":"{code}"}}"#);
    let problems = |body: &str| {
        plain(&Report {
            items: vec![Item::judged(
                Check::Live,
                "things",
                judge(&contract).operation(operation, &answer(401, &headers, body)),
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
             openapi.yaml:19:11: the answer 401 has another `error_code`
                 19 |           x-error-code: Refused
                    |           ^^^^^^^^^^^^
               at /paths/~1things/get/responses/401/x-error-code
               contract: Refused
               server  : Denied
               help: name it as `x-error-code` of the response, or fix the server

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
    insta::assert_snapshot!(problems(ERROR), @"
    failed live      things
             openapi.yaml:19:11: the answer 401 has another `error_code`
                 19 |           x-error-code: Refused
                    |           ^^^^^^^^^^^^
               at /paths/~1things/get/responses/401/x-error-code
               contract: Refused
               server  : (nothing)
               help: name it as `x-error-code` of the response, or fix the server

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
    // Without a declared code, an error must have none.
    let headers = [NO_STORE, JSON, ("Allow", "DELETE, GET")];
    let allow = ["DELETE".to_owned(), "GET".to_owned()];
    let unlisted = judge(&contract).unlisted(
        &answer(405, &headers, &coded("Denied")),
        Some(&allow),
        false,
    );
    insta::assert_snapshot!(plain(&Report { items: vec![Item::judged(Check::Live, "other", unlisted)] }), @"
    failed live      other
             openapi.yaml:4:1: the answer 405 has another `error_code`
                  4 | paths:
                    | ^^^^^
               at /paths/x-error-code
               contract: (nothing)
               server  : Denied
               help: name it as `x-error-code` of the response, or fix the server

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
}
