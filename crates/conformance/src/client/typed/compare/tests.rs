use serde_json::json;

use super::*;
use crate::report::tests::plain;
use crate::report::{Check, Item, Report};

const CONTRACT: &str = r"
openapi: 3.0.3
info: { title: t, version: 1.0.0 }
paths:
  /things/{id}:
    put:
      operationId: putThing
      requestBody: { content: { application/json: { schema: { type: object } } } }
      responses:
        '200': { description: a, content: { application/json: { schema: { type: object } } } }
        '400': { description: b, content: { application/json: { schema: { type: object } } } }
";

fn contract() -> Contract {
    Contract::parse("openapi.yaml", CONTRACT).expect("the contract is valid")
}

fn report(problems: Vec<Problem>) -> String {
    plain(&Report {
        items: vec![Item::from_problems(Check::Client, "put_thing", problems)],
    })
}

fn wanted() -> Request {
    Request::new("PUT", "/things/1?b=2&a=1%202")
        .bearer("T")
        .header("X-Kind", "k")
        .json(&json!({ "c": 3 }))
}

fn report_of_request(request: &Request) -> String {
    let contract = contract();
    let operation = &contract.operations()[0];
    report(compare_request(&contract, operation, &wanted(), request))
}

fn report_of_result(status: u16, body: &str, outcome: &Value) -> String {
    let contract = contract();
    let mut headers = HeaderMap::new();
    headers.append("x-left", HeaderValue::from_static("3"));
    let exchange = Exchange {
        request: wanted(),
        response: Response {
            status,
            headers,
            body: body.as_bytes().to_vec(),
        },
    };
    report(compare_result(
        &contract,
        &contract.operations()[0],
        &exchange,
        outcome,
    ))
}

#[test]
fn expected_request_with_reordered_query_is_fresh() {
    let request = Request {
        path: "/things/1?a=1+2&b=2".to_owned(),
        ..wanted()
    };
    insta::assert_snapshot!(report_of_request(&request), @"
     fresh client    put_thing

    1 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
}

#[test]
fn wrong_request_is_reported_part_by_part() {
    let request = Request::new("POST", "/things/2")
        .header("X-Token", "T")
        .cookie("session", "T")
        .json(&json!({}));
    insta::assert_snapshot!(report_of_request(&request), @"
    failed client    put_thing
             openapi.yaml:6:5: the client sends the wrong method
                  6 |     put:
                    |     ^^^
               at /paths/~1things~1{id}/put
               contract: PUT
               client  : POST
             openapi.yaml:6:5: the client sends the wrong path
                  6 |     put:
                    |     ^^^
               at /paths/~1things~1{id}/put
               contract: /things/1?a=1 2&b=2
               client  : /things/2
             openapi.yaml:6:5: the client does not send the header `Authorization`
                  6 |     put:
                    |     ^^^
               at /paths/~1things~1{id}/put
               help: fix how the client adds its credential to a request
             openapi.yaml:6:5: the client does not send the header `X-Kind`
                  6 |     put:
                    |     ^^^
               at /paths/~1things~1{id}/put
             openapi.yaml:6:5: the client sends an unexpected header `cookie`
                  6 |     put:
                    |     ^^^
               at /paths/~1things~1{id}/put
             openapi.yaml:8:7: the client sends a body that differs from its argument
                  8 |       requestBody: { content: { application/json: { schema: { type: object } } } }
                    |       ^^^^^^^^^^^
               at /paths/~1things~1{id}/put/requestBody
               differs : /c

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only client
    ");
}

fn difference(wanted: Value, sent: Value) -> Option<String> {
    let contract = Contract::parse(
        "openapi.yaml",
        r"
openapi: 3.0.3
info: { title: t, version: 1.0.0 }
paths:
  /phones:
    post:
      operationId: addPhone
      requestBody: { $ref: '#/components/requestBodies/Phone' }
      responses: { '204': { description: a } }
components:
  requestBodies:
    Phone: { content: { application/json: { schema: { $ref: '#/components/schemas/Phone' } } } }
  schemas:
    Phone:
      type: object
      properties:
        name: { type: string }
        ring: { type: boolean, default: true }
        place: { allOf: [{ $ref: '#/components/schemas/Place' }], nullable: true }
        lines: { type: array, items: { $ref: '#/components/schemas/Place' } }
      additionalProperties: { $ref: '#/components/schemas/Place' }
    Place:
      type: object
      properties: { floor: { type: integer }, room: { type: string, nullable: true } }
",
    )
    .expect("the contract is valid");
    let body = "/paths/~1phones/post/requestBody";
    body_difference(&contract, body, &wanted, &sent)
}

#[test]
fn bodies_with_explicit_default_or_absent_null_are_equal() {
    for (wanted, sent) in [
        (json!({}), json!({ "ring": true })),
        (json!({ "place": null }), json!({ "ring": true })),
        (
            json!({ "place": { "floor": 1, "room": null } }),
            json!({ "place": { "floor": 1 } }),
        ),
        (
            json!({ "lines": [{ "room": null }], "more": { "room": null } }),
            json!({ "lines": [{}], "more": {} }),
        ),
    ] {
        assert_eq!(difference(wanted, sent), None);
    }
}

#[test]
fn wrong_value_is_reported_with_its_pointer() {
    for (wanted, sent, location) in [
        (json!({}), json!({ "ring": false }), "/ring"),
        (json!({ "ring": false }), json!({}), "/ring"),
        (json!({ "name": "a" }), json!({}), "/name"),
        (json!({ "name": null }), json!({}), "/name"),
        (json!({}), json!({ "a/b": 1 }), "/a~1b"),
        (
            json!({ "place": { "room": "a" } }),
            json!({ "place": {} }),
            "/place/room",
        ),
        (
            json!({ "lines": [{}, { "floor": 1 }] }),
            json!({ "lines": [{}, { "floor": 2 }] }),
            "/lines/1/floor",
        ),
        (json!({ "lines": [{}] }), json!({ "lines": [] }), "/lines"),
        (json!([]), json!({}), ""),
    ] {
        assert_eq!(difference(wanted, sent).as_deref(), Some(location));
    }
}

#[test]
fn promised_result_is_fresh() {
    let headers = json!([["x-left", "3"]]);
    let ok = json!({ "kind": "Ok", "status": 200, "headers": headers, "body": { "a": 1 } });
    insta::assert_snapshot!(report_of_result(200, r#"{"a":1}"#, &ok), @"
     fresh client    put_thing

    1 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
    let refused = json!({ "kind": "ErrorResponse", "status": 400, "headers": headers, "body": {} });
    insta::assert_snapshot!(report_of_result(400, "{}", &refused), @"
     fresh client    put_thing

    1 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
    let unexpected = json!({ "kind": "UnexpectedResponse", "status": 409 });
    insta::assert_snapshot!(report_of_result(409, "{}", &unexpected), @"
     fresh client    put_thing

    1 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
}

#[test]
fn result_of_the_wrong_kind_is_reported() {
    let unexpected = json!({ "kind": "UnexpectedResponse", "status": 400 });
    insta::assert_snapshot!(report_of_result(400, "{}", &unexpected), @"
    failed client    put_thing
             openapi.yaml:11:9: the client returns `UnexpectedResponse` for 400, but the contract promises `ErrorResponse`
                 11 |         '400': { description: b, content: { application/json: { schema: { type: object } } } }
                    |         ^^^^^
               at /paths/~1things~1{id}/put/responses/400

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only client
    ");
    let ok = json!({ "kind": "Ok", "status": 409, "headers": [], "body": null });
    insta::assert_snapshot!(report_of_result(409, "{}", &ok), @"
    failed client    put_thing
             openapi.yaml:9:7: the client returns `Ok` for 409, but the contract promises `UnexpectedResponse`
                  9 |       responses:
                    |       ^^^^^^^^^
               at /paths/~1things~1{id}/put/responses/409

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only client
    ");
}

#[test]
fn result_without_status_header_or_body_is_reported() {
    let ok = json!({ "kind": "Ok", "status": 201, "headers": [], "body": { "a": 2 } });
    insta::assert_snapshot!(report_of_result(200, r#"{"a":1}"#, &ok), @"
    failed client    put_thing
             openapi.yaml:10:9: the client's result lacks the status 200
                 10 |         '200': { description: a, content: { application/json: { schema: { type: object } } } }
                    |         ^^^^^
               at /paths/~1things~1{id}/put/responses/200
             openapi.yaml:10:9: the client's result lacks the header `x-left`
                 10 |         '200': { description: a, content: { application/json: { schema: { type: object } } } }
                    |         ^^^^^
               at /paths/~1things~1{id}/put/responses/200
             openapi.yaml:10:9: the body that the client returns for 200 differs from the response
                 10 |         '200': { description: a, content: { application/json: { schema: { type: object } } } }
                    |         ^^^^^
               at /paths/~1things~1{id}/put/responses/200
               differs : /a

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only client
    ");
}

#[test]
fn client_result_converts_to_a_response() {
    let exchange = Exchange {
        request: wanted(),
        response: Response {
            status: 200,
            headers: HeaderMap::new(),
            body: Vec::new(),
        },
    };
    let outcome = json!({ "status": 204, "headers": [["a", "b"]], "body": { "c": 1 } });
    let response = client_response(&exchange, &outcome);
    assert_eq!((response.status, response.json()), (204, json!({ "c": 1 })));
    assert_eq!(response.headers["a"], "b");
}

#[test]
fn percent_encoded_text_is_decoded() {
    assert_eq!(percent_decode("a%20b%C3%A9%2f"), "a bé/");
    assert_eq!(percent_decode("100%"), "100%");
    assert_eq!(percent_decode("%zz"), "%zz");
}
