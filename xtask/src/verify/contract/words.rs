//! Words that the specification leaves open, but that mean something only if they are spelled as somebody reads them: the
//! `format` of a schema, and extensions. A mistyped `format: password` would make a secret an ordinary string.

use dropshot_codegen::Contract;
use serde_json::Value;

use crate::grammar::{self, Kind, child};
use crate::report::Problem;

/// The formats that something here reads, each with the type that it belongs to: those of the specification (OpenAPI
/// 3.0.3, section 4.4, "Data Types"), and those that typify makes types of or `verify` asserts (JSON Schema Validation,
/// section 7.3).
const FORMATS: [(&str, &str); 26] = [
    ("string", "byte"),
    ("string", "binary"),
    ("string", "date"),
    ("string", "date-time"),
    ("string", "partial-date-time"),
    ("string", "password"),
    ("string", "uuid"),
    ("string", "ip"),
    ("string", "ipv4"),
    ("string", "ipv6"),
    ("string", "uri"),
    ("string", "hostname"),
    ("string", "email"),
    ("integer", "int8"),
    ("integer", "int16"),
    ("integer", "int32"),
    ("integer", "int64"),
    ("integer", "int"),
    ("integer", "uint8"),
    ("integer", "uint16"),
    ("integer", "uint32"),
    ("integer", "uint64"),
    ("integer", "uint"),
    ("number", "float"),
    ("number", "double"),
    ("string", "regex"),
];

/// The extensions that the generator or `verify` reads.
const EXTENSIONS: [&str; 9] = [
    "x-dropshot-pagination",
    "x-dropshot-pagination-param",
    "x-dropshot-websocket",
    "x-error-code",
    "x-request-body-max-bytes",
    "x-rust-type",
    "x-secret",
    "x-streaming",
    "x-wildcard",
];

/// How many letters of an extension may be wrong for it to be taken for a known one.
const TYPO: usize = 2;

/// Formats that nobody knows, and extensions that are nearly ones that somebody reads.
pub(crate) fn problems(contract: &Contract) -> Vec<Problem> {
    let mut problems = Vec::new();
    for node in grammar::nodes(contract.value()) {
        for (key, value) in node.value.as_object().into_iter().flatten() {
            let pointer = child(&node.pointer, key);
            if key == "format" && node.kind == Kind::Schema {
                problems.extend(format(contract, &pointer, node.value, value));
            } else if key.starts_with("x-")
                && let Some(known) = meant(key)
            {
                problems.push(
                    Problem::at(
                        contract,
                        &pointer,
                        format!("nothing reads the extension `{key}`"),
                    )
                    .help(format!(
                        "write `{known}`, or choose a name that is less like it"
                    )),
                );
            }
        }
    }
    problems
}

fn format(contract: &Contract, pointer: &str, schema: &Value, value: &Value) -> Option<Problem> {
    let (kind, format) = (schema.get("type").and_then(Value::as_str), value.as_str()?);
    let fits: Vec<&str> = FORMATS
        .iter()
        .filter(|(of, _)| {
            kind.is_none_or(|kind| kind == *of || (kind == "number" && *of == "integer"))
        })
        .map(|(_, name)| *name)
        .collect();
    if fits.contains(&format) {
        return None;
    }
    let kind = match kind {
        Some("integer") => "an integer".to_owned(),
        kind => format!("a {}", kind.unwrap_or("value")),
    };
    let problem = Problem::at(
        contract,
        pointer,
        format!("nothing knows the format `{format}` of {kind}"),
    );
    let nearest = fits
        .iter()
        .min_by_key(|known| strsim::osa_distance(format, known))
        .filter(|known| strsim::osa_distance(format, known) <= TYPO);
    Some(match nearest {
        Some(known) => problem.help(format!("write `{known}`")),
        None if fits.is_empty() => problem.help("remove it"),
        None => problem.help(format!("write one of {}, or remove it", fits.join(", "))),
    })
}

/// The known extension that was meant by one that is none.
fn meant(extension: &str) -> Option<&'static str> {
    if EXTENSIONS.contains(&extension) {
        return None;
    }
    EXTENSIONS
        .into_iter()
        .find(|known| strsim::osa_distance(extension, known) <= TYPO)
}
