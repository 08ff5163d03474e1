//! The operations that are generated from a contract with refused constructs, and those that are not.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

use dropshot_codegen::{Document, Settings, generate_supported, report};
use insta::assert_snapshot;
use serde_json::{Value, json};

fn operation(id: &str, more: Value) -> Value {
    let mut operation = json!({
        "operationId": id,
        "summary": id,
        "responses": { "204": { "description": "successful deletion" } },
    });
    operation
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    operation
}

fn body(schema: &str) -> Value {
    let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
    json!({ "requestBody": {
        "required": true,
        "content": { "application/json": { "schema": schema } },
    } })
}

fn contract(paths: Value, more: Value) -> Document {
    let mut document = json!({
        "openapi": "3.0.3",
        "info": { "title": "Test", "version": "1.0.0" },
        "paths": paths,
    });
    document
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    Document::parse("a.json", &document.to_string()).unwrap()
}

/// Lists generated operations, refused operations with reasons, and other refusals, one per line.
fn render(contract: &Document) -> String {
    let supported = generate_supported(contract, &Settings::default());
    let mut lines = Vec::new();
    if let Ok(supported) = &supported {
        for operation in supported.contract.operations() {
            lines.push(format!("generated {}", operation.id.unwrap()));
        }
    }
    let report = report(contract, &Settings::default());
    for refused in &report.refused {
        let reasons: Vec<_> = refused
            .reasons
            .iter()
            .map(|it| it.pointer.as_str())
            .collect();
        lines.push(format!("refused {refused} for {}", reasons.join(" ")));
    }
    for finding in &report.elsewhere {
        lines.push(format!("refused {}", finding.pointer));
    }
    assert_eq!(
        supported.map_or_else(|report| *report, |supported| supported.report),
        report
    );
    lines.join("\n")
}

#[test]
fn operation_that_indirectly_uses_refused_component_is_refused() {
    let object = |refers: &str| {
        json!({
            "type": "object",
            "properties": { "next": { "$ref": format!("#/components/schemas/{refers}") } },
        })
    };
    let contract = contract(
        json!({ "/": {
            "patch": operation("circle", body("One")),
            "put": operation("through", body("Zero")),
            "post": operation("aside", body("Fine")),
        } }),
        json!({ "components": { "schemas": {
            "Zero": object("One"),
            "One": object("Two"),
            "Two": { "type": "object", "x-dropshot-a": {}, "properties": { "next": { "$ref": "#/components/schemas/One" } } },
            "Fine": { "type": "string" },
        } } }),
    );
    assert_snapshot!(render(&contract), @"
    generated aside
    refused PATCH / (circle) for /components/schemas/Two/x-dropshot-a
    refused PUT / (through) for /components/schemas/Two/x-dropshot-a
    ");
}

#[test]
fn finding_of_path_item_refuses_only_its_operations() {
    let cookie = json!([{ "name": "a", "in": "cookie", "schema": { "type": "string" } }]);
    let contract = contract(
        json!({
            "/a": { "parameters": cookie, "get": operation("one", json!({})), "put": operation("two", json!({})) },
            "/b": { "get": operation("three", json!({ "parameters": cookie })), "put": operation("four", json!({})) },
            "/c/": { "get": operation("five", json!({})) },
        }),
        json!({}),
    );
    assert_snapshot!(render(&contract), @"
    generated four
    refused GET /a (one) for /paths/~1a/parameters/0
    refused PUT /a (two) for /paths/~1a/parameters/0
    refused GET /b (three) for /paths/~1b/get/parameters/0
    refused GET /c/ (five) for /paths/~1c~1
    ");
}

#[test]
fn finding_of_top_level_security_refuses_operations_without_their_own() {
    let contract = contract(
        json!({ "/": {
            "get": operation("top", json!({})),
            "put": operation("open", json!({ "security": [] })),
            "post": operation("own", json!({ "security": [{ "good": [] }] })),
            "patch": operation("odd", json!({ "security": [{ "digest": [] }] })),
        } }),
        json!({
            "security": [{ "good": ["scope"] }],
            "components": { "securitySchemes": {
                "good": { "type": "http", "scheme": "bearer" },
                "digest": { "type": "http", "scheme": "digest" },
            } },
        }),
    );
    assert_snapshot!(render(&contract), @"
    generated open
    generated own
    refused GET / (top) for /security/0/good
    refused PATCH / (odd) for /components/securitySchemes/digest
    ");
}

#[test]
fn first_of_two_operations_with_the_same_name_is_generated() {
    let contract = contract(
        json!({ "/": { "get": operation("same", json!({})), "put": operation("Same", json!({})) } }),
        json!({}),
    );
    assert_snapshot!(render(&contract), @"
    generated same
    refused PUT / (Same) for /paths/~1/put/operationId
    ");
}

#[test]
fn refused_part_that_no_operation_uses_is_removed() {
    let contract = contract(
        json!({ "/": { "get": operation("get", json!({})) } }),
        json!({
            "x-dropshot-a": {},
            "components": { "links": { "one": { "operationId": "get" } }, "schemas": { "Unused": { "type": "string", "x-dropshot-a": {} } } },
        }),
    );
    assert_snapshot!(render(&contract), @"
    generated get
    refused /x-dropshot-a
    refused /components/links
    refused /components/schemas/Unused/x-dropshot-a
    ");
}

#[test]
fn finding_of_typify_in_later_round_is_reported() {
    let contract = contract(
        json!({ "/": {
            "patch": operation("early", body("Early")),
            "put": operation("late", body("Late")),
            "post": operation("fine", body("Fine")),
        } }),
        json!({ "components": { "schemas": {
            "Early": { "type": "string", "x-dropshot-a": {} },
            "Late": { "type": "string", "enum": ["<", ">"], "default": ">" },
            "Fine": { "type": "string" },
        } } }),
    );
    assert_snapshot!(render(&contract), @"
    generated fine
    refused PATCH / (early) for /components/schemas/Early/x-dropshot-a
    refused PUT / (late) for /components/schemas/Late
    ");
}

#[test]
fn invalid_openapi_is_removed() {
    let mut odd = operation("odd", json!({}));
    odd["responses"]["204"]["type"] = json!("string");
    let contract = contract(
        json!({ "/": {
            "get": operation("fine", json!({})),
            "put": odd,
            "post": operation("nowhere", body("Missing")),
            "patch": operation("through", body("Odd")),
            "delete": "no operation",
        } }),
        json!({ "components": { "schemas": { "Odd": { "type": "strang" } } }, "more": {} }),
    );
    assert_snapshot!(render(&contract), @"
    generated fine
    refused PUT / (odd) for /paths/~1/put/responses/204/type
    refused POST / (nowhere) for /paths/~1/post/requestBody/content/application~1json/schema/$ref
    refused PATCH / (through) for /components/schemas/Odd/type
    refused DELETE / (without an operationId) for /paths/~1/delete
    refused /more
    ");
}

#[test]
fn document_without_info_generates_nothing() {
    let text = "{openapi: 3.0.3, info: {title: A}, paths: {/: {get: {responses: {}}}}}";
    let contract = Document::parse("a.json", text).unwrap();
    assert_snapshot!(render(&contract), @"refused /info");
}
