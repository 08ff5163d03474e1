//! Standard library types that already have the schema of the contract.
//!
//! A schema without a name, such as the array of a response body, needs no generated type if schemars gives a standard
//! type exactly this schema.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::{Map, Value, json};

use crate::schema::{Use, usage};
use crate::types::Types;

struct StdType {
    ty: TokenStream,
    name: String,
    schema: Value,
}

/// Returns the type with exactly this schema; dropshot may add its `schema_name` as the title.
pub(crate) fn type_of(node: &Value, types: &Types<'_>) -> Option<TokenStream> {
    let std_type = std_type(node, types)?;
    let (title, rest) = split_title(node);
    let is_named = title.is_none_or(|title| title == std_type.name);
    (is_named && equals(&rest, &std_type.schema)).then_some(std_type.ty)
}

/// Returns the type that a schema most likely describes.
fn std_type(node: &Value, types: &Types<'_>) -> Option<StdType> {
    if let Use::Named(component) = usage(node) {
        let ty = types.component(component)?;
        return Some(StdType {
            ty: quote!(types::#ty),
            name: component.to_owned(),
            schema: node.clone(),
        });
    }
    if node.get("nullable") == Some(&Value::Bool(true)) {
        return optional_type(node, types);
    }
    let format = node
        .get("format")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let Some(kind) = node.get("type").and_then(Value::as_str) else {
        return node
            .as_object()
            .is_some_and(Map::is_empty)
            .then(|| plain(quote!(::serde_json::Value), "AnyValue", json!({})));
    };
    match (kind, format) {
        ("string", _) if node.get("enum") == Some(&json!([null])) => Some(plain(
            quote!(()),
            "Null",
            json!({ "type": "string", "enum": [null] }),
        )),
        ("string", _) => Some(plain(quote!(String), "String", json!({ "type": "string" }))),
        ("boolean", _) => Some(plain(quote!(bool), "Boolean", json!({ "type": "boolean" }))),
        ("number", "float") => Some(plain(quote!(f32), format, typed(kind, format))),
        ("number", "double") => Some(plain(quote!(f64), format, typed(kind, format))),
        ("integer", "int8") => Some(plain(quote!(i8), format, typed(kind, format))),
        ("integer", "int16") => Some(plain(quote!(i16), format, typed(kind, format))),
        ("integer", "int32") => Some(plain(quote!(i32), format, typed(kind, format))),
        ("integer", "int64") => Some(plain(quote!(i64), format, typed(kind, format))),
        ("integer", "uint8") => Some(plain(quote!(u8), format, unsigned(format))),
        ("integer", "uint16") => Some(plain(quote!(u16), format, unsigned(format))),
        ("integer", "uint32") => Some(plain(quote!(u32), format, unsigned(format))),
        ("integer", "uint64") => Some(plain(quote!(u64), format, unsigned(format))),
        ("array", _) => {
            let StdType { ty, name, schema } = std_type(node.get("items")?, types)?;
            Some(StdType {
                ty: quote!(Vec<#ty>),
                name: format!("Array_of_{name}"),
                schema: json!({ "type": "array", "items": schema }),
            })
        }
        ("object", _) => {
            let values = node.get("additionalProperties").filter(|v| v.is_object())?;
            let StdType { ty, name, schema } = std_type(values, types)?;
            Some(StdType {
                ty: quote!(::std::collections::HashMap<String, #ty>),
                name: format!("Map_of_{name}"),
                schema: json!({ "type": "object", "additionalProperties": schema }),
            })
        }
        _ => None,
    }
}

fn optional_type(node: &Value, types: &Types<'_>) -> Option<StdType> {
    let mut rest = node.as_object()?.clone();
    rest.shift_remove("nullable");
    let wrapped = rest.get("allOf").and_then(Value::as_array);
    let inner = match wrapped.map(Vec::as_slice) {
        Some([reference]) if reference.get("$ref").is_some() => reference.clone(),
        _ => Value::Object(rest),
    };
    let StdType {
        ty,
        name,
        mut schema,
    } = std_type(&inner, types)?;
    if schema.get("$ref").is_some() {
        schema = json!({ "allOf": [schema] });
    }
    schema["nullable"] = true.into();
    Some(StdType {
        ty: quote!(Option<#ty>),
        name: format!("Nullable_{name}"),
        schema,
    })
}

fn plain(ty: TokenStream, name: &str, schema: Value) -> StdType {
    StdType {
        ty,
        name: name.to_owned(),
        schema,
    }
}

fn typed(kind: &str, format: &str) -> Value {
    json!({ "type": kind, "format": format })
}

fn unsigned(format: &str) -> Value {
    json!({ "type": "integer", "format": format, "minimum": 0 })
}

fn split_title(node: &Value) -> (Option<&str>, Value) {
    let mut rest = node.clone();
    if let Some(members) = rest.as_object_mut() {
        members.shift_remove("title");
    }
    (node.get("title").and_then(Value::as_str), rest)
}

/// Compares schemas; numbers are equal if their values are, such as `0` and `0.0`.
fn equals(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|other| equals(value, other)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equals(one, other))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::refusal::Refusals;
    use openapi_contract::Contract;

    /// Calls a function with the types of a contract that has a schema `thing`.
    fn with_types<T>(call: impl FnOnce(&Types<'_>) -> T) -> T {
        let text = "{openapi: 3.0.3, info: {title: a, version: 1.0.0}, paths: {}, \
                    components: {schemas: {thing: {type: string}}}}";
        let contract = Contract::parse("a.yaml", text).unwrap();
        let refusals = Refusals::new(&contract);
        call(&Types::new(&refusals))
    }

    fn type_code(schema: Value) -> String {
        with_types(|types| type_of(&schema, types))
            .map(|ty| ty.to_string().replace(' ', ""))
            .unwrap_or_default()
    }

    #[test]
    fn schema_of_standard_type_uses_that_type() {
        let thing = json!({ "$ref": "#/components/schemas/thing" });
        for (schema, ty) in [
            (json!({ "type": "string" }), "String"),
            (json!({ "type": "boolean", "title": "Boolean" }), "bool"),
            (
                json!({ "type": "integer", "format": "uint16", "minimum": 0.0, "title": "uint16" }),
                "u16",
            ),
            (
                json!({ "type": "array", "items": thing }),
                "Vec<types::Thing>",
            ),
            (
                json!({ "title": "Map_of_thing", "type": "object", "additionalProperties": thing }),
                "::std::collections::HashMap<String,types::Thing>",
            ),
            (
                json!({ "nullable": true, "allOf": [thing] }),
                "Option<types::Thing>",
            ),
            (
                json!({ "nullable": true, "type": "string", "title": "Nullable_String" }),
                "Option<String>",
            ),
            (json!({ "type": "string", "enum": [null] }), "()"),
            (json!({}), "::serde_json::Value"),
        ] {
            assert_eq!(type_code(schema), ty);
        }
    }

    #[test]
    fn schema_that_differs_from_standard_type_needs_its_own() {
        for schema in [
            json!({ "type": "string", "minLength": 1 }),
            json!({ "type": "string", "title": "Name" }),
            json!({ "type": "integer", "format": "uint16" }),
            json!({ "type": "integer" }),
            json!({ "type": "array", "items": { "type": "string" }, "maxItems": 3 }),
            json!({ "type": "object" }),
            json!({ "type": "object", "additionalProperties": true }),
            json!({ "description": "Anything." }),
        ] {
            assert_eq!(type_code(schema), "");
        }
    }

    #[test]
    fn schema_of_standard_type_equals_that_of_schemars() {
        use schemars::{JsonSchema, r#gen::SchemaSettings};

        fn emitted<T: JsonSchema>() -> (String, Value) {
            let mut generator = SchemaSettings::openapi3().into_generator();
            let schema = generator.subschema_for::<T>();
            let mut value = serde_json::to_value(schema).unwrap();
            if value == Value::Bool(true) {
                value = json!({});
            }
            (T::schema_name(), value)
        }
        for (name, schema) in [
            emitted::<String>(),
            emitted::<bool>(),
            emitted::<f32>(),
            emitted::<f64>(),
            emitted::<i8>(),
            emitted::<i16>(),
            emitted::<i32>(),
            emitted::<i64>(),
            emitted::<u8>(),
            emitted::<u16>(),
            emitted::<u32>(),
            emitted::<u64>(),
            emitted::<Vec<Vec<bool>>>(),
            emitted::<std::collections::HashMap<String, u8>>(),
            emitted::<Option<Vec<String>>>(),
            emitted::<serde_json::Value>(),
        ] {
            let std_type = with_types(|types| std_type(&schema, types)).unwrap();
            assert_eq!(std_type.name, name);
            assert!(equals(&std_type.schema, &schema), "{name}");
        }
    }
}
