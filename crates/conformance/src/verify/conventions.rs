//! Conventions of dropshot servers that a contract must follow: a listed 400, and the schema of a page.
//!
//! Without these rules, only the check *live* would find a violation, after the server was written.

use dropshot_codegen::{Contract, Finding, OperationRef};
use openapi_contract::pointer::child;
use serde_json::{Map, Value, json};

pub(super) const PAGINATION: &str = "x-dropshot-pagination";

const PAGE: &str = "write the page as a schema `{ type: object, required: [items], properties: { items: { type: array, items: … }, \
     next_page: { type: string, nullable: true } } }`; `next_page` is absent from the last page";

const DOCUMENTATION: [&str; 6] = [
    "title",
    "description",
    "example",
    "externalDocs",
    "deprecated",
    "nullable",
];

pub(super) fn check(contract: &Contract) -> [(&'static str, Vec<Finding>); 2] {
    let operations = contract.operations();
    let all = |find: fn(&Contract, &OperationRef) -> Vec<Finding>| {
        let found = operations
            .iter()
            .flat_map(|operation| find(contract, operation));
        found.collect()
    };
    [
        (
            "every operation that may refuse its request lists 400",
            all(check_400),
        ),
        (
            "every page has the structure of a dropshot page",
            all(check_pagination),
        ),
    ]
}

fn check_400(contract: &Contract, operation: &OperationRef) -> Vec<Finding> {
    let responses = child(&operation.pointer, "responses");
    let Some(statuses) = contract.value().pointer(&responses) else {
        return vec![];
    };
    if statuses.get("400").is_some() {
        return vec![];
    }
    let parameters = parameters(contract, operation);
    let typed = parameters
        .iter()
        .find(|parameter| is_refusable(contract, parameter));
    let cause = if let Some(parameter) = typed {
        format!("an invalid parameter `{}`", parameter.name)
    } else if has_json_body(contract, operation) {
        "an invalid body".to_owned()
    } else {
        return vec![];
    };
    let help = match find_response_component(contract, "400") {
        Some(reference) => format!("list it: `'400': {{ $ref: '{reference}' }}`"),
        None => "list 400 with the schema of the errors, once under `components.responses`, and refer to it".to_owned(),
    };
    vec![contract.finding(
        &responses,
        format!("the server refuses {cause} with 400, which is not listed"),
        help,
    )]
}

/// Reports what prevents dropshot's pagination or progenitor's stream of pages.
fn check_pagination(contract: &Contract, operation: &OperationRef) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mark = child(&operation.pointer, PAGINATION);
    let extension = contract.value().pointer(&mark);
    let parameters = parameters(contract, operation);
    let query: Vec<&Parameter> = parameters
        .iter()
        .filter(|parameter| parameter.value.get("in") == Some(&Value::from("query")))
        .collect();
    let named = |name: &str| query.iter().find(|parameter| parameter.name == name);
    let Some(extension) = extension else {
        if let Some(parameter) = named("page_token") {
            findings.push(contract.finding(
                &parameter.pointer,
                "`page_token` is only for paginated operations",
                format!("add `{PAGINATION}: {{ required: [] }}` to the operation"),
            ));
        }
        return findings;
    };

    let required = extension.get("required").and_then(Value::as_array);
    let is_known = |name: &Value| name.as_str().is_some_and(|name| named(name).is_some());
    if !required.is_some_and(|names| names.iter().all(is_known)) {
        findings.push(contract.finding(
            &mark,
            format!("`{PAGINATION}` must list query parameters"),
            "write `{ required: [] }`, with the names of the parameters that the first page needs",
        ));
    }
    for (name, schema, shown) in [
        (
            "limit",
            json!({ "type": "integer", "format": "uint32", "minimum": 1 }),
            "{ type: integer, format: uint32, minimum: 1, nullable: true }",
        ),
        (
            "page_token",
            json!({ "type": "string" }),
            "{ type: string, nullable: true }",
        ),
    ] {
        let shape = format!("`name: {name}`, `in: query` and `schema: {shown}`");
        match named(name) {
            None => findings.push(contract.finding(
                &mark,
                format!("a paginated operation must declare `{name}`"),
                format!("add a parameter with {shape}"),
            )),
            Some(parameter) => {
                let found = parameter.schema(contract).map(constraints);
                if found.map(Value::from) != Some(schema) {
                    findings.push(contract.finding(
                        &parameter.pointer,
                        format!("dropshot expects a different schema for `{name}`"),
                        format!("write {shape}"),
                    ));
                }
            }
        }
    }
    for parameter in query {
        if parameter.value.get("required") == Some(&Value::Bool(true)) {
            findings.push(contract.finding(
                &parameter.pointer,
                format!("`{}` is required, but later pages are requested with `page_token` alone", parameter.name),
                format!("remove `required: true`, and list the name in `{PAGINATION}` if the first page needs it"),
            ));
        }
    }
    findings.extend(check_page(contract, operation, &mark));
    findings
}

/// Reports how the 200 response of a paginated operation differs from a page.
fn check_page(contract: &Contract, operation: &OperationRef, mark: &str) -> Option<Finding> {
    let report = |pointer: &str, message: &str| Some(contract.finding(pointer, message, PAGE));
    let response = child(&child(&operation.pointer, "responses"), "200");
    let content = contract.resolve(&response).ok().map(|(pointer, _)| {
        let content = child(&child(&pointer, "content"), "application/json");
        child(&content, "schema")
    });
    let Some((pointer, schema)) = content.and_then(|schema| contract.resolve(&schema).ok()) else {
        return report(
            mark,
            "a paginated operation must return a page as JSON with 200",
        );
    };
    let properties = child(&pointer, "properties");
    let property = |name: &str| contract.resolve(&child(&properties, name)).ok();
    let is_listed = |name: &str| {
        let required = schema.get("required").and_then(Value::as_array);
        required.is_some_and(|required| required.contains(&Value::from(name)))
    };
    match property("items") {
        Some((_, items)) if items.get("type") == Some(&Value::from("array")) => {}
        Some((pointer, _)) => return report(&pointer, "`items` of a page must be an array"),
        None => {
            return report(&pointer, "a page must have `items`");
        }
    }
    if !is_listed("items") {
        return report(&pointer, "`items` of a page must be required");
    }
    let Some((at, next)) = property("next_page") else {
        return report(&pointer, "a page must have `next_page`");
    };
    if constraints(next) != constraints(&json!({ "type": "string" })) {
        return report(&at, "`next_page` of a page must be a string");
    }
    if next.get("nullable") != Some(&Value::Bool(true)) {
        return report(&at, "`next_page` of a page must be nullable");
    }
    if is_listed("next_page") {
        return report(&pointer, "`next_page` of a page must not be required");
    }
    None
}

struct Parameter<'c> {
    name: &'c str,
    pointer: String,
    value: &'c Value,
}

impl<'c> Parameter<'c> {
    fn schema(&self, contract: &'c Contract) -> Option<&'c Value> {
        let (_, schema) = contract.resolve(&child(&self.pointer, "schema")).ok()?;
        Some(schema)
    }
}

fn parameters<'c>(contract: &'c Contract, operation: &OperationRef) -> Vec<Parameter<'c>> {
    let mut all: Vec<Parameter<'c>> = Vec::new();
    for owner in [child("/paths", &operation.path), operation.pointer.clone()] {
        let list = child(&owner, "parameters");
        let listed = contract.value().pointer(&list).and_then(Value::as_array);
        for index in 0..listed.map_or(0, Vec::len) {
            let Ok((pointer, value)) = contract.resolve(&format!("{list}/{index}")) else {
                continue;
            };
            let Some(name) = value.get("name").and_then(Value::as_str) else {
                continue;
            };
            // A parameter of the operation overrides one of the path.
            all.retain(|other| other.name != name || other.value.get("in") != value.get("in"));
            all.push(Parameter {
                name,
                pointer,
                value,
            });
        }
    }
    all
}

/// Returns whether a parameter can cause a refusal: it is required, or some strings are invalid.
fn is_refusable(contract: &Contract, parameter: &Parameter) -> bool {
    let is_in_path = parameter.value.get("in") == Some(&Value::from("path"));
    let is_required = parameter.value.get("required") == Some(&Value::Bool(true));
    let is_any_text = parameter
        .schema(contract)
        .is_none_or(|schema| constraints(schema) == constraints(&json!({ "type": "string" })));
    (is_required && !is_in_path) || !is_any_text
}

fn has_json_body(contract: &Contract, operation: &OperationRef) -> bool {
    let body = contract.resolve(&child(&operation.pointer, "requestBody"));
    body.is_ok_and(|(_, body)| {
        let content = body.get("content").and_then(Value::as_object);
        content.is_some_and(|content| content.keys().any(|name| name.contains("json")))
    })
}

fn find_response_component<'c>(contract: &'c Contract, status: &str) -> Option<&'c str> {
    contract.operations().iter().find_map(|operation| {
        let response = child(&child(&operation.pointer, "responses"), status);
        let response = contract.value().pointer(&response)?;
        response.get("$ref")?.as_str()
    })
}

fn constraints(schema: &Value) -> Map<String, Value> {
    let mut schema = schema.as_object().cloned().unwrap_or_default();
    schema.retain(|key, _| !DOCUMENTATION.contains(&key.as_str()));
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = r"
openapi: 3.0.3
info: { title: t, version: 1.0.0 }
paths:
  /things:
    get:
      operationId: listThings
      x-dropshot-pagination: { required: [colour] }
      parameters:
        - { name: colour, in: query, schema: { type: string } }
        - { name: limit, in: query, schema: { type: integer, format: uint32, minimum: 1 } }
        - { name: page_token, in: query, schema: { type: string, nullable: true } }
      responses:
        '200':
          description: a page
          content: { application/json: { schema: { $ref: '#/components/schemas/Page' } } }
        '400': { $ref: '#/components/responses/Invalid' }
  /things/{id}:
    get:
      operationId: showThing
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses: { '204': { description: done } }
components:
  responses:
    Invalid: { description: no }
  schemas:
    Page:
      type: object
      required: [items]
      properties:
        items: { type: array, items: { type: string } }
        next_page: { type: string, nullable: true }
";

    fn findings_with(from: &str, to: &str) -> String {
        assert_eq!(CONTRACT.matches(from).count(), 1, "{from}");
        let contract = Contract::parse("openapi.yaml", &CONTRACT.replacen(from, to, 1))
            .expect("the contract is valid");
        let findings = check(&contract)
            .into_iter()
            .flat_map(|(_, findings)| findings);
        findings.map(|finding| format!("{finding}\n")).collect()
    }

    #[test]
    fn contract_that_follows_the_conventions_has_no_findings() {
        assert_eq!(findings_with("title: t,", "title: u,"), "");
    }

    #[test]
    fn missing_400_is_reported() {
        let id = "required: true, schema: { type: string }";
        insta::assert_snapshot!(findings_with(id, "required: true, schema: { type: integer }"), @"openapi.yaml:22:7: the server refuses an invalid parameter `id` with 400, which is not listed (at /paths/~1things~1{id}/get/responses); list it: `'400': { $ref: '#/components/responses/Invalid' }`");
        let missing = "        '400': { $ref: '#/components/responses/Invalid' }\n";
        insta::assert_snapshot!(findings_with(missing, ""), @"openapi.yaml:13:7: the server refuses an invalid parameter `limit` with 400, which is not listed (at /paths/~1things/get/responses); list 400 with the schema of the errors, once under `components.responses`, and refer to it");
        let responses = "responses: { '204':";
        let body = "requestBody: { content: { application/json: { schema: { type: string } } } }";
        let text = format!("{body}\n      {responses}");
        insta::assert_snapshot!(findings_with(responses, &text), @"openapi.yaml:23:7: the server refuses an invalid body with 400, which is not listed (at /paths/~1things~1{id}/get/responses); list it: `'400': { $ref: '#/components/responses/Invalid' }`");
    }

    #[test]
    fn invalid_paginated_operation_is_reported() {
        insta::assert_snapshot!(findings_with("      x-dropshot-pagination: { required: [colour] }\n", ""), @"openapi.yaml:11:11: `page_token` is only for paginated operations (at /paths/~1things/get/parameters/2); add `x-dropshot-pagination: { required: [] }` to the operation");
        insta::assert_snapshot!(findings_with("{ required: [colour] }", "true"), @"openapi.yaml:8:7: `x-dropshot-pagination` must list query parameters (at /paths/~1things/get/x-dropshot-pagination); write `{ required: [] }`, with the names of the parameters that the first page needs");
        insta::assert_snapshot!(findings_with("[colour]", "[color]"), @"openapi.yaml:8:7: `x-dropshot-pagination` must list query parameters (at /paths/~1things/get/x-dropshot-pagination); write `{ required: [] }`, with the names of the parameters that the first page needs");
        insta::assert_snapshot!(findings_with("format: uint32", "format: int32"), @"openapi.yaml:11:11: dropshot expects a different schema for `limit` (at /paths/~1things/get/parameters/1); write `name: limit`, `in: query` and `schema: { type: integer, format: uint32, minimum: 1, nullable: true }`");
        insta::assert_snapshot!(findings_with("name: limit", "name: size"), @"openapi.yaml:8:7: a paginated operation must declare `limit` (at /paths/~1things/get/x-dropshot-pagination); add a parameter with `name: limit`, `in: query` and `schema: { type: integer, format: uint32, minimum: 1, nullable: true }`");
        insta::assert_snapshot!(findings_with("name: colour, in: query,", "name: colour, in: query, required: true,"), @"openapi.yaml:10:11: `colour` is required, but later pages are requested with `page_token` alone (at /paths/~1things/get/parameters/0); remove `required: true`, and list the name in `x-dropshot-pagination` if the first page needs it");
    }

    #[test]
    fn invalid_page_is_reported() {
        insta::assert_snapshot!(findings_with("next_page:", "nextpage:"), @"openapi.yaml:27:5: a page must have `next_page` (at /components/schemas/Page); write the page as a schema `{ type: object, required: [items], properties: { items: { type: array, items: … }, next_page: { type: string, nullable: true } } }`; `next_page` is absent from the last page");
        insta::assert_snapshot!(findings_with("next_page: { type: string, nullable: true }", "next_page: { type: string }"), @"openapi.yaml:32:9: `next_page` of a page must be nullable (at /components/schemas/Page/properties/next_page); write the page as a schema `{ type: object, required: [items], properties: { items: { type: array, items: … }, next_page: { type: string, nullable: true } } }`; `next_page` is absent from the last page");
        insta::assert_snapshot!(findings_with("next_page: { type: string,", "next_page: { type: integer,"), @"openapi.yaml:32:9: `next_page` of a page must be a string (at /components/schemas/Page/properties/next_page); write the page as a schema `{ type: object, required: [items], properties: { items: { type: array, items: … }, next_page: { type: string, nullable: true } } }`; `next_page` is absent from the last page");
        insta::assert_snapshot!(findings_with("required: [items]", "required: [items, next_page]"), @"openapi.yaml:27:5: `next_page` of a page must not be required (at /components/schemas/Page); write the page as a schema `{ type: object, required: [items], properties: { items: { type: array, items: … }, next_page: { type: string, nullable: true } } }`; `next_page` is absent from the last page");
        insta::assert_snapshot!(findings_with("      required: [items]\n", ""), @"openapi.yaml:27:5: `items` of a page must be required (at /components/schemas/Page); write the page as a schema `{ type: object, required: [items], properties: { items: { type: array, items: … }, next_page: { type: string, nullable: true } } }`; `next_page` is absent from the last page");
        insta::assert_snapshot!(findings_with("items: { type: array, items: { type: string } }", "items: { type: string }"), @"openapi.yaml:31:9: `items` of a page must be an array (at /components/schemas/Page/properties/items); write the page as a schema `{ type: object, required: [items], properties: { items: { type: array, items: … }, next_page: { type: string, nullable: true } } }`; `next_page` is absent from the last page");
        insta::assert_snapshot!(findings_with("application/json: { schema", "text/plain: { schema"), @"openapi.yaml:8:7: a paginated operation must return a page as JSON with 200 (at /paths/~1things/get/x-dropshot-pagination); write the page as a schema `{ type: object, required: [items], properties: { items: { type: array, items: … }, next_page: { type: string, nullable: true } } }`; `next_page` is absent from the last page");
    }
}
