use std::collections::HashSet;

use serde_json::Value;

use openapi_contract::pointer;

use crate::base::refusal::Refusals;
use crate::schema::{SCHEMAS, Use, bounds, union, usage};

pub(super) fn check_union(at: &str, list: &[Value], refusals: &Refusals<'_>) {
    let tagging = union::tagging(list);
    if let union::Tagging::Internal { .. } = tagging {
        let is_closed = |node: &Value| node.get("additionalProperties").is_some();
        if let Some(index) = list
            .iter()
            .position(|node| is_closed(node) != is_closed(&list[0]))
        {
            refusals.refuse(
                &pointer::child(at, index),
                "only some alternatives refuse additional properties",
                "write `additionalProperties: false` in all of them or in none",
            );
        }
    }
}

/// Checks an object of several parts, each of which must be valid regardless of the others.
pub(super) fn check_all_of(at: &str, node: &Value, refusals: &Refusals<'_>) {
    let own = node.get("properties").and_then(Value::as_object);
    let alternatives = union::alternatives(at, node);
    let all = node.get("allOf").and_then(Value::as_array);
    let is_wrapper = own.is_none()
        && alternatives.is_none()
        && all.is_some_and(|parts| parts.len() == 1)
        && node.get("type").is_none();
    if is_wrapper {
        return;
    }
    if node.get("additionalProperties").is_some() && node.get("type").is_some() {
        refusals.refuse(
            &pointer::child(at, "additionalProperties"),
            "`additionalProperties` is not supported with `allOf`, `oneOf` or `anyOf`",
            "remove it: it would apply to the properties of the parts",
        );
    }
    let mut seen: HashSet<String> = own
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect();
    let at_all = pointer::child(at, "allOf");
    let parts = pointer::items(&at_all, node.get("allOf").unwrap_or(&Value::Null));
    for (at, _) in parts {
        for name in part_properties(&at, &at, &mut Vec::new(), refusals) {
            if !seen.insert(name.clone()) {
                refusals.refuse(
                    &at,
                    format!("the property `{name}` is defined in two parts"),
                    "remove it from one of them",
                );
            }
        }
    }
    for (at, _) in alternatives.iter().flat_map(|(at, list)| {
        list.iter()
            .enumerate()
            .map(move |(index, node)| (pointer::child(at, index), node))
    }) {
        for name in part_properties(&at, &at, &mut Vec::new(), refusals) {
            if seen.contains(&name) {
                refusals.refuse(
                    &at,
                    format!("the property `{name}` is defined in two parts"),
                    "remove it from one of them",
                );
            }
        }
    }
}

/// Returns the properties of a part of an object; refuses a part that is not a plain object.
///
/// `reported_at` is the pointer for findings, `at` the node that is read.
fn part_properties(
    reported_at: &str,
    at: &str,
    visiting: &mut Vec<String>,
    refusals: &Refusals<'_>,
) -> Vec<String> {
    let Some((at, node)) = refusals.resolve(at) else {
        return Vec::new();
    };
    if visiting.contains(&at) {
        // `check_endless` reports the recursion.
        return Vec::new();
    }
    visiting.push(at.clone());
    let kind = node.get("type").and_then(Value::as_str);
    let is_nullable = node.get("nullable") == Some(&Value::Bool(true));
    let combined = ["allOf", "oneOf", "anyOf"]
        .iter()
        .any(|keyword| node.get(keyword).is_some());
    let is_closed = node.get("additionalProperties") == Some(&Value::Bool(false));
    let is_bounded = bounds::bounds(node).is_some();
    if !(kind == Some("object") || kind.is_none() && combined) || is_nullable || is_bounded {
        refusals.refuse(
            reported_at,
            "the part is not a plain object",
            "write a single schema: only plain objects can be combined",
        );
    } else if is_closed && !reported_at.contains("/oneOf/") && !reported_at.contains("/anyOf/") {
        refusals.refuse(
            reported_at,
            "the part refuses the properties of the others",
            "remove its `additionalProperties: false`",
        );
    }
    let properties = node.get("properties").and_then(Value::as_object);
    let mut names: Vec<String> = properties
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect();
    for keyword in ["allOf", "oneOf", "anyOf"] {
        let at_list = pointer::child(&at, keyword);
        for (at, _) in pointer::items(&at_list, node.get(keyword).unwrap_or(&Value::Null)) {
            for name in part_properties(reported_at, &at, visiting, refusals) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }
    visiting.pop();
    names
}

/// Refuses components that are parts of, or alternatives to, themselves: reading them never ends.
pub(super) fn check_endless(refusals: &Refusals<'_>) {
    let Some(schemas) = refusals.contract.value().pointer(SCHEMAS) else {
        return;
    };
    for (at, name, node) in pointer::members(SCHEMAS, schemas) {
        let mut reached = direct_references(node);
        let mut next = 0;
        while let Some(part) = reached.get(next).copied() {
            next += 1;
            for new in schemas.get(part).map(direct_references).unwrap_or_default() {
                if !reached.contains(&new) {
                    reached.push(new);
                }
            }
        }
        if reached.contains(&name.as_str()) {
            refusals.refuse(
                &at,
                format!("`{name}` contains itself as a part or an alternative"),
                "move it to a property, or remove it from the list",
            );
        }
    }
}

/// Returns the components that read the same value as this schema.
fn direct_references(node: &Value) -> Vec<&str> {
    match usage(node) {
        Use::Named(name) => vec![name],
        Use::Inline(node) => ["allOf", "oneOf", "anyOf"]
            .iter()
            .filter_map(|keyword| node.get(keyword)?.as_array())
            .flatten()
            .flat_map(direct_references)
            .collect(),
    }
}
