//! Comparison of the meanings of two documents.

use std::{collections::BTreeSet, fmt};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

pub(crate) struct Difference {
    /// The operation that contains the difference, such as `get /login`; `None` for shared nodes.
    pub(crate) operation: Option<String>,
    pointer: String,
    written: Option<Value>,
    emitted: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| match value {
            None => "nothing".to_owned(),
            Some(value) => value.to_string().chars().take(200).collect(),
        };
        writeln!(f, "  differs at {}", self.pointer)?;
        writeln!(f, "    written {}", shown(&self.written))?;
        writeln!(f, "    emitted {}", shown(&self.emitted))
    }
}

pub(crate) fn differences(contract: &Value, emitted: &Value) -> Result<Vec<Difference>> {
    let mut written = meaning(contract).context("the contract")?;
    let mut emitted = meaning(emitted).context("the emitted document")?;
    if written["info"]["version"]
        .as_str()
        .is_none_or(|it| it.split('.').count() != 3)
    {
        // dropshot completes the version.
        written["info"]["version"] = emitted["info"]["version"].clone();
    }
    ignore_listed_errors(&mut written, &mut emitted);
    remove_unused_schemas(&mut written);
    remove_unused_schemas(&mut emitted);
    let mut found = Vec::new();
    compare(String::new(), Some(&written), Some(&emitted), &mut found);
    Ok(found)
}

/// Normalizes a document and removes what has no meaning for a server.
fn meaning(document: &Value) -> Result<Value> {
    // The model adds defaults, so an omitted default equals a written one.
    let model: openapiv3::OpenAPI = serde_json::from_value(document.clone())?;
    let mut value = serde_json::to_value(model)?;
    let components = value["components"].take();
    if let Some(members) = value.as_object_mut() {
        for key in ["openapi", "servers", "security", "externalDocs"] {
            members.remove(key);
        }
    }
    inline_components(&mut value["paths"], &components);
    let schemas = components["schemas"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    value["components"] = serde_json::json!({ "schemas": schemas });
    declare_used_tags(&mut value);
    normalize(&mut value, "");
    if let Some(paths) = value["paths"].as_object_mut() {
        // Refused operations may leave an empty path.
        paths.retain(|_, item| item.as_object().is_some_and(|item| !item.is_empty()));
    }
    Ok(value)
}

fn declare_used_tags(document: &mut Value) {
    let operations = document["paths"].as_object().into_iter().flatten();
    let operations = operations
        .filter_map(|(_, item)| item.as_object())
        .flatten();
    let used: Vec<_> = operations
        .filter_map(|(_, operation)| operation["tags"].as_array())
        .flatten()
        .cloned()
        .collect();
    if document["tags"].is_null() {
        document["tags"] = Value::Array(Vec::new());
    }
    if let Some(tags) = document["tags"].as_array_mut() {
        for name in used {
            if tags.iter().all(|tag| tag["name"] != name) {
                tags.push(serde_json::json!({ "name": name }));
            }
        }
    }
}

fn inline_components(node: &mut Value, components: &Value) {
    let target = node.get("$ref").and_then(Value::as_str);
    if let Some(name) = target.and_then(|target| target.strip_prefix("#/components/"))
        && !name.starts_with("schemas/")
        && let Some(component) = components.pointer(&format!("/{name}"))
    {
        *node = component.clone();
        return inline_components(node, components);
    }
    match node {
        Value::Object(members) => members
            .values_mut()
            .for_each(|node| inline_components(node, components)),
        Value::Array(items) => items
            .iter_mut()
            .for_each(|node| inline_components(node, components)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn normalize(value: &mut Value, key: &str) {
    match value {
        Value::Object(members) => {
            // Parameters of a path item apply to its operations.
            if key.starts_with('/')
                && let Some(Value::Array(shared)) = members.shift_remove("parameters")
            {
                members
                    .values_mut()
                    .for_each(|node| add_shared_parameters(&shared, node));
            }
            members.retain(|key, _| {
                key != "security" && (!key.starts_with("x-") || key.starts_with("x-dropshot-"))
            });
            for (key, value) in members {
                normalize(value, key);
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| normalize(item, ""));
            match key {
                "required" => items.sort_by_key(ToString::to_string),
                "tags" | "parameters" => {
                    items.sort_by_key(|item| (item["name"].to_string(), item["in"].to_string()));
                }
                _ => {}
            }
        }
        Value::String(text) if key == "description" || key == "summary" => {
            *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn add_shared_parameters(shared: &[Value], operation: &mut Value) {
    if !operation.is_object() {
        return;
    }
    if operation.get("parameters").is_none() {
        operation["parameters"] = Value::Array(Vec::new());
    }
    if let Some(own) = operation["parameters"].as_array_mut() {
        for parameter in shared {
            let same = |other: &Value| {
                other["name"] == parameter["name"] && other["in"] == parameter["in"]
            };
            if !own.iter().any(same) {
                own.push(parameter.clone());
            }
        }
    }
}

/// Ignores the errors of an operation that lists statuses, since dropshot emits ranges.
fn ignore_listed_errors(one: &mut Value, other: &mut Value) {
    let is_error = |status: &str| status.starts_with(['4', '5']);
    let Some(paths) = one["paths"].as_object_mut() else {
        return;
    };
    for (path, item) in paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            let Some(responses) = responses_of(operation) else {
                continue;
            };
            let errors: Vec<_> = responses.keys().filter(|key| is_error(key)).collect();
            if errors == ["4XX", "5XX"] {
                continue;
            }
            responses.retain(|status, _| !is_error(status));
            if let Some(responses) = other["paths"]
                .get_mut(path)
                .and_then(|item| item.get_mut(method))
                .and_then(responses_of)
            {
                responses.retain(|status, _| !is_error(status));
            }
        }
    }
}

fn responses_of(operation: &mut Value) -> Option<&mut Map<String, Value>> {
    operation.get_mut("responses")?.as_object_mut()
}

fn remove_unused_schemas(document: &mut Value) {
    let mut reached = BTreeSet::new();
    let mut next = vec![&document["paths"]];
    while let Some(node) = next.pop() {
        match node {
            Value::Object(members) => {
                for (key, value) in members {
                    let target = value.as_str().filter(|_| key == "$ref");
                    if let Some(name) =
                        target.and_then(|target| target.strip_prefix("#/components/schemas/"))
                        && reached.insert(name.to_owned())
                    {
                        next.push(&document["components"]["schemas"][name]);
                    }
                    next.push(value);
                }
            }
            Value::Array(items) => next.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.retain(|name, _| reached.contains(name));
    }
}

fn compare(
    pointer: String,
    written: Option<&Value>,
    emitted: Option<&Value>,
    found: &mut Vec<Difference>,
) {
    let child = |key: &str| format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
    match (written, emitted) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
            for key in keys {
                compare(child(key), one.get(key), other.get(key), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                compare(child(&index.to_string()), Some(one), Some(other), found);
            }
        }
        _ if equals(written, emitted) => {}
        _ => {
            let segments: Vec<_> = pointer.split('/').skip(1).collect();
            let operation = match segments.as_slice() {
                ["paths", path, method, ..] => Some(format!("{method} {path}")),
                ["paths", path] => Some(path.to_string()),
                _ => None,
            };
            found.push(Difference {
                operation,
                pointer,
                written: written.cloned(),
                emitted: emitted.cloned(),
            });
        }
    }
}

/// Returns whether two values are equal; `1` equals `1.0`.
fn equals(one: Option<&Value>, other: Option<&Value>) -> bool {
    one == other
        || match (one.and_then(Value::as_f64), other.and_then(Value::as_f64)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
}
