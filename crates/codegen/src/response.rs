//! What an operation answers.
//!
//! Success: exactly one 2xx answer an operation, which becomes the return type of its method. Where dropshot has a type with the same status
//! and the same description, that type is used, so that the document dropshot emits says the same; otherwise a type is generated.
//!
//! Errors: the error type of every method is `dropshot::HttpError`, because dropshot 0.18 gives no other error type the request id or headers.
//! So the contract can have one error body only, and it has to be dropshot's own. Statuses and headers of errors are left to
//! the handlers.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use serde_json::Value;

use crate::{
    doc::Doc,
    header::{self, Header},
    name::{self, Names},
    pointer,
    refusal::Refusals,
    schema::{self, Direction, SCHEMAS, Use, usage},
};

/// The only media type that is generated.
pub(crate) const JSON: &str = "application/json";

/// The name of dropshot's schema of an error body.
const ERROR: &str = "Error";

/// Statuses of success, with the names that `http` and this generator have for them (RFC 9110, section 15.3; RFC 4918; RFC 5842; RFC 3229).
const STATUSES: [(&str, &str, &str); 10] = [
    ("200", "OK", "Ok"),
    ("201", "CREATED", "Created"),
    ("202", "ACCEPTED", "Accepted"),
    (
        "203",
        "NON_AUTHORITATIVE_INFORMATION",
        "NonAuthoritativeInformation",
    ),
    ("204", "NO_CONTENT", "NoContent"),
    ("205", "RESET_CONTENT", "ResetContent"),
    ("206", "PARTIAL_CONTENT", "PartialContent"),
    ("207", "MULTI_STATUS", "MultiStatus"),
    ("208", "ALREADY_REPORTED", "AlreadyReported"),
    ("226", "IM_USED", "ImUsed"),
];

/// Dropshot's own answers: status, description, whether there is a body, type (dropshot 0.18, `handler.rs`).
const STOCK: [(&str, &str, bool, &str); 5] = [
    ("200", "successful operation", true, "HttpResponseOk"),
    ("201", "successful creation", true, "HttpResponseCreated"),
    (
        "202",
        "successfully enqueued operation",
        true,
        "HttpResponseAccepted",
    ),
    ("204", "successful deletion", false, "HttpResponseDeleted"),
    (
        "204",
        "resource updated",
        false,
        "HttpResponseUpdatedNoContent",
    ),
];

/// The successful answer of an operation.
pub(crate) struct Answer {
    /// The type that a method returns in the case of success.
    pub(crate) type_path: TokenStream,
    /// The types that have to be generated for it.
    pub(crate) items: TokenStream,
    /// Whether a header of it is secret.
    pub(crate) holds_secret: bool,
}

/// Reads the responses of an operation with that id.
pub(crate) fn answer(
    at: &str,
    operation_id: &str,
    responses: &Value,
    names: &Names,
    refusals: &Refusals<'_>,
) -> Option<Answer> {
    let mut success = None;
    for (at, status, _) in pointer::members(at, responses) {
        let Some((at_response, response)) = refusals.resolve(&at) else {
            continue;
        };
        match status.as_bytes() {
            [b'2', b'0'..=b'9', ..] if success.is_some() => refusals.refuse(
                &at,
                "a second successful answer",
                "keep one: a method of dropshot returns one type",
            ),
            [b'2', b'0'..=b'9', ..] => success = Some((at, status, at_response, response)),
            [b'4' | b'5', b'0'..=b'9', ..] => check_error(&at_response, response, refusals),
            [b'x', b'-', ..] => {}
            _ => refusals.refuse(
                &at,
                format!("the answer `{status}` is not supported"),
                "list each status from 200 to 299 and 400 to 599 on its own",
            ),
        }
    }
    let Some((at, status, at_response, response)) = success else {
        refusals.refuse(
            at,
            "no successful answer",
            "add one, such as '200' or '204'",
        );
        return None;
    };
    let Some((_, constant, status_name)) = STATUSES.into_iter().find(|(code, ..)| code == status)
    else {
        refusals.refuse(
            &at,
            format!("the status {status} is not registered"),
            "write a status of RFC 9110",
        );
        return None;
    };
    let body = body(&at_response, status, response, refusals);
    let headers = header::headers(&at_response, response, refusals);
    let base = name::camel_part(operation_id)?;
    let answer_name = format_ident!("{base}{status_name}");
    let description = response
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let stock = STOCK.into_iter().find(|(code, text, with_body, _)| {
        code == status && *text == description && *with_body == body.is_some()
    });
    let (mut type_path, mut items) = match (stock, &body) {
        (Some((.., stock)), Some(body)) => {
            let stock = Ident::new(stock, Span::call_site());
            (quote!(::dropshot::#stock<types::#body>), TokenStream::new())
        }
        (Some((.., stock)), None) => {
            let stock = Ident::new(stock, Span::call_site());
            (quote!(::dropshot::#stock), TokenStream::new())
        }
        (None, _) => {
            names.claim(&answer_name, &at, refusals);
            let constant = Ident::new(constant, Span::call_site());
            let doc = Doc::line(&format!("Answer {status} of `{operation_id}`."));
            let doc = doc.then(crate::doc::checked(
                &pointer::child(&at_response, "description"),
                description,
                refusals,
            ));
            let item = answer_type(&answer_name, &doc, &constant, description, body.as_ref());
            (quote!(#answer_name), item)
        }
    };
    if !headers.is_empty() {
        let struct_name = format_ident!("{answer_name}Headers");
        names.claim(&struct_name, &at, refusals);
        items.extend(header::struct_of(
            &struct_name,
            &Doc::line(&format!(
                "The headers of the answer {status} of `{operation_id}`."
            )),
            &headers,
        ));
        type_path = quote!(::dropshot::HttpResponseHeaders<#type_path, #struct_name>);
    }
    Some(Answer {
        type_path,
        items,
        holds_secret: headers.iter().any(Header::is_secret),
    })
}

/// The name of the type of a JSON body, if there is a body.
fn body(at: &str, status: &str, response: &Value, refusals: &Refusals<'_>) -> Option<Ident> {
    let at_content = pointer::child(at, "content");
    let content = response.get("content")?;
    if content.as_object().is_some_and(serde_json::Map::is_empty) {
        return None;
    }
    if ["204", "205"].contains(&status) {
        // RFC 9110, sections 15.3.5 and 15.3.6.
        refusals.refuse(
            &at_content,
            format!("{status} with content"),
            "remove the content",
        );
    }
    let name = json_schema(&at_content, content, refusals)?;
    schema::check_direction(name, Direction::Response, refusals);
    name::camel(name)
}

/// The name of the component that a JSON body is described by. Anything but JSON is reported.
pub(crate) fn json_schema<'a>(
    at: &str,
    content: &'a Value,
    refusals: &Refusals<'_>,
) -> Option<&'a str> {
    for (at, media_type, _) in pointer::members(at, content) {
        if media_type != JSON {
            refusals.refuse(
                &at,
                format!("the media type `{media_type}` is not supported"),
                format!("write `{JSON}`"),
            );
        }
    }
    let at_media = pointer::child(at, JSON);
    let media = content.get(JSON)?;
    let at_schema = pointer::child(&at_media, "schema");
    match media.get("schema").map(usage) {
        Some(Use::Named(name)) => Some(name),
        Some(Use::Inline(_)) => {
            refusals.refuse(
                &at_schema,
                "the schema of a body has no name",
                "give it one under components.schemas and $ref it",
            );
            None
        }
        None => {
            refusals.refuse(&at_media, "a body without a schema", "add `schema`");
            None
        }
    }
}

fn answer_type(
    name: &Ident,
    doc: &Doc,
    status: &Ident,
    description: &str,
    body: Option<&Ident>,
) -> TokenStream {
    let doc = doc.outer();
    let coded = quote!(::dropshot::HttpCodedResponse);
    let (declaration, body_type, conversion) = match body {
        Some(body) => (
            quote!(pub struct #name(pub types::#body);),
            quote!(types::#body),
            quote!(<#name as #coded>::for_object(answer.0)),
        ),
        // Dropshot's empty body is public only as the body of this type. It documents an answer without content.
        None => (
            quote!(pub struct #name;),
            quote!(<::dropshot::HttpResponseUpdatedNoContent as #coded>::Body),
            quote!(Ok(
                ::http::Response::builder()
                    .status(<#name as #coded>::STATUS_CODE)
                    .body(::dropshot::Body::empty())?,
            )),
        ),
    };
    let argument = if body.is_some() {
        quote!(answer)
    } else {
        quote!(_)
    };
    quote! {
        #doc
        #[derive(Clone, Debug)]
        #declaration

        impl #coded for #name {
            type Body = #body_type;

            const STATUS_CODE: ::http::StatusCode = ::http::StatusCode::#status;
            const DESCRIPTION: &'static str = #description;
        }

        impl From<#name>
            for Result<::http::Response<::dropshot::Body>, ::dropshot::HttpError>
        {
            fn from(#argument: #name) -> Self {
                #conversion
            }
        }
    }
}

/// Checks that an error has the body that dropshot gives to every error.
fn check_error(at: &str, response: &Value, refusals: &Refusals<'_>) {
    let at_content = pointer::child(at, "content");
    let Some(content) = response
        .get("content")
        .filter(|content| content.get(JSON).is_some())
    else {
        refusals.refuse(
            at,
            "an error without a JSON body",
            format!("add `content` with `{JSON}` and `$ref: '#/components/schemas/{ERROR}'`"),
        );
        return;
    };
    if let Some(name) = json_schema(&at_content, content, refusals)
        && name != ERROR
    {
        let at_schema = pointer::child(&pointer::child(&at_content, JSON), "schema");
        refusals.refuse(
            &at_schema,
            format!("an error body `{name}`: dropshot has one for all errors, named `{ERROR}`"),
            format!("write `$ref: '#/components/schemas/{ERROR}'`"),
        );
    }
}

/// Checks that a component schema named like dropshot's error body is that body.
pub(crate) fn check_error_schema(refusals: &Refusals<'_>) {
    let at = pointer::child(SCHEMAS, ERROR);
    let Some(schema) = refusals.contract.value().pointer(&at) else {
        return;
    };
    let mut required: Vec<_> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    required.sort_unstable();
    let at_properties = pointer::child(&at, "properties");
    let properties = schema.get("properties").unwrap_or(&Value::Null);
    let mut names: Vec<_> = pointer::members(&at_properties, properties)
        .map(|(_, name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    let plain = pointer::members(&at_properties, properties).all(|(at, ..)| {
        refusals.resolve(&at).is_some_and(|(_, property)| {
            property.get("type").and_then(Value::as_str) == Some("string")
                && [
                    "enum",
                    "pattern",
                    "minLength",
                    "maxLength",
                    "format",
                    "x-secret",
                ]
                .iter()
                .all(|keyword| property.get(keyword).is_none())
        })
    });
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    if required != ["message", "request_id"]
        || names != ["error_code", "message", "request_id"]
        || !plain
        || closed
    {
        refusals.refuse(
            &at,
            format!("a schema named `{ERROR}` that is not dropshot's error body"),
            "make it an object with the strings `request_id` and `message`, both required, and `error_code`, \
             or give it another name",
        );
    }
}
