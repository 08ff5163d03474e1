//! An operation that asks for a credential says that it answers 401 without one, and names schemes that are declared.

use dropshot_codegen::Contract;
use serde_json::Value;

use crate::grammar::child;
use crate::report::Problem;

/// Secured operations that hide it, and schemes that are not declared.
pub(crate) fn problems(contract: &Contract) -> Vec<Problem> {
    let mut problems = Vec::new();
    for operation in contract.operations() {
        let schemes = schemes(contract, &operation.pointer);
        for (pointer, scheme) in &schemes {
            if contract
                .value()
                .pointer(&child("/components/securitySchemes", scheme))
                .is_none()
            {
                problems.push(
                    Problem::at(
                        contract,
                        pointer,
                        format!("the security scheme `{scheme}` is not declared"),
                    )
                    .help("declare it under `components.securitySchemes`"),
                );
            }
        }
        let responses = child(&operation.pointer, "responses");
        if !schemes.is_empty()
            && contract
                .value()
                .pointer(&child(&responses, "401"))
                .is_none()
        {
            let name = format!("{} {}", operation.method, operation.path);
            problems.push(
                Problem::at(
                    contract,
                    &responses,
                    format!("{name} asks for a credential but lists no 401"),
                )
                .help("list the response '401', or write `security: []` if anyone may"),
            );
        }
    }
    problems
}

/// Whether a request to an operation may also come without a credential: an empty requirement is one of several.
pub(crate) fn is_optional(contract: &Contract, operation: &str) -> bool {
    let requirements = contract
        .value()
        .pointer(&requirements(contract, operation))
        .and_then(Value::as_array);
    requirements.into_iter().flatten().any(|requirement| {
        requirement
            .as_object()
            .is_some_and(serde_json::Map::is_empty)
    })
}

/// Where the security requirements of an operation are written: its own, else those of all.
fn requirements(contract: &Contract, operation: &str) -> String {
    let own = child(operation, "security");
    if contract.value().pointer(&own).is_some() {
        own
    } else {
        "/security".to_owned()
    }
}

/// The schemes by which a request to an operation may be authorized, each with where it is written; none if anyone may.
pub(crate) fn schemes(contract: &Contract, operation: &str) -> Vec<(String, String)> {
    let at = requirements(contract, operation);
    let requirements = contract.value().pointer(&at).and_then(Value::as_array);
    requirements
        .into_iter()
        .flatten()
        .enumerate()
        .flat_map(|(index, requirement)| {
            let at = format!("{at}/{index}");
            let names = requirement
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name);
            names
                .map(|name| (child(&at, name), name.clone()))
                .collect::<Vec<_>>()
        })
        .collect()
}
