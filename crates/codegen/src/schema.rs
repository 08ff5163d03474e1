//! Schemas, and the checks that they are supported.
//!
//! typify accepts more than it enforces: it omits bounds that it has no type for, treats a missing type as "anything",
//! and panics on unexpected input. dropshot, which emits the schemas again, omits some keywords and panics on others.
//! Therefore, [`check`] runs first: the type of an accepted schema accepts exactly what the schema does, and the schema
//! is emitted unchanged. There are three exceptions:
//!
//! - formats that only describe, such as `hostname` (not binding in JSON Schema);
//! - `oneOf`, of which the first alternative that fits is used, without checking the others;
//! - `discriminator`, which only repeats the alternatives (OpenAPI 3.0.3, section 4.7.25); dropshot omits it.

use serde_json::Value;

use openapi_contract::{Contract, pointer};

use crate::base::extension::SECRET;
use crate::base::refusal::Refusals;

pub(crate) mod bounds;
pub(crate) mod check;
pub(crate) mod scalar;
pub(crate) mod union;
pub(crate) mod value;

pub(crate) const SCHEMAS: &str = "/components/schemas";

/// Returns the names of the component schemas that are secrets, in the order of the document.
///
/// A secret is a string with `format: password` or with the extension `x-secret: true`.
pub fn secret_names(contract: &Contract) -> Vec<String> {
    let Some(schemas) = contract.value().pointer(SCHEMAS) else {
        return Vec::new();
    };
    pointer::members(SCHEMAS, schemas)
        .filter(|(_, _, schema)| is_secret(schema))
        .map(|(_, name, _)| name.clone())
        .collect()
}

pub(crate) fn is_secret(schema: &Value) -> bool {
    schema.get("format").and_then(Value::as_str) == Some("password")
        || schema.get(SECRET) == Some(&Value::Bool(true))
}

pub(crate) enum Use<'a> {
    Named(&'a str),
    Inline(&'a Value),
}

/// Returns how a node uses a schema; references were resolved when the contract was read.
pub(crate) fn usage(node: &Value) -> Use<'_> {
    match node
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|target| target.rsplit('/').next())
    {
        Some(name) => Use::Named(name),
        None => Use::Inline(node),
    }
}

/// Returns the direct subschemas with their pointers; references are not followed.
pub(crate) fn children<'a>(at: &str, node: &'a Value) -> Vec<(String, &'a Value)> {
    let mut children = Vec::new();
    let at_properties = pointer::child(at, "properties");
    let properties = node.get("properties").and_then(Value::as_object);
    for (name, node) in properties.into_iter().flatten() {
        children.push((pointer::child(&at_properties, name), node));
    }
    for keyword in ["items", "additionalProperties", "not"] {
        if let Some(node) = node.get(keyword).filter(|node| node.is_object()) {
            children.push((pointer::child(at, keyword), node));
        }
    }
    for keyword in ["allOf", "oneOf", "anyOf"] {
        let at_list = pointer::child(at, keyword);
        let list = node.get(keyword).and_then(Value::as_array);
        for (index, node) in list.into_iter().flatten().enumerate() {
            children.push((pointer::child(&at_list, index), node));
        }
    }
    children
}

pub(crate) fn references(node: &Value) -> Vec<&str> {
    let mut names = Vec::new();
    collect(node, &mut names);
    names
}

fn collect<'a>(node: &'a Value, names: &mut Vec<&'a str>) {
    match usage(node) {
        Use::Named(name) => {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Use::Inline(node) => {
            for (_, child) in children("", node) {
                collect(child, names);
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Request,
    Response,
}

/// Refuses required properties that one direction omits, in a component and all that it refers to.
///
/// See `readOnly` and `writeOnly` in OpenAPI 3.0.3, section 4.7.24.
pub(crate) fn check_direction(name: &str, direction: Direction, refusals: &Refusals<'_>) {
    let (keyword, lacking) = match direction {
        Direction::Request => ("readOnly", "requests lack it"),
        Direction::Response => ("writeOnly", "responses lack it"),
    };
    let (mut names, mut next) = (vec![name], 0);
    while let Some(name) = names.get(next).copied() {
        next += 1;
        let mut within = Vec::new();
        if let Some(schemas) = refusals.contract.value().pointer(SCHEMAS)
            && let Some(node) = schemas.get(name)
        {
            within.push((pointer::child(SCHEMAS, name), node));
        }
        while let Some((at, node)) = within.pop() {
            match usage(node) {
                Use::Named(name) if !names.contains(&name) => names.push(name),
                Use::Named(_) => {}
                Use::Inline(node) => {
                    check_required(&at, node, [keyword, lacking], refusals);
                    within.extend(children(&at, node));
                }
            }
        }
    }
}

fn check_required(at: &str, node: &Value, [keyword, lacking]: [&str; 2], refusals: &Refusals<'_>) {
    let Some(properties) = node.get("properties") else {
        return;
    };
    let at_required = pointer::child(at, "required");
    let required = node.get("required").unwrap_or(&Value::Null);
    for (at_name, property) in pointer::items(&at_required, required) {
        let Some(property) = property
            .as_str()
            .filter(|name| properties.get(name).is_some())
        else {
            continue;
        };
        let at_property = pointer::child(&pointer::child(at, "properties"), property);
        if let Some((_, schema)) = refusals.resolve(&at_property)
            && schema.get(keyword) == Some(&Value::Bool(true))
        {
            refusals.refuse(
                &at_name,
                format!("`{property}` is required and `{keyword}`: {lacking}"),
                "use one schema for requests and another for responses",
            );
        }
    }
}
