//! Tests that each defect of a contract is reported.

use super::*;

mod names;
mod responses;
mod values;

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
    report(&GOOD.replace(from, to))
}

fn report(text: &str) -> String {
    let contract = Contract::parse("openapi.yaml", text).expect("the text parses");
    let rules = lint(&contract, &["x-error-code", "x-secret"]);
    let failed = rules.iter().filter(|(_, findings)| !findings.is_empty());
    let lines = failed.flat_map(|(rule, findings)| {
        let findings = findings.iter().map(|finding| format!("  {finding}"));
        [rule.title().to_owned()].into_iter().chain(findings)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn valid_contract_has_no_findings() {
    assert_eq!(report(GOOD), "");
}

#[test]
fn operation_without_id_is_reported() {
    insta::assert_snapshot!(with("      operationId: getThings\n", ""), @"
    every operation is documented and tagged
      openapi.yaml:7:5: GET /things has no `operationId` (at /paths/~1things/get); add one, such as `listThings`: methods are named after it
    ");
}

#[test]
fn operation_without_texts_and_tag_is_reported() {
    let text = GOOD
        .replace(
            "      summary: Get them\n      description: All of them.\n",
            "      description: ' '\n",
        )
        .replace("      tags: [thing]\n", "");
    insta::assert_snapshot!(report(&text), @"
    every operation is documented and tagged
      openapi.yaml:7:5: GET /things has no summary (at /paths/~1things/get/summary); describe what it does: the text becomes the documentation of server and client
      openapi.yaml:9:7: GET /things has no description (at /paths/~1things/get/description); describe what it does: the text becomes the documentation of server and client
      openapi.yaml:7:5: GET /things has no tag (at /paths/~1things/get); add `tags:` with a tag that is declared at the top of the document
    ");
}

#[test]
fn duplicate_operation_id_is_reported() {
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
    every operation is documented and tagged
      openapi.yaml:21:7: the `operationId` get_things is already used by GET /things (at /paths/~1things/post/operationId); use a unique id for each operation
    ");
}

#[test]
fn undeclared_tag_and_tag_without_description_are_reported() {
    let text = GOOD
        .replace("tags: [thing]", "tags: [thing, other]")
        .replace("description: What there is.", "description: ''");
    insta::assert_snapshot!(report(&text), @"
    every operation is documented and tagged
      openapi.yaml:4:8: the tag `thing` has no description (at /tags/0); describe what its operations have in common
      openapi.yaml:9:21: the tag `other` is not declared (at /paths/~1things/get/tags/1); declare it under `tags:` at the top, with a description
    everything has a description
      openapi.yaml:30:5: the schema `Thing` has no description (at /components/schemas/Thing); add `description`: it becomes the documentation of the type
    ");
}

#[test]
fn response_without_description_is_reported() {
    insta::assert_snapshot!(with("description: Here they are.", "description: ''"), @"
    every operation is documented and tagged
      openapi.yaml:15:11: the description of this response is empty (at /paths/~1things/get/responses/200/description); describe when it is returned
    ");
}

#[test]
fn duplicate_tag_and_parameter_are_reported() {
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
    insta::assert_snapshot!(report(&text), @r#"
    every operation is documented and tagged
      openapi.yaml:4:41: the tag `thing` is declared twice (at /tags/1); remove one of the two
    every path parameter is declared
      openapi.yaml:15:11: `a` is declared twice (at /paths/~1things/get/parameters/2); remove one of the two
    "#);
}
