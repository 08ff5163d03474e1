//! Compatibility rules for schemas: how a change of a keyword changes the set of valid values.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::meaning::{Meaning, Part};

use super::walk::{Effect, Flow, Pair, Walk, clients, keys};

/// Keywords for documentation (OpenAPI 3.0.3, section 4.7.24).
const TEXTS: &[&str] = &[
    "title",
    "description",
    "example",
    "externalDocs",
    "deprecated",
];

impl<'a> Walk<'a> {
    pub(super) fn schema(&mut self, flow: Flow, old: &'a Meaning, new: &'a Meaning) {
        let (old, new) = (followed(self.old, old), followed(self.new, new));
        if !self
            .seen
            .insert((old.pointer.clone(), new.pointer.clone(), flow))
        {
            return;
        }
        for key in keys(old, new) {
            let pair = Pair::of(&key, old, new);
            if !pair.is_same() || has_schemas(&key) {
                self.keyword(flow, &key, &pair);
            }
        }
    }

    fn keyword(&mut self, flow: Flow, key: &str, pair: &Pair<'a>) {
        let (before, after) = pair.values();
        let effect = match key {
            key if TEXTS.contains(&key) => Effect::Harmless,
            "x-secret" => {
                self.breaks(
                    clients::SECRET,
                    pair.before(),
                    pair.after(),
                    format!("`x-secret` {}", pair.went()),
                );
                return;
            }
            key if key.starts_with("x-") => Effect::Harmless,

            "properties" => return self.properties(flow, pair),
            "required" => return self.required(flow, pair),
            "additionalProperties" => return self.additional_properties(flow, pair),
            "items" => match (pair.old, pair.new) {
                (Some(old), Some(new)) => return self.schema(flow, old, new),
                (old, new) => Effect::of_constraint(old, new),
            },
            "allOf" | "anyOf" | "oneOf" => return self.members(flow, key, pair),
            // Whether the new value allows more or less cannot be decided.
            "not" | "discriminator" | "multipleOf" | "pattern" => {
                Effect::of_constraint(before, after)
            }

            "type" => change_of_type(before.as_ref(), after.as_ref()),
            "format" => {
                let password = Some(Value::from("password"));
                if before == password || after == password {
                    self.breaks(
                        clients::SECRET,
                        pair.before(),
                        pair.after(),
                        format!("`format` {}", pair.went()),
                    );
                    return;
                }
                change_of_format(before.as_ref(), after.as_ref())
            }
            "enum" => return self.enumeration(flow, pair),
            "maxLength" | "maxItems" | "maxProperties" | "maximum" => {
                limit(before, after, |before, after| after < before)
            }
            "minLength" | "minItems" | "minProperties" | "minimum" => {
                limit(before, after, |before, after| after > before)
            }
            "uniqueItems" | "exclusiveMinimum" | "exclusiveMaximum" => {
                switch(after, Effect::Narrowed, Effect::Widened)
            }
            "nullable" => switch(after, Effect::Widened, Effect::Narrowed),

            // Only servers send read-only values, and only clients send write-only values.
            "readOnly" | "writeOnly" => {
                let on = after == Some(Value::Bool(true));
                let (clients, concerned) = match (key, on) {
                    ("readOnly", true) => (clients::PASSED_OVER, flow == Flow::Sent),
                    ("readOnly", false) => (clients::REFUSED, flow == Flow::Sent),
                    (_, true) => (clients::MISSED, flow == Flow::Read),
                    (_, false) => (clients::UNTOLD, flow == Flow::Read),
                };
                if concerned {
                    self.breaks(
                        clients,
                        pair.before(),
                        pair.after(),
                        format!("`{key}` {}", pair.went()),
                    );
                }
                return;
            }
            // If a client omits the value, the server now assumes another one.
            "default" => match flow {
                Flow::Sent => {
                    self.breaks(
                        "clients that send: what they leave out now means something else",
                        pair.before(),
                        pair.after(),
                        format!("`default` {}", pair.went()),
                    );
                    return;
                }
                Flow::Read => Effect::Harmless,
            },
            _ => return self.unknown(key, pair),
        };
        self.judge(flow, effect, pair, format!("`{key}` {}", pair.went()));
    }

    fn properties(&mut self, flow: Flow, pair: &Pair<'a>) {
        let (Some(old), Some(new)) = (pair.old, pair.new) else {
            return self.unknown("properties", pair);
        };
        for name in keys(old, new) {
            let property = Pair::of(&name, old, new);
            match (property.old, property.new) {
                (Some(old), Some(new)) => self.schema(flow, old, new),
                (Some(_), None) => {
                    let clients = match flow {
                        Flow::Sent => clients::PASSED_OVER,
                        Flow::Read => clients::MISSED,
                    };
                    let after = Pair {
                        new: None,
                        ..property
                    }
                    .after();
                    self.breaks(
                        clients,
                        property.before(),
                        after,
                        format!("the property `{name}` is gone"),
                    );
                }
                // Clients ignore unknown properties, unless the contract excludes them.
                (None, Some(_)) => {
                    let closed = pair
                        .around
                        .0
                        .get("additionalProperties")
                        .is_some_and(is_nothing);
                    if closed {
                        self.judge(
                            flow,
                            Effect::Widened,
                            &property,
                            format!("the property `{name}` is new, and there were to be none but those listed"),
                        );
                    }
                }
                (None, None) => {}
            }
        }
    }

    fn required(&mut self, flow: Flow, pair: &Pair<'a>) {
        let names = |node: Option<&Meaning>| -> BTreeSet<String> {
            let value = node.map(Meaning::to_value).unwrap_or_default();
            let names = value.as_array().into_iter().flatten();
            names.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let (before, after) = (names(pair.old), names(pair.new));
        for name in &after - &before {
            self.judge(
                flow,
                Effect::Narrowed,
                pair,
                format!("`{name}` is now required"),
            );
        }
        for name in &before - &after {
            self.judge(
                flow,
                Effect::Widened,
                pair,
                format!("`{name}` is no longer required"),
            );
        }
    }

    fn additional_properties(&mut self, flow: Flow, pair: &Pair<'a>) {
        let open = |node: Option<&Meaning>| {
            node.is_none_or(|node| {
                matches!(&node.part, Part::Map(_)) && node.to_value() == serde_json::json!({})
            })
        };
        let effect = match (pair.old, pair.new) {
            (old, new) if open(old) && open(new) => Effect::Harmless,
            (old, _) if open(old) => Effect::Narrowed,
            (_, new) if open(new) => Effect::Widened,
            (Some(old), Some(new)) => match (is_nothing(old), is_nothing(new)) {
                (true, true) => Effect::Harmless,
                (true, false) => Effect::Widened,
                (false, true) => Effect::Narrowed,
                (false, false) => return self.schema(flow, old, new),
            },
            _ => Effect::Changed,
        };
        self.judge(
            flow,
            effect,
            pair,
            format!("`additionalProperties` {}", pair.went()),
        );
    }

    fn enumeration(&mut self, flow: Flow, pair: &Pair<'a>) {
        let (before, after) = pair.values();
        let (Some(Value::Array(before)), Some(Value::Array(after))) = (&before, &after) else {
            let effect = Effect::of_constraint(before, after);
            return self.judge(flow, effect, pair, format!("`enum` {}", pair.went()));
        };
        for value in before.iter().filter(|value| !after.contains(value)) {
            self.judge(flow, Effect::Narrowed, pair, format!("`enum` lost {value}"));
        }
        for value in after.iter().filter(|value| !before.contains(value)) {
            self.judge(
                flow,
                Effect::Widened,
                pair,
                format!("`enum` gained {value}"),
            );
        }
    }

    /// Compares the members of `allOf`, `anyOf` or `oneOf`.
    ///
    /// Equal members, and references to the same schema, are matched first; the others are matched in order.
    fn members(&mut self, flow: Flow, key: &str, pair: &Pair<'a>) {
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
                Some(place) => {
                    let theirs = new.remove(place);
                    // Equal members may refer to a schema that changed.
                    self.schema(flow, ours, theirs);
                    false
                }
                None => true,
            }
        });
        let (came, went) = if key == "allOf" {
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
            return self.judge(flow, effect, pair, format!("`{key}` {}", pair.went()));
        }
        for index in 0..old.len().max(new.len()) {
            let member = Pair {
                around: pair.around,
                old: old.get(index).copied(),
                new: new.get(index).copied(),
            };
            match (member.old, member.new) {
                (Some(old), Some(new)) => self.schema(flow, old, new),
                (None, Some(_)) => {
                    self.judge(
                        flow,
                        came,
                        &member,
                        format!("`{key}` gained {}", member.after().shown()),
                    );
                }
                (Some(_), None) => {
                    self.judge(
                        flow,
                        went,
                        &member,
                        format!("`{key}` lost {}", member.before().shown()),
                    );
                }
                (None, None) => {}
            }
        }
    }
}

/// Returns whether a keyword contains schemas, which may change even if the keyword does not.
fn has_schemas(key: &str) -> bool {
    matches!(
        key,
        "properties" | "additionalProperties" | "items" | "allOf" | "anyOf" | "oneOf"
    )
}

fn followed<'a>(document: &'a Meaning, schema: &'a Meaning) -> &'a Meaning {
    /// A bound for circular references; longer chains do not occur in practice.
    const STEPS: usize = 32;
    let mut here = schema;
    for _ in 0..STEPS {
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

fn is_nothing(schema: &Meaning) -> bool {
    matches!(&schema.part, Part::Leaf(Value::Bool(false)))
}

fn switch(after: Option<Value>, on: Effect, off: Effect) -> Effect {
    if after == Some(Value::Bool(true)) {
        on
    } else {
        off
    }
}

fn limit(before: Option<Value>, after: Option<Value>, narrows: fn(f64, f64) -> bool) -> Effect {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    match (&before, &after) {
        (Some(before), Some(after)) if narrows(number(before), number(after)) => Effect::Narrowed,
        (Some(_), Some(_)) => Effect::Widened,
        _ => Effect::of_constraint(before, after),
    }
}

/// Every integer is also a number.
fn change_of_type(before: Option<&Value>, after: Option<&Value>) -> Effect {
    let word = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    match (word(before).as_deref(), word(after).as_deref()) {
        (None, Some(_)) | (Some("number"), Some("integer")) => Effect::Narrowed,
        (Some(_), None) | (Some("integer"), Some("number")) => Effect::Widened,
        _ => Effect::Changed,
    }
}

/// A wider number format includes the narrower one; other formats are other types in a client.
fn change_of_format(before: Option<&Value>, after: Option<&Value>) -> Effect {
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
