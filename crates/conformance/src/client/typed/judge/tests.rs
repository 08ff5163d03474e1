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
    Contract::parse("openapi.yaml", CONTRACT).expect("a contract")
}

fn report(problems: Vec<Problem>) -> String {
    plain(&Report {
        items: vec![Item::judged(Check::Client, "put_thing", problems)],
    })
}

fn wanted() -> Request {
    Request::new("PUT", "/things/1?b=2&a=1%202")
        .bearer("T")
        .header("X-Kind", "k")
        .json(&json!({ "c": 3 }))
}

fn sent_instead(request: &Request) -> String {
    let contract = contract();
    let operation = &contract.operations()[0];
    report(compare_request(&contract, operation, &wanted(), request))
}

fn made_of(status: u16, body: &str, outcome: &Value) -> String {
    let contract = contract();
    let mut headers = HeaderMap::new();
    headers.append("x-left", HeaderValue::from_static("3"));
    let heard = Exchange {
        request: wanted(),
        answer: Response {
            status,
            headers,
            body: body.as_bytes().to_vec(),
        },
    };
    report(compare_result(
        &contract,
        &contract.operations()[0],
        &heard,
        outcome,
    ))
}

#[test]
fn the_request_that_was_wanted_is_fresh_whatever_the_order_of_its_query() {
    let request = Request {
        path: "/things/1?a=1+2&b=2".to_owned(),
        ..wanted()
    };
    insta::assert_snapshot!(sent_instead(&request), @"
     fresh client    put_thing

    1 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
}

#[test]
fn another_request_is_found_in_each_of_its_parts() {
    let request = Request::new("POST", "/things/2")
        .header("X-Token", "T")
        .cookie("session", "T")
        .json(&json!({}));
    insta::assert_snapshot!(sent_instead(&request), @"
    failed client    put_thing
             openapi.yaml:6:5: the client sends another method
                  6 |     put:
                    |     ^^^
               at /paths/~1things~1{id}/put
               contract: PUT
               client  : POST
             openapi.yaml:6:5: the client sends another path
                  6 |     put:
                    |     ^^^
               at /paths/~1things~1{id}/put
               contract: /things/1?a=1 2&b=2
               client  : /things/2
             openapi.yaml:6:5: the client does not send the header `Authorization` that belongs there
                  6 |     put:
                    |     ^^^
               at /paths/~1things~1{id}/put
               help: fix how the client adds its credential to a request
             openapi.yaml:6:5: the client does not send the header `X-Kind` that belongs there
                  6 |     put:
                    |     ^^^
               at /paths/~1things~1{id}/put
             openapi.yaml:6:5: the client sends a header `cookie` that does not belong there
                  6 |     put:
                    |     ^^^
               at /paths/~1things~1{id}/put
             openapi.yaml:8:7: the client sends another body than it was given
                  8 |       requestBody: { content: { application/json: { schema: { type: object } } } }
                    |       ^^^^^^^^^^^
               at /paths/~1things~1{id}/put/requestBody
               differs : /c

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only client
    ");
}

fn other_body(wanted: Value, sent: Value) -> Option<String> {
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
    .expect("a contract");
    let body = "/paths/~1phones/post/requestBody";
    another_body(&contract, body, &wanted, &sent)
}

#[test]
fn a_default_that_is_written_out_and_a_null_that_is_left_out_make_no_other_body() {
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
        assert_eq!(other_body(wanted, sent), None);
    }
}

#[test]
fn another_value_is_found_with_its_place() {
    for (wanted, sent, place) in [
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
        assert_eq!(other_body(wanted, sent).as_deref(), Some(place));
    }
}

#[test]
fn the_result_that_is_promised_is_fresh() {
    let headers = json!([["x-left", "3"]]);
    let ok = json!({ "kind": "Ok", "status": 200, "headers": headers, "body": { "a": 1 } });
    insta::assert_snapshot!(made_of(200, r#"{"a":1}"#, &ok), @"
     fresh client    put_thing

    1 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
    let refused = json!({ "kind": "ErrorResponse", "status": 400, "headers": headers, "body": {} });
    insta::assert_snapshot!(made_of(400, "{}", &refused), @"
     fresh client    put_thing

    1 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
    let unexpected = json!({ "kind": "UnexpectedResponse", "status": 409 });
    insta::assert_snapshot!(made_of(409, "{}", &unexpected), @"
     fresh client    put_thing

    1 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
}

#[test]
fn a_result_of_another_kind_is_found() {
    let unexpected = json!({ "kind": "UnexpectedResponse", "status": 400 });
    insta::assert_snapshot!(made_of(400, "{}", &unexpected), @"
    failed client    put_thing
             openapi.yaml:11:9: the client makes `UnexpectedResponse` of 400, where the contract promises `ErrorResponse`
                 11 |         '400': { description: b, content: { application/json: { schema: { type: object } } } }
                    |         ^^^^^
               at /paths/~1things~1{id}/put/responses/400

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only client
    ");
    let ok = json!({ "kind": "Ok", "status": 409, "headers": [], "body": null });
    insta::assert_snapshot!(made_of(409, "{}", &ok), @"
    failed client    put_thing
             openapi.yaml:9:7: the client makes `Ok` of 409, where the contract promises `UnexpectedResponse`
                  9 |       responses:
                    |       ^^^^^^^^^
               at /paths/~1things~1{id}/put/responses/409

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only client
    ");
}

#[test]
fn a_result_that_loses_something_is_found() {
    let ok = json!({ "kind": "Ok", "status": 201, "headers": [], "body": { "a": 2 } });
    insta::assert_snapshot!(made_of(200, r#"{"a":1}"#, &ok), @"
    failed client    put_thing
             openapi.yaml:10:9: the client's result lacks the status 200
                 10 |         '200': { description: a, content: { application/json: { schema: { type: object } } } }
                    |         ^^^^^
               at /paths/~1things~1{id}/put/responses/200
             openapi.yaml:10:9: the client's result lacks the header `x-left`
                 10 |         '200': { description: a, content: { application/json: { schema: { type: object } } } }
                    |         ^^^^^
               at /paths/~1things~1{id}/put/responses/200
             openapi.yaml:10:9: the client decodes another body of 200 than was sent
                 10 |         '200': { description: a, content: { application/json: { schema: { type: object } } } }
                    |         ^^^^^
               at /paths/~1things~1{id}/put/responses/200
               differs : /a

    0 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only client
    ");
}

#[test]
fn what_the_client_gives_its_caller_is_an_answer() {
    let heard = Exchange {
        request: wanted(),
        answer: Response {
            status: 200,
            headers: HeaderMap::new(),
            body: Vec::new(),
        },
    };
    let outcome = json!({ "status": 204, "headers": [["a", "b"]], "body": { "c": 1 } });
    let answer = answer(&heard, &outcome);
    assert_eq!((answer.status, answer.json()), (204, json!({ "c": 1 })));
    assert_eq!(answer.headers["a"], "b");
}

#[test]
fn percent_encoding_is_undone() {
    assert_eq!(decoded("a%20b%C3%A9%2f"), "a bé/");
    assert_eq!(decoded("100%"), "100%");
    assert_eq!(decoded("%zz"), "%zz");
}
