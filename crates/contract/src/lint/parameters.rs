//! Requires that the parameters in a path and the declared path parameters are the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::pointer::child;
use crate::{Contract, Finding};

pub(super) fn findings(contract: &Contract) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut shapes: BTreeMap<String, String> = BTreeMap::new();
    let paths = contract.value().get("paths").and_then(Value::as_object);
    for path in paths.into_iter().flatten().map(|(path, _)| path) {
        let pointer = child("/paths", path);
        if let Some(first) = shapes.insert(remove_names(path), path.clone()) {
            findings.push(contract.finding(
                &pointer,
                format!("{path} and {first} match the same requests"),
                "merge them into one path",
            ));
        }
    }

    for operation in contract.operations() {
        let name = format!("{} {}", operation.method, operation.path);
        let in_path: BTreeSet<&str> = names(&operation.path).collect();
        let item = child("/paths", &operation.path);
        let mut declared: BTreeSet<String> = BTreeSet::new();
        for list in [
            child(&item, "parameters"),
            child(&operation.pointer, "parameters"),
        ] {
            let mut seen = BTreeSet::new();
            let parameters = contract.value().pointer(&list).and_then(Value::as_array);
            for index in 0..parameters.map_or(0, Vec::len) {
                // Broken references are reported by another rule.
                let Ok((pointer, parameter)) = contract.resolve(&format!("{list}/{index}")) else {
                    continue;
                };
                let word = |key: &str| {
                    parameter
                        .get(key)
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned()
                };
                let (position, parameter_name) = (word("in"), word("name"));
                if !seen.insert((position.clone(), parameter_name.clone())) {
                    findings.push(contract.finding(
                        &format!("{list}/{index}"),
                        format!("`{parameter_name}` is declared twice"),
                        "remove one of the two",
                    ));
                }
                if position != "path" {
                    continue;
                }
                if !in_path.contains(parameter_name.as_str()) {
                    findings.push(contract.finding(
                        &pointer,
                        format!("{name} has no `{{{parameter_name}}}` in its path"),
                        "use a name from the path, or remove it",
                    ));
                }
                if parameter.get("required") != Some(&Value::Bool(true)) {
                    findings.push(contract.finding(
                        &pointer,
                        format!("`{parameter_name}` is part of the path but not required"),
                        "add `required: true`",
                    ));
                }
                declared.insert(parameter_name);
            }
        }
        for missing in in_path.into_iter().filter(|name| !declared.contains(*name)) {
            findings.push(contract.finding(
                &operation.pointer,
                format!("{name} does not declare `{missing}`"),
                format!("add a parameter `{missing}` with `in: path` and `required: true`"),
            ));
        }
    }
    findings
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name)
}

/// Returns the path without parameter names: paths of the same shape match the same requests.
fn remove_names(path: &str) -> String {
    let mut parts = path.split('{');
    let mut shape = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shape.push_str("{}");
        shape.push_str(part.split_once('}').map_or(part, |(_, rest)| rest));
    }
    shape
}
