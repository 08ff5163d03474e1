//! Explanations of what progenitor cannot generate, with the location to change.
//!
//! progenitor (0.15) panics if an operation has several types of success or of error, a cookie among its parameters, or
//! several types of body.

use serde_json::Value;

use crate::{Contract, Finding, OperationRef};
use openapi_contract::pointer::child;

/// Returns the findings that would make progenitor fail, by the pointer of the operation.
pub(super) fn findings(contract: &Contract) -> Vec<(String, Vec<Finding>)> {
    let mut explained = Vec::new();
    for operation in contract.operations() {
        let mut found = parameters(contract, &operation);
        found.extend(bodies(contract, &operation));
        for (kind, of_kind) in [
            ("successes", &is_success as &dyn Fn(&str) -> bool),
            ("errors", &is_error),
        ] {
            found.extend(responses(contract, &operation, kind, of_kind));
        }
        if !found.is_empty() {
            explained.push((operation.pointer, found));
        }
    }
    explained
}

fn parameters(contract: &Contract, operation: &OperationRef) -> Vec<Finding> {
    let lists = [
        child(&child("/paths", &operation.path), "parameters"),
        child(&operation.pointer, "parameters"),
    ];
    let mut problems = Vec::new();
    for list in lists {
        let parameters = contract.value().pointer(&list).and_then(Value::as_array);
        for index in 0..parameters.map_or(0, Vec::len) {
            let Ok((pointer, parameter)) = contract.resolve(&format!("{list}/{index}")) else {
                continue;
            };
            if parameter.get("in") == Some(&Value::from("cookie")) {
                problems.push(contract.finding(
                    &pointer,
                    "the client cannot send a cookie as a parameter",
                    "make it a header, or a security scheme `apiKey` in `cookie`",
                ));
            }
        }
    }
    problems
}

fn bodies(contract: &Contract, operation: &OperationRef) -> Option<Finding> {
    let at = child(&operation.pointer, "requestBody");
    contract.value().pointer(&at)?;
    let (pointer, body) = contract.resolve(&at).ok()?;
    let types: Vec<&String> = body.get("content")?.as_object()?.keys().collect();
    let at_second = child(&child(&pointer, "content"), types.get(1)?);
    Some(contract.finding(
        &at_second,
        "the client sends a body of one media type only",
        "remove all but one, or write two operations",
    ))
}

/// Finds the first response whose body type differs from that of the first response of its kind.
fn responses(
    contract: &Contract,
    operation: &OperationRef,
    kind: &str,
    of_kind: &dyn Fn(&str) -> bool,
) -> Option<Finding> {
    let responses = child(&operation.pointer, "responses");
    let mut bodies = statuses(contract, operation)
        .into_iter()
        .filter(|status| of_kind(status))
        .filter_map(|status| {
            let (_, response) = contract.resolve(&child(&responses, &status)).ok()?;
            Some((status, body(response)))
        });
    let (first, wanted) = bodies.next()?;
    let (other, _) = bodies.find(|(_, body)| *body != wanted)?;
    let at = child(&responses, &other);
    let message = format!(
        "the client has one type for all {kind} of an operation, but {other} and {first} have different bodies"
    );
    let help = if first == "default" || other == "default" {
        "list each status: `default` is every success and every error that is not listed"
    } else {
        "use the same schema for both, or write two operations"
    };
    Some(contract.finding(&at, message, help))
}

/// Returns what progenitor compares: the JSON schema of a response, or else whether it has a body.
fn body(response: &Value) -> Option<Option<&Value>> {
    let content = response.get("content").and_then(Value::as_object)?;
    let json = content
        .get("application/json")
        .and_then(|it| it.get("schema"));
    (!content.is_empty()).then_some(json)
}

fn is_success(status: &str) -> bool {
    status.starts_with('2') || status == "default"
}

fn is_error(status: &str) -> bool {
    status.starts_with(['4', '5']) || status == "default"
}

fn statuses(contract: &Contract, operation: &OperationRef) -> Vec<String> {
    let responses = child(&operation.pointer, "responses");
    let listed = contract
        .value()
        .pointer(&responses)
        .and_then(Value::as_object);
    let listed = listed.into_iter().flatten().map(|(status, _)| status);
    listed
        .filter(|status| !status.starts_with("x-"))
        .cloned()
        .collect()
}
