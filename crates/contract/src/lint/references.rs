//! Requires that references point to suitable targets, and that components and security schemes are used.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::grammar::{self, Kind};
use crate::pointer::child;
use crate::{Contract, Finding};

pub(super) fn findings(contract: &Contract) -> Vec<Finding> {
    let mut findings = invalid_references(contract);
    let used = used_components(contract);
    for (list, _) in Kind::Components.members() {
        let at = format!("/components/{list}");
        let members = contract.value().pointer(&at).and_then(Value::as_object);
        for name in members.into_iter().flatten().map(|(name, _)| name) {
            let pointer = child(&at, name);
            if !used.contains(&pointer) {
                findings.push(contract.finding(
                    &pointer,
                    format!("no operation uses `{name}`"),
                    "remove it, or refer to it",
                ));
            }
        }
    }
    findings
}

fn invalid_references(contract: &Contract) -> Vec<Finding> {
    let mut findings = Vec::new();
    for node in grammar::nodes(contract.value()) {
        let Some(target) = node.reference() else {
            continue;
        };
        let pointer = child(&node.pointer, "$ref");
        if let Err(finding) = contract.resolve(&node.pointer) {
            findings.push(finding);
            continue;
        }
        let list = node.kind.section();
        let fits = list.is_some_and(|list| {
            target
                .strip_prefix("#/components/")
                .and_then(|rest| rest.strip_prefix(list))
                .is_some_and(|name| {
                    name.strip_prefix('/')
                        .is_some_and(|name| !name.is_empty() && !name.contains('/'))
                })
        });
        if !fits {
            let wanted = list.unwrap_or("...");
            findings.push(contract.finding(
                &pointer,
                format!("`{target}` is a component of the wrong kind"),
                format!("refer to `#/components/{wanted}/...`"),
            ));
        }
    }
    findings
}

fn used_components(contract: &Contract) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let mut open = Vec::new();
    if let Some(paths) = contract.value().get("paths") {
        open.extend(targets(Kind::Paths, "/paths", paths));
    }
    while let Some((kind, pointer)) = open.pop() {
        if used.insert(pointer.clone())
            && let Some(value) = contract.value().pointer(&pointer)
        {
            open.extend(targets(kind, &pointer, value));
        }
    }

    let of_operations = contract
        .operations()
        .into_iter()
        .map(|operation| child(&operation.pointer, "security"));
    for pointer in of_operations.chain(["/security".to_owned()]) {
        let requirements = contract.value().pointer(&pointer).and_then(Value::as_array);
        for scheme in requirements
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .flat_map(|it| it.keys())
        {
            used.insert(child("/components/securitySchemes", scheme));
        }
    }
    used
}

fn targets(kind: Kind, pointer: &str, value: &Value) -> Vec<(Kind, String)> {
    grammar::nodes_within(kind, pointer.to_owned(), value)
        .into_iter()
        .filter_map(|node| Some((node.kind, node.reference()?.strip_prefix('#')?.to_owned())))
        .collect()
}
