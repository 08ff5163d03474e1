//! Lowering of objects, including those that several schemas compose.

use heck::ToSnakeCase;
use serde_json::{Map, Value, json};

use super::{Definition, Field, is_nullable, is_plain_struct, unwrap_schema};
use openapi_contract::pointer;

use crate::base::name;
use crate::schema::{Use, union, usage};
use crate::types::Types;

#[derive(Default)]
struct Members {
    fields: Vec<Field>,
    properties: Map<String, Value>,
    required: Vec<Value>,
    /// Whether typify adds a field for all other properties.
    has_extra: bool,
}

impl Members {
    fn add(&mut self, field: Field, is_required: bool, schema: Value) {
        if is_required {
            self.required.push(field.key.clone().into());
        }
        self.properties.insert(field.key.clone(), schema);
        self.fields.push(field);
    }

    fn add_flat(&mut self, name: &str, at: String, schema: Value) {
        let field = Field {
            key: self.free_key(name),
            wire: None,
            at,
            nullable: false,
            default: None,
        };
        self.add(field, true, schema);
    }

    /// Returns a name that no other field has in Rust.
    fn free_key(&self, name: &str) -> String {
        let is_taken = |key: &str| {
            let field = name::as_field(key);
            self.has_extra && field == "extra"
                || self
                    .fields
                    .iter()
                    .any(|other| name::as_field(&other.key) == field)
        };
        let mut key = name.to_owned();
        let mut number = 1;
        while is_taken(&key) {
            number += 1;
            key = format!("{name}_{number}");
        }
        key
    }

    fn finish(self) -> (Value, Vec<Field>) {
        let mut schema = json!({ "type": "object", "properties": self.properties });
        if !self.required.is_empty() {
            schema["required"] = self.required.into();
        }
        (schema, self.fields)
    }
}

impl Types<'_> {
    /// Lowers an object with fields, except the property `without`.
    pub(super) fn object(
        &self,
        at: &str,
        node: &Value,
        key: &str,
        without: Option<&str>,
    ) -> (Value, Vec<Field>) {
        let further = node.get("additionalProperties");
        let mut members = Members {
            has_extra: further.is_some_and(Value::is_object),
            ..Members::default()
        };
        self.add_properties(at, node, key, without, &mut members);
        let (mut schema, fields) = members.finish();
        match further {
            Some(Value::Bool(false)) => schema["additionalProperties"] = false.into(),
            Some(values @ Value::Object(_)) => {
                let at = pointer::child(at, "additionalProperties");
                schema["additionalProperties"] = self.inline(&at, values, &format!("{key}_value"));
            }
            _ => {}
        }
        (schema, fields)
    }

    fn add_properties(
        &self,
        at: &str,
        node: &Value,
        key: &str,
        without: Option<&str>,
        members: &mut Members,
    ) {
        let at_properties = pointer::child(at, "properties");
        let properties = node.get("properties").unwrap_or(&Value::Null);
        let required = node.get("required").and_then(Value::as_array);
        for (at, name, property) in pointer::members(&at_properties, properties) {
            if without == Some(name.as_str()) {
                continue;
            }
            let is_required = required.is_some_and(|names| names.iter().any(|other| other == name));
            let schema = self.inline(&at, property, &format!("{key}_{}", name.to_snake_case()));
            let field = Field {
                key: members.free_key(name),
                wire: Some(name.clone()),
                at,
                nullable: is_nullable(property),
                default: unwrap_schema("", property).default.cloned(),
            };
            members.add(field, is_required, schema);
        }
    }

    /// Lowers an object that several schemas compose.
    ///
    /// Its own properties and those of inline parts become fields. Each named part, and the union of its alternatives,
    /// becomes a flattened field.
    pub(super) fn fill_composite(&self, definition: &mut Definition, at: &str, node: &Value) {
        let key = definition.key.clone();
        let mut members = Members::default();
        self.add_properties(at, node, &key, None, &mut members);
        let mut flat = Vec::new();
        let at_all = pointer::child(at, "allOf");
        for (at, part) in pointer::items(&at_all, node.get("allOf").unwrap_or(&Value::Null)) {
            let unwrapped = unwrap_schema(&at, part);
            match usage(unwrapped.node) {
                Use::Named(name) => flat.push((name.to_snake_case(), unwrapped.at, unwrapped.node)),
                Use::Inline(part) if is_plain_struct(part) => {
                    self.add_properties(&unwrapped.at, part, &key, None, &mut members);
                }
                Use::Inline(part) => flat.push(("part".to_owned(), unwrapped.at, part)),
            }
        }
        for (name, at, part) in flat {
            let schema = self.inline(&at, part, &format!("{key}_{name}"));
            members.add_flat(&name, at, schema);
        }
        if let Some((at_list, list)) = union::alternatives(at, node) {
            let (name, ident) = self.claim(&format!("{key}_variant"));
            let mut variant = Definition::new(name, ident, &at_list, false);
            self.fill_union(&mut variant, &at_list, list);
            let schema = json!({ "$ref": format!("#/definitions/{}", variant.key) });
            members.add_flat("variant", at_list, schema);
            self.add(variant);
        }
        (definition.schema, definition.fields) = members.finish();
    }
}
