use super::*;
use crate::report::tests::plain;
use crate::testing::Things;

const GOOD: &str = r"
openapi: 3.0.3
info: { title: Things, version: 1.0.0, description: A store of things. }
tags: [{ name: thing, description: What there is. }]
paths:
  /things:
    get:
      operationId: getThings
      tags: [thing]
      summary: Get them
      description: All of them.
      security: [{ token: [] }]
      responses:
        '200':
          description: Here they are.
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Thing' }
        '401': { $ref: '#/components/responses/Refused' }
components:
  securitySchemes:
    token: { type: http, scheme: bearer, description: The token of a program. }
  responses:
    Refused:
      description: No.
      content:
        application/json:
          schema: { $ref: '#/components/schemas/Error' }
  schemas:
    Thing:
      type: object
      description: What there is.
      required: [name]
      properties:
        name: { $ref: '#/components/schemas/Name' }
      example: { name: a }
    Name: { type: string, description: What it is called., maxLength: 3, example: abc }
    Error:
      type: object
      description: What went wrong.
      required: [request_id, message]
      properties:
        request_id: { type: string, description: Of the log. }
        error_code: { type: string, description: For programs. }
        message: { type: string, description: For people. }
";

fn with(from: &str, to: &str) -> String {
    assert_eq!(
        GOOD.matches(from).count(),
        1,
        "{from:?} occurs exactly once"
    );
    failures(&GOOD.replace(from, to))
}

fn report(text: &str) -> String {
    let contract = Contract::parse("openapi.yaml", text).expect("the text parses");
    plain(&Report {
        items: check_contract(&Things, &contract),
    })
}

fn failures(text: &str) -> String {
    let contract = Contract::parse("openapi.yaml", text).expect("the text parses");
    let mut items = check_contract(&Things, &contract);
    items.retain(|item| item.outcome != crate::report::Outcome::Fresh);
    plain(&Report { items })
}

#[test]
fn valid_contract_is_fresh() {
    insta::assert_snapshot!(report(GOOD), @"
     fresh contract  every operation is documented and tagged
     fresh contract  everything has a description
     fresh contract  every reference is valid, and every component is used
     fresh contract  every path parameter is declared
     fresh contract  every secured operation lists 401
     fresh contract  every response has the body that its status requires
     fresh contract  every example is valid
     fresh contract  every format and extension is known
     fresh contract  every operation that may refuse its request lists 400
     fresh contract  every page has the structure of a dropshot page
     fresh contract  the server's trait can be generated
     fresh contract  the client can be generated

    12 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
}

#[test]
fn operation_without_id_is_reported() {
    insta::assert_snapshot!(with("      operationId: getThings\n", ""), @"
    failed contract  every operation is documented and tagged
             openapi.yaml:7:5: GET /things has no `operationId`
                  7 |     get:
                    |     ^^^
               at /paths/~1things/get
               help: add one, such as `listThings`: methods are named after it
    failed contract  the server's trait can be generated
             openapi.yaml:7:5: the operation has no `operationId`
                  7 |     get:
                    |     ^^^
               at /paths/~1things/get
               help: add one, such as `getThings`
    failed contract  the client can be generated
             openapi.yaml:7:5: no client can be generated from this
                  7 |     get:
                    |     ^^^
               at /paths/~1things/get
               help: see the findings above

    0 fresh, 0 stale, 3 failed
    next: fix the failures, then cargo xtask verify --only contract
    ");
}

#[test]
fn operation_that_needs_two_client_types_is_reported() {
    let text = GOOD
        .replace(
            "        '401': { $ref: '#/components/responses/Refused' }\n",
            "        '401': { $ref: '#/components/responses/Refused' }
        '202': { description: None. }
",
        )
        .replace(
            "      security:",
            "      parameters:
        - { name: a, in: cookie, description: b, schema: { type: string } }
      requestBody:
        required: true
        content:
          application/json: { schema: { $ref: '#/components/schemas/Thing' } }
          application/x-www-form-urlencoded: { schema: { $ref: '#/components/schemas/Thing' } }
      security:",
        );
    insta::assert_snapshot!(failures(&text), @"
    failed contract  every operation that may refuse its request lists 400
             openapi.yaml:20:7: the server refuses an invalid body with 400, which is not listed
                 20 |       responses:
                    |       ^^^^^^^^^
               at /paths/~1things/get/responses
               help: list 400 with the schema of the errors, once under `components.responses`, and refer to it
    failed contract  the server's trait can be generated
             openapi.yaml:13:11: a cookie parameter is not supported
                 13 |         - { name: a, in: cookie, description: b, schema: { type: string } }
                    |           ^
               at /paths/~1things/get/parameters/0
               help: make it a security scheme, `type: apiKey` with `in: cookie`
             openapi.yaml:18:11: `application/x-www-form-urlencoded` and `application/json` are not supported together: an operation of dropshot reads one media type
                 18 |           application/x-www-form-urlencoded: { schema: { $ref: '#/components/schemas/Thing' } }
                    |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
               at /paths/~1things/get/requestBody/content/application~1x-www-form-urlencoded
               help: remove one of them, or write an operation for each
             openapi.yaml:27:9: a second successful response is not supported
                 27 |         '202': { description: None. }
                    |         ^^^^^
               at /paths/~1things/get/responses/202
               help: remove all but one: a method of dropshot returns one type
    failed contract  the client can be generated
             openapi.yaml:13:11: the client cannot send a cookie as a parameter
                 13 |         - { name: a, in: cookie, description: b, schema: { type: string } }
                    |           ^
               at /paths/~1things/get/parameters/0
               help: make it a header, or a security scheme `apiKey` in `cookie`
             openapi.yaml:18:11: the client sends a body of one media type only
                 18 |           application/x-www-form-urlencoded: { schema: { $ref: '#/components/schemas/Thing' } }
                    |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
               at /paths/~1things/get/requestBody/content/application~1x-www-form-urlencoded
               help: remove all but one, or write two operations
             openapi.yaml:27:9: the client has one type for all successes of an operation, but 202 and 200 have different bodies
                 27 |         '202': { description: None. }
                    |         ^^^^^
               at /paths/~1things/get/responses/202
               help: use the same schema for both, or write two operations

    0 fresh, 0 stale, 3 failed
    next: fix the failures, then cargo xtask verify --only contract
    ");
}

#[test]
fn different_error_bodies_are_reported() {
    let other = "        '401': { $ref: '#/components/responses/Refused' }
        '404': { description: None., content: { application/json: { schema: { $ref: '#/components/schemas/Name' } } } }
";
    insta::assert_snapshot!(with("        '401': { $ref: '#/components/responses/Refused' }\n", other), @"
    failed contract  the server's trait can be generated
             openapi.yaml:20:69: the error bodies `Name` and `Error` differ: a method of dropshot has one error type
                 20 |         '404': { description: None., content: { application/json: { schema: { $ref: '#/components/schemas/Name' } } } }
                    |                                                                     ^^^^^^
               at /paths/~1things/get/responses/404/content/application~1json/schema
               help: use one schema for all errors of an operation, if necessary with `oneOf`
    failed contract  the client can be generated
             openapi.yaml:20:9: the client has one type for all errors of an operation, but 404 and 401 have different bodies
                 20 |         '404': { description: None., content: { application/json: { schema: { $ref: '#/components/schemas/Name' } } } }
                    |         ^^^^^
               at /paths/~1things/get/responses/404
               help: use the same schema for both, or write two operations

    0 fresh, 0 stale, 2 failed
    next: fix the failures, then cargo xtask verify --only contract
    ");
}
