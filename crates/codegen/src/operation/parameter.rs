//! Parameters in the path, the query and the headers.
//!
//! Each is a string, a number or a boolean, because dropshot reads nothing else; a wildcard is a list of path segments.
//! Cookie parameters are refused, because a cookie that is a credential is a security scheme.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use serde_json::{Value, json};

use openapi_contract::pointer;

use crate::base::doc::Doc;
use crate::base::extension::WILDCARD;
use crate::base::http::is_token;
use crate::base::refusal::Refusals;
use crate::operation::member::{check_style, field, kind, with_description, without_null};
use crate::operation::scope::Scope;
use crate::operation::{default, path};
use crate::schema::is_secret;
use crate::types::Holder;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    Path,
    Query,
    Header,
}

impl Location {
    /// Returns the name of dropshot's extractor, which also ends the names of its structs.
    pub(super) fn extractor(self) -> &'static str {
        match self {
            Location::Path => "Path",
            Location::Query => "Query",
            Location::Header => "Header",
        }
    }

    pub(super) fn argument(self) -> &'static str {
        match self {
            Location::Path => "path",
            Location::Query => "query",
            Location::Header => "header",
        }
    }

    /// Returns the default style of a value and its default of `explode` (OpenAPI 3.0.3, section 4.7.12.2).
    fn default_style(self) -> (&'static str, bool) {
        match self {
            Location::Query => ("form", true),
            Location::Path | Location::Header => ("simple", false),
        }
    }
}

pub(crate) struct Parameter {
    pub(crate) pointer: String,
    pub(crate) location: Location,
    pub(crate) name: String,
    pub(super) field: Ident,
    pub(super) doc: Doc,
    pub(crate) required: bool,
    pub(super) ty: TokenStream,
    /// The schema with the description, in a form from which dropshot can separate the two.
    pub(crate) schema: Value,
    pub(super) default: Option<Value>,
    pub(crate) is_wildcard: bool,
}

/// Reads all lists; a parameter replaces one of the same name and location in an earlier list.
pub(super) fn read_lists(lists: [(&str, Option<&Value>); 2], scope: &Scope<'_>) -> Vec<Parameter> {
    let mut all: Vec<Parameter> = Vec::new();
    for (at_list, list) in lists {
        let mut own: Vec<Parameter> = Vec::new();
        for (at, _) in pointer::items(at_list, list.unwrap_or(&Value::Null)) {
            let Some(parameter) = parameter(&at, scope) else {
                continue;
            };
            let same = |other: &Parameter| {
                other.location == parameter.location
                    && (other.name == parameter.name || other.field == parameter.field)
            };
            if own.iter().any(same) {
                scope.refusals.refuse(
                    &at,
                    format!("there are two parameters named `{}`", parameter.name),
                    "remove one of them: case and punctuation do not distinguish names",
                );
            }
            all.retain(|other| !same(other));
            own.push(parameter);
        }
        all.extend(own);
    }
    all
}

fn parameter(at: &str, scope: &Scope<'_>) -> Option<Parameter> {
    let refusals = scope.refusals;
    let (at_parameter, node) = refusals.resolve(at)?;
    let name = node.get("name").and_then(Value::as_str).unwrap_or_default();
    let location = match node.get("in").and_then(Value::as_str) {
        Some("path") => Location::Path,
        Some("query") => Location::Query,
        Some("header") => Location::Header,
        _ => {
            refusals.refuse(
                at,
                "a cookie parameter is not supported",
                "make it a security scheme, `type: apiKey` with `in: cookie`",
            );
            return None;
        }
    };
    if location == Location::Header && !is_token(name) {
        refusals.refuse(
            at,
            format!("`{name}` is not the name of a header"),
            "name it with letters, digits and `-` (RFC 9110, section 5.6.2)",
        );
    }
    let required = node.get("required") == Some(&Value::Bool(true));
    if location == Location::Path && !required {
        refusals.refuse(
            at,
            "a path parameter must be required",
            "write `required: true`",
        );
    }
    let (style, explode) = location.default_style();
    check_style(&at_parameter, node, style, explode, refusals);
    let field = field(&at_parameter, name, refusals)?;
    let at_schema = pointer::child(&at_parameter, "schema");
    // A parameter without a schema has `content`, which `validate` refuses.
    let schema = node.get("schema")?;
    let is_wildcard = node.get(WILDCARD) == Some(&Value::Bool(true));
    let ty = if is_wildcard {
        check_wildcard(&at_parameter, location, schema, refusals);
        quote!(Vec<String>)
    } else {
        let (at_resolved, resolved) = refusals.resolve(&at_schema)?;
        if is_secret(resolved) {
            refusals.refuse(
                &at_schema,
                "a secret is not supported as a parameter",
                "send it in the body, or make it a security scheme: URLs end up in logs",
            );
        } else if kind(&at_resolved, resolved, refusals).is_none() {
            refusals.refuse(
                &at_schema,
                "a parameter must be a string, a number or a boolean",
                "use several parameters, or a body",
            );
            return None;
        }
        let suffix = format!("-{name}");
        without_null(scope.type_of(&at_schema, &suffix, Holder::Member)?)
    };
    let description = node.get("description").and_then(Value::as_str);
    Some(Parameter {
        pointer: at.to_owned(),
        location,
        name: name.to_owned(),
        field,
        doc: match description {
            Some(text) => Doc::for_rustdoc(text),
            None => Doc::single_line(&format!("The parameter `{name}`.")),
        },
        required,
        ty,
        schema: with_description(schema, description),
        default: default::default_of(&at_schema, refusals),
        is_wildcard,
    })
}

/// Checks a wildcard, which dropshot reads as a list of segments (dropshot 0.18, `router.rs`).
fn check_wildcard(at: &str, location: Location, schema: &Value, refusals: &Refusals<'_>) {
    let segments = json!({ "type": "array", "items": { "type": "string" } });
    if location != Location::Path || *schema != segments {
        refusals.refuse(
            &pointer::child(at, WILDCARD),
            format!("`{WILDCARD}` needs a path parameter that is a list of strings"),
            "write `in: path` and `schema: { type: array, items: { type: string } }`",
        );
    }
}

pub(super) fn check_path(path: &str, parameters: &[Parameter], refusals: &Refusals<'_>) {
    let at = pointer::child("/paths", path);
    let in_path: Vec<_> = path::variables(path).collect();
    let given: Vec<_> = parameters
        .iter()
        .filter(|p| p.location == Location::Path)
        .collect();
    for parameter in &given {
        if !in_path.contains(&parameter.name.as_str()) {
            refusals.refuse(
                &parameter.pointer,
                format!("the path has no `{{{}}}`", parameter.name),
                "add it to the path, or make it a query parameter",
            );
        }
        if parameter.is_wildcard && !path.ends_with(&format!("{{{}}}", parameter.name)) {
            refusals.refuse(
                &parameter.pointer,
                format!("a parameter with `{WILDCARD}` must be the end of the path"),
                "move it to the end of the path",
            );
        }
    }
    for variable in in_path {
        if !given.iter().any(|parameter| parameter.name == variable) {
            refusals.refuse(
                &at,
                format!("the path parameter `{variable}` is not described"),
                "add it to `parameters` with `in: path`",
            );
        }
    }
}
