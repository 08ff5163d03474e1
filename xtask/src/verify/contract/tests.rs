//! Planted mistakes, and the whole report on each.

use super::*;
use crate::report::Report;
use crate::report::tests::plain;

mod names;
mod shapes;
mod values;

/// A contract without fault, by which each test shows one.
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

/// The report on the good contract with `from` replaced by `to`.
fn with(from: &str, to: &str) -> String {
    assert_eq!(
        GOOD.matches(from).count(),
        1,
        "the test replaces {from:?} in one place"
    );
    report(&GOOD.replace(from, to))
}

fn report(text: &str) -> String {
    let contract = Contract::parse("openapi.yaml", text).expect("it parses");
    plain(&Report {
        items: check(&contract),
    })
}

/// The same, without the rules that it meets.
fn failures(text: &str) -> String {
    let contract = Contract::parse("openapi.yaml", text).expect("it parses");
    let mut items = check(&contract);
    items.retain(|item| item.outcome != crate::report::Outcome::Fresh);
    plain(&Report { items })
}

#[test]
fn a_good_contract_is_fresh() {
    insta::assert_snapshot!(report(GOOD), @"
     fresh contract  every operation is documented and tagged
     fresh contract  everything has a description
     fresh contract  every reference fits, every component is used
     fresh contract  every path parameter is declared
     fresh contract  every secured operation lists 401
     fresh contract  every status has its body
     fresh contract  every example is valid
     fresh contract  every format and extension is known
     fresh contract  the server's trait can be generated
     fresh contract  the client can be generated

    10 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
}

#[test]
fn an_operation_without_id_is_found() {
    insta::assert_snapshot!(with("      operationId: getThings\n", ""), @"
    failed contract  every operation is documented and tagged
             openapi.yaml:7:5: GET /things has no `operationId`
                  7 |     get:
                    |     ^^^
               at /paths/~1things/get
               help: name it as the method is to be called, such as `getLoginStatus`
     fresh contract  everything has a description
     fresh contract  every reference fits, every component is used
     fresh contract  every path parameter is declared
     fresh contract  every secured operation lists 401
     fresh contract  every status has its body
     fresh contract  every example is valid
     fresh contract  every format and extension is known
    failed contract  the server's trait can be generated
             openapi.yaml:7:5: an operation without an `operationId`
                  7 |     get:
                    |     ^^^
               at /paths/~1things/get
               help: give it one, such as `getThings`
    failed contract  the client can be generated
             openapi.yaml:7:5: unexpected or unhandled format in the OpenAPI document path /things is missing operation ID
                  7 |     get:
                    |     ^^^
               at /paths/~1things/get
               help: progenitor cannot make a client from this; write it in another way

    7 fresh, 0 stale, 3 failed
    next: mend what failed, then cargo xtask verify --only contract
    ");
}

#[test]
fn an_operation_without_texts_and_tag_is_found() {
    let text = GOOD
        .replace(
            "      summary: Get them\n      description: All of them.\n",
            "      description: ' '\n",
        )
        .replace("      tags: [thing]\n", "");
    insta::assert_snapshot!(report(&text), @"
    failed contract  every operation is documented and tagged
             openapi.yaml:7:5: GET /things has no summary
                  7 |     get:
                    |     ^^^
               at /paths/~1things/get/summary
               help: say what it does: the text becomes the documentation of server and client
             openapi.yaml:9:7: GET /things has no description
                  9 |       description: ' '
                    |       ^^^^^^^^^^^
               at /paths/~1things/get/description
               help: say what it does: the text becomes the documentation of server and client
             openapi.yaml:7:5: GET /things has no tag
                  7 |     get:
                    |     ^^^
               at /paths/~1things/get
               help: add `tags:` with a name that is declared at the top
     fresh contract  everything has a description
     fresh contract  every reference fits, every component is used
     fresh contract  every path parameter is declared
     fresh contract  every secured operation lists 401
     fresh contract  every status has its body
     fresh contract  every example is valid
     fresh contract  every format and extension is known
    failed contract  the server's trait can be generated
             openapi.yaml:7:5: an operation with an empty summary, or with a description and no summary
                  7 |     get:
                    |     ^^^
               at /paths/~1things/get
               help: add `summary`: dropshot takes the first line of the docs as one
     fresh contract  the client can be generated

    8 fresh, 0 stale, 2 failed
    next: mend what failed, then cargo xtask verify --only contract
    ");
}

#[test]
fn two_operations_of_one_name_are_found() {
    let again = "    post:
      operationId: get_things
      tags: [thing]
      summary: Again
      description: Again.
      responses:
        '204': { description: resource updated }
components:
  securitySchemes:";
    insta::assert_snapshot!(with("components:\n  securitySchemes:", again), @"
    failed contract  every operation is documented and tagged
             openapi.yaml:21:7: the `operationId` get_things is taken by GET /things
                 21 |       operationId: get_things
                    |       ^^^^^^^^^^^
               at /paths/~1things/post/operationId
               help: give each operation an id of its own
     fresh contract  everything has a description
     fresh contract  every reference fits, every component is used
     fresh contract  every path parameter is declared
     fresh contract  every secured operation lists 401
     fresh contract  every status has its body
     fresh contract  every example is valid
     fresh contract  every format and extension is known
    failed contract  the server's trait can be generated
             openapi.yaml:21:7: the name `get_things` in Rust is already taken by /paths/~1things/get/operationId
                 21 |       operationId: get_things
                    |       ^^^^^^^^^^^
               at /paths/~1things/post/operationId
               help: choose another name
     fresh contract  the client can be generated

    8 fresh, 0 stale, 2 failed
    next: mend what failed, then cargo xtask verify --only contract
    ");
}

#[test]
fn an_undeclared_tag_and_one_without_description_are_found() {
    let text = GOOD
        .replace("tags: [thing]", "tags: [thing, other]")
        .replace("description: What there is.", "description: ''");
    insta::assert_snapshot!(report(&text), @"
    failed contract  every operation is documented and tagged
             openapi.yaml:4:8: the tag `thing` has no description
                  4 | tags: [{ name: thing, description: '' }]
                    |        ^
               at /tags/0
               help: say what its operations have in common
             openapi.yaml:9:21: the tag `other` is not declared
                  9 |       tags: [thing, other]
                    |                     ^^^^^
               at /paths/~1things/get/tags/1
               help: declare it under `tags:` at the top, with a description
    failed contract  everything has a description
             openapi.yaml:30:5: the schema `Thing` has no description
                 30 |     Thing:
                    |     ^^^^^
               at /components/schemas/Thing
               help: add `description`: it becomes the documentation of the type
     fresh contract  every reference fits, every component is used
     fresh contract  every path parameter is declared
     fresh contract  every secured operation lists 401
     fresh contract  every status has its body
     fresh contract  every example is valid
     fresh contract  every format and extension is known
     fresh contract  the server's trait can be generated
     fresh contract  the client can be generated

    8 fresh, 0 stale, 2 failed
    next: mend what failed, then cargo xtask verify --only contract
    ");
}

#[test]
fn a_response_without_description_is_found() {
    insta::assert_snapshot!(with("description: Here they are.", "description: ''"), @"
    failed contract  every operation is documented and tagged
             openapi.yaml:15:11: the description of this response is empty
                 15 |           description: ''
                    |           ^^^^^^^^^^^
               at /paths/~1things/get/responses/200/description
               help: say when it is given
     fresh contract  everything has a description
     fresh contract  every reference fits, every component is used
     fresh contract  every path parameter is declared
     fresh contract  every secured operation lists 401
     fresh contract  every status has its body
     fresh contract  every example is valid
     fresh contract  every format and extension is known
     fresh contract  the server's trait can be generated
     fresh contract  the client can be generated

    9 fresh, 0 stale, 1 failed
    next: mend what failed, then cargo xtask verify --only contract
    ");
}

#[test]
fn a_tag_and_a_parameter_declared_twice_are_found() {
    let text = GOOD
        .replace(
            "tags: [{ name: thing,",
            "tags: [{ name: thing, description: a }, { name: thing,",
        )
        .replace(
            "      security:",
            "      parameters:
        - { name: a, in: query, description: b, schema: { type: string } }
        - { name: a, in: header, description: b, schema: { type: string } }
        - { name: a, in: query, description: b, schema: { type: string } }
      security:",
        );
    insta::assert_snapshot!(failures(&text), @"
    failed contract  every operation is documented and tagged
             openapi.yaml:4:41: the tag `thing` is declared twice
                  4 | tags: [{ name: thing, description: a }, { name: thing, description: What there is. }]
                    |                                         ^
               at /tags/1
               help: remove one of the two
    failed contract  every path parameter is declared
             openapi.yaml:15:11: `a` is declared twice
                 15 |         - { name: a, in: query, description: b, schema: { type: string } }
                    |           ^
               at /paths/~1things/get/parameters/2
               help: remove one of the two
    failed contract  the server's trait can be generated
             openapi.yaml:4:41: the tag `thing` stands twice
                  4 | tags: [{ name: thing, description: a }, { name: thing, description: What there is. }]
                    |                                         ^
               at /tags/1
               help: keep one of them
             openapi.yaml:15:11: two parameters named `a`
                 15 |         - { name: a, in: query, description: b, schema: { type: string } }
                    |           ^
               at /paths/~1things/get/parameters/2
               help: keep one of them: case and punctuation do not tell them apart

    0 fresh, 0 stale, 3 failed
    next: mend what failed, then cargo xtask verify --only contract
    ");
}
