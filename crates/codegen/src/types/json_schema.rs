//! `JsonSchema` implementations that return the contract's schemas.
//!
//! dropshot converts them to OpenAPI again (dropshot 0.18, `schema_util.rs`). Schemas that it would change or panic on
//! are refused earlier ([`crate::schema::check`]). It reads the others as the JSON Schema of schemars, which differs
//! from OpenAPI 3.0 in one supported keyword: an exclusive bound is a number there and a flag here.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;
use serde_json::{Map, Value};

use crate::schema::references;
use crate::types::Types;

impl Types<'_> {
    /// Generates the implementation; a schema that is not shared is written at each use.
    pub(super) fn json_schema(
        &self,
        type_name: &Ident,
        name: &str,
        node: &Value,
        is_shared: bool,
    ) -> TokenStream {
        let references: Vec<_> = references(node)
            .into_iter()
            .filter_map(|name| self.component(name))
            .collect();
        let json = schema_literal(node);
        let inline = (!is_shared).then(|| quote!(inline));
        quote! {
            ::dropshot_codegen_runtime::contract_schema!(#inline #type_name, #name, [#(#references),*], #json);
        }
    }
}

/// Converts a schema to the JSON Schema that schemars reads, as a raw string for readability.
pub(crate) fn schema_literal(node: &Value) -> Literal {
    let text = format!("{:#}", as_json_schema(node));
    let mut hashes = "#".to_owned();
    while text.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    format!("r{hashes}\"{text}\"{hashes}")
        .parse()
        .unwrap_or_else(|_| Literal::string(&text))
}

fn as_json_schema(node: &Value) -> Value {
    let Some(members) = node.as_object() else {
        return node.clone();
    };
    let mut schema = Map::new();
    for (keyword, value) in members {
        let value = match keyword.as_str() {
            "properties" => Value::Object(
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, node)| (name.clone(), as_json_schema(node)))
                    .collect(),
            ),
            "items" | "additionalProperties" | "not" => as_json_schema(value),
            "allOf" | "oneOf" | "anyOf" => value
                .as_array()
                .into_iter()
                .flatten()
                .map(as_json_schema)
                .collect(),
            _ => value.clone(),
        };
        schema.insert(keyword.clone(), value);
    }
    for (flag, bound) in [
        ("exclusiveMinimum", "minimum"),
        ("exclusiveMaximum", "maximum"),
    ] {
        if schema.shift_remove(flag) == Some(Value::Bool(true))
            && let Some(value) = schema.shift_remove(bound)
        {
            schema.insert(flag.to_owned(), value);
        }
    }
    Value::Object(schema)
}
