//! Every example and every default is a value of its schema.

use dropshot_codegen::Contract;
use serde_json::{Value, json};

use crate::grammar::{self, Kind, Node, child};
use crate::report::Problem;
use crate::schema::{Objects, Schemas};

/// Examples and defaults that their schema refuses, and schemas that are none.
pub(crate) fn problems(contract: &Contract) -> Vec<Problem> {
    let schemas = Schemas::of(contract);
    let mut problems = Vec::new();
    for node in grammar::nodes(contract.value()) {
        if node.reference().is_some() {
            continue;
        }
        match node.kind {
            Kind::Schema => {
                if let Some(pattern) = node.value.get("pattern")
                    && let Err(error) =
                        schemas.validator(&json!({ "pattern": pattern }), Objects::Open)
                {
                    problems.push(
                        Problem::at(
                            contract,
                            &child(&node.pointer, "pattern"),
                            format!("no text can be held against this pattern: {error}"),
                        )
                        .help("write a regular expression as ECMA-262 has them"),
                    );
                    continue;
                }
                if let Err(error) = schemas.validator(node.value, Objects::Open) {
                    problems.push(
                        Problem::at(
                            contract,
                            &node.pointer,
                            format!("no value can be held against this schema: {error}"),
                        )
                        .help("mend the schema"),
                    );
                    continue;
                }
                for key in ["example", "default"] {
                    if let Some(value) = node.value.get(key) {
                        judge(
                            contract,
                            &schemas,
                            node.value,
                            &child(&node.pointer, key),
                            value,
                            &mut problems,
                        );
                    }
                }
            }
            Kind::MediaType | Kind::Parameter | Kind::Header => {
                if let Some(schema) = node.value.get("schema") {
                    for (pointer, value) in examples(contract, &node) {
                        judge(contract, &schemas, schema, &pointer, &value, &mut problems);
                    }
                }
            }
            _ => {}
        }
    }
    problems
}

/// The examples beside a schema: the one under `example`, and the values of those under `examples`.
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

fn judge(
    contract: &Contract,
    schemas: &Schemas,
    schema: &Value,
    pointer: &str,
    value: &Value,
    problems: &mut Vec<Problem>,
) {
    for error in schemas.errors(schema, Objects::Open, value) {
        problems.push(
            Problem::at(
                contract,
                pointer,
                format!("not a value of its schema: {error}"),
            )
            .help("mend the value or the schema"),
        );
    }
}
