//! Validates values against the schemas of a contract.
//!
//! OpenAPI 3.0 has its own dialect of JSON Schema. It is translated into draft 2020-12: `nullable`, boolean
//! `exclusiveMinimum` and `exclusiveMaximum`, and integer formats become equivalent keywords; documentation is dropped.
//! Formats such as `date-time` are asserted.
//!
//! JSON Schema allows fields that a schema does not list. [`UnlistedFields::Refused`] excludes them, because a server
//! must not return a field that is not in the contract.

use std::collections::BTreeMap;

use jsonschema::{Draft, ValidationError, Validator};
use serde_json::{Map, Value, json};

use crate::Contract;
use crate::grammar::{self, Kind};

/// Whether an object may have fields that its schema does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnlistedFields {
    /// Unlisted fields are allowed, as in JSON Schema.
    Allowed,
    /// Unlisted fields are refused, unless the schema has `additionalProperties`.
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    Open,
    Closed,
    /// A member of `allOf`, `anyOf` or `oneOf` of a closed schema.
    ///
    /// Only all members together list the fields of an object, so each member is open; the values of its fields are
    /// closed.
    Member,
}

impl Mode {
    const ALL: [Mode; 3] = [Mode::Open, Mode::Closed, Mode::Member];

    fn inner(self) -> Self {
        match self {
            Mode::Open => Mode::Open,
            Mode::Closed | Mode::Member => Mode::Closed,
        }
    }

    fn member(self) -> Self {
        match self {
            Mode::Open => Mode::Open,
            Mode::Closed | Mode::Member => Mode::Member,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Formats {
    /// All formats that JSON Schema defines (Validation, section 7.3).
    All,
    /// Formats with a type in generated code. Others, such as `email`, are only documentation there.
    Typed,
}

/// The formats of strings for which typify (0.8, `convert.rs`) has a stricter type.
const TYPED_FORMATS: [&str; 6] = ["date", "date-time", "ip", "ipv4", "ipv6", "uuid"];

/// The schemas of a contract, prepared for validation.
pub struct Schemas {
    formats: Formats,
    /// A number for each target of a `$ref`, used in the names of its translations.
    numbers: BTreeMap<String, usize>,
    definitions: Map<String, Value>,
}

impl Schemas {
    /// Prepares the schemas to validate what a server returns.
    pub fn for_responses(contract: &Contract) -> Self {
        Self::with(contract, Formats::All)
    }

    /// Prepares the schemas to decide whether a server must accept a request.
    ///
    /// Only formats with a type in generated code are asserted, because the server checks no others.
    pub fn for_requests(contract: &Contract) -> Self {
        Self::with(contract, Formats::Typed)
    }

    fn with(contract: &Contract, formats: Formats) -> Self {
        let mut numbers = BTreeMap::new();
        for node in grammar::nodes(contract.value()) {
            if node.kind == Kind::Schema
                && let Some(target) = node.reference()
            {
                let next = numbers.len();
                numbers.entry(target.to_owned()).or_insert(next);
            }
        }
        let mut schemas = Self {
            formats,
            numbers,
            definitions: Map::new(),
        };
        let mut definitions = Map::new();
        for (target, number) in &schemas.numbers {
            let node = target
                .strip_prefix('#')
                .and_then(|pointer| contract.value().pointer(pointer));
            for mode in Mode::ALL {
                // A broken reference accepts nothing; a lint reports it.
                let schema = node.map_or(Value::Bool(false), |node| schemas.translate(node, mode));
                definitions.insert(definition_name(*number, mode), schema);
            }
        }
        schemas.definitions = definitions;
        schemas
    }

    /// Returns a validator for one schema of the contract.
    ///
    /// # Errors
    /// Fails if the schema is invalid, for example because its `pattern` is not a regular expression.
    pub fn validator(&self, schema: &Value, unlisted: UnlistedFields) -> Result<Validator, String> {
        let mode = match unlisted {
            UnlistedFields::Allowed => Mode::Open,
            UnlistedFields::Refused => Mode::Closed,
        };
        let mut schema = match self.translate(schema, mode) {
            Value::Object(schema) => schema,
            other => Map::from_iter([("allOf".to_owned(), json!([other]))]),
        };
        schema.insert("$defs".to_owned(), Value::Object(self.definitions.clone()));
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .build(&Value::Object(schema))
            .map_err(|error| error.to_string())
    }

    /// Returns every reason why `value` does not match `schema`, each as `pointer: reason`.
    pub fn errors(&self, schema: &Value, unlisted: UnlistedFields, value: &Value) -> Vec<String> {
        self.validate(schema, unlisted, value, |error| error.to_string())
    }

    /// Like [`errors`](Self::errors), for a value that may contain secrets: the reasons do not quote it.
    pub fn masked_errors(
        &self,
        schema: &Value,
        unlisted: UnlistedFields,
        value: &Value,
    ) -> Vec<String> {
        self.validate(schema, unlisted, value, |error| error.masked().to_string())
    }

    fn validate(
        &self,
        schema: &Value,
        unlisted: UnlistedFields,
        value: &Value,
        render: impl Fn(&ValidationError) -> String,
    ) -> Vec<String> {
        match self.validator(schema, unlisted) {
            Err(error) => vec![format!("the schema is invalid: {error}")],
            Ok(validator) => validator
                .iter_errors(value)
                .map(|error| match error.instance_path().as_str() {
                    "" => render(&error),
                    path => format!("{path}: {}", render(&error)),
                })
                .collect(),
        }
    }

    fn validates_format(&self, format: &Value) -> bool {
        match self.formats {
            Formats::All => true,
            Formats::Typed => TYPED_FORMATS.iter().any(|typed| format == typed),
        }
    }

    fn translate(&self, node: &Value, mode: Mode) -> Value {
        let Some(node) = node.as_object() else {
            return node.clone();
        };
        if let Some(target) = node.get("$ref").and_then(Value::as_str) {
            return match self.numbers.get(target) {
                Some(number) => {
                    json!({ "$ref": format!("#/$defs/{}", definition_name(*number, mode)) })
                }
                None => Value::Bool(false),
            };
        }

        let mut schema = Map::new();
        for (key, value) in node {
            let value = match key.as_str() {
                "properties" => map_values(value, |value| self.translate(value, mode.inner())),
                "items" | "additionalProperties" => self.translate(value, mode.inner()),
                "allOf" | "anyOf" | "oneOf" => {
                    map_items(value, |value| self.translate(value, mode.member()))
                }
                "not" => self.translate(value, Mode::Open),
                "format" if !self.validates_format(value) => continue,
                "type" if node.get("nullable") == Some(&Value::Bool(true)) => {
                    json!([value, "null"])
                }
                "type" | "multipleOf" | "maxLength" | "minLength" | "pattern" | "maxItems"
                | "minItems" | "uniqueItems" | "maxProperties" | "minProperties" | "required"
                | "enum" | "format" => value.clone(),
                // Bounds are added below; everything else is documentation.
                _ => continue,
            };
            schema.insert(key.clone(), value);
        }
        add_bounds(node, &mut schema);

        let composed = ["properties", "allOf", "anyOf", "oneOf"]
            .iter()
            .any(|key| node.contains_key(*key));
        if mode == Mode::Closed && composed && !node.contains_key("additionalProperties") {
            schema.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
        }
        Value::Object(schema)
    }
}

/// Adds the bounds of a number and of integer formats, and formats that the draft does not define.
fn add_bounds(node: &Map<String, Value>, schema: &mut Map<String, Value>) {
    for (bound, exclusive) in [
        ("minimum", "exclusiveMinimum"),
        ("maximum", "exclusiveMaximum"),
    ] {
        if let Some(value) = node.get(bound) {
            let strict = node.get(exclusive) == Some(&Value::Bool(true));
            schema.insert(
                if strict { exclusive } else { bound }.to_owned(),
                value.clone(),
            );
        }
    }
    let range = |minimum: i64, maximum: u64| json!([{ "minimum": minimum, "maximum": maximum }]);
    let range = match node.get("format").and_then(Value::as_str) {
        Some("int8") => range(i8::MIN.into(), i8::MAX as u64),
        Some("int16") => range(i16::MIN.into(), i16::MAX as u64),
        Some("int32") => range(i32::MIN.into(), i32::MAX as u64),
        Some("int64") => range(i64::MIN, i64::MAX as u64),
        Some("uint8") => range(0, u8::MAX.into()),
        Some("uint16") => range(0, u16::MAX.into()),
        Some("uint32") => range(0, u32::MAX.into()),
        Some("uint64" | "uint") => range(0, u64::MAX),
        // JSON Schema has no format that allows addresses of both kinds.
        Some("ip") => json!([{ "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] }]),
        _ => return,
    };
    match schema.get_mut("allOf").and_then(Value::as_array_mut) {
        Some(all) => all.extend(range.as_array().cloned().unwrap_or_default()),
        None => {
            schema.insert("allOf".to_owned(), range);
        }
    }
}

fn definition_name(number: usize, mode: Mode) -> String {
    match mode {
        Mode::Open => format!("{number}-open"),
        Mode::Closed => format!("{number}-closed"),
        Mode::Member => format!("{number}-member"),
    }
}

fn map_values(value: &Value, change: impl Fn(&Value) -> Value) -> Value {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), change(value)))
        .collect()
}

fn map_items(value: &Value, change: impl Fn(&Value) -> Value) -> Value {
    value.as_array().into_iter().flatten().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(schema: Value, unlisted: UnlistedFields, value: &Value) -> Vec<String> {
        let document = json!({
            "openapi": "3.0.3",
            "info": { "title": "t", "version": "1.0.0" },
            "paths": {},
            "components": { "schemas": {
                "Subject": schema,
                "Named": { "type": "object", "properties": { "name": { "type": "string" } } },
                "Use": { "type": "array", "items": { "$ref": "#/components/schemas/Named" } },
                "Tree": { "type": "object", "properties": { "next": { "$ref": "#/components/schemas/Tree" } } },
            }},
        });
        let contract =
            Contract::parse("t.json", &document.to_string()).expect("the contract is valid");
        Schemas::for_responses(&contract).errors(
            &document["components"]["schemas"]["Subject"],
            unlisted,
            value,
        )
    }

    #[test]
    fn int32_is_bounded() {
        let schema = || json!({ "type": "integer", "format": "int32" });
        assert_eq!(
            errors(schema(), UnlistedFields::Allowed, &json!(i32::MAX)),
            Vec::<String>::new()
        );
        insta::assert_debug_snapshot!(errors(schema(), UnlistedFields::Allowed, &json!(2_147_483_648_i64)), @r#"
        [
            "2147483648 is greater than the maximum of 2147483647",
        ]
        "#);
    }

    #[test]
    fn date_time_is_validated() {
        let schema = || json!({ "type": "string", "format": "date-time" });
        assert_eq!(
            errors(
                schema(),
                UnlistedFields::Allowed,
                &json!("2026-03-01T08:30:00Z")
            ),
            Vec::<String>::new()
        );
        insta::assert_debug_snapshot!(errors(schema(), UnlistedFields::Allowed, &json!("yesterday")), @r#"
        [
            "\"yesterday\" is not a \"date-time\"",
        ]
        "#);
    }

    #[test]
    fn exclusive_bounds_and_nullable_follow_openapi_3_0() {
        let schema = || json!({ "type": "number", "minimum": 1, "exclusiveMinimum": true, "nullable": true });
        assert_eq!(
            errors(schema(), UnlistedFields::Allowed, &Value::Null),
            Vec::<String>::new()
        );
        assert_eq!(
            errors(schema(), UnlistedFields::Allowed, &json!(1.5)),
            Vec::<String>::new()
        );
        insta::assert_debug_snapshot!(errors(schema(), UnlistedFields::Allowed, &json!(1)), @r#"
        [
            "1 is less than or equal to the minimum of 1",
        ]
        "#);
    }

    #[test]
    fn unlisted_field_is_refused_at_any_depth() {
        let schema = || json!({ "type": "object", "properties": { "a": { "$ref": "#/components/schemas/Named" } } });
        let value = json!({ "a": { "name": "x", "more": 1 }, "b": 2 });
        assert_eq!(
            errors(schema(), UnlistedFields::Allowed, &value),
            Vec::<String>::new()
        );
        insta::assert_debug_snapshot!(errors(schema(), UnlistedFields::Refused, &value), @r#"
        [
            "/a: Unevaluated properties are not allowed ('more' was unexpected)",
            "Unevaluated properties are not allowed ('b' was unexpected)",
        ]
        "#);
    }

    #[test]
    fn all_of_members_list_the_allowed_fields_together() {
        let schema = || {
            json!({ "allOf": [
                { "$ref": "#/components/schemas/Named" },
                { "type": "object", "properties": { "b": { "type": "integer" } } },
            ]})
        };
        assert_eq!(
            errors(
                schema(),
                UnlistedFields::Refused,
                &json!({ "name": "x", "b": 2 })
            ),
            Vec::<String>::new()
        );
        insta::assert_debug_snapshot!(errors(schema(), UnlistedFields::Refused, &json!({ "name": "x", "c": 2 })), @r#"
        [
            "Unevaluated properties are not allowed ('c' was unexpected)",
        ]
        "#);
    }

    #[test]
    fn recursive_schema_is_supported() {
        let schema = || json!({ "$ref": "#/components/schemas/Tree" });
        assert_eq!(
            errors(
                schema(),
                UnlistedFields::Refused,
                &json!({ "next": { "next": {} } })
            ),
            Vec::<String>::new()
        );
        insta::assert_debug_snapshot!(errors(schema(), UnlistedFields::Refused, &json!({ "next": { "next": 1 } })), @r#"
        [
            "/next/next: 1 is not of type \"object\"",
        ]
        "#);
    }
}
