use heck::ToUpperCamelCase;
use serde_json::{Value, json};

use super::{Definition, Field, Variant, is_closed, is_plain_struct, unwrap_schema};
use openapi_contract::pointer;

use crate::base::name;
use crate::schema::union::{self, Tagging};
use crate::schema::{SCHEMAS, Use, usage};
use crate::types::Types;

impl Types<'_> {
    pub(super) fn fill_union(&self, definition: &mut Definition, at: &str, list: &[Value]) {
        let tagging = union::tagging(list);
        let content = match &tagging {
            Tagging::Adjacent { content, .. } => Some(content.as_str()),
            _ => None,
        };
        let mut reader = Reader {
            types: self,
            key: definition.key.clone(),
            is_mixed: mixes(list.iter().filter_map(|node| content_of(node, content))),
            variants: Vec::new(),
        };
        let each = list
            .iter()
            .enumerate()
            .map(|(index, node)| (pointer::child(at, index), node));
        let schemas: Vec<Value> = match &tagging {
            Tagging::Nullable(index) => {
                let at = pointer::child(at, index);
                let suggested = format!("{}_inner", definition.key);
                let inner = self.inline(&at, &list[*index], &suggested);
                vec![inner, json!({ "type": "null" })]
            }
            Tagging::External => each.map(|(at, node)| reader.external(&at, node)).collect(),
            Tagging::Adjacent { tag, content } => each
                .map(|(at, node)| reader.adjacent(&at, node, tag, content))
                .collect(),
            Tagging::Internal { tag } => each
                .map(|(at, node)| reader.internal(&at, node, tag))
                .collect(),
            Tagging::Untagged => {
                let mut named: Vec<_> = each.zip(variant_names(list)).collect();
                // serde also reads a struct from an array, so arrays are tried first.
                named.sort_by_key(|((_, node), _)| !self.is_list(node));
                named
                    .into_iter()
                    .map(|((at, node), name)| reader.untagged(&at, node, &name))
                    .collect()
            }
        };
        definition.variants = reader.variants;
        definition.schema = json!({ "oneOf": schemas });
    }

    fn is_list(&self, node: &Value) -> bool {
        let node = unwrap_schema("", node).node;
        match usage(node) {
            Use::Inline(node) => node.get("type").and_then(Value::as_str) == Some("array"),
            // This ends, because recursive references were refused.
            Use::Named(name) => self
                .node(&pointer::child(SCHEMAS, name))
                .is_some_and(|node| self.is_list(node)),
        }
    }

    pub(super) fn fill_strings(&self, definition: &mut Definition, values: &[&str]) {
        let mut reader = Reader {
            types: self,
            key: definition.key.clone(),
            is_mixed: false,
            variants: Vec::new(),
        };
        definition.schema = reader.strings("", values);
        definition.variants = reader.variants;
    }
}

struct Reader<'a, 'b> {
    types: &'a Types<'b>,
    key: String,
    /// Whether some of its objects refuse additional properties and others do not.
    is_mixed: bool,
    variants: Vec<Variant>,
}

impl Reader<'_, '_> {
    /// Adds a variant and returns its key for typify: the name, unless it is ambiguous in Rust.
    fn add(&mut self, name: &str, at: &str, fields: Vec<Field>) -> String {
        let is_taken = |key: &str| {
            let variant = name::as_variant(key);
            self.variants
                .iter()
                .any(|other| name::as_variant(&other.key) == variant)
        };
        let mut key = name.to_owned();
        if name::as_variant(name).starts_with(char::is_lowercase) {
            // typify replaces `+1` and `-1` by words in snake case.
            key = name::as_variant(name).to_upper_camel_case();
        }
        if is_taken(&key) {
            key = name::as_careful_variant(name);
        }
        let mut number = 1;
        while is_taken(&key) {
            number += 1;
            key = format!("{}{number}", name::as_careful_variant(name));
        }
        self.variants.push(Variant {
            key: key.clone(),
            name: name.to_owned(),
            at: at.to_owned(),
            fields,
        });
        key
    }

    fn strings(&mut self, at: &str, values: &[&str]) -> Value {
        // The description of several values does not describe each of them.
        let at = if values.len() == 1 { at } else { "" };
        let keys: Vec<_> = values
            .iter()
            .map(|value| self.add(value, at, Vec::new()))
            .collect();
        json!({ "type": "string", "enum": keys })
    }

    fn external(&mut self, at: &str, node: &Value) -> Value {
        if let Some(values) = union::string_values(node) {
            return self.strings(at, &values);
        }
        let name = union::only_property(node).unwrap_or_default();
        let at_content = pointer::child(&pointer::child(at, "properties"), name);
        let (content, fields) = self.content(&at_content, &node["properties"][name], name);
        let key = self.add(name, at, fields);
        json!({
            "type": "object",
            "required": [key],
            "properties": { key: content },
            "additionalProperties": false,
        })
    }

    fn adjacent(&mut self, at: &str, node: &Value, tag: &str, content: &str) -> Value {
        let name = union::constant(&node["properties"][tag]).unwrap_or_default();
        let at_content = pointer::child(&pointer::child(at, "properties"), content);
        let content_schema = node["properties"].get(content);
        let content_schema =
            content_schema.map(|content_schema| self.content(&at_content, content_schema, name));
        let (content_schema, fields) = content_schema.unzip();
        let key = self.add(name, at, fields.unwrap_or_default());
        let mut schema = json!({
            "type": "object",
            "required": [tag],
            "properties": { tag: { "type": "string", "enum": [key] } },
        });
        if let Some(content_schema) = content_schema {
            schema["properties"][content] = content_schema;
            schema["required"] = json!([tag, content]);
        }
        schema
    }

    fn internal(&mut self, at: &str, node: &Value, tag: &str) -> Value {
        let name = union::constant(&node["properties"][tag]).unwrap_or_default();
        let suggested = format!("{}_{name}", self.key);
        let (mut schema, fields) = self.types.object(at, node, &suggested, Some(tag));
        let key = self.add(name, at, fields);
        schema["properties"][tag] = json!({ "type": "string", "enum": [key] });
        let mut required: Vec<Value> = vec![tag.into()];
        required.extend(schema["required"].as_array().into_iter().flatten().cloned());
        schema["required"] = required.into();
        schema
    }

    fn untagged(&mut self, at: &str, node: &Value, name: &str) -> Value {
        let suggested = format!("{}_{name}", self.key);
        let schema = self.types.inline(at, node, &suggested);
        let key = self.add(name, at, Vec::new());
        json!({ "title": key, "allOf": [schema] })
    }

    /// Lowers the content of a variant; a plain object becomes fields, unless serde could not read it.
    fn content(&self, at: &str, node: &Value, name: &str) -> (Value, Vec<Field>) {
        let suggested = format!("{}_{name}", self.key);
        if is_plain_struct(node) && !(self.is_mixed && is_closed(node)) {
            self.types.object(at, node, &suggested, None)
        } else {
            (self.types.inline(at, node, &suggested), Vec::new())
        }
    }
}

fn content_of<'a>(node: &'a Value, content: Option<&str>) -> Option<&'a Value> {
    let name = content.or_else(|| union::only_property(node))?;
    node.get("properties")?.get(name)
}

/// Returns whether only some objects refuse additional properties; serde supports only all or none.
fn mixes<'a>(contents: impl Iterator<Item = &'a Value>) -> bool {
    let closed: Vec<_> = contents
        .filter(|node| is_plain_struct(node))
        .map(is_closed)
        .collect();
    closed.contains(&true) && closed.contains(&false)
}

/// Names alternatives after their titles, components or types, else by number.
fn variant_names(list: &[Value]) -> Vec<String> {
    let names: Option<Vec<String>> = list
        .iter()
        .map(|node| {
            let inner = unwrap_schema("", node).node;
            let title = node.get("title").and_then(Value::as_str);
            // A longer title may be a sentence.
            let title = title.filter(|title| title.split_whitespace().count() <= 3);
            let name = title.map(str::to_owned).or_else(|| match usage(inner) {
                Use::Named(name) => Some(name.to_owned()),
                Use::Inline(inner) if union::is_null(inner) => Some("null".to_owned()),
                Use::Inline(inner) => inner
                    .get("format")
                    .or(inner.get("type"))
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            })?;
            Some(name.to_upper_camel_case()).filter(|name| name::ident(name).is_some())
        })
        .collect();
    names
        .filter(|names| (1..names.len()).all(|index| !names[index..].contains(&names[index - 1])))
        .unwrap_or_else(|| {
            (0..list.len())
                .map(|index| format!("Variant{index}"))
                .collect()
        })
}
