use std::collections::HashMap;

use proc_macro2::Ident;
use quote::quote;
use serde_json::Value;
use syn::{Fields, Item, parse_quote};

use super::{
    attribute::{serde_parts, text_of, wire_name},
    is_impl_of, is_named,
};
use crate::types::lower::{Definition, Field};

/// Restores defaults that contain objects, because typify omits their properties with defaults.
pub(super) fn read_defaults(items: &mut [Item], definitions: &[Definition]) {
    let mut functions: HashMap<String, &Value> = HashMap::new();
    for item in &*items {
        let all: Vec<(&Fields, &[Field])> = match item {
            Item::Struct(item) => definitions
                .iter()
                .find(|definition| definition.ident == item.ident)
                .map(|definition| (&item.fields, definition.fields.as_slice()))
                .into_iter()
                .collect(),
            Item::Enum(item) => definitions
                .iter()
                .find(|definition| definition.ident == item.ident)
                .into_iter()
                .flat_map(|definition| item.variants.iter().zip(&definition.variants))
                .map(|(variant, source)| (&variant.fields, source.fields.as_slice()))
                .collect(),
            _ => Vec::new(),
        };
        for (fields, sources) in all {
            functions.extend(default_functions(fields, sources));
        }
    }
    for item in items {
        match item {
            Item::Mod(module) => {
                let content = module.content.as_mut().map(|(_, content)| content);
                for item in content.into_iter().flatten() {
                    if let Item::Fn(function) = item
                        && let Some(value) = functions.get(&function.sig.ident.to_string())
                    {
                        *function.block = read(value);
                    }
                }
            }
            Item::Impl(item) if is_impl_of(item, &["Default"]) => {
                let definition = definitions
                    .iter()
                    .find(|definition| is_named(&item.self_ty, &definition.ident));
                let default = definition.and_then(|definition| definition.schema.get("default"));
                if let Some(value) = default.filter(|value| contains_object(value))
                    && let Some(syn::ImplItem::Fn(function)) = item.items.first_mut()
                {
                    function.block = read(value);
                }
            }
            _ => {}
        }
    }
}

/// Returns the functions that create defaults which contain objects, each with its value.
fn default_functions<'a>(fields: &Fields, sources: &'a [Field]) -> Vec<(String, &'a Value)> {
    let mut functions = Vec::new();
    for field in fields {
        let name = wire_name(field);
        let source = sources
            .iter()
            .find(|source| source.wire.as_deref() == Some(&name));
        let default = source.and_then(|source| source.default.as_ref());
        let Some(default) = default.filter(|value| contains_object(value)) else {
            continue;
        };
        for part in serde_parts(&field.attrs) {
            if let syn::Meta::NameValue(pair) = &part
                && pair.path.is_ident("default")
                && let Some(path) = text_of(&pair.value)
                && let Some(function) = path.strip_prefix("defaults::")
            {
                functions.push((function.to_owned(), default));
            }
        }
    }
    functions
}

fn contains_object(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::Array(items) => items.iter().any(contains_object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn read(value: &Value) -> syn::Block {
    let text = value.to_string();
    parse_quote!({
        ::serde_json::from_str(#text).expect("the default was checked when this was generated")
    })
}

/// Removes the default functions that typify writes but does not use.
pub(super) fn drop_unused_defaults(items: &mut [Item]) {
    let code = quote!(#(#items)*).to_string();
    let is_used = |function: &Ident| {
        // Attributes name a function in a string, expressions in tokens.
        [
            format!("defaults::{function}"),
            format!("defaults :: {function}"),
        ]
        .iter()
        .any(|path| code.contains(path.as_str()))
    };
    for item in items {
        if let Item::Mod(module) = item
            && module.ident == "defaults"
            && let Some((_, content)) = &mut module.content
        {
            content.retain(|item| match item {
                Item::Fn(function) => is_used(&function.sig.ident),
                _ => true,
            });
        }
    }
}
