//! Parameters in the path, the query and the headers.
//!
//! Those of one place become one struct, as dropshot's extractors want it. Each is a string, a number or a flag: dropshot reads nothing
//! else. Cookie parameters are refused: a cookie that is a credential is a security scheme.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::Value;

use crate::{
    contract::is_secret,
    doc::{self, Doc},
    header::{check_bare, described, is_token, json_schema},
    name::{self, Names},
    pointer,
    refusal::Refusals,
    schema::{check_inner, scalar},
};

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Path,
    Query,
    Header,
}

impl Place {
    /// The extractor of dropshot, and how structs for it are named.
    fn extractor(self) -> &'static str {
        match self {
            Place::Path => "Path",
            Place::Query => "Query",
            Place::Header => "Header",
        }
    }

    fn argument(self) -> &'static str {
        match self {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
        }
    }
}

struct Parameter {
    pointer: String,
    place: Place,
    name: String,
    field: proc_macro2::Ident,
    doc: Doc,
    required: bool,
    value: TokenStream,
    schema: Value,
}

/// What the parameters of an operation become.
#[derive(Default)]
pub(crate) struct Parameters {
    /// The arguments of the method.
    pub(crate) arguments: Vec<TokenStream>,
    /// The structs they hold.
    pub(crate) items: TokenStream,
}

/// Reads the parameters of an operation; `lists` are those of the path item and of the operation, each with its pointer. The operation's
/// replace the path item's of the same name and place.
pub(crate) fn parameters(
    operation_id: &str,
    path: &str,
    lists: [(&str, Option<&Value>); 2],
    names: &Names,
    refusals: &Refusals<'_>,
) -> Parameters {
    let mut all: Vec<Parameter> = Vec::new();
    for (at_list, list) in lists {
        let mut own: Vec<Parameter> = Vec::new();
        for (at, _) in pointer::items(at_list, list.unwrap_or(&Value::Null)) {
            let Some(parameter) = parameter(&at, refusals) else {
                continue;
            };
            let same = |other: &Parameter| {
                other.place == parameter.place
                    && (other.name == parameter.name || other.field == parameter.field)
            };
            if own.iter().any(same) {
                refusals.refuse(
                    &at,
                    format!("two parameters named `{}`", parameter.name),
                    "keep one of them: case and punctuation do not tell them apart",
                );
            }
            all.retain(|other| !same(other));
            own.push(parameter);
        }
        all.extend(own);
    }
    check_path(path, &all, refusals);
    let mut parameters = Parameters::default();
    let Some(base) = name::camel_part(operation_id) else {
        return parameters;
    };
    for place in [Place::Path, Place::Query, Place::Header] {
        let here: Vec<_> = all
            .iter()
            .filter(|parameter| parameter.place == place)
            .collect();
        let Some(first) = here.first() else { continue };
        let struct_name = format_ident!("{base}{}", place.extractor());
        names.claim(&struct_name, &first.pointer, refusals);
        let extractor = format_ident!("{}", place.extractor());
        let argument = format_ident!("{}", place.argument());
        parameters
            .arguments
            .push(quote!(#argument: ::dropshot::#extractor<#struct_name>));
        let doc = format!("The {} parameters of `{operation_id}`.", place.argument());
        parameters
            .items
            .extend(struct_of(&struct_name, &Doc::line(&doc), &here));
    }
    parameters
}

fn parameter(at: &str, refusals: &Refusals<'_>) -> Option<Parameter> {
    let (at_parameter, node) = refusals.resolve(at)?;
    let name = node.get("name").and_then(Value::as_str).unwrap_or_default();
    let place = match node.get("in").and_then(Value::as_str) {
        Some("path") => Place::Path,
        Some("query") => Place::Query,
        Some("header") => Place::Header,
        _ => {
            refusals.refuse(
                at,
                "a cookie as a parameter is not supported",
                "make it a security scheme, `type: apiKey` with `in: cookie`",
            );
            return None;
        }
    };
    if place == Place::Header {
        let ignored = ["accept", "content-type", "authorization"];
        if ignored.contains(&name.to_ascii_lowercase().as_str()) {
            // OpenAPI 3.0.3, section 4.7.12.2: its definition SHALL be ignored.
            refusals.refuse(
                at,
                format!("`{name}` as a parameter"),
                "remove it, or use `security`",
            );
        } else if !is_token(name) {
            refusals.refuse(
                at,
                format!("`{name}` is no name of a header"),
                "name it with letters, digits and `-` (RFC 9110, section 5.6.2)",
            );
        }
    }
    let required = node.get("required") == Some(&Value::Bool(true));
    if place == Place::Path && !required {
        refusals.refuse(
            at,
            "a path parameter that is not required",
            "write `required: true`",
        );
    }
    let Some(field) = name::snake(name) else {
        refusals.refuse(
            &at_parameter,
            format!("`{name}` cannot become the name of a field"),
            "choose another name, with ASCII letters and none of Rust's keywords",
        );
        return None;
    };
    let at_schema = pointer::child(&at_parameter, "schema");
    // Without one there is `content`, which is refused where fields are.
    let schema = node.get("schema")?;
    check_bare(&at_schema, schema, refusals);
    check_inner(&at_schema, schema, refusals);
    let (_, resolved) = refusals.resolve(&at_schema)?;
    let is_scalar = matches!(
        resolved.get("type").and_then(Value::as_str),
        Some("string" | "integer" | "number" | "boolean")
    );
    if is_secret(resolved) {
        refusals.refuse(
            &at_schema,
            "a secret as a parameter",
            "send it in the body, or make it a security scheme: addresses end up in logs",
        );
    } else if !is_scalar {
        refusals.refuse(
            &at_schema,
            "a parameter that is no string, number or flag",
            "use several parameters, or a body",
        );
    }
    let description = node.get("description").and_then(Value::as_str);
    Some(Parameter {
        pointer: at.to_owned(),
        place,
        name: name.to_owned(),
        field,
        doc: match description {
            Some(text) => doc::checked(
                &pointer::child(&at_parameter, "description"),
                text,
                refusals,
            ),
            None => Doc::line(&format!("The parameter `{name}`.")),
        },
        required,
        value: scalar(schema, &quote!(types))?,
        schema: described(schema, description),
    })
}

/// Checks that the path names exactly the path parameters.
fn check_path(path: &str, parameters: &[Parameter], refusals: &Refusals<'_>) {
    let at = pointer::child("/paths", path);
    let in_path: Vec<_> = variables(path).collect();
    let given: Vec<_> = parameters
        .iter()
        .filter(|p| p.place == Place::Path)
        .collect();
    for parameter in &given {
        if !in_path.contains(&parameter.name.as_str()) {
            refusals.refuse(
                &parameter.pointer,
                format!("the path has no `{{{}}}`", parameter.name),
                "write it into the path, or make it a query parameter",
            );
        }
    }
    for variable in in_path {
        if !given.iter().any(|parameter| parameter.name == variable) {
            refusals.refuse(
                &at,
                format!("the path parameter `{variable}` is not described"),
                "describe it under `parameters` with `in: path`",
            );
        }
    }
}

/// The variables of a path, in its order.
pub(crate) fn variables(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn struct_of(name: &proc_macro2::Ident, doc: &Doc, parameters: &[&Parameter]) -> TokenStream {
    let doc = doc.outer();
    let fields = parameters.iter().map(|parameter| {
        let Parameter {
            name,
            field,
            doc,
            value,
            ..
        } = parameter;
        let doc = doc.outer();
        let held = if parameter.required {
            quote!(#value)
        } else {
            quote!(Option<#value>)
        };
        let rename = (field != name).then(|| quote!(#[serde(rename = #name)]));
        quote!(#doc #rename pub #field: #held)
    });
    let json_schema = json_schema(
        name,
        parameters
            .iter()
            .map(|p| (p.name.as_str(), &p.schema, p.required)),
    );
    quote! {
        #doc
        #[derive(Clone, Debug, ::serde::Deserialize)]
        pub struct #name {
            #(#fields,)*
        }

        #json_schema
    }
}
