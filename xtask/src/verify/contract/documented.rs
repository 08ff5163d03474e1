//! Every operation has an `operationId` of its own, a summary, a description and a tag that is declared and described;
//! every response says when it is given.

use std::collections::BTreeMap;

use dropshot_codegen::Contract;
use heck::ToSnakeCase as _;
use serde_json::Value;

use crate::grammar::{self, Kind, child};
use crate::report::Problem;

/// What is left undocumented.
pub(crate) fn problems(contract: &Contract) -> Vec<Problem> {
    let mut problems = Vec::new();
    let tags = declared_tags(contract, &mut problems);
    let mut ids: BTreeMap<String, String> = BTreeMap::new();

    for operation in contract.operations() {
        let name = format!("{} {}", operation.method, operation.path);
        let node = contract
            .value()
            .pointer(&operation.pointer)
            .unwrap_or(&Value::Null);
        match &operation.id {
            None => problems.push(
                Problem::at(
                    contract,
                    &operation.pointer,
                    format!("{name} has no `operationId`"),
                )
                .help("name it as the method is to be called, such as `getLoginStatus`"),
            ),
            Some(id) => {
                // Two ids that make the same method name are the same id.
                if let Some(first) = ids.insert(id.to_snake_case(), name.clone()) {
                    let pointer = child(&operation.pointer, "operationId");
                    problems.push(
                        Problem::at(
                            contract,
                            &pointer,
                            format!("the `operationId` {id} is taken by {first}"),
                        )
                        .help("give each operation an id of its own"),
                    );
                }
            }
        }
        for key in ["summary", "description"] {
            if is_blank(node.get(key)) {
                problems.push(
                    Problem::at(
                        contract,
                        &child(&operation.pointer, key),
                        format!("{name} has no {key}"),
                    )
                    .help(
                        "say what it does: the text becomes the documentation of server and client",
                    ),
                );
            }
        }
        let used = node
            .get("tags")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if used.is_empty() {
            problems.push(
                Problem::at(contract, &operation.pointer, format!("{name} has no tag"))
                    .help("add `tags:` with a name that is declared at the top"),
            );
        }
        for (index, tag) in used.iter().enumerate() {
            let tag = tag.as_str().unwrap_or_default();
            if !tags.iter().any(|declared| declared == tag) {
                let pointer = format!("{}/tags/{index}", operation.pointer);
                problems.push(
                    Problem::at(
                        contract,
                        &pointer,
                        format!("the tag `{tag}` is not declared"),
                    )
                    .help("declare it under `tags:` at the top, with a description"),
                );
            }
        }
    }

    for node in grammar::nodes(contract.value()) {
        if node.kind == Kind::Response
            && node.reference().is_none()
            && is_blank(node.value.get("description"))
        {
            problems.push(
                Problem::at(
                    contract,
                    &child(&node.pointer, "description"),
                    "the description of this response is empty",
                )
                .help("say when it is given"),
            );
        }
    }
    problems
}

/// The names of the declared tags; one without a description, or declared twice, is a problem.
fn declared_tags(contract: &Contract, problems: &mut Vec<Problem>) -> Vec<String> {
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
            problems.push(
                Problem::at(
                    contract,
                    &pointer,
                    format!("the tag `{name}` has no description"),
                )
                .help("say what its operations have in common"),
            );
        }
        if names.contains(&name) {
            problems.push(
                Problem::at(
                    contract,
                    &pointer,
                    format!("the tag `{name}` is declared twice"),
                )
                .help("remove one of the two"),
            );
        }
        names.push(name);
    }
    names
}

/// Whether a text is not there, or says nothing.
pub(super) fn is_blank(text: Option<&Value>) -> bool {
    text.and_then(Value::as_str)
        .is_none_or(|text| text.trim().is_empty())
}
