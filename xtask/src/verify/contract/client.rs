//! What the client's generator cannot do, said in words and at the place to change.
//!
//! progenitor (0.15) asserts or panics where an operation has several types of success or of error, a cookie among its
//! parameters, or several types of body. It is run all the same (`crate::client` catches its panics and finds the
//! operation): what it stumbles over and nothing here explains is shown as it says it.

use dropshot_codegen::{Contract, OperationRef};
use serde_json::Value;

use crate::generate;
use crate::report::Problem;
use crate::verify::refused;
use openapi_contract::pointer::child;

/// Everything that keeps the client from being generated.
pub(crate) fn problems(contract: &Contract) -> Vec<Problem> {
    let mut problems = Vec::new();
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
            explained.push(operation.pointer);
        }
        problems.extend(found);
    }
    let mut findings = generate::client(contract).err().unwrap_or_default();
    findings.retain(|finding| !explained.contains(&finding.pointer));
    problems.extend(refused(contract, findings));
    problems
}

fn parameters(contract: &Contract, operation: &OperationRef) -> Vec<Problem> {
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
                let message = "the client cannot send a cookie as a parameter";
                problems.push(
                    Problem::at(contract, &pointer, message)
                        .help("make it a header, or a security scheme `apiKey` in `cookie`"),
                );
            }
        }
    }
    problems
}

fn bodies(contract: &Contract, operation: &OperationRef) -> Option<Problem> {
    let at = child(&operation.pointer, "requestBody");
    contract.value().pointer(&at)?;
    let (pointer, body) = contract.resolve(&at).ok()?;
    let types: Vec<&String> = body.get("content")?.as_object()?.keys().collect();
    let at_second = child(&child(&pointer, "content"), types.get(1)?);
    let message = "the client sends a body of one media type only";
    Some(
        Problem::at(contract, &at_second, message).help("keep one of them, or make two operations"),
    )
}

/// The first response whose body is of another type than that of the first of its kind.
fn responses(
    contract: &Contract,
    operation: &OperationRef,
    kind: &str,
    of_kind: &dyn Fn(&str) -> bool,
) -> Option<Problem> {
    let responses = child(&operation.pointer, "responses");
    let mut bodies = contract
        .statuses(operation)
        .into_iter()
        .filter(|status| of_kind(status))
        .filter_map(|status| {
            let (_, response) = contract.resolve(&child(&responses, status)).ok()?;
            Some((status, body(response)))
        });
    let (first, wanted) = bodies.next()?;
    let (other, _) = bodies.find(|(_, body)| *body != wanted)?;
    let message = format!(
        "the client has one type for all {kind} of an operation, but {other} has another body than {first}"
    );
    Some(
        Problem::at(contract, &child(&responses, other), message)
            .help("give both the same schema, or make two operations"),
    )
}

/// What progenitor tells bodies apart by: the schema of the JSON, else whether there is a body at all.
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
