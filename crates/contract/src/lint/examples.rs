//! Requires that every example and every default is a valid value of its schema.

use serde_json::{Value, json};

use crate::grammar::{self, Kind, Node};
use crate::pointer::child;
use crate::schema::{Schemas, UnlistedFields};
use crate::{Contract, Finding};

pub(super) fn findings(contract: &Contract) -> Vec<Finding> {
    let schemas = Schemas::for_responses(contract);
    let mut findings = Vec::new();
    for node in grammar::nodes(contract.value()) {
        if node.reference().is_some() {
            continue;
        }
        match node.kind {
            Kind::Schema => {
                if let Some(pattern) = node.value.get("pattern")
                    && let Err(error) =
                        schemas.validator(&json!({ "pattern": pattern }), UnlistedFields::Allowed)
                {
                    findings.push(contract.finding(
                        &child(&node.pointer, "pattern"),
                        format!("invalid pattern: {error}"),
                        "write an ECMA-262 regular expression",
                    ));
                    continue;
                }
                if let Err(error) = schemas.validator(node.value, UnlistedFields::Allowed) {
                    findings.push(contract.finding(
                        &node.pointer,
                        format!("invalid schema: {error}"),
                        "correct the schema",
                    ));
                    continue;
                }
                for key in ["example", "default"] {
                    if let Some(value) = node.value.get(key) {
                        validate(
                            contract,
                            &schemas,
                            node.value,
                            &child(&node.pointer, key),
                            value,
                            &mut findings,
                        );
                    }
                }
            }
            Kind::MediaType | Kind::Parameter | Kind::Header => {
                if let Some(schema) = node.value.get("schema") {
                    for (pointer, value) in examples(contract, &node) {
                        validate(contract, &schemas, schema, &pointer, &value, &mut findings);
                    }
                }
            }
            _ => {}
        }
    }
    findings
}

fn examples(contract: &Contract, node: &Node) -> Vec<(String, Value)> {
    let one = node
        .value
        .get("example")
        .map(|value| (child(&node.pointer, "example"), value.clone()));
    let at = child(&node.pointer, "examples");
    let named = node
        .value
        .get("examples")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let named = named.filter_map(|(name, _)| {
        let (pointer, example) = contract.resolve(&child(&at, name)).ok()?;
        Some((child(&pointer, "value"), example.get("value")?.clone()))
    });
    one.into_iter().chain(named).collect()
}

fn validate(
    contract: &Contract,
    schemas: &Schemas,
    schema: &Value,
    pointer: &str,
    value: &Value,
    findings: &mut Vec<Finding>,
) {
    for error in schemas.errors(schema, UnlistedFields::Allowed, value) {
        findings.push(contract.finding(
            pointer,
            format!("the value does not match its schema: {error}"),
            "correct the value or the schema",
        ));
    }
}
