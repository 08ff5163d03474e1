use super::*;

const DOCUMENT: &str = r"
openapi: 3.0.3
info: { title: Things, version: 1.0.0 }
security: [{ key: [] }]
paths:
  /things/{id}:
    parameters:
      - { name: id, in: path, required: true, schema: { type: string } }
    get:
      operationId: getThing
      tags: [a, b]
      parameters:
        - { name: wide, in: query, schema: { type: boolean } }
      responses:
        '200':
          description: Here it is.
          headers: { X-Count: { $ref: '#/components/headers/Count' } }
          content: { application/json: { schema: { $ref: '#/components/schemas/Thing' } } }
        '401': { $ref: '#/components/responses/Refused' }
    delete:
      operationId: deleteThing
      security: []
      responses: { '204': { description: Gone. } }
components:
  headers: { Count: { schema: { type: integer } } }
  responses: { Refused: { description: No. } }
  securitySchemes: { key: { type: apiKey, in: header, name: X-Key } }
  schemas:
    Thing:
      type: object
      required: [name, size]
      properties:
        name: { $ref: '#/components/schemas/Name' }
        size: { type: integer, minimum: 1 }
    Name: { type: string, enum: [a, b] }
";

/// [`DOCUMENT`] in another spelling that the specification allows.
const SAME: &str = r##"{
  "paths": {
    "/things/{id}": {
      "delete": {
        "responses": { "204": { "description": "Gone.", "headers": {}, "content": {} } },
        "deprecated": false,
        "parameters": [
          { "in": "path", "name": "id", "required": true, "style": "simple", "explode": false, "schema": { "type": "string" } }
        ],
        "operationId": "deleteThing"
      },
      "get": {
        "operationId": "getThing",
        "tags": ["b", "a"],
        "security": [{ "key": [] }],
        "parameters": [
          { "in": "query", "name": "wide", "required": false, "style": "form", "explode": true, "schema": { "type": "boolean" } },
          { "in": "path", "name": "id", "required": true, "schema": { "type": "string" } }
        ],
        "responses": {
          "401": { "description": "No." },
          "200": {
            "description": "Here\n it is.",
            "headers": { "X-Count": { "required": false, "style": "simple", "schema": { "type": "integer", "nullable": false } } },
            "content": { "application/json": { "schema": { "allOf": [{ "$ref": "#/components/schemas/Thing" }] } } }
          }
        }
      }
    }
  },
  "servers": [{ "url": "/" }],
  "components": {
    "schemas": {
      "Name": { "type": "string", "enum": ["b", "a"] },
      "Thing": {
        "type": "object",
        "additionalProperties": true,
        "required": ["size", "name"],
        "properties": {
          "size": { "type": "integer", "minimum": 1.0, "exclusiveMinimum": false },
          "name": { "allOf": [{ "$ref": "#/components/schemas/Name" }] }
        }
      }
    },
    "securitySchemes": { "key": { "type": "apiKey", "in": "header", "name": "X-Key" } }
  },
  "info": { "title": "Things", "version": "1.0", "description": "" },
  "tags": [{ "name": "b" }],
  "openapi": "3.0.3"
}"##;

fn contract(name: &str, text: &str) -> Contract {
    Contract::parse(name, text).expect("the contract is valid")
}

fn plain(comparison: &Comparison) -> String {
    anstream::adapter::strip_str(&comparison.text()).to_string()
}

fn changed(from: &str, to: &str) -> Comparison {
    assert_eq!(DOCUMENT.matches(from).count(), 1, "{from}");
    let after = DOCUMENT.replace(from, to);
    Comparison::new(contract("a.yaml", DOCUMENT), contract("b.yaml", &after))
}

#[test]
fn equivalent_documents_do_not_differ() {
    let comparison = Comparison::new(contract("a.yaml", DOCUMENT), contract("b.json", SAME));
    assert!(comparison.is_same());
    insta::assert_snapshot!(plain(&comparison), @"both documents have the same meaning");
    insta::assert_snapshot!(comparison.json(), @r#"
    {
      "version": 1,
      "a": "a.yaml",
      "b": "b.json",
      "same": true,
      "differences": []
    }
    "#);
}

#[test]
fn each_side_of_a_difference_is_located() {
    let comparison = changed("minimum: 1", "minimum: 2, maximum: 9");
    insta::assert_snapshot!(plain(&comparison), @"
    /components/schemas/Thing/properties/size/minimum
      a.yaml:34:32: 1
      b.yaml:34:32: 2
    /components/schemas/Thing/properties/size/maximum
      a.yaml:34:9: (nothing)
      b.yaml:34:44: 9

    2 differences
    ");
    insta::assert_snapshot!(comparison.json(), @r#"
    {
      "version": 1,
      "a": "a.yaml",
      "b": "b.yaml",
      "same": false,
      "differences": [
        {
          "pointer": "/components/schemas/Thing/properties/size/minimum",
          "a": {
            "pointer": "/components/schemas/Thing/properties/size/minimum",
            "line": 34,
            "column": 32,
            "value": 1
          },
          "b": {
            "pointer": "/components/schemas/Thing/properties/size/minimum",
            "line": 34,
            "column": 32,
            "value": 2
          }
        },
        {
          "pointer": "/components/schemas/Thing/properties/size/maximum",
          "a": {
            "pointer": "/components/schemas/Thing/properties/size",
            "line": 34,
            "column": 9
          },
          "b": {
            "pointer": "/components/schemas/Thing/properties/size/maximum",
            "line": 34,
            "column": 44,
            "value": 9
          }
        }
      ]
    }
    "#);
}

#[test]
fn one_difference_is_counted_as_one() {
    insta::assert_snapshot!(plain(&changed("operationId: getThing", "operationId: readThing")), @r#"
    /paths/~1things~1{id}/get/operationId
      a.yaml:10:7: "getThing"
      b.yaml:10:7: "readThing"

    1 difference
    "#);
}

#[test]
fn change_of_meaning_is_reported_with_its_pointer() {
    let changes = [
        ("title: Things", "title: Other"),
        ("{ key: [] }]\npaths", "{ key: [] }, {}]\npaths"),
        ("      security: []\n", ""),
        ("tags: [a, b]", "tags: [a]"),
        ("name: wide, in: query", "name: wide, in: header"),
        (
            "name: wide, in: query,",
            "name: wide, in: query, required: true,",
        ),
        (
            "name: wide, in: query,",
            "name: wide, in: query, explode: false,",
        ),
        (
            "'204': { description: Gone. }",
            "'204': { description: Gone }",
        ),
        ("'204'", "'202'"),
        (
            "Count: { schema: { type: integer } }",
            "Count: { required: true, schema: { type: integer } }",
        ),
        (
            "Refused: { description: No. }",
            "Refused: { description: Never. }",
        ),
        ("in: header, name: X-Key", "in: query, name: X-Key"),
        ("required: [name, size]", "required: [name]"),
        ("enum: [a, b]", "enum: [a, c]"),
        (
            "name: { $ref: '#/components/schemas/Name' }",
            "name: { type: string, enum: [a, b] }",
        ),
        (
            "type: object\n",
            "type: object\n      additionalProperties: false\n",
        ),
        ("info:", "servers: [{ url: /v1 }]\ninfo:"),
        ("version: 1.0.0", "version: 1.0.1"),
        ("info:", "tags: [{ name: a, description: One. }]\ninfo:"),
    ];
    let found: Vec<String> = changes
        .iter()
        .map(|(from, to)| {
            let comparison = changed(from, to);
            assert!(!comparison.is_same(), "{from} became {to}");
            let pointers: Vec<String> = comparison
                .differences
                .iter()
                .map(|difference| format!("\n  {}", meaning::pointer(&difference.path)))
                .collect();
            format!("{} -> {}{}", from.trim(), to.trim(), pointers.concat())
        })
        .collect();
    insta::assert_snapshot!(found.join("\n"), @"
    title: Things -> title: Other
      /info/title
    { key: [] }]
    paths -> { key: [] }, {}]
    paths
      /paths/~1things~1{id}/get/security
    security: [] -> 
      /paths/~1things~1{id}/delete/security
    tags: [a, b] -> tags: [a]
      /paths/~1things~1{id}/get/tags
    name: wide, in: query -> name: wide, in: header
      /paths/~1things~1{id}/get/parameters/query wide
      /paths/~1things~1{id}/get/parameters/header wide
    name: wide, in: query, -> name: wide, in: query, required: true,
      /paths/~1things~1{id}/get/parameters/query wide/required
    name: wide, in: query, -> name: wide, in: query, explode: false,
      /paths/~1things~1{id}/get/parameters/query wide/explode
    '204': { description: Gone. } -> '204': { description: Gone }
      /paths/~1things~1{id}/delete/responses/204/description
    '204' -> '202'
      /paths/~1things~1{id}/delete/responses/204
      /paths/~1things~1{id}/delete/responses/202
    Count: { schema: { type: integer } } -> Count: { required: true, schema: { type: integer } }
      /paths/~1things~1{id}/get/responses/200/headers/X-Count/required
    Refused: { description: No. } -> Refused: { description: Never. }
      /paths/~1things~1{id}/get/responses/401/description
    in: header, name: X-Key -> in: query, name: X-Key
      /components/securitySchemes/key/in
    required: [name, size] -> required: [name]
      /components/schemas/Thing/required
    enum: [a, b] -> enum: [a, c]
      /components/schemas/Name/enum
    name: { $ref: '#/components/schemas/Name' } -> name: { type: string, enum: [a, b] }
      /components/schemas/Thing/properties/name
    type: object -> type: object
          additionalProperties: false
      /components/schemas/Thing/additionalProperties
    info: -> servers: [{ url: /v1 }]
    info:
      /servers
    version: 1.0.0 -> version: 1.0.1
      /info/version
    info: -> tags: [{ name: a, description: One. }]
    info:
      /tags/a
    ");
}
