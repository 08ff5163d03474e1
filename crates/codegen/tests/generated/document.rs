//! The document that dropshot emits for a generated API equals the contract.

use std::fs;

use dropshot_codegen::Contract;
use serde_json::{Map, Value, json};

use crate::fixtures;

fn contract(name: &str) -> Contract {
    let path = format!("{}/tests/fixtures/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let contract = Contract::parse(name, &fs::read_to_string(path).unwrap()).unwrap();
    // dropshot omits documentation-only constructs, such as examples outside of schemas.
    contract.simplified()
}

fn resolved(contract: &Contract, pointer: &str) -> Value {
    contract.resolve(pointer).unwrap().1.clone()
}

fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Returns the document that dropshot should emit for a contract.
///
/// It lacks what dropshot cannot express: servers, security, wildcard paths, and the media types and headers of content
/// other than JSON. Every body is required. All errors of an operation are one response, and dropshot's own errors have
/// a schema of their own.
fn expected(contract: &Contract) -> Value {
    let mut paths = Map::new();
    let mut errors = Map::new();
    for operation in contract.operations() {
        let is_wildcard = |parameter: &Value| parameter["x-wildcard"] == true;
        let node = contract.value().pointer(&operation.pointer).unwrap();
        let parameters = node.get("parameters").and_then(Value::as_array);
        if parameters.into_iter().flatten().any(is_wildcard) {
            continue;
        }
        let path = paths
            .entry(operation.path.clone())
            .or_insert_with(|| json!({}));
        path[operation.method.to_lowercase()] =
            expected_operation(contract, &operation.pointer, &mut errors);
    }
    let schemas = contract.value().pointer("/components/schemas");
    let mut document = json!({
        "openapi": "3.0.3",
        "info": contract.value()["info"],
        "paths": paths,
        "components": { "schemas": schemas.cloned().unwrap_or(json!({})) },
    });
    document["tags"] = tags(contract);
    if errors.contains_key("Error") {
        document["components"]["schemas"]["Error"] = json!({
            "description": "Error information from a response.",
            "type": "object",
            "required": ["message", "request_id"],
            "properties": {
                "error_code": { "type": "string" },
                "message": { "type": "string" },
                "request_id": { "type": "string" },
            },
        });
    }
    document["components"]["responses"] = errors.into();
    document
}

fn tags(contract: &Contract) -> Value {
    let null = json!([]);
    let mut tags = contract.value().get("tags").unwrap_or(&null).clone();
    for operation in contract.operations() {
        let node = contract.value().pointer(&operation.pointer).unwrap();
        for name in node["tags"].as_array().into_iter().flatten() {
            let tags = tags.as_array_mut().unwrap();
            if !tags.iter().any(|tag| tag["name"] == *name) {
                tags.push(json!({ "name": name }));
            }
        }
    }
    tags
}

fn expected_operation(contract: &Contract, at: &str, errors: &mut Map<String, Value>) -> Value {
    let node = contract.value().pointer(at).unwrap();
    let mut expected = Map::new();
    for key in [
        "operationId",
        "summary",
        "description",
        "tags",
        "deprecated",
        "x-dropshot-pagination",
        "x-dropshot-websocket",
    ] {
        if let Some(value) = node.get(key) {
            expected.insert(key.to_owned(), value.clone());
        }
    }
    let mut parameters: Vec<Value> = Vec::new();
    let at_item = &at[..at.rfind('/').unwrap()];
    for at_list in [child(at_item, "parameters"), child(at, "parameters")] {
        let list = contract.value().pointer(&at_list).and_then(Value::as_array);
        for index in 0..list.map_or(0, Vec::len) {
            let parameter = resolved(contract, &child(&at_list, &index.to_string()));
            parameters.retain(|other| other["name"] != parameter["name"]);
            parameters.push(parameter);
        }
    }
    if !parameters.is_empty() {
        expected.insert("parameters".to_owned(), parameters.into());
    }
    if node.get("requestBody").is_some() {
        let mut body = resolved(contract, &child(at, "requestBody"));
        body["required"] = true.into();
        for media in body["content"].as_object_mut().unwrap().values_mut() {
            media.as_object_mut().unwrap().shift_remove("x-streaming");
        }
        expected.insert("requestBody".to_owned(), body);
    }
    expected.insert(
        "responses".to_owned(),
        expected_responses(contract, &child(at, "responses"), errors),
    );
    expected.into()
}

fn expected_responses(contract: &Contract, at: &str, errors: &mut Map<String, Value>) -> Value {
    let listed = contract.value().pointer(at).unwrap().as_object().unwrap();
    let is_success = |status: &str| {
        ["1", "2", "3"]
            .iter()
            .any(|first| status.starts_with(first))
    };
    let is_free = !listed.keys().any(|status| is_success(status));
    let mut responses = Map::new();
    let mut error = "Error".to_owned();
    for status in listed.keys() {
        let (at_response, response) = contract.resolve(&child(at, status)).unwrap();
        let mut response = response.clone();
        if !is_success(status) && !is_free {
            let reference = response
                .pointer("/content/application~1json/schema/$ref")
                .unwrap();
            error = reference
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned();
            continue;
        }
        if let Some(headers) = response.get_mut("headers").and_then(Value::as_object_mut) {
            for (name, header) in headers {
                *header = resolved(contract, &child(&child(&at_response, "headers"), name));
            }
        }
        let content = response.get_mut("content").and_then(Value::as_object_mut);
        if let Some(content) = content
            && !content.contains_key("application/json")
        {
            content.clear();
            content.insert("*/*".to_owned(), json!({ "schema": {} }));
            response.as_object_mut().unwrap().shift_remove("headers");
        }
        responses.insert(status.clone(), response);
    }
    if !is_free {
        for range in ["4XX", "5XX"] {
            responses.insert(
                range.to_owned(),
                json!({ "$ref": format!("#/components/responses/{error}") }),
            );
        }
        let schema = json!({ "$ref": format!("#/components/schemas/{error}") });
        errors.insert(
            error.clone(),
            json!({ "description": error, "content": { "application/json": { "schema": schema } } }),
        );
    }
    responses.into()
}

/// Normalizes a document: `openapiv3` adds defaults; order and white space without meaning are removed.
fn normalized(document: Value) -> Value {
    let model: openapiv3::OpenAPI = serde_json::from_value(document).unwrap();
    let mut value = serde_json::to_value(model).unwrap();
    normalize(&mut value, "");
    value
}

fn normalize(value: &mut Value, key: &str) {
    match value {
        Value::Object(members) => {
            // dropshot cannot express a discriminator.
            if members
                .get("discriminator")
                .is_some_and(|hint| hint["propertyName"].is_string())
            {
                members.shift_remove("discriminator");
            }
            members
                .iter_mut()
                .for_each(|(key, value)| normalize(value, key));
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| normalize(item, ""));
            match key {
                "required" => items.sort_by_key(ToString::to_string),
                "tags" | "parameters" => items.sort_by_key(|item| item["name"].to_string()),
                _ => {}
            }
        }
        Value::String(text) if key == "description" => {
            *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn without_schemas(mut document: Value, unused: &[&str]) -> Value {
    for name in unused {
        document["components"]["schemas"]
            .as_object_mut()
            .unwrap()
            .shift_remove(*name);
    }
    document
}

macro_rules! assert_closes {
    ($fixture:ident, $module:ident, $unused:expr) => {
        let api = fixtures::$fixture::$module::stub_api_description().unwrap();
        let emitted = fixtures::$fixture::openapi(&api).json().unwrap();
        let expected = without_schemas(expected(&contract(stringify!($fixture))), &$unused);
        assert_eq!(normalized(emitted), normalized(expected));
    };
}

#[test]
fn minimal_api_is_emitted_unchanged() {
    assert_closes!(minimal, timekeeper, []);
}

#[test]
fn responses_and_headers_are_emitted_unchanged() {
    assert_closes!(responses, responses, []);
}

#[test]
fn bodies_are_emitted_unchanged() {
    assert_closes!(bodies, bodies, []);
}

#[test]
fn channels_are_emitted_unchanged() {
    assert_closes!(channels, channels, []);
}

#[test]
fn freeform_responses_are_emitted_unchanged() {
    assert_closes!(freeform, freeform, []);
}

#[test]
fn errors_of_each_kind_are_emitted_unchanged() {
    assert_closes!(errors, errors, []);
}

#[test]
fn secured_operations_are_emitted_unchanged() {
    assert_closes!(credentials, vault, []);
    assert_closes!(security, security, []);
}

#[test]
fn schemas_are_emitted_unchanged() {
    assert_closes!(schemas, schemas, ["Unused"]);
    let api = fixtures::schemas::schemas::stub_api_description().unwrap();
    let emitted = fixtures::schemas::openapi(&api).json().unwrap();
    let contract = contract("schemas");
    for (name, schema) in contract.value()["components"]["schemas"]
        .as_object()
        .unwrap()
    {
        if name == "Unused" {
            continue;
        }
        // Compared without normalization, except that `openapiv3` omits values that are false.
        assert_eq!(&emitted["components"]["schemas"][name], schema, "{name}");
    }
}

#[test]
fn objects_are_emitted_unchanged() {
    assert_closes!(objects, objects, []);
}

#[test]
fn unions_are_emitted_unchanged() {
    assert_closes!(unions, unions, []);
}

#[test]
fn bounds_are_emitted_unchanged() {
    assert_closes!(bounds, bounds, []);
}

#[test]
fn compositions_are_emitted_unchanged() {
    assert_closes!(composed, composed, []);
}

#[test]
fn pages_are_emitted_unchanged() {
    assert_closes!(pagination, pagination, []);
}

#[test]
fn parameters_with_inline_schemas_are_emitted_unchanged() {
    assert_closes!(queries, queries, []);
}

#[test]
fn parameters_are_emitted_unchanged() {
    assert_closes!(parameters, parameters, []);
}

#[test]
fn documentation_is_omitted() {
    assert_closes!(documented, notes, []);
}

#[test]
fn summaries_and_descriptions_are_emitted_unchanged() {
    assert_closes!(docs, docs_of_an_api, []);
}

#[test]
fn operation_ids_of_every_shape_are_emitted_unchanged() {
    assert_closes!(identifiers, identifiers, []);
}

#[test]
fn operations_are_listed_in_the_order_of_the_contract() {
    let listed: Vec<_> = fixtures::responses::OPERATIONS
        .iter()
        .map(|operation| (operation.id, operation.method, operation.path))
        .collect();
    let contract = contract("responses");
    let written = contract.operations();
    let written: Vec<_> = written
        .iter()
        .map(|operation| {
            (
                operation.id.as_deref().unwrap(),
                operation.method.as_str(),
                operation.path.as_str(),
            )
        })
        .collect();
    assert_eq!(listed, written);
}

#[test]
fn wildcard_path_is_listed_in_router_syntax() {
    let listed = fixtures::channels::OPERATIONS.iter().map(|it| it.path);
    assert_eq!(
        listed.collect::<Vec<_>>(),
        ["/live/{room}", "/live", "/watch", "/files/{path:.*}"]
    );
}
