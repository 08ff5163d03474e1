//! Paginated operations.
//!
//! The first request of a scan selects its items, and each later one sends the token of the previous page. dropshot
//! marks such an operation by `x-dropshot-pagination`, which lists the parameters that the first request requires, and
//! describes `limit` and `page_token` itself.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::{Map, Value, json};

use crate::operation::parameter::Parameter;

/// Returns the type of a position in a scan, which the page token encodes.
pub(crate) fn selector() -> TokenStream {
    quote!(::dropshot_codegen_runtime::PageSelector)
}

pub(crate) struct Scan<'a> {
    pub(crate) parameters: Vec<&'a Parameter>,
    pub(crate) required: Vec<&'a str>,
    /// Whether the contract describes `limit` and `page_token` exactly as dropshot does.
    pub(crate) is_described: bool,
}

/// Reads the extension of an operation with these query parameters.
///
/// Returns `None` if dropshot's pagination cannot read the contract's parameters: they are then read like any others,
/// and only the extension is kept. Descriptions and `nullable` make no difference, because no query value is null.
pub(crate) fn scan<'a>(extension: &'a Value, query: &[&'a Parameter]) -> Option<Scan<'a>> {
    let own = [
        (
            "limit",
            json!({
                "description": "Maximum number of items returned by a single call",
                "nullable": true,
                "type": "integer",
                "format": "uint32",
                "minimum": 1,
            }),
        ),
        (
            "page_token",
            json!({
                "description": "Token returned by previous call to retrieve the subsequent page",
                "nullable": true,
                "type": "string",
            }),
        ),
    ];
    let schema_of = |parameter: &Parameter| {
        let mut own = own.iter();
        own.find(|(name, schema)| {
            parameter.name == *name && constraints(&parameter.schema) == constraints(schema)
        })
        .map(|(_, schema)| schema)
    };
    let (paging, parameters): (Vec<&Parameter>, Vec<&Parameter>) = query
        .iter()
        .copied()
        .partition(|parameter| schema_of(parameter).is_some());
    let [("required", required)] = extension
        .as_object()?
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .collect::<Vec<_>>()[..]
    else {
        return None;
    };
    let required = required
        .as_array()?
        .iter()
        .map(Value::as_str)
        .collect::<Option<Vec<_>>>()?;
    let fits = paging.len() == own.len()
        && query.iter().all(|parameter| !parameter.required)
        && required
            .iter()
            .all(|name| parameters.iter().any(|parameter| parameter.name == *name));
    fits.then(|| Scan {
        parameters,
        required,
        is_described: paging
            .iter()
            .all(|parameter| schema_of(parameter) == Some(&parameter.schema)),
    })
}

fn constraints(schema: &Value) -> Map<String, Value> {
    let mut schema = schema.as_object().cloned().unwrap_or_default();
    for key in ["title", "description", "example", "nullable"] {
        schema.remove(key);
    }
    schema
}
