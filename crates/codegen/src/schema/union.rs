//! `oneOf` and `anyOf`: how their alternatives are distinguished.
//!
//! typify derives serde's representation of an enum (<https://serde.rs/enum-representations.html>) from the shape of
//! the alternatives. The result is needed earlier, to name the types inside the alternatives, so this module repeats
//! the rules of typify 0.8, `enums.rs`, in the same order.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use openapi_contract::pointer;

/// serde's representation of an enum, or an `Option`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tagging {
    /// The alternative at this index, or null.
    Nullable(usize),
    /// The only property of an object, or a string, names the alternative.
    External,
    /// One property names the alternative, and another contains its value.
    Adjacent { tag: String, content: String },
    /// One property names the alternative, and the others are its fields.
    Internal { tag: String },
    /// The first alternative that fits is used.
    Untagged,
}

pub(crate) fn alternatives<'a>(at: &str, node: &'a Value) -> Option<(String, &'a Vec<Value>)> {
    ["oneOf", "anyOf"].into_iter().find_map(|keyword| {
        let list = node.get(keyword)?.as_array()?;
        Some((pointer::child(at, keyword), list))
    })
}

pub(crate) fn tagging(list: &[Value]) -> Tagging {
    let others: Vec<_> = (0..list.len()).filter(|at| !is_null(&list[*at])).collect();
    if let ([other], true) = (others.as_slice(), list.len() > 1) {
        return Tagging::Nullable(*other);
    }
    if is_external(list) {
        return Tagging::External;
    }
    let Some(objects) = list.iter().map(Object::parse).collect::<Option<Vec<_>>>() else {
        return Tagging::Untagged;
    };
    detect_adjacent(&objects)
        .or_else(|| detect_internal(&objects))
        .unwrap_or(Tagging::Untagged)
}

/// Returns whether only null is valid; dropshot writes that as a string with null as its only value.
pub(crate) fn is_null(node: &Value) -> bool {
    let values = node.get("enum").and_then(Value::as_array);
    values.is_some_and(|values| !values.is_empty() && values.iter().all(Value::is_null))
}

/// An object that typify accepts as a tagged alternative: `additionalProperties` is absent or false.
struct Object<'a> {
    properties: BTreeMap<&'a str, &'a Value>,
    required: BTreeSet<&'a str>,
}

impl<'a> Object<'a> {
    fn parse(node: &'a Value) -> Option<Self> {
        let plain = node.get("type").and_then(Value::as_str) == Some("object")
            && node.get("nullable") != Some(&Value::Bool(true))
            && [
                "allOf",
                "oneOf",
                "anyOf",
                "not",
                "enum",
                "minProperties",
                "maxProperties",
            ]
            .iter()
            .all(|keyword| node.get(keyword).is_none())
            && matches!(
                node.get("additionalProperties"),
                None | Some(Value::Bool(false))
            );
        let properties = node.get("properties").and_then(Value::as_object);
        let required = node.get("required").and_then(Value::as_array);
        plain.then(|| Self {
            properties: properties
                .into_iter()
                .flatten()
                .map(|(name, node)| (name.as_str(), node))
                .collect(),
            required: required
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect(),
        })
    }

    fn constants(&self) -> BTreeMap<&'a str, &'a str> {
        self.properties
            .iter()
            .filter_map(|(name, node)| Some((*name, constant(node)?)))
            .collect()
    }
}

pub(crate) fn constant(node: &Value) -> Option<&str> {
    let plain = [
        "format",
        "pattern",
        "minLength",
        "maxLength",
        "allOf",
        "oneOf",
        "anyOf",
        "not",
    ]
    .iter()
    .all(|keyword| node.get(keyword).is_none())
        && node.get("nullable") != Some(&Value::Bool(true));
    match node.get("enum")?.as_array()?.as_slice() {
        [Value::String(value)]
            if plain && node.get("type").and_then(Value::as_str) == Some("string") =>
        {
            Some(value)
        }
        _ => None,
    }
}

pub(crate) fn string_values(node: &Value) -> Option<Vec<&str>> {
    let plain = node.get("type").and_then(Value::as_str) == Some("string")
        && node.get("format").is_none()
        && node.get("nullable") != Some(&Value::Bool(true));
    let values = node.get("enum")?.as_array()?;
    values
        .iter()
        .map(Value::as_str)
        .collect::<Option<Vec<_>>>()
        .filter(|_| plain)
}

/// Returns the only property of an object, if it is required.
pub(crate) fn only_property(node: &Value) -> Option<&str> {
    let object = Object::parse(node)?;
    let (name, _) = object.properties.first_key_value()?;
    (object.properties.len() == 1 && object.required.len() == 1 && object.required.contains(name))
        .then_some(*name)
}

fn is_external(list: &[Value]) -> bool {
    let names: Option<Vec<Vec<&str>>> = list
        .iter()
        .map(|node| string_values(node).or_else(|| only_property(node).map(|name| vec![name])))
        .collect();
    names.is_some_and(|names| {
        let names: Vec<_> = names.into_iter().flatten().collect();
        names.iter().collect::<BTreeSet<_>>().len() == names.len()
    })
}

fn detect_adjacent(objects: &[Object<'_>]) -> Option<Tagging> {
    if objects
        .iter()
        .any(|object| object.properties.len() != object.required.len())
    {
        return None;
    }
    let mut tags: Option<BTreeSet<&str>> = None;
    let mut all = BTreeSet::new();
    for object in objects {
        let constants: BTreeSet<_> = object.constants().into_keys().collect();
        tags = Some(match tags {
            None => constants,
            Some(tags) => tags.intersection(&constants).copied().collect(),
        });
        all.extend(object.properties.keys().copied());
    }
    let tags = tags?;
    let tag = *tags.first()?;
    let content = *all.iter().find(|name| **name != tag)?;
    (tags.len() == 1 && all.len() == 2).then(|| Tagging::Adjacent {
        tag: tag.to_owned(),
        content: content.to_owned(),
    })
}

fn detect_internal(objects: &[Object<'_>]) -> Option<Tagging> {
    let mut tags: Option<BTreeMap<&str, BTreeSet<&str>>> = None;
    for object in objects {
        let constants = object
            .constants()
            .into_iter()
            .filter(|(name, _)| object.required.contains(name));
        tags = Some(match tags {
            None => constants
                .map(|(name, value)| (name, BTreeSet::from([value])))
                .collect(),
            Some(mut before) => constants
                .filter_map(|(name, value)| {
                    let mut values = before.remove(name)?;
                    values.insert(value).then_some((name, values))
                })
                .collect(),
        });
    }
    let (tag, _) = tags?.pop_first()?;
    Some(Tagging::Internal {
        tag: tag.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(properties: &[(&str, &str)]) -> Value {
        let (mut members, mut required) = (json!({}), Vec::new());
        for (name, constant) in properties {
            members[*name] = match *constant {
                "" => json!({ "type": "integer" }),
                value => json!({ "type": "string", "enum": [value] }),
            };
            required.push(*name);
        }
        json!({ "type": "object", "required": required, "properties": members })
    }

    #[test]
    fn representation_is_derived_from_shape_of_alternatives() {
        let strings = json!({ "type": "string", "enum": ["a", "b"] });
        let null = json!({ "type": "string", "enum": [null] });
        let adjacent = Tagging::Adjacent {
            tag: "t".to_owned(),
            content: "c".to_owned(),
        };
        let internal = Tagging::Internal {
            tag: "t".to_owned(),
        };
        for (list, expected) in [
            (vec![null.clone(), strings.clone()], Tagging::Nullable(1)),
            (vec![strings.clone()], Tagging::External),
            (
                vec![strings.clone(), object(&[("c", "")])],
                Tagging::External,
            ),
            (
                vec![strings.clone(), object(&[("a", "")])],
                Tagging::Untagged,
            ),
            (
                vec![object(&[("t", "x")]), object(&[("t", "y"), ("c", "")])],
                adjacent,
            ),
            (
                vec![
                    object(&[("t", "x")]),
                    object(&[("t", "y"), ("c", ""), ("d", "")]),
                ],
                internal.clone(),
            ),
            (vec![object(&[("t", "x"), ("c", ""), ("d", "")])], internal),
            (
                vec![
                    object(&[("t", "x"), ("d", "")]),
                    object(&[("t", "x"), ("c", "")]),
                ],
                Tagging::Untagged,
            ),
            (
                vec![
                    json!({ "type": "integer" }),
                    json!({ "$ref": "#/components/schemas/A" }),
                ],
                Tagging::Untagged,
            ),
        ] {
            assert_eq!(tagging(&list), expected, "{list:?}");
        }
    }
}
