//! Compatibility rules for schemas: how a change of a keyword changes the set of valid values.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::meaning::{Meaning, Part};

use super::walk::{Direction, Effect, KeyPair, Walk, clients, keys};

/// Keywords for documentation (OpenAPI 3.0.3, section 4.7.24).
const DOCUMENTATION: &[&str] = &[
    "title",
    "description",
    "example",
    "externalDocs",
    "deprecated",
];

impl<'a> Walk<'a> {
    pub(super) fn compare_schema(
        &mut self,
        direction: Direction,
        old: &'a Meaning,
        new: &'a Meaning,
    ) {
        let (old, new) = (resolve_schema(self.old, old), resolve_schema(self.new, new));
        if !self
            .seen
            .insert((old.pointer.clone(), new.pointer.clone(), direction))
        {
            return;
        }
        for key in keys(old, new) {
            let pair = KeyPair::of(&key, old, new);
            if !pair.is_same() || contains_schemas(&key) {
                self.compare_keyword(direction, &key, &pair);
            }
        }
    }

    fn compare_keyword(&mut self, direction: Direction, key: &str, pair: &KeyPair<'a>) {
        let (before, after) = pair.values();
        let effect = match key {
            key if DOCUMENTATION.contains(&key) => Effect::Harmless,
            "x-secret" => {
                self.record(
                    clients::SECRET,
                    pair.before(),
                    pair.after(),
                    format!("`x-secret` {}", pair.description()),
                );
                return;
            }
            key if key.starts_with("x-") => Effect::Harmless,

            "properties" => return self.compare_properties(direction, pair),
            "required" => return self.compare_required(direction, pair),
            "additionalProperties" => return self.compare_additional_properties(direction, pair),
            "items" => match (pair.old, pair.new) {
                (Some(old), Some(new)) => return self.compare_schema(direction, old, new),
                (old, new) => Effect::of_constraint(old, new),
            },
            "allOf" | "anyOf" | "oneOf" => return self.compare_members(direction, key, pair),
            // It cannot be decided whether the new value allows more or less.
            "not" | "discriminator" | "multipleOf" | "pattern" => {
                Effect::of_constraint(before, after)
            }

            "type" => effect_of_type(before.as_ref(), after.as_ref()),
            "format" => {
                let password = Some(Value::from("password"));
                if before == password || after == password {
                    self.record(
                        clients::SECRET,
                        pair.before(),
                        pair.after(),
                        format!("`format` {}", pair.description()),
                    );
                    return;
                }
                effect_of_format(before.as_ref(), after.as_ref())
            }
            "enum" => return self.compare_enumeration(direction, pair),
            "maxLength" | "maxItems" | "maxProperties" | "maximum" => {
                effect_of_limit(before, after, |before, after| after < before)
            }
            "minLength" | "minItems" | "minProperties" | "minimum" => {
                effect_of_limit(before, after, |before, after| after > before)
            }
            "uniqueItems" | "exclusiveMinimum" | "exclusiveMaximum" => {
                effect_of_flag(after, Effect::Narrowed, Effect::Widened)
            }
            "nullable" => effect_of_flag(after, Effect::Widened, Effect::Narrowed),

            // Only servers send read-only values, and only clients send write-only values.
            "readOnly" | "writeOnly" => {
                let on = after == Some(Value::Bool(true));
                let (clients, concerned) = match (key, on) {
                    ("readOnly", true) => (clients::IGNORED, direction == Direction::Request),
                    ("readOnly", false) => (clients::REJECTED, direction == Direction::Request),
                    (_, true) => (clients::MISSING, direction == Direction::Response),
                    (_, false) => (clients::UNEXPECTED, direction == Direction::Response),
                };
                if concerned {
                    self.record(
                        clients,
                        pair.before(),
                        pair.after(),
                        format!("`{key}` {}", pair.description()),
                    );
                }
                return;
            }
            // If a client omits the value, the server now assumes a different one.
            "default" => match direction {
                Direction::Request => {
                    self.record(
                        "clients that omit the value: the server now assumes a different one",
                        pair.before(),
                        pair.after(),
                        format!("`default` {}", pair.description()),
                    );
                    return;
                }
                Direction::Response => Effect::Harmless,
            },
            _ => return self.record_unknown(key, pair),
        };
        self.record_if_breaking(
            direction,
            effect,
            pair,
            format!("`{key}` {}", pair.description()),
        );
    }

    fn compare_properties(&mut self, direction: Direction, pair: &KeyPair<'a>) {
        let (Some(old), Some(new)) = (pair.old, pair.new) else {
            return self.record_unknown("properties", pair);
        };
        for name in keys(old, new) {
            let property = KeyPair::of(&name, old, new);
            match (property.old, property.new) {
                (Some(old), Some(new)) => self.compare_schema(direction, old, new),
                (Some(_), None) => {
                    let clients = match direction {
                        Direction::Request => clients::IGNORED,
                        Direction::Response => clients::MISSING,
                    };
                    let after = KeyPair {
                        new: None,
                        ..property
                    }
                    .after();
                    self.record(
                        clients,
                        property.before(),
                        after,
                        format!("the property `{name}` was removed"),
                    );
                }
                // Clients ignore unknown properties, unless the contract excludes them.
                (None, Some(_)) => {
                    let closed = pair
                        .parents
                        .0
                        .get("additionalProperties")
                        .is_some_and(excludes_everything);
                    if closed {
                        self.record_if_breaking(
                            direction,
                            Effect::Widened,
                            &property,
                            format!("the property `{name}` is new, but unlisted properties were not allowed"),
                        );
                    }
                }
                (None, None) => {}
            }
        }
    }

    fn compare_required(&mut self, direction: Direction, pair: &KeyPair<'a>) {
        let names = |node: Option<&Meaning>| -> BTreeSet<String> {
            let value = node.map(Meaning::to_value).unwrap_or_default();
            let names = value.as_array().into_iter().flatten();
            names.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let (before, after) = (names(pair.old), names(pair.new));
        for name in &after - &before {
            self.record_if_breaking(
                direction,
                Effect::Narrowed,
                pair,
                format!("`{name}` is now required"),
            );
        }
        for name in &before - &after {
            self.record_if_breaking(
                direction,
                Effect::Widened,
                pair,
                format!("`{name}` is no longer required"),
            );
        }
    }

    fn compare_additional_properties(&mut self, direction: Direction, pair: &KeyPair<'a>) {
        let open = |node: Option<&Meaning>| {
            node.is_none_or(|node| {
                matches!(&node.part, Part::Map(_)) && node.to_value() == serde_json::json!({})
            })
        };
        let effect = match (pair.old, pair.new) {
            (old, new) if open(old) && open(new) => Effect::Harmless,
            (old, _) if open(old) => Effect::Narrowed,
            (_, new) if open(new) => Effect::Widened,
            (Some(old), Some(new)) => match (excludes_everything(old), excludes_everything(new)) {
                (true, true) => Effect::Harmless,
                (true, false) => Effect::Widened,
                (false, true) => Effect::Narrowed,
                (false, false) => return self.compare_schema(direction, old, new),
            },
            _ => Effect::Changed,
        };
        self.record_if_breaking(
            direction,
            effect,
            pair,
            format!("`additionalProperties` {}", pair.description()),
        );
    }

    fn compare_enumeration(&mut self, direction: Direction, pair: &KeyPair<'a>) {
        let (before, after) = pair.values();
        let (Some(Value::Array(before)), Some(Value::Array(after))) = (&before, &after) else {
            let effect = Effect::of_constraint(before, after);
            return self.record_if_breaking(
                direction,
                effect,
                pair,
                format!("`enum` {}", pair.description()),
            );
        };
        for value in before.iter().filter(|value| !after.contains(value)) {
            self.record_if_breaking(
                direction,
                Effect::Narrowed,
                pair,
                format!("`enum` lost {value}"),
            );
        }
        for value in after.iter().filter(|value| !before.contains(value)) {
            self.record_if_breaking(
                direction,
                Effect::Widened,
                pair,
                format!("`enum` gained {value}"),
            );
        }
    }

    /// Compares the members of `allOf`, `anyOf` or `oneOf`.
    ///
    /// Equal members, and references to the same schema, are matched first; the others are matched in order.
    fn compare_members(&mut self, direction: Direction, key: &str, pair: &KeyPair<'a>) {
        let list = |node: Option<&'a Meaning>| match node.map(|node| &node.part) {
            Some(Part::List(items)) => items.iter().collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        let (mut old, mut new) = (list(pair.old), list(pair.new));
        old.retain(|ours| {
            match new
                .iter()
                .position(|theirs| ours.to_value() == theirs.to_value())
            {
                Some(index) => {
                    let theirs = new.remove(index);
                    // Equal members may refer to a schema that changed.
                    self.compare_schema(direction, ours, theirs);
                    false
                }
                None => true,
            }
        });
        let (added, removed) = if key == "allOf" {
            (Effect::Narrowed, Effect::Widened)
        } else {
            (Effect::Widened, Effect::Narrowed)
        };
        // Without the list, every value is allowed.
        if pair.old.is_none() || pair.new.is_none() {
            let effect = if pair.old.is_none() {
                Effect::Narrowed
            } else {
                Effect::Widened
            };
            return self.record_if_breaking(
                direction,
                effect,
                pair,
                format!("`{key}` {}", pair.description()),
            );
        }
        for index in 0..old.len().max(new.len()) {
            let member = KeyPair {
                parents: pair.parents,
                old: old.get(index).copied(),
                new: new.get(index).copied(),
            };
            match (member.old, member.new) {
                (Some(old), Some(new)) => self.compare_schema(direction, old, new),
                (None, Some(_)) => {
                    self.record_if_breaking(
                        direction,
                        added,
                        &member,
                        format!("`{key}` gained {}", member.after().preview()),
                    );
                }
                (Some(_), None) => {
                    self.record_if_breaking(
                        direction,
                        removed,
                        &member,
                        format!("`{key}` lost {}", member.before().preview()),
                    );
                }
                (None, None) => {}
            }
        }
    }
}

/// Returns whether a keyword contains schemas, which may change even if the keyword does not.
fn contains_schemas(key: &str) -> bool {
    matches!(
        key,
        "properties" | "additionalProperties" | "items" | "allOf" | "anyOf" | "oneOf"
    )
}

fn resolve_schema<'a>(document: &'a Meaning, schema: &'a Meaning) -> &'a Meaning {
    /// The maximum length of a chain of references, which may be circular; real chains are shorter.
    const MAX_REFERENCES: usize = 32;
    let mut here = schema;
    for _ in 0..MAX_REFERENCES {
        let Some(Value::String(target)) = here.get("$ref").map(Meaning::to_value) else {
            break;
        };
        let next = target
            .strip_prefix("#/components/schemas/")
            .map(|name| name.replace("~1", "/").replace("~0", "~"))
            .and_then(|name| document.get("components")?.get("schemas")?.get(&name));
        match next {
            Some(next) => here = next,
            None => break,
        }
    }
    here
}

fn excludes_everything(schema: &Meaning) -> bool {
    matches!(&schema.part, Part::Leaf(Value::Bool(false)))
}

fn effect_of_flag(after: Option<Value>, on: Effect, off: Effect) -> Effect {
    if after == Some(Value::Bool(true)) {
        on
    } else {
        off
    }
}

fn effect_of_limit(
    before: Option<Value>,
    after: Option<Value>,
    narrows: fn(f64, f64) -> bool,
) -> Effect {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    match (&before, &after) {
        (Some(before), Some(after)) if narrows(number(before), number(after)) => Effect::Narrowed,
        (Some(_), Some(_)) => Effect::Widened,
        _ => Effect::of_constraint(before, after),
    }
}

/// Returns the effect of a changed type; every integer is also a number.
fn effect_of_type(before: Option<&Value>, after: Option<&Value>) -> Effect {
    let word = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    match (word(before).as_deref(), word(after).as_deref()) {
        (None, Some(_)) | (Some("number"), Some("integer")) => Effect::Narrowed,
        (Some(_), None) | (Some("integer"), Some("number")) => Effect::Widened,
        _ => Effect::Changed,
    }
}

/// Returns the effect of a changed format.
///
/// A wider number format includes the narrower one. Any other change gives the value another type in clients.
fn effect_of_format(before: Option<&Value>, after: Option<&Value>) -> Effect {
    let word = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    match (word(before).as_deref(), word(after).as_deref()) {
        (Some("int64"), Some("int32"))
        | (Some("double"), Some("float"))
        | (None, Some("int32" | "int64" | "float" | "double")) => Effect::Narrowed,
        (Some("int32"), Some("int64"))
        | (Some("float"), Some("double"))
        | (Some("int32" | "int64" | "float" | "double"), None) => Effect::Widened,
        _ => Effect::Changed,
    }
}
