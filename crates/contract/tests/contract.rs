//! Tests of the public interface of a parsed contract.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

use insta::assert_snapshot;
use openapi_contract::{Contract, Finding, Location, OperationRef};

const YAML: &str = "\
openapi: 3.0.3
info: {title: Ä, version: 1.0.0}
tags:
- name: one
-   name: two
paths:
  /b/{x}~y:
    post:
      summary: B
      responses: {200: {$ref: '#/components/responses/Done'}}
    get:
      operationId: getB
      responses:
        '200': {description: Done.}
  /a:
    parameters: []
    delete:
      operationId: removeA
      responses:
        \"200\": {description: Done.}
components:
  responses:
    Done: {$ref: '#/components/responses/Well'}
    Well:
      description: >-
        Done
        well.
  schemas:
    Two: {type: string, x-secret: true}
    Three: {type: string, x-secret: false}
    One: {type: string, format: password}
";

fn contract() -> Contract {
    Contract::parse("a.yaml", YAML).unwrap()
}

fn at(line: usize, column: usize) -> Location {
    Location { line, column }
}

#[test]
fn nodes_are_located_at_their_keys_and_items_at_their_start() {
    let contract = contract();
    for (pointer, location) in [
        ("", at(1, 1)),
        ("/openapi", at(1, 1)),
        ("/info/version", at(2, 18)),
        ("/tags/0", at(4, 3)),
        ("/tags/1/name", at(5, 5)),
        ("/paths/~1b~1{x}~0y/post", at(8, 5)),
        ("/paths/~1b~1{x}~0y/post/responses/200", at(10, 19)),
        ("/components/responses/Well/description", at(25, 7)),
    ] {
        assert_eq!(contract.locate(pointer), location, "{pointer}");
    }
}

#[test]
fn missing_node_is_located_at_its_nearest_ancestor() {
    let contract = contract();
    assert_eq!(contract.locate("/paths/~1a/get/responses"), at(15, 3));
    assert_eq!(contract.locate("/tags/7"), at(3, 1));
    assert_eq!(contract.locate("/nothing/at/all"), at(1, 1));
    assert_eq!(contract.locate("no pointer"), at(1, 1));
}

#[test]
fn operations_are_returned_in_document_order() {
    let operation = |id: Option<&str>, method: &str, path: &str, pointer: &str| OperationRef {
        id: id.map(str::to_owned),
        method: method.to_owned(),
        path: path.to_owned(),
        pointer: pointer.to_owned(),
    };
    assert_eq!(
        contract().operations(),
        [
            operation(None, "POST", "/b/{x}~y", "/paths/~1b~1{x}~0y/post"),
            operation(Some("getB"), "GET", "/b/{x}~y", "/paths/~1b~1{x}~0y/get"),
            operation(Some("removeA"), "DELETE", "/a", "/paths/~1a/delete"),
        ]
    );
}

#[test]
fn references_are_resolved_to_the_final_node() {
    let contract = contract();
    let (pointer, node) = contract
        .resolve("/paths/~1b~1{x}~0y/post/responses/200")
        .unwrap();
    assert_eq!(pointer, "/components/responses/Well");
    assert_eq!(node["description"], "Done well.");
    let (pointer, node) = contract.resolve("/info/title").unwrap();
    assert_eq!(
        (pointer.as_str(), node.as_str()),
        ("/info/title", Some("Ä"))
    );
    assert_snapshot!(contract.resolve("/nothing").unwrap_err(), @"a.yaml:1:1: the node does not exist (at /nothing); refer to an existing node");
}

#[test]
fn text_and_order_of_keys_are_preserved() {
    let contract = contract();
    assert_eq!(contract.name(), "a.yaml");
    assert_eq!(contract.text(), YAML);
    let keys: Vec<_> = contract.value().as_object().unwrap().keys().collect();
    assert_eq!(keys, ["openapi", "info", "tags", "paths", "components"]);
    assert_eq!(contract.openapi().info.title, "Ä");
    assert_eq!(contract.openapi().paths.paths.len(), 2);
}

#[test]
fn json_is_parsed_like_yaml() {
    let yaml = contract();
    let text = serde_json::to_string_pretty(yaml.value()).unwrap();
    let json = Contract::parse("a.json", &text).unwrap();
    assert_eq!(json.value(), yaml.value());
    assert_eq!(json.locate("/info/title"), at(4, 5));
    let text = "{\"openapi\":\"3.0.0\",\"info\":{\"title\":\"\\u00e4\\/\\n\",\"version\":\"1\"},\"paths\":{}}";
    let json = Contract::parse("a.json", text).unwrap();
    assert_eq!(json.value()["info"]["title"], "ä/\n");
    assert_eq!(json.locate("/info/version"), at(1, 49));
}

#[test]
fn crlf_line_ends_and_a_byte_order_mark_are_accepted() {
    let windows = Contract::parse("a.yaml", &YAML.replace('\n', "\r\n")).unwrap();
    assert_eq!(windows.value(), contract().value());
    assert_eq!(windows.locate("/tags/1/name"), at(5, 5));
    let marked = Contract::parse("a.yaml", &format!("\u{feff}{YAML}")).unwrap();
    assert_eq!(marked.value(), contract().value());
}

#[test]
fn finding_is_displayed_on_one_line() {
    let finding = Finding {
        file: "openapi.yaml".to_owned(),
        location: at(12, 5),
        pointer: "/paths/~1login/post".to_owned(),
        message: "message".to_owned(),
        help: "help".to_owned(),
    };
    assert_eq!(
        finding.to_string(),
        "openapi.yaml:12:5: message (at /paths/~1login/post); help"
    );
}
