//! Lowering of OpenAPI schemas to the JSON Schema that typify reads.
//!
//! typify names an anonymous schema after its location; if another schema has that name, it uses the type of that
//! schema. Therefore, each schema that needs a type becomes a definition with a unique name, and a reference replaces
//! it. Only the alternatives of an enumeration remain in place if serde can read them there.
//!
//! `nullable` becomes an alternative to null, and the bounds that typify does not check are moved to [`Bounds`].

use proc_macro2::Ident;
use serde_json::{Value, json};

use openapi_contract::pointer;

use crate::schema::bounds::{self, Bounds};
use crate::schema::union::{self, Tagging};
use crate::schema::{Use, scalar, usage};
use crate::types::Types;

mod object;
mod variant;

pub(crate) struct Definition {
    pub(crate) ident: Ident,
    /// The name for typify, which derives `ident` from it.
    pub(crate) key: String,
    pub(crate) at: String,
    pub(crate) schema: Value,
    pub(crate) bounds: Option<Bounds>,
    pub(crate) fields: Vec<Field>,
    pub(crate) variants: Vec<Variant>,
    /// Whether the definition is a body outside of the components, which needs its own `JsonSchema`.
    pub(crate) is_body: bool,
}

pub(crate) struct Field {
    pub(crate) key: String,
    /// The name on the wire; `None` if the members of the field are flattened into the struct.
    pub(crate) wire: Option<String>,
    pub(crate) at: String,
    pub(crate) nullable: bool,
    pub(crate) default: Option<Value>,
}

pub(crate) struct Variant {
    pub(crate) key: String,
    /// The string that identifies the variant on the wire, or the kind of its value.
    pub(crate) name: String,
    /// The pointer to the schema; empty for one of several strings.
    pub(crate) at: String,
    pub(crate) fields: Vec<Field>,
}

/// A schema without the wrappers that only add a description.
struct Unwrapped<'a> {
    at: String,
    node: &'a Value,
    nullable: bool,
    default: Option<&'a Value>,
}

const RESTRICTING: [&str; 22] = [
    "type",
    "format",
    "enum",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "items",
    "minItems",
    "maxItems",
    "uniqueItems",
    "properties",
    "required",
    "additionalProperties",
    "minProperties",
    "maxProperties",
    "not",
    "$ref",
];

/// Returns the only part of a schema that has no other restrictions.
///
/// A `$ref` has no siblings in OpenAPI 3.0, so a reference with a description is an `allOf` with one part.
pub(crate) fn wrapped<'a>(at: &str, node: &'a Value) -> Option<(String, &'a Value)> {
    if RESTRICTING
        .iter()
        .any(|keyword| node.get(keyword).is_some())
    {
        return None;
    }
    let mut lists = ["allOf", "oneOf", "anyOf"]
        .into_iter()
        .filter_map(|keyword| Some((keyword, node.get(keyword)?.as_array()?)));
    let (keyword, list) = lists.next()?;
    let [only] = list.as_slice() else { return None };
    let is_tagged = keyword != "allOf" && union::tagging(list) != Tagging::Untagged;
    (lists.next().is_none() && !is_tagged).then(|| {
        let at = pointer::child(&pointer::child(at, keyword), 0);
        (at, only)
    })
}

fn unwrap_schema<'a>(at: &str, node: &'a Value) -> Unwrapped<'a> {
    let mut unwrapped = Unwrapped {
        at: at.to_owned(),
        node,
        nullable: false,
        default: None,
    };
    loop {
        let node = unwrapped.node;
        let listed = node.get("enum").and_then(Value::as_array);
        unwrapped.nullable |= node.get("nullable") == Some(&Value::Bool(true))
            || listed.is_some_and(|values| values.contains(&Value::Null)) && !union::is_null(node);
        unwrapped.default = unwrapped.default.or(node.get("default"));
        match wrapped(&unwrapped.at, node) {
            Some((at, node)) => (unwrapped.at, unwrapped.node) = (at, node),
            None => return unwrapped,
        }
    }
}

/// Returns whether a schema itself allows null, not counting a component that it refers to.
fn is_nullable(node: &Value) -> bool {
    unwrap_schema("", node).nullable
}

fn needs_type(node: &Value) -> bool {
    if union::is_null(node) {
        return false;
    }
    let has = |keyword: &str| node.get(keyword).is_some();
    if ["enum", "allOf", "oneOf", "anyOf", "not"]
        .into_iter()
        .any(has)
    {
        return true;
    }
    match node.get("type").and_then(Value::as_str) {
        Some("object") => is_struct(node) || bounds::bounds(node).is_some(),
        Some("string") => is_bounded_text(node),
        _ => bounds::bounds(node).is_some(),
    }
}

fn is_bounded_text(node: &Value) -> bool {
    ["maxLength", "pattern"]
        .iter()
        .any(|keyword| node.get(keyword).is_some())
        || node
            .get("minLength")
            .and_then(Value::as_u64)
            .is_some_and(|length| length > 0)
}

fn is_struct(node: &Value) -> bool {
    let properties = node.get("properties").and_then(Value::as_object);
    properties.is_some_and(|properties| !properties.is_empty())
        || node.get("additionalProperties") == Some(&Value::Bool(false))
}

fn is_plain_struct(node: &Value) -> bool {
    node.get("type").and_then(Value::as_str) == Some("object")
        && is_struct(node)
        && !is_nullable(node)
        && node.get("default").is_none()
        && !["allOf", "oneOf", "anyOf", "not"]
            .iter()
            .any(|keyword| node.get(keyword).is_some())
        && !matches!(node.get("additionalProperties"), Some(Value::Object(_)))
}

fn is_closed(node: &Value) -> bool {
    node.get("additionalProperties") == Some(&Value::Bool(false))
}

impl Types<'_> {
    /// Lowers a schema that is inside another; a type that it needs is named after `suggested`.
    pub(crate) fn inline(&self, at: &str, node: &Value, suggested: &str) -> Value {
        let unwrapped = unwrap_schema(at, node);
        let mut schema = match usage(unwrapped.node) {
            Use::Named(name) => self.reference(name),
            Use::Inline(node) if needs_type(node) => {
                let key = self.define(&unwrapped.at, suggested, false);
                json!({ "$ref": format!("#/definitions/{key}") })
            }
            Use::Inline(node) => self.lower_unnamed(&unwrapped.at, node, suggested),
        };
        if unwrapped.nullable {
            schema = add_null(schema);
        }
        with_default(schema, unwrapped.default)
    }

    fn reference(&self, component: &str) -> Value {
        let key = self.component_key(component);
        json!({ "$ref": format!("#/definitions/{}", key.unwrap_or(component)) })
    }

    fn lower_unnamed(&self, at: &str, node: &Value, suggested: &str) -> Value {
        if union::is_null(node) {
            return json!({ "type": "null" });
        }
        match node.get("type").and_then(Value::as_str) {
            Some("string") => match node.get("format") {
                Some(format) => json!({ "type": "string", "format": format }),
                None => json!({ "type": "string" }),
            },
            Some("integer") => scalar::integer_type(node).1,
            Some("number") if scalar::is_single(node) => {
                json!({ "type": "number", "format": "float" })
            }
            Some("number") => json!({ "type": "number" }),
            Some("boolean") => json!({ "type": "boolean" }),
            Some("array") => {
                let mut schema = json!({ "type": "array" });
                if let Some(items) = node.get("items") {
                    let suggested = format!("{suggested}_item");
                    schema["items"] = self.inline(&pointer::child(at, "items"), items, &suggested);
                }
                if bounds::is_fixed(node) {
                    schema["minItems"] = node["minItems"].clone();
                    schema["maxItems"] = node["maxItems"].clone();
                }
                schema
            }
            Some("object") => match node.get("additionalProperties") {
                Some(values @ Value::Object(_)) => {
                    let at = pointer::child(at, "additionalProperties");
                    let values = self.inline(&at, values, &format!("{suggested}_value"));
                    json!({ "type": "object", "additionalProperties": values })
                }
                _ => json!({ "type": "object" }),
            },
            _ => json!({}),
        }
    }

    /// Defines a type for a schema, without its null and default, and returns its key.
    pub(crate) fn define(&self, at: &str, suggested: &str, is_body: bool) -> String {
        let (key, ident) = self.claim(suggested);
        let mut definition = Definition::new(key.clone(), ident, at, is_body);
        if let Some(node) = self.node(at) {
            self.fill(&mut definition, at, node);
        }
        self.add(definition);
        key
    }

    pub(crate) fn define_whole(&self, at: &str, key: String, ident: Ident, is_body: bool) {
        let mut definition = Definition::new(key, ident, at, is_body);
        if let Some(node) = self.node(at) {
            let unwrapped = unwrap_schema(at, node);
            match usage(unwrapped.node) {
                Use::Named(name) => definition.schema = json!({ "allOf": [self.reference(name)] }),
                Use::Inline(inner) if unwrapped.nullable => {
                    let suggested = format!("{}_inner", definition.key);
                    let inner = if needs_type(inner) {
                        let key = self.define(&unwrapped.at, &suggested, false);
                        json!({ "$ref": format!("#/definitions/{key}") })
                    } else {
                        self.lower_unnamed(&unwrapped.at, inner, &suggested)
                    };
                    definition.schema = inner;
                }
                Use::Inline(inner) => self.fill(&mut definition, &unwrapped.at, inner),
            }
            if unwrapped.nullable {
                definition.schema = add_null(definition.schema);
            }
            definition.schema = with_default(definition.schema, unwrapped.default);
        }
        self.add(definition);
    }

    fn fill(&self, definition: &mut Definition, at: &str, node: &Value) {
        if union::is_null(node) {
            definition.schema = self.lower_unnamed(at, node, &definition.key);
        } else if node.get("not").is_some() {
            definition.schema = json!({ "not": {} });
        } else if node.get("allOf").is_some()
            || is_struct(node) && union::alternatives(at, node).is_some()
        {
            self.fill_composite(definition, at, node);
        } else if let Some((at, list)) = union::alternatives(at, node) {
            self.fill_union(definition, &at, list);
        } else if let Some(values) = node.get("enum").and_then(Value::as_array) {
            self.fill_values(definition, at, node, values);
        } else if node.get("type").and_then(Value::as_str) == Some("object") && is_struct(node) {
            (definition.schema, definition.fields) = self.object(at, node, &definition.key, None);
        } else if node.get("type").and_then(Value::as_str) == Some("string")
            && is_bounded_text(node)
        {
            let mut schema = self.lower_unnamed(at, node, &definition.key);
            for keyword in ["minLength", "maxLength", "pattern"] {
                if let Some(bound) = node
                    .get(keyword)
                    .filter(|bound| bound.as_u64() != Some(0) || keyword == "maxLength")
                {
                    schema[keyword] = bound.clone();
                }
            }
            definition.schema = schema;
        } else {
            definition.bounds = bounds::bounds(node);
            definition.schema = self.lower_unnamed(at, node, &definition.key);
        }
    }

    fn fill_values(&self, definition: &mut Definition, at: &str, node: &Value, values: &[Value]) {
        let values: Vec<_> = values.iter().filter(|value| !value.is_null()).collect();
        match node.get("type").and_then(Value::as_str) {
            Some("string") => {
                let values: Vec<_> = values.iter().filter_map(|value| value.as_str()).collect();
                self.fill_strings(definition, &values);
            }
            Some("boolean") => {
                definition.bounds = bounds::bounds(node);
                definition.schema = json!({ "type": "boolean" });
            }
            _ => {
                definition.schema = self.lower_unnamed(at, node, &definition.key);
                definition.schema["enum"] = json!(values);
            }
        }
    }
}

impl Definition {
    fn new(key: String, ident: Ident, at: &str, is_body: bool) -> Self {
        Self {
            ident,
            key,
            at: at.to_owned(),
            schema: Value::Null,
            bounds: None,
            fields: Vec::new(),
            variants: Vec::new(),
            is_body,
        }
    }

    /// Returns whether strings identify the variants on the wire.
    pub(crate) fn has_named_variants(&self) -> bool {
        let alternatives = self.schema.get("oneOf").and_then(Value::as_array);
        !alternatives.is_some_and(|list| list.iter().any(|node| node.get("title").is_some()))
    }
}

fn add_null(schema: Value) -> Value {
    let only_null = json!({ "type": "null" });
    // An unrestricted schema already allows null.
    if schema == json!({}) || schema == only_null {
        schema
    } else {
        json!({ "oneOf": [schema, only_null] })
    }
}

fn with_default(mut schema: Value, default: Option<&Value>) -> Value {
    let Some(default) = default else {
        return schema;
    };
    if schema.get("$ref").is_some() {
        schema = json!({ "allOf": [schema] });
    }
    schema["default"] = default.clone();
    schema
}
