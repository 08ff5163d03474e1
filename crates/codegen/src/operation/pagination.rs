//! Operations that answer page by page, as dropshot has them.
//!
//! The first request of a scan selects what is scanned, each later one sends the token of the page before. Dropshot marks such operations by
//! the extension `x-dropshot-pagination`, which lists what the first request needs, and describes `limit` and `page_token` itself.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::{Value, json};

use crate::operation::parameter::Parameter;

/// The type of a page's position in a scan, which its token holds: whatever JSON the handler writes.
pub(crate) fn selector() -> TokenStream {
    quote!(::serde_json::Value)
}

/// What selects a scan: the parameters of the query that are not dropshot's own.
pub(crate) struct Scan<'a> {
    pub(crate) parameters: Vec<&'a Parameter>,
    /// The names of those that the first page needs.
    pub(crate) required: Vec<&'a str>,
}

/// Reads the extension of an operation with these parameters in its query. `None` if dropshot's own pagination says something else
/// than the contract: then the parameters are as any others, and only the mark is kept.
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
    let (paging, parameters): (Vec<&Parameter>, Vec<&Parameter>) =
        query.iter().copied().partition(|parameter| {
            own.iter()
                .any(|(name, schema)| parameter.name == *name && parameter.schema == *schema)
        });
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
    fits.then_some(Scan {
        parameters,
        required,
    })
}
