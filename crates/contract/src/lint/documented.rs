//! Requires documented operations with unique ids and declared tags, and described responses.

use std::collections::BTreeMap;

use heck::ToSnakeCase as _;
use serde_json::Value;

use crate::grammar::{self, Kind};
use crate::pointer::child;
use crate::{Contract, Finding};

pub(super) fn findings(contract: &Contract) -> Vec<Finding> {
    let mut findings = Vec::new();
    let tags = check_tags(contract, &mut findings);
    let mut ids: BTreeMap<String, String> = BTreeMap::new();

    for operation in contract.operations() {
        let name = format!("{} {}", operation.method, operation.path);
        let node = contract
            .value()
            .pointer(&operation.pointer)
            .unwrap_or(&Value::Null);
        match &operation.id {
            None => findings.push(contract.finding(
                &operation.pointer,
                format!("{name} has no `operationId`"),
                "add one, such as `listThings`: methods are named after it",
            )),
            Some(id) => {
                // Ids that become the same method name count as the same id.
                if let Some(first) = ids.insert(id.to_snake_case(), name.clone()) {
                    let pointer = child(&operation.pointer, "operationId");
                    findings.push(contract.finding(
                        &pointer,
                        format!("the `operationId` {id} is already used by {first}"),
                        "use a unique id for each operation",
                    ));
                }
            }
        }
        for key in ["summary", "description"] {
            if is_blank(node.get(key)) {
                findings.push(contract.finding(
                    &child(&operation.pointer, key),
                    format!("{name} has no {key}"),
                    "describe what it does: the text becomes the documentation of server and client",
                ));
            }
        }
        let used = node
            .get("tags")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if used.is_empty() {
            findings.push(contract.finding(
                &operation.pointer,
                format!("{name} has no tag"),
                "add `tags:` with a tag that is declared at the top of the document",
            ));
        }
        for (index, tag) in used.iter().enumerate() {
            let tag = tag.as_str().unwrap_or_default();
            if !tags.iter().any(|declared| declared == tag) {
                let pointer = format!("{}/tags/{index}", operation.pointer);
                findings.push(contract.finding(
                    &pointer,
                    format!("the tag `{tag}` is not declared"),
                    "declare it under `tags:` at the top, with a description",
                ));
            }
        }
    }

    for node in grammar::nodes(contract.value()) {
        if node.kind == Kind::Response
            && node.reference().is_none()
            && is_blank(node.value.get("description"))
        {
            findings.push(contract.finding(
                &child(&node.pointer, "description"),
                "the description of this response is empty",
                "describe when it is returned",
            ));
        }
    }
    findings
}

fn check_tags(contract: &Contract, findings: &mut Vec<Finding>) -> Vec<String> {
    let mut names = Vec::new();
    let tags = contract.value().get("tags").and_then(Value::as_array);
    for (index, tag) in tags.into_iter().flatten().enumerate() {
        let pointer = format!("/tags/{index}");
        let name = tag
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if is_blank(tag.get("description")) {
            findings.push(contract.finding(
                &pointer,
                format!("the tag `{name}` has no description"),
                "describe what its operations have in common",
            ));
        }
        if names.contains(&name) {
            findings.push(contract.finding(
                &pointer,
                format!("the tag `{name}` is declared twice"),
                "remove one of the two",
            ));
        }
        names.push(name);
    }
    names
}

pub(super) fn is_blank(text: Option<&Value>) -> bool {
    text.and_then(Value::as_str)
        .is_none_or(|text| text.trim().is_empty())
}
