//! Holding a contract against the tables of OpenAPI.

use serde_json::Value;

use crate::{
    contract::Contract,
    grammar::{Kind, OPENAPI, REFERENCE, Role, SCHEMA_OR_REF, Spec},
    location::Finding,
    operation::DROPSHOTS,
    pointer,
};

/// What a walk over a contract found.
#[derive(Default)]
pub(crate) struct Survey {
    /// What keeps it from being OpenAPI 3.0.
    pub(crate) wrong: Vec<Finding>,
    /// What the generator does not do.
    pub(crate) refused: Vec<Finding>,
}

/// Holds a contract against the tables.
pub(crate) fn survey(contract: &Contract) -> Survey {
    let mut walk = Walk {
        contract,
        survey: Survey::default(),
    };
    walk.object("", contract.value(), &OPENAPI);
    walk.survey
}

struct Walk<'a> {
    contract: &'a Contract,
    survey: Survey,
}

impl Walk<'_> {
    fn wrong(&mut self, pointer: &str, message: impl Into<String>, help: impl Into<String>) {
        self.survey
            .wrong
            .push(self.contract.finding(pointer, message, help));
    }

    fn refuse(&mut self, pointer: &str, message: impl Into<String>, help: impl Into<String>) {
        self.survey
            .refused
            .push(self.contract.finding(pointer, message, help));
    }

    fn value(&mut self, pointer: &str, value: &Value, kind: &'static Kind) {
        match kind {
            Kind::Any => {}
            Kind::Text => self.expect(pointer, value, value.is_string(), "a string"),
            Kind::Flag => self.expect(pointer, value, value.is_boolean(), "true or false"),
            Kind::Number => self.expect(pointer, value, value.is_number(), "a number"),
            Kind::Natural => {
                // typify counts in u32.
                let fits = value.as_u64().is_some_and(|n| u32::try_from(n).is_ok());
                self.expect(pointer, value, fits, "a whole number from 0 to 4294967295");
            }
            Kind::Word(words) => {
                let known = value.as_str().is_some_and(|word| words.contains(&word));
                self.expect(
                    pointer,
                    value,
                    known,
                    &format!("one of {}", words.join(", ")),
                );
            }
            Kind::List(item) => {
                self.expect(pointer, value, value.is_array(), "an array");
                for (pointer, value) in pointer::items(pointer, value) {
                    self.value(&pointer, value, item);
                }
            }
            Kind::Map(member) => self.map(pointer, value, member, |_| true, ""),
            Kind::Named(member) => self.map(
                pointer,
                value,
                member,
                |key| {
                    !key.is_empty()
                        && key
                            .chars()
                            .all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c))
                },
                "name it with ASCII letters, digits, `.`, `-` and `_` alone",
            ),
            Kind::Paths(member) => self.map(
                pointer,
                value,
                member,
                |key| key.starts_with('/'),
                "begin the path with `/`",
            ),
            Kind::Statuses(member) => self.map(
                pointer,
                value,
                member,
                is_status,
                "write a status such as '200', a range such as 4XX, or default",
            ),
            Kind::Object(spec) => self.object(pointer, value, spec),
            Kind::ObjectOrRef(spec) => match value.get("$ref") {
                None => self.object(pointer, value, spec),
                Some(_) => self.reference(pointer, value, spec),
            },
            Kind::SchemaOrFlag => {
                if !value.is_boolean() {
                    self.value(pointer, value, &SCHEMA_OR_REF);
                }
            }
        }
    }

    fn expect(&mut self, pointer: &str, value: &Value, holds: bool, what: &str) {
        if !holds {
            let message = format!("{} where {what} belongs", describe(value));
            self.wrong(pointer, message, format!("write {what}"));
        }
    }

    fn map(
        &mut self,
        pointer: &str,
        value: &Value,
        member: &'static Kind,
        named_well: impl Fn(&str) -> bool,
        help: &str,
    ) {
        self.expect(pointer, value, value.is_object(), "an object");
        for (pointer, key, value) in pointer::members(pointer, value) {
            if named_well(key) {
                self.value(&pointer, value, member);
            } else if !key.starts_with("x-") {
                self.wrong(&pointer, format!("`{key}` cannot stand here"), help);
            }
        }
    }

    fn object(&mut self, pointer: &str, value: &Value, spec: &'static Spec) {
        self.expect(pointer, value, value.is_object(), &spec.with_article());
        if !value.is_object() {
            return;
        }
        for (at, key, value) in pointer::members(pointer, value) {
            if let Some(field) = spec.fields.iter().find(|field| field.name == key) {
                self.value(&at, value, &field.kind);
                if let Role::Refused(help) = field.role {
                    self.refuse(
                        &at,
                        format!("`{key}` of {} is not supported", spec.with_article()),
                        help,
                    );
                }
            } else if spec.name == "Operation Object" && DROPSHOTS.contains(&key.as_str()) {
                // Read with the operation.
            } else if key.starts_with("x-dropshot-") {
                self.refuse(
                    &at,
                    format!("the extension `{key}` of dropshot is not supported"),
                    "remove it",
                );
            } else if !key.starts_with("x-") {
                let known: Vec<_> = spec.fields.iter().map(|field| field.name).collect();
                self.wrong(
                    &at,
                    format!("{} has no `{key}`", spec.with_article()),
                    match nearest(key, &known) {
                        Some(nearest) => format!("write `{nearest}`"),
                        None => {
                            format!("write one of {}, or an extension `x-...`", known.join(", "))
                        }
                    },
                );
            }
        }
        for field in spec.needed(value) {
            if value.get(field).is_none() {
                self.wrong(
                    pointer,
                    format!("this {} lacks `{field}`", spec.name),
                    format!("add `{field}`"),
                );
            }
        }
    }

    fn reference(&mut self, pointer: &str, value: &Value, spec: &Spec) {
        for (at, key, value) in pointer::members(pointer, value) {
            match REFERENCE.fields.iter().find(|field| field.name == key) {
                Some(field) => self.value(&at, value, &field.kind),
                // Section 4.7.23.1: what stands beside a `$ref` is ignored.
                None => self.wrong(
                    &at,
                    format!("`{key}` beside `$ref` would be ignored"),
                    "move it to what the `$ref` names",
                ),
            }
        }
        if let Err(finding) = self.contract.resolve(pointer) {
            self.survey.wrong.push(finding);
            return;
        }
        let section = format!("#/components/{}/", spec.section());
        let target = value
            .get("$ref")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if target
            .strip_prefix(&section)
            .is_none_or(|name| name.contains('/'))
        {
            self.refuse(
                &pointer::child(pointer, "$ref"),
                format!("`{target}` where {} belongs", spec.with_article()),
                format!("give it a name and write `{section}...`"),
            );
        }
    }
}

/// The word that was meant, if one is near enough to tell: half a word of letters wrong is another word.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
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

fn is_status(key: &str) -> bool {
    let range = ["1XX", "2XX", "3XX", "4XX", "5XX"].contains(&key);
    let code = key.len() == 3
        && key
            .parse()
            .is_ok_and(|code: u16| (100..600).contains(&code));
    key == "default" || range || code
}

/// A value in the words of a finding, without what may be long.
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
