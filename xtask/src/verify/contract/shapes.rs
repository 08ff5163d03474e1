//! Every status says what its body is: an error has one, and what has none lists none. Statuses are listed one by one.
//!
//! `live` drives the server through each of them, and a caller can only decode what has a shape.

use std::collections::BTreeSet;

use dropshot_codegen::{Contract, OperationRef};
use serde_json::Value;

use crate::grammar::{self, Kind, child};
use crate::report::Problem;

/// Statuses whose answers cannot have a body: RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5.
const BODYLESS: [&str; 3] = ["204", "205", "304"];

/// Statuses without the shape that belongs to them.
pub(crate) fn problems(contract: &Contract) -> Vec<Problem> {
    let mut problems = Vec::new();
    // A response that several operations share is shown once.
    let mut seen = BTreeSet::new();
    for operation in contract.operations() {
        let responses = child(&operation.pointer, "responses");
        let statuses = statuses(contract, &operation);
        if !statuses
            .iter()
            .any(|status| status.starts_with(['1', '2', '3']))
        {
            let message = format!("{} {} lists no success", operation.method, operation.path);
            problems.push(
                Problem::at(contract, &responses, message)
                    .help("list the status that it answers when all is well"),
            );
        }
        for status in statuses {
            let listed = child(&responses, status);
            if status.parse::<u16>().is_err() {
                let message = format!("`{status}` stands for several statuses");
                problems.push(Problem::at(contract, &listed, message).help(
                    "list each status by itself: `verify` drives the server through every one",
                ));
                continue;
            }
            // A reference that leads nowhere is the business of another rule.
            let Ok((pointer, response)) = contract.resolve(&listed) else {
                continue;
            };
            if seen.insert((pointer.clone(), status.to_owned())) {
                problems.extend(problem(contract, status, &pointer, response));
            }
        }
    }
    for node in grammar::nodes(contract.value()) {
        if node.kind == Kind::MediaType && node.value.get("schema").is_none() {
            problems.push(
                Problem::at(contract, &node.pointer, "this body has no schema")
                    .help("add `schema`: without it nothing can be decoded or checked"),
            );
        }
    }
    problems
}

fn problem(contract: &Contract, status: &str, pointer: &str, response: &Value) -> Option<Problem> {
    let content = response.get("content").and_then(Value::as_object);
    let listed = content.map_or(0, serde_json::Map::len);
    let at_content = child(pointer, "content");
    if BODYLESS.contains(&status) {
        let message = format!("an answer {status} cannot have a body");
        return (listed > 0).then(|| {
            Problem::at(contract, &at_content, message)
                .help("remove `content`, or list another status")
        });
    }
    if content.is_some() && listed == 0 {
        return Some(
            Problem::at(
                contract,
                &at_content,
                format!("the body of {status} has no media type"),
            )
            .help("name one, such as `application/json`, or remove `content` if there is no body"),
        );
    }
    let error = status.starts_with(['4', '5']);
    let json = content.is_some_and(|content| content.contains_key("application/json"));
    (error && !json).then(|| {
        Problem::at(contract, pointer, format!("the error {status} has no body of `application/json`"))
            .help("add `content` with the schema that all errors share, such as `$ref: '#/components/schemas/Error'`")
    })
}

/// The keys of an operation's responses.
pub(crate) fn statuses<'c>(contract: &'c Contract, operation: &OperationRef) -> Vec<&'c str> {
    let responses = contract
        .value()
        .pointer(&child(&operation.pointer, "responses"));
    responses
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(status, _)| status.as_str())
        .filter(|status| !status.starts_with("x-"))
        .collect()
}
