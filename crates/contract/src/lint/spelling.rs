//! Requires known formats and correctly spelled extensions.
//!
//! The specification leaves both open, so a misspelling would be ignored: `format: pasword` would make a secret an
//! ordinary string.

use serde_json::Value;

use crate::grammar::{self, Kind};
use crate::pointer::child;
use crate::{Contract, Finding};

/// The known formats, each with its type.
///
/// Sources: OpenAPI 3.0.3, section 4.4 ("Data Types"); JSON Schema Validation, section 7.3; typify.
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

/// The greatest edit distance at which a name counts as a misspelling of a known one.
const MAX_TYPOS: usize = 2;

pub(super) fn findings(contract: &Contract, extensions: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for node in grammar::nodes(contract.value()) {
        for (key, value) in node.value.as_object().into_iter().flatten() {
            let pointer = child(&node.pointer, key);
            if key == "format" && node.kind == Kind::Schema {
                findings.extend(format(contract, &pointer, node.value, value));
            } else if key.starts_with("x-")
                && let Some(known) = intended_extension(key, extensions)
            {
                findings.push(contract.finding(
                    &pointer,
                    format!("unknown extension `{key}`"),
                    format!("write `{known}`, or choose a less similar name"),
                ));
            }
        }
    }
    findings
}

fn format(contract: &Contract, pointer: &str, schema: &Value, value: &Value) -> Option<Finding> {
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
    let nearest = fits
        .iter()
        .min_by_key(|known| strsim::osa_distance(format, known))
        .filter(|known| strsim::osa_distance(format, known) <= MAX_TYPOS);
    let help = match nearest {
        Some(known) => format!("write `{known}`"),
        None if fits.is_empty() => "remove it".to_owned(),
        None => format!("write one of {}, or remove it", fits.join(", ")),
    };
    let message = format!("unknown format `{format}` of {kind}");
    Some(contract.finding(pointer, message, help))
}

fn intended_extension<'a>(extension: &str, known: &[&'a str]) -> Option<&'a str> {
    if known.contains(&extension) {
        return None;
    }
    known
        .iter()
        .find(|known| strsim::osa_distance(extension, known) <= MAX_TYPOS)
        .copied()
}
