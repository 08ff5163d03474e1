use std::collections::HashSet;

use serde_json::Value;

use super::{COMBINATIONS, check_all_of, check_sizes};
use openapi_contract::pointer;

use crate::base::refusal::Refusals;

pub(super) fn check_object(at: &str, node: &Value, refusals: &Refusals<'_>) {
    check_sizes(at, node, ["minProperties", "maxProperties"], refusals);
    let properties = node.get("properties").unwrap_or(&Value::Null);
    let has_fields = properties.as_object().is_some_and(|all| !all.is_empty());
    let is_closed = node.get("additionalProperties") == Some(&Value::Bool(false));
    for keyword in ["minProperties", "maxProperties"] {
        if (has_fields || is_closed) && node.get(keyword).is_some() {
            refusals.refuse(
                &pointer::child(at, keyword),
                format!("`{keyword}` of an object with properties would not be checked"),
                "list mandatory properties in `required`",
            );
        }
    }
    let required = node.get("required").unwrap_or(&Value::Null);
    let mut seen = HashSet::new();
    for (at_name, name) in pointer::items(&pointer::child(at, "required"), required) {
        let Some(name) = name.as_str() else { continue };
        if properties.get(name).is_none() {
            refusals.refuse(
                &at_name,
                format!("the required property `{name}` is not defined"),
                "add it to `properties`",
            );
        } else if !seen.insert(name) {
            refusals.refuse(
                &at_name,
                format!("`{name}` is listed twice"),
                "remove one of them",
            );
        }
    }
    if COMBINATIONS
        .iter()
        .any(|keyword| node.get(keyword).is_some())
    {
        check_all_of(at, node, refusals);
    }
}
