//! The types of secrets: calls of the runtime's `secret_string!`.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use serde_json::Value;

use openapi_contract::pointer;

use crate::base::doc::Doc;
use crate::base::name;
use crate::base::refusal::Refusals;
use crate::schema::{SCHEMAS, secret_names};

fn bounds(schema: &Value) -> TokenStream {
    let length = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
    let mut bounds = TokenStream::new();
    if let Some(max) = length("maxLength") {
        let max = Literal::u64_unsuffixed(max);
        bounds.extend(quote!(, max #max));
    }
    if let Some(min) = length("minLength").filter(|min| *min > 0) {
        let min = Literal::u64_unsuffixed(min);
        bounds.extend(quote!(, min #min));
    }
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        bounds.extend(quote!(, pattern #pattern));
    }
    bounds
}

pub(crate) fn types(refusals: &Refusals<'_>) -> TokenStream {
    let secrets = secret_names(refusals.contract);
    if secrets.is_empty() {
        return TokenStream::new();
    }
    let types = secrets.iter().filter_map(|secret| {
        let at = pointer::child(SCHEMAS, secret);
        let schema = refusals
            .contract
            .value()
            .pointer(&at)
            .unwrap_or(&Value::Null);
        let name = name::camel(secret)?;
        let text = schema
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let docs = match text.trim() {
            "" => Doc::single_line(&format!("The secret `{secret}` of the contract.")),
            text => Doc::for_rustdoc(text),
        };
        let (docs, bounds) = (docs.outer(), bounds(schema));
        Some(quote! {
            #docs
            #[derive(Clone)]
            pub struct #name(String);

            ::dropshot_codegen_runtime::secret_string!(#name, read #bounds);
        })
    });
    quote!(#(#types)*)
}
