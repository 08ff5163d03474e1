//! Error responses.
//!
//! A method of dropshot has one error type for all statuses from 400 to 599: `dropshot::HttpError`, which sends the
//! schema `Error`. If an operation has another schema for its errors, a type is generated that combines such a body
//! with a status. Since dropshot also refuses requests itself, before the handler runs, that schema must have a
//! property for dropshot's message.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use serde_json::{Value, json};

use openapi_contract::pointer;

use crate::base::doc::Doc;
use crate::base::http::JSON;
use crate::base::name::{self, Names};
use crate::base::refusal::Refusals;
use crate::operation::scope::Scope;
use crate::schema::{self, Direction, SCHEMAS, Use, usage};
use crate::types::Types;

const ERROR: &str = "Error";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ErrorType {
    Http,
    /// A generated type with this component as its body.
    Own(String),
}

impl ErrorType {
    pub(crate) fn type_path(&self) -> TokenStream {
        match self {
            ErrorType::Own(component) if let Some(name) = type_name(component) => quote!(#name),
            _ => quote!(::dropshot::HttpError),
        }
    }
}

fn type_name(component: &str) -> Option<Ident> {
    name::camel(component).map(|name| format_ident!("{name}Response"))
}

/// Returns the error type for responses, each with its pointer; `at` is the pointer to their list.
pub(crate) fn error_type(at: &str, responses: &[(String, &Value)], scope: &Scope<'_>) -> ErrorType {
    let refusals = scope.refusals;
    let mut first: Option<&str> = None;
    for (at, response) in responses {
        let Some((at_schema, component)) = body(at, response, refusals) else {
            continue;
        };
        match first {
            None => {
                schema::check_direction(component, Direction::Response, refusals);
                first = Some(component);
            }
            Some(first) if first != component => refusals.refuse(
                &at_schema,
                format!("the error bodies `{component}` and `{first}` differ: a method of dropshot has one error type"),
                "use one schema for all errors of an operation, if necessary with `oneOf`",
            ),
            Some(_) => {}
        }
        if let Some(own) = first
            && !is_dropshot_error(own, refusals)
            && response.get("headers").is_some()
        {
            refusals.refuse(
                &pointer::child(at, "headers"),
                format!("headers of an error are supported only if its body is `{ERROR}`"),
                format!(
                    "remove them, or use dropshot's schema `{ERROR}`: the strings `request_id` and \
                     `message`, both required, and `error_code`, all without bounds"
                ),
            );
        }
    }
    match first {
        Some(component) if !is_dropshot_error(component, refusals) => {
            ErrorType::Own(component.to_owned())
        }
        Some(_) => ErrorType::Http,
        None => {
            let at_error = pointer::child(SCHEMAS, ERROR);
            if refusals.contract.value().pointer(&at_error).is_some()
                && !is_dropshot_error(ERROR, refusals)
            {
                refusals.refuse(
                    at,
                    format!("an operation that lists no errors has dropshot's, but the schema `{ERROR}` differs from dropshot's"),
                    format!("list the errors of this operation, or give the schema `{ERROR}` another name"),
                );
            }
            ErrorType::Http
        }
    }
}

/// Returns the component that is the body of an error, with the pointer to the reference.
fn body<'a>(at: &str, response: &'a Value, refusals: &Refusals<'_>) -> Option<(String, &'a str)> {
    let at_content = pointer::child(at, "content");
    let content = response.get("content").unwrap_or(&Value::Null);
    let other = pointer::members(&at_content, content).find(|(_, media, _)| *media != JSON);
    if let Some((at, media_type, _)) = other {
        refusals.refuse(
            &at,
            format!("the media type `{media_type}` is not supported for errors"),
            format!("write `{JSON}`, the media type of all errors of dropshot"),
        );
        return None;
    }
    let Some(media) = content.get(JSON) else {
        refusals.refuse(
            at,
            "an error needs a JSON body",
            format!("add `content` with `{JSON}` and `$ref: '#/components/schemas/{ERROR}'`"),
        );
        return None;
    };
    let at_schema = pointer::child(&pointer::child(&at_content, JSON), "schema");
    match media.get("schema").map(usage) {
        Some(Use::Named(name)) => Some((at_schema, name)),
        _ => {
            refusals.refuse(
                &at_schema,
                "the schema of an error body needs a name",
                "move it to components.schemas and refer to it with `$ref`",
            );
            None
        }
    }
}

fn is_dropshot_error(component: &str, refusals: &Refusals<'_>) -> bool {
    let at = pointer::child(SCHEMAS, component);
    component == ERROR
        && refusals
            .contract
            .value()
            .pointer(&at)
            .is_some_and(|schema| has_shape_of_dropshot_error(&at, schema, refusals))
}

fn has_shape_of_dropshot_error(at: &str, schema: &Value, refusals: &Refusals<'_>) -> bool {
    let mut required: Vec<_> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    required.sort_unstable();
    let at_properties = pointer::child(at, "properties");
    let properties = schema.get("properties").unwrap_or(&Value::Null);
    let mut names: Vec<_> = pointer::members(&at_properties, properties)
        .map(|(_, name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    let plain = pointer::members(&at_properties, properties).all(|(at, ..)| {
        refusals
            .resolve(&at)
            .is_some_and(|(_, property)| is_plain_string(property))
    });
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    required == ["message", "request_id"]
        && names == ["error_code", "message", "request_id"]
        && plain
        && !closed
}

fn is_plain_string(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("string")
        && [
            "enum",
            "pattern",
            "minLength",
            "maxLength",
            "format",
            "x-secret",
            "nullable",
        ]
        .iter()
        .all(|keyword| schema.get(keyword).is_none())
}

/// Generates the error types with a component of the contract as their body, each once.
pub(crate) fn items<'a>(
    errors: impl Iterator<Item = &'a ErrorType>,
    types: &Types<'_>,
    names: &Names,
    refusals: &Refusals<'_>,
) -> TokenStream {
    let mut seen: Vec<&str> = Vec::new();
    let mut items = TokenStream::new();
    for error in errors {
        let ErrorType::Own(component) = error else {
            continue;
        };
        if seen.contains(&component.as_str()) {
            continue;
        }
        seen.push(component);
        let (Some(name), Some(body)) = (type_name(component), types.component(component)) else {
            continue;
        };
        let at = pointer::child(SCHEMAS, component);
        names.claim(&name, &at, refusals);
        let Some(refused) = error_value(&at, &mut Vec::new(), refusals).filter(|f| f.has_message)
        else {
            refusals.refuse(
                &at,
                format!("`{component}` is an error body, but cannot represent dropshot's errors"),
                "require only a string `message`, `error_code`, an integer `status` and enumerations; \
                 or add such an object to its `oneOf`",
            );
            continue;
        };
        items.extend(error_items(&name, &body, component, &refused.tokens));
    }
    items
}

fn error_items(name: &Ident, body: &Ident, component: &str, refused: &TokenStream) -> TokenStream {
    let body_enum = format_ident!("{name}Body");
    let doc = Doc::single_line(&format!(
        "An error with the body `{component}`; refusals of dropshot are converted to it."
    ))
    .outer();
    quote! {
        #doc
        #[derive(Clone, Debug, ::serde::Serialize)]
        #[serde(transparent)]
        pub struct #name {
            #[serde(skip)]
            status: ::dropshot::ErrorStatusCode,
            #[serde(skip)]
            log: String,
            body: #body_enum,
        }

        #[derive(Clone, Debug, ::serde::Serialize)]
        #[serde(untagged)]
        enum #body_enum {
            Contract(Box<types::#body>),
            Dropshot(::serde_json::Value),
        }

        impl #name {
            /// Creates an error; `log` is the cause, which is only logged.
            pub fn new(
                status: ::dropshot::ErrorStatusCode,
                body: types::#body,
                log: impl Into<String>,
            ) -> Self {
                Self {
                    status,
                    log: log.into(),
                    body: #body_enum::Contract(Box::new(body)),
                }
            }
        }

        impl From<::dropshot::HttpError> for #name {
            fn from(error: ::dropshot::HttpError) -> Self {
                let body = ::serde_json::json!(#refused);
                Self {
                    status: error.status_code,
                    log: error.internal_message,
                    body: #body_enum::Dropshot(body),
                }
            }
        }

        impl ::std::fmt::Display for #name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.log)
            }
        }

        impl ::dropshot::HttpResponseError for #name {
            fn status_code(&self) -> ::dropshot::ErrorStatusCode {
                self.status
            }
        }

        impl ::schemars::JsonSchema for #name {
            fn schema_name() -> String {
                #component.to_owned()
            }

            fn is_referenceable() -> bool {
                false
            }

            fn json_schema(
                generator: &mut ::schemars::r#gen::SchemaGenerator,
            ) -> ::schemars::schema::Schema {
                generator.subschema_for::<types::#body>()
            }
        }
    }
}

struct ErrorValue {
    /// Code of a JSON value that uses the variable `error`.
    tokens: TokenStream,
    has_message: bool,
}

/// Returns dropshot's error as a value of a schema; `None` if it does not fit.
///
/// `ancestors` are the nodes that contain the schema, to detect recursion.
fn error_value(
    at: &str,
    ancestors: &mut Vec<String>,
    refusals: &Refusals<'_>,
) -> Option<ErrorValue> {
    let (at, node) = refusals.contract.resolve(at).ok()?;
    if ancestors.contains(&at) {
        return None;
    }
    ancestors.push(at.clone());
    let value = error_value_at(&at, node, ancestors, refusals);
    ancestors.pop();
    value
}

fn error_value_at(
    at: &str,
    node: &Value,
    ancestors: &mut Vec<String>,
    refusals: &Refusals<'_>,
) -> Option<ErrorValue> {
    for keyword in ["oneOf", "anyOf", "allOf"] {
        let at_list = pointer::child(at, keyword);
        let list = node.get(keyword).unwrap_or(&Value::Null);
        let mut fits: Vec<_> = pointer::items(&at_list, list)
            .filter_map(|(at, _)| error_value(&at, ancestors, refusals))
            .collect();
        if keyword == "allOf" && list.as_array().is_some_and(|all| all.len() != 1) {
            continue;
        }
        // The alternative for all other errors is usually the last.
        if let Some(with_message) = fits.iter().rposition(|value| value.has_message) {
            return Some(fits.swap_remove(with_message));
        }
        if let Some(last) = fits.pop() {
            return Some(last);
        }
    }
    if let Some(value) = node
        .get("enum")
        .and_then(Value::as_array)
        .and_then(|values| {
            let other = |value: &&Value| {
                let text = value.as_str().unwrap_or_default().to_ascii_lowercase();
                ["other", "unknown", "internal"].contains(&text.as_str())
            };
            values.iter().find(other).or(values.last())
        })
    {
        return without_message(literal(value));
    }
    match node.get("type").and_then(Value::as_str)? {
        "object" => object(at, node, ancestors, refusals),
        "array" if node.get("minItems").is_none() => without_message(quote!([])),
        _ if node.get("nullable") == Some(&json!(true)) => without_message(quote!(null)),
        _ => None,
    }
}

fn without_message(tokens: TokenStream) -> Option<ErrorValue> {
    Some(ErrorValue {
        tokens,
        has_message: false,
    })
}

fn literal(value: &Value) -> TokenStream {
    value.to_string().parse().unwrap_or_default()
}

fn object(
    at: &str,
    node: &Value,
    ancestors: &mut Vec<String>,
    refusals: &Refusals<'_>,
) -> Option<ErrorValue> {
    let required: Vec<_> = node
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let at_properties = pointer::child(at, "properties");
    let properties = node.get("properties").unwrap_or(&Value::Null);
    let (mut tokens, mut has_message) = (Vec::new(), false);
    for (at, name, _) in pointer::members(&at_properties, properties) {
        let (_, property) = refusals.contract.resolve(&at).ok()?;
        let nullable = property.get("nullable") == Some(&json!(true));
        let mut bare = property.clone();
        if let Some(members) = bare.as_object_mut() {
            members.shift_remove("nullable");
        }
        let is_integer = property.get("type") == Some(&json!("integer"));
        match name.as_str() {
            "message" if is_plain_string(&bare) => {
                has_message = true;
                tokens.push(quote!(#name: error.external_message));
            }
            "error_code" if is_plain_string(&bare) && nullable => {
                tokens.push(quote!(#name: error.error_code));
            }
            "error_code" if is_plain_string(&bare) && required.contains(&"error_code") => {
                tokens.push(quote!(#name: error.error_code.unwrap_or_default()));
            }
            "status" | "status_code" if is_integer && required.contains(&name.as_str()) => {
                tokens.push(quote!(#name: error.status_code.as_u16()));
            }
            name if required.contains(&name) => {
                let ErrorValue {
                    tokens: inner,
                    has_message: inner_has_message,
                } = error_value(&at, ancestors, refusals)?;
                has_message |= inner_has_message;
                tokens.push(quote!(#name: #inner));
            }
            _ => {}
        }
    }
    let all_known = required.iter().all(|name| properties.get(name).is_some());
    all_known.then(|| ErrorValue {
        tokens: quote!({ #(#tokens),* }),
        has_message,
    })
}
