//! The Rust types of schemas without a name, as typify 0.8 writes them (`type_entry.rs`, `type_ident`).

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;

use crate::base::name;
use crate::schema::scalar;

pub(super) const MAP: &str = "::std::collections::BTreeMap";

/// Returns the path of the type of a lowered schema, as seen from outside of the module `types`.
pub(super) fn type_path(schema: &Value) -> TokenStream {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let key = target.rsplit('/').next().unwrap_or_default();
        let ident = name::type_of_key(key);
        return quote!(types::#ident);
    }
    if let Some(part) = schema.pointer("/allOf/0") {
        return type_path(part);
    }
    if let Some(alternative) = schema.pointer("/oneOf/0") {
        let inner = type_path(alternative);
        return quote!(Option<#inner>);
    }
    let format = schema
        .get("format")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match schema
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
    {
        "string" => match format {
            "uuid" => quote!(::uuid::Uuid),
            "date" => quote!(::chrono::NaiveDate),
            "date-time" => quote!(::chrono::DateTime<::chrono::Utc>),
            "ip" => quote!(::std::net::IpAddr),
            "ipv4" => quote!(::std::net::Ipv4Addr),
            "ipv6" => quote!(::std::net::Ipv6Addr),
            _ => quote!(String),
        },
        "integer" => scalar::integer_type(schema).0.parse().unwrap_or_default(),
        "number" if format == "float" => quote!(f32),
        "number" => quote!(f64),
        "boolean" => quote!(bool),
        "null" => quote!(()),
        "array" => {
            let items = schema
                .get("items")
                .map_or(quote!(::serde_json::Value), type_path);
            match schema.get("maxItems").and_then(Value::as_u64) {
                Some(length) => {
                    let length = proc_macro2::Literal::u64_unsuffixed(length);
                    quote!([#items; #length])
                }
                None => quote!(Vec<#items>),
            }
        }
        "object" => match schema.get("additionalProperties").map(type_path) {
            Some(values)
                if schema["additionalProperties"] != Value::Object(serde_json::Map::new()) =>
            {
                quote!(::std::collections::BTreeMap<String, #values>)
            }
            _ => quote!(::serde_json::Map<String, ::serde_json::Value>),
        },
        _ => quote!(::serde_json::Value),
    }
}
