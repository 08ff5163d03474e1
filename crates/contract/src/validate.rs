//! Validates a document against the tables of the specification.

use serde_json::Value;

use crate::document::Document;
use crate::finding::Finding;
use crate::grammar::{Kind, Type};
use crate::openapi_3_1::in_3_0;
use crate::pointer;

pub(crate) fn validate(document: &Document) -> Vec<Finding> {
    let mut validator = Validator {
        document,
        findings: Vec::new(),
    };
    validator.validate_object("", document.value(), Kind::OpenApi);
    validator.findings
}

struct Validator<'a> {
    document: &'a Document,
    findings: Vec<Finding>,
}

impl Validator<'_> {
    fn report(&mut self, pointer: &str, message: impl Into<String>, help: impl Into<String>) {
        self.findings
            .push(self.document.finding(pointer, message, help));
    }

    fn validate_value(&mut self, pointer: &str, value: &Value, of: Type) {
        match of {
            Type::Any => {}
            Type::String | Type::Prose => {
                self.expect(pointer, value, value.is_string(), "a string");
            }
            Type::Boolean => self.expect(pointer, value, value.is_boolean(), "true or false"),
            Type::Number => self.expect(pointer, value, value.is_number(), "a number"),
            Type::Natural => {
                // typify, and therefore every generator that uses it, stores this number as a `u32`.
                let fits = value.as_u64().is_some_and(|n| u32::try_from(n).is_ok());
                self.expect(pointer, value, fits, "a whole number from 0 to 4294967295");
            }
            Type::Word(words) => {
                let known = value.as_str().is_some_and(|word| words.contains(&word));
                let what = format!("one of {}", words.join(", "));
                self.expect(pointer, value, known, &what);
            }
            Type::List(item) => {
                self.expect(pointer, value, value.is_array(), "an array");
                for (pointer, value) in pointer::items(pointer, value) {
                    self.validate_value(&pointer, value, *item);
                }
            }
            Type::Map(member) => {
                self.expect(pointer, value, value.is_object(), "an object");
                for (pointer, _, value) in pointer::members(pointer, value) {
                    self.validate_value(&pointer, value, *member);
                }
            }
            Type::Named(member) => self.validate_named(pointer, value, *member),
            Type::Object(kind) => self.validate_object(pointer, value, kind),
            Type::ObjectOrRef(kind) => match value.get("$ref") {
                None => self.validate_object(pointer, value, kind),
                Some(_) => self.validate_reference(pointer, value, kind),
            },
            Type::SchemaOrBoolean => {
                if !value.is_boolean() {
                    self.validate_value(pointer, value, Type::ObjectOrRef(Kind::Schema));
                }
            }
        }
    }

    fn expect(&mut self, pointer: &str, value: &Value, is_valid: bool, what: &str) {
        if !is_valid {
            let message = format!("expected {what}, found {}", describe(value));
            self.report(pointer, message, format!("write {what}"));
        }
    }

    fn validate_named(&mut self, pointer: &str, value: &Value, member: Type) {
        self.expect(pointer, value, value.is_object(), "an object");
        for (pointer, key, value) in pointer::members(pointer, value) {
            let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
            if !key.is_empty() && key.chars().all(is_name) {
                self.validate_value(&pointer, value, member);
            } else {
                self.report(
                    &pointer,
                    format!("`{key}` is not a valid key here"),
                    "use only ASCII letters, digits, `.`, `-` and `_`",
                );
            }
        }
    }

    fn validate_object(&mut self, pointer: &str, value: &Value, kind: Kind) {
        self.expect(pointer, value, value.is_object(), &kind.with_article());
        if !value.is_object() {
            return;
        }
        for (at, key, value) in pointer::members(pointer, value) {
            let is_schema = kind == Kind::Schema;
            if let Some(help) = in_3_0(key, value).filter(|_| is_schema) {
                let message = format!("{} as `{key}` requires OpenAPI 3.1", describe(value));
                self.report(&at, message, help);
                continue;
            }
            match kind.value_of(key) {
                Some(of) => self.validate_value(&at, value, of),
                None if key.starts_with("x-") => {}
                None => self.report_unknown(&at, key, kind),
            }
        }
        for field in kind.required(value) {
            if value.get(field).is_none() {
                self.report(
                    pointer,
                    format!("this {} has no `{field}`", kind.name()),
                    format!("add `{field}`"),
                );
            }
        }
    }

    fn report_unknown(&mut self, pointer: &str, key: &str, kind: Kind) {
        if let Some(pattern) = &kind.spec().pattern {
            let message = format!("`{key}` is not a valid key here");
            return self.report(pointer, message, pattern.help);
        }
        let known: Vec<_> = kind.members().map(|(name, _)| name).collect();
        let help = match nearest_word(key, &known) {
            Some(nearest) => format!("write `{nearest}`"),
            None => format!("write one of {}, or an extension `x-...`", known.join(", ")),
        };
        let message = format!("{} has no `{key}`", kind.with_article());
        self.report(pointer, message, help);
    }

    fn validate_reference(&mut self, pointer: &str, value: &Value, kind: Kind) {
        let target = value.get("$ref").and_then(Value::as_str);

        for (at, key, value) in pointer::members(pointer, value) {
            if key == "$ref" {
                self.expect(&at, value, value.is_string(), "a string");
            } else {
                // Section 4.7.23.1: the siblings of a `$ref` are ignored.
                let help = match target {
                    Some(target) if kind == Kind::Schema && key == "nullable" => {
                        format!("write `allOf: [{{ $ref: '{target}' }}]` instead of the `$ref`")
                    }
                    _ => "move it to the target of the `$ref`".to_owned(),
                };
                self.report(
                    &at,
                    format!("`{key}` next to `$ref` would be ignored"),
                    help,
                );
            }
        }
        if let Err(finding) = self.document.resolve(pointer) {
            self.findings.push(finding);
        }
    }
}

/// Returns the known word nearest to a misspelled one, unless more than a third of its letters differ.
fn nearest_word<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|known| {
            (
                strsim::osa_distance(&word.to_lowercase(), &known.to_lowercase()),
                *known,
            )
        })
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Describes a value without quoting long content.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => format!("the number {value}"),
        Value::String(text) if text.chars().count() <= 40 && !text.contains('\n') => {
            format!("the string `{text}`")
        }
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
