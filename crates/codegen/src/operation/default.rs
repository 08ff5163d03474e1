use proc_macro2::{Ident, TokenStream};
use quote::quote;
use serde_json::Value;

use crate::base::doc::Doc;
use crate::base::refusal::Refusals;

/// Returns the default of a schema, which was checked with the schema.
pub(crate) fn default_of(at: &str, refusals: &Refusals<'_>) -> Option<Value> {
    let (_, schema) = refusals.resolve(at)?;
    schema
        .get("default")
        .filter(|value| !value.is_null())
        .cloned()
}

pub(crate) fn function(
    name: &Ident,
    parameter: &str,
    ty: &TokenStream,
    value: &Value,
) -> TokenStream {
    let doc = Doc::single_line(&format!("Returns the default of `{parameter}`.")).outer();
    let plain = ty.to_string();
    let body = match value {
        Value::Bool(value) if plain == "bool" => quote!(#value),
        Value::String(text) if plain == "String" => quote!(#text.to_owned()),
        Value::Number(number) if !plain.contains("::") => {
            number.to_string().parse().unwrap_or_default()
        }
        _ => {
            let json = value.to_string();
            quote!(::serde_json::from_str(#json).expect("the default was checked when this was generated"))
        }
    };
    quote! {
        #doc
        fn #name() -> #ty {
            #body
        }
    }
}
