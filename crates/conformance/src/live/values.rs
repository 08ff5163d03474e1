//! Generates values from a schema: a valid one, and probes at, below and above each bound.
//!
//! The caller uses the contract to decide whether a probe is valid.

use dropshot_codegen::Contract;
use serde_json::{Map, Number, Value, json};

use openapi_contract::pointer::child;
use openapi_contract::schema::{Schemas, UnlistedFields};

/// The maximum depth of nested schemas; a recursive schema has no end.
const MAX_DEPTH: usize = 4;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Probe {
    /// A description such as `of 65 characters`.
    pub(crate) name: String,
    pub(crate) value: Option<Value>,
    pub(crate) field: Option<String>,
}

fn probe(name: impl Into<String>, value: impl Into<Value>) -> Probe {
    Probe {
        name: name.into(),
        value: Some(value.into()),
        field: None,
    }
}

pub(crate) struct Values<'c> {
    contract: &'c Contract,
    schemas: Schemas,
}

impl<'c> Values<'c> {
    pub(crate) fn of(contract: &'c Contract) -> Self {
        Self {
            contract,
            schemas: Schemas::for_requests(contract),
        }
    }

    pub(crate) fn is_valid(&self, schema: &Value, value: &Value) -> bool {
        self.schemas
            .errors(schema, UnlistedFields::Allowed, value)
            .is_empty()
    }

    /// Returns a valid value for the schema at a pointer: its example or a generated one.
    pub(crate) fn sample(&self, pointer: &str) -> Option<Value> {
        self.generate(pointer, MAX_DEPTH)
    }

    fn generate(&self, pointer: &str, depth: usize) -> Option<Value> {
        let (pointer, schema) = self.resolve(pointer)?;
        let given = ["example", "default"]
            .into_iter()
            .filter_map(|key| schema.get(key).cloned());
        let listed = schema.get("enum").and_then(Value::as_array);
        let listed = listed.into_iter().flatten().cloned();
        let kind = schema.get("type").and_then(Value::as_str);
        let built = match kind {
            _ if depth == 0 => None,
            Some("string") => self
                .generate_text(schema, length(schema, "minLength").unwrap_or(1).max(1))
                .map(Value::from),
            Some("integer" | "number") => generate_number(schema),
            Some("boolean") => Some(json!(true)),
            Some("array") => {
                let item = self.generate(&child(&pointer, "items"), depth - 1);
                let least = length(schema, "minItems").unwrap_or(0);
                Some(json!(vec![item.unwrap_or_default(); least.max(1)]))
            }
            Some("object") => Some(self.generate_object(&pointer, schema, depth)),
            _ => ["oneOf", "anyOf"]
                .into_iter()
                .find(|key| schema.get(key).is_some())
                .and_then(|key| self.generate(&format!("{pointer}/{key}/0"), depth - 1)),
        };
        given
            .chain(listed)
            .chain(built)
            .find(|value| self.is_valid(schema, value))
    }

    fn generate_object(&self, pointer: &str, schema: &Value, depth: usize) -> Value {
        let mut object = Map::new();
        let at = child(pointer, "properties");
        for name in names(schema) {
            if let Some(value) = self.generate(&child(&at, name), depth - 1) {
                object.insert(name.clone(), value);
            }
        }
        Value::Object(object)
    }

    /// Follows references, including an `allOf` with a single schema, which adds only a description.
    pub(crate) fn resolve(&self, pointer: &str) -> Option<(String, &'c Value)> {
        let (pointer, schema) = self.contract.resolve(pointer).ok()?;
        match schema.get("allOf").and_then(Value::as_array) {
            Some(all) if all.len() == 1 => self.resolve(&format!("{pointer}/allOf/0")),
            _ => Some((pointer, schema)),
        }
    }

    /// Returns probes for the schema at a pointer: other types, and both sides of each bound.
    ///
    /// `example` is a valid value.
    pub(crate) fn probes(&self, pointer: &str, example: &Value) -> Vec<Probe> {
        self.probes_within(pointer, example, MAX_DEPTH)
    }

    fn probes_within(&self, pointer: &str, example: &Value, depth: usize) -> Vec<Probe> {
        let Some((pointer, schema)) = self.resolve(pointer) else {
            return Vec::new();
        };
        let mut probes = type_probes();
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            probes.extend(enum_probes(values));
        }
        match example {
            Value::String(text) => probes.extend(self.text_probes(schema, text)),
            Value::Number(_) => probes.extend(number_probes(schema)),
            Value::Array(items) if depth > 0 => {
                probes.extend(self.list_probes(&pointer, schema, items, depth));
            }
            Value::Object(fields) if depth > 0 => {
                probes.extend(self.field_probes(&pointer, schema, fields, depth));
            }
            _ => {}
        }
        probes
    }

    /// Returns strings at the bounds of the length, and strings that nearly match a pattern.
    fn text_probes(&self, schema: &Value, example: &str) -> Vec<Probe> {
        let mut lengths: Vec<usize> = ["minLength", "maxLength"]
            .into_iter()
            .filter_map(|key| length(schema, key))
            .flat_map(around)
            .collect();
        lengths.sort_unstable();
        lengths.dedup();
        let mut probes: Vec<Probe> = lengths
            .into_iter()
            .map(|length| {
                let text = self
                    .generate_text(schema, length)
                    .unwrap_or_else(|| resized(example, length));
                probe(format!("of {length} characters"), text)
            })
            .collect();
        if schema.get("pattern").is_some() {
            let texts = near_misses(example);
            probes.extend(
                texts
                    .into_iter()
                    .map(|text| probe(format!("that is {text:?}"), text)),
            );
        } else if schema.get("format").is_some() {
            probes.push(probe("in the wrong format", "x"));
        }
        probes
    }

    /// Returns a string of the given length that is valid except for its length.
    fn generate_text(&self, schema: &Value, length: usize) -> Option<String> {
        let mut free = schema.clone();
        if let Some(fields) = free.as_object_mut() {
            fields.remove("minLength");
            fields.remove("maxLength");
        }
        let example = schema.get("example").and_then(Value::as_str);
        let filled = FILL_CHARACTERS
            .iter()
            .map(|filler| filler.to_string().repeat(length));
        let formatted = FORMATTED_TEXTS.iter().map(|text| (*text).to_owned());
        example
            .map(|example| resized(example, length))
            .into_iter()
            .chain(filled)
            .chain(formatted)
            .find(|text| self.is_valid(&free, &json!(text)))
    }

    fn list_probes(
        &self,
        pointer: &str,
        schema: &Value,
        items: &[Value],
        depth: usize,
    ) -> Vec<Probe> {
        let mut probes = Vec::new();
        let item = items.first().cloned().unwrap_or_default();
        let mut lengths: Vec<usize> = ["minItems", "maxItems"]
            .into_iter()
            .filter_map(|key| length(schema, key))
            .flat_map(around)
            .collect();
        lengths.sort_unstable();
        lengths.dedup();
        for length in lengths {
            let list: Vec<Value> = items
                .iter()
                .cloned()
                .chain(std::iter::repeat(item.clone()))
                .take(length)
                .collect();
            probes.push(probe(format!("of {length} items"), list));
        }
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            probes.push(probe("with a repeated item", json!([item, item])));
        }
        if !items.is_empty() {
            for inner in self.probes_within(&child(pointer, "items"), &item, depth - 1) {
                if let Some(value) = inner.value {
                    let mut list = items.to_vec();
                    list[0] = value;
                    probes.push(probe(format!("with an item {}", inner.name), list));
                }
            }
        }
        probes
    }

    fn field_probes(
        &self,
        pointer: &str,
        schema: &Value,
        fields: &Map<String, Value>,
        depth: usize,
    ) -> Vec<Probe> {
        let with = |field: &str, value: Option<Value>| {
            let mut fields = fields.clone();
            match value {
                Some(value) => {
                    fields.insert(field.to_owned(), value);
                }
                None => {
                    fields.remove(field);
                }
            }
            Value::Object(fields)
        };
        let mut probes = vec![probe(
            "with an unlisted field",
            with("verify-lists-no-such-field", Some(json!(1))),
        )];
        // Some decoders also accept a list of the fields, in different orders.
        let mut listed: Vec<&String> = fields.keys().collect();
        for order in ["in written order", "in order of names"] {
            let values: Vec<&Value> = listed.iter().filter_map(|name| fields.get(*name)).collect();
            probes.push(probe(
                format!("that is an array of its values {order}"),
                json!(values),
            ));
            listed.sort();
        }
        let at = child(pointer, "properties");
        for field in names(schema) {
            let about = |name: String, value| Probe {
                field: Some(field.clone()),
                ..probe(name, with(field, value))
            };
            probes.push(about(format!("without `{field}`"), None));
            let at = child(&at, field);
            let example = fields.get(field).cloned();
            let Some(example) = example.or_else(|| self.generate(&at, depth - 1)) else {
                continue;
            };
            for inner in self.probes_within(&at, &example, depth - 1) {
                let name = match (&inner.field, inner.name.split_once(' ')) {
                    (Some(_), Some((preposition, rest))) => {
                        let inner = rest.trim_start_matches('`');
                        format!("{preposition} `{field}.{inner}")
                    }
                    _ => format!("with `{field}` {}", inner.name),
                };
                probes.push(about(name, inner.value));
            }
        }
        probes
    }
}

fn type_probes() -> Vec<Probe> {
    vec![
        probe("that is null", Value::Null),
        probe("that is a number", 1),
        probe("that is a fraction", 1.5),
        probe("that is true", true),
        probe("that is a string", "x"),
        probe("that is an array", json!([])),
        probe("that is an object", json!({})),
    ]
}

fn enum_probes(values: &[Value]) -> Vec<Probe> {
    let mut probes: Vec<Probe> = values
        .iter()
        .map(|value| probe(format!("that is {value}"), value.clone()))
        .collect();
    if let Some(first) = values.iter().find_map(Value::as_str) {
        for other in [format!("{first}x"), with_swapped_case(first)] {
            probes.push(probe(format!("that is {other:?}"), other));
        }
    }
    probes
}

fn number_probes(schema: &Value) -> Vec<Probe> {
    let format = schema.get("format").and_then(Value::as_str);
    let (low, high) = match format {
        Some("int8") => (Some(i64::from(i8::MIN)), Some(i64::from(i8::MAX))),
        Some("int16") => (Some(i64::from(i16::MIN)), Some(i64::from(i16::MAX))),
        Some("int32") => (Some(i64::from(i32::MIN)), Some(i64::from(i32::MAX))),
        Some("uint8") => (Some(0), Some(i64::from(u8::MAX))),
        Some("uint16") => (Some(0), Some(i64::from(u16::MAX))),
        Some("uint32") => (Some(0), Some(i64::from(u32::MAX))),
        Some("uint64" | "uint") => (Some(0), None),
        _ => (None, None),
    };
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let mut probes = Vec::new();
    for whole in [low, high].into_iter().flatten() {
        for value in [whole - 1, whole, whole + 1] {
            probes.push(probe(format!("that is {value}"), value));
        }
    }
    for bound in ["minimum", "maximum", "multipleOf"]
        .into_iter()
        .filter_map(bound)
    {
        for value in [bound - 1.0, bound, bound + 1.0] {
            probes.push(probe(format!("that is {}", numeral(value)), numeral(value)));
        }
    }
    probes.dedup();
    probes
}

/// Returns a valid number if 0, 1 or a bound is valid.
fn generate_number(schema: &Value) -> Option<Value> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let step = bound("multipleOf").unwrap_or(1.0);
    let low = bound("minimum").map(|low| (low / step).ceil() * step);
    let value = low.or_else(|| bound("maximum").map(|high| (high / step).floor() * step));
    let exclusive = schema.get("exclusiveMinimum") == Some(&Value::Bool(true));
    let value = value.unwrap_or(step) + if exclusive { step } else { 0.0 };
    Some(numeral(value))
}

fn numeral(value: f64) -> Value {
    /// Up to 2^53, a float represents every whole number exactly.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is whole and not too large"
        )]
        return json!(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn around(bound: usize) -> impl Iterator<Item = usize> {
    (bound.saturating_sub(1)..=bound + 1).filter(move |length| *length < bound + 2)
}

fn length(schema: &Value, key: &str) -> Option<usize> {
    usize::try_from(schema.get(key)?.as_u64()?).ok()
}

fn names(schema: &Value) -> impl Iterator<Item = &String> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(name, _)| name)
}

fn with_swapped_case(text: &str) -> String {
    let lower = text.to_lowercase();
    if lower == text {
        text.to_uppercase()
    } else {
        lower
    }
}

/// Changes the length of an example in its middle, where most patterns are permissive.
fn resized(example: &str, length: usize) -> String {
    let characters: Vec<char> = example.chars().collect();
    let Some(middle) = characters.get(characters.len() / 2) else {
        return "x".repeat(length);
    };
    let head = characters.len().min(length).div_ceil(2);
    let tail = characters.len().min(length) - head;
    let filling = length.saturating_sub(characters.len());
    let mut text: String = characters[..head].iter().collect();
    text.extend(std::iter::repeat_n(*middle, filling));
    text.extend(&characters[characters.len() - tail..]);
    text
}

/// Removes, duplicates and replaces a character at the ends and in the middle.
fn near_misses(example: &str) -> Vec<String> {
    let characters: Vec<char> = example.chars().collect();
    let Some(last) = characters.len().checked_sub(1) else {
        return Vec::new();
    };
    let mut texts = vec![example.to_owned(), with_swapped_case(example)];
    let mut indices = vec![0, last / 2, last];
    indices.dedup();
    for index in indices {
        let with = |these: &[char]| -> String {
            characters[..index]
                .iter()
                .chain(these)
                .chain(&characters[index + 1..])
                .collect()
        };
        texts.push(with(&[]));
        texts.push(with(&[characters[index], characters[index]]));
        texts.extend(
            UNUSUAL_CHARACTERS
                .iter()
                .map(|character| with(&[*character])),
        );
    }
    // Patterns may lack an anchor.
    texts.push(format!("{example}\n"));
    texts.push(format!("\n{example}"));
    texts.push(format!("{example} {example}"));
    let mut seen = std::collections::BTreeSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    texts
}

/// Characters for lengthening a string; most patterns allow at least one of them.
const FILL_CHARACTERS: [char; 5] = ['a', 'A', '0', '-', '/'];

/// Characters for insertion into a string; patterns forbid some of them.
const UNUSUAL_CHARACTERS: [char; 12] = [
    'a', 'Z', '9', '_', '-', '\'', '.', ' ', '/', 'é', '\u{0}', '\u{ff41}',
];

/// A string for each format that repeated characters cannot match.
const FORMATTED_TEXTS: [&str; 7] = [
    "2026-03-01T08:30:00Z",
    "2026-03-01",
    "6f1a7a04-3b0e-4f5e-9f0e-1c2d3e4f5a6b",
    "192.0.2.1",
    "2001:db8::1",
    "https://example.com/",
    "someone@example.com",
];

#[cfg(test)]
mod tests;
