//! Code that parameters and headers share: both are fields of a struct that dropshot splits up.

use openapi_contract::pointer;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use serde_json::{Map, Value, json};

use crate::base::name;
use crate::base::refusal::Refusals;
use crate::operation::scope::Scope;
use crate::schema::{self, Use, usage};
use crate::types;

/// Returns the field name of a parameter or header: in snake case, with `_` after a keyword.
pub(crate) fn field(at: &str, name: &str, refusals: &Refusals<'_>) -> Option<Ident> {
    let field = name::as_field(name);
    let ident = name::ident(&field).or_else(|| name::ident(&format!("{field}_")));
    if ident.is_none() {
        refusals.refuse(
            at,
            format!("`{name}` cannot become the name of a field"),
            "use a name of at most 100 ASCII letters",
        );
    }
    ident
}

/// Refuses any style except the default, since dropshot reads no other.
pub(crate) fn check_style(
    at: &str,
    node: &Value,
    style: &str,
    explode: bool,
    refusals: &Refusals<'_>,
) {
    for (key, default) in [("style", json!(style)), ("explode", json!(explode))] {
        if node.get(key).is_some_and(|given| *given != default) {
            refusals.refuse(
                &pointer::child(at, key),
                format!("`{key}` is not {default}"),
                "remove it: dropshot reads only the default style",
            );
        }
    }
}

/// Returns the type of a schema that text can represent: string, integer, number or boolean.
///
/// References and alternatives are followed. It is `None` for any other type and for alternatives of several types,
/// because dropshot passes the text itself to alternatives.
pub(crate) fn kind<'a>(at: &str, schema: &'a Value, refusals: &Refusals<'a>) -> Option<&'a str> {
    kind_within(at, schema, &mut Vec::new(), refusals)
}

fn kind_within<'a>(
    at: &str,
    schema: &'a Value,
    above: &mut Vec<String>,
    refusals: &Refusals<'a>,
) -> Option<&'a str> {
    if let Some(kind) = schema.get("type").and_then(Value::as_str) {
        return ["string", "integer", "number", "boolean"]
            .contains(&kind)
            .then_some(kind);
    }
    if above.iter().any(|other| other == at) {
        return None;
    }
    above.push(at.to_owned());
    let mut kinds = ["allOf", "oneOf", "anyOf"].into_iter().flat_map(|keyword| {
        let at_list = pointer::child(at, keyword);
        let list = schema.get(keyword).unwrap_or(&Value::Null);
        (0..list.as_array().map_or(0, Vec::len)).map(move |index| pointer::child(&at_list, index))
    });
    let mut first = None;
    let all = kinds.all(|at| {
        let kind = refusals
            .contract
            .resolve(&at)
            .ok()
            .and_then(|(at, schema)| kind_within(&at, schema, above, refusals));
        let same = kind.is_some() && (first.is_none() || first == kind);
        first = kind;
        same
    });
    above.pop();
    // If alternatives differ in their types, only strings could be read.
    first.filter(|_| all)
}

/// Removes the `Option` that represents `null`, because text is never null.
pub(crate) fn without_null(ty: TokenStream) -> TokenStream {
    let inner = match syn::parse2::<syn::Type>(ty.clone()) {
        Ok(syn::Type::Path(path)) => path.path.segments.last().and_then(|last| {
            let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return None;
            };
            let inner = arguments.args.first().filter(|_| last.ident == "Option")?;
            Some(quote!(#inner))
        }),
        _ => None,
    };
    inner.unwrap_or(ty)
}

/// Keywords that dropshot loses when it splits up a struct (0.18, `schema_extract_description`).
///
/// `allOf` is among them because dropshot reads it as its own form of a description.
const DROPPED: [&str; 7] = [
    "allOf",
    "default",
    "deprecated",
    "description",
    "readOnly",
    "title",
    "writeOnly",
];

/// Returns a schema with a description, in a form from which dropshot can separate the two.
pub(crate) fn with_description(schema: &Value, description: Option<&str>) -> Value {
    let wrapped = match usage(schema) {
        Use::Named(_) => description.is_some(),
        Use::Inline(schema) => DROPPED.iter().any(|keyword| schema.get(keyword).is_some()),
    };
    let mut members = Map::new();
    if let Some(text) = description {
        members.insert("description".to_owned(), text.into());
    }
    if wrapped {
        members.insert("allOf".to_owned(), json!([schema]));
    } else {
        members.extend(schema.as_object().cloned().unwrap_or_default());
    }
    Value::Object(members)
}

/// Generates `JsonSchema` of a struct from the name, schema and `required` of each member.
pub(crate) fn json_schema<'a>(
    name: &Ident,
    members: impl Iterator<Item = (&'a str, &'a Value, bool)>,
    extension: Option<(&str, &Value)>,
    scope: &Scope<'_>,
) -> TokenStream {
    let (mut properties, mut required, mut references) = (Map::new(), Vec::new(), Vec::new());
    for (member, schema, is_required) in members {
        properties.insert(member.to_owned(), schema.clone());
        if is_required {
            required.push(member.to_owned());
        }
        // `allOf` contains the described schema.
        for component in schema::references(schema.pointer("/allOf/0").unwrap_or(schema)) {
            if !references.contains(&component) {
                references.push(component);
            }
        }
    }
    let references: Vec<_> = references
        .into_iter()
        .filter_map(|component| scope.types.component(component))
        .collect();
    let mut schema = json!({ "type": "object" });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema["properties"] = properties.into();
    if let Some((key, value)) = extension {
        schema[key] = value.clone();
    }
    let json = types::schema_literal(&schema);
    let shown = name.to_string();
    quote! {
        ::dropshot_codegen_runtime::contract_schema!(#name, #shown, [#(types::#references),*], #json);
    }
}
