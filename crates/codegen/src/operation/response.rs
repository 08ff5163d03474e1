//! Responses of an operation and the return type of its method.
//!
//! An operation has exactly one successful response, 2xx or 3xx, or only `default`. If dropshot has a type with the
//! same status and description, that type is used, so that dropshot's document equals the contract; otherwise, a type
//! is generated (`response_type.rs`). Errors are the other half of the method's `Result` (`error.rs`).

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use serde_json::{Value, json};

use openapi_contract::pointer;

use crate::base::doc::Doc;
use crate::base::http::JSON;
use crate::operation::error::{self, ErrorType};
use crate::operation::header;
use crate::operation::response_type::{self, Content};
use crate::operation::scope::Scope;
use crate::schema::{self, Direction, Use, usage};
use crate::types::Holder;

/// The media type that dropshot documents for unknown content.
const ANY: &str = "*/*";

/// Successful statuses, with their names in `http` and in generated types.
///
/// Sources: RFC 9110, sections 15.2.2, 15.3 and 15.4; RFC 4918; RFC 5842; RFC 3229.
const STATUSES: [(&str, &str, &str); 19] = [
    ("101", "SWITCHING_PROTOCOLS", "SwitchingProtocols"),
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
    ("300", "MULTIPLE_CHOICES", "MultipleChoices"),
    ("301", "MOVED_PERMANENTLY", "MovedPermanently"),
    ("302", "FOUND", "Found"),
    ("303", "SEE_OTHER", "SeeOther"),
    ("304", "NOT_MODIFIED", "NotModified"),
    ("305", "USE_PROXY", "UseProxy"),
    ("307", "TEMPORARY_REDIRECT", "TemporaryRedirect"),
    ("308", "PERMANENT_REDIRECT", "PermanentRedirect"),
];

/// dropshot's own responses: status, description, whether there is a body, type (0.18, `handler.rs`).
const DROPSHOT_RESPONSES: [(&str, &str, bool, &str); 5] = [
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

/// dropshot's redirects: status, description, type; each has the header `location` and no content.
const REDIRECTS: [(&str, &str, &str); 3] = [
    ("302", "redirect (found)", "HttpResponseFound"),
    ("303", "redirect (see other)", "HttpResponseSeeOther"),
    (
        "307",
        "redirect (temporary redirect)",
        "HttpResponseTemporaryRedirect",
    ),
];

/// dropshot's description of the switch to a websocket (dropshot 0.18, `websocket.rs`).
const WEBSOCKET: &str = "Negotiating protocol upgrade from HTTP/1.1 to WebSocket";

pub(crate) struct ResponseTypes {
    pub(crate) type_path: TokenStream,
    pub(crate) items: TokenStream,
    pub(crate) error: ErrorType,
    /// Whether the response is dropshot's own switch to a websocket.
    pub(crate) is_channel: bool,
}

struct ListedResponse<'a> {
    /// The pointer to the entry of the response in the list.
    at: String,
    status: &'a str,
    /// The pointer to the definition of the response.
    at_response: String,
    response: &'a Value,
}

pub(crate) fn response(
    at: &str,
    responses: &Value,
    is_websocket: bool,
    scope: &Scope<'_>,
) -> Option<ResponseTypes> {
    let refusals = scope.refusals;
    let (mut successes, mut errors, mut default) = (Vec::new(), Vec::new(), None);
    for (at, status, _) in pointer::members(at, responses) {
        let Some((at_response, response)) = refusals.resolve(&at) else {
            continue;
        };
        let listed = ListedResponse {
            at: at.clone(),
            status,
            at_response,
            response,
        };
        match status.as_bytes() {
            [b'2' | b'3', b'0'..=b'9', ..] => successes.push(listed),
            b"101" if is_websocket => successes.push(listed),
            [b'4' | b'5', ..] => errors.push((listed.at_response, response)),
            b"default" => default = Some(listed),
            [b'x', b'-', ..] => {}
            _ => refusals.refuse(
                &at,
                format!("the response `{status}` is not supported"),
                "list one status from 200 to 399, and statuses or ranges from 400 to 599",
            ),
        }
    }
    // If there is a success, `default` is an error.
    if !successes.is_empty() {
        errors.extend(
            default
                .take()
                .map(|other| (other.at_response, other.response)),
        );
    }
    let error = error::error_type(at, &errors, scope);
    let mut successes = successes.into_iter();
    let Some(success) = successes.next().or(default) else {
        refusals.refuse(
            at,
            "there is no successful response",
            "add one, such as '200' or '204'",
        );
        return None;
    };
    for second in successes {
        refusals.refuse(
            &second.at,
            "a second successful response is not supported",
            "remove all but one: a method of dropshot returns one type",
        );
    }
    if success.status == "default" {
        without_status(&success, error, scope)
    } else {
        with_status(&success, error, is_websocket, scope)
    }
}

fn without_status(
    success: &ListedResponse<'_>,
    error: ErrorType,
    scope: &Scope<'_>,
) -> Option<ResponseTypes> {
    let ListedResponse { at, response, .. } = success;
    let content = response.get("content").unwrap_or(&Value::Null);
    let is_any = content.get(ANY).is_some_and(is_unrestricted) && content.as_object()?.len() == 1;
    if !is_any || response.get("headers").is_some() {
        scope.refusals.refuse(
            at,
            "a `default` response with content or headers is not supported",
            format!("list its status, or write `content: {{ '{ANY}': {{ schema: {{}} }} }}` and no headers"),
        );
        return None;
    }
    let description = description(response);
    let (type_path, items) = if description.is_empty() {
        (
            quote!(::http::Response<::dropshot::Body>),
            TokenStream::new(),
        )
    } else {
        let name = format_ident!("{}Default", scope.base);
        scope.names.claim(&name, at, scope.refusals);
        let first = format!("The response of `{}`, with any status.", scope.operation_id);
        let doc = docs(&first, description);
        (
            quote!(#name),
            response_type::any_status_type(&name, &doc, description),
        )
    };
    Some(ResponseTypes {
        type_path,
        items,
        error,
        is_channel: false,
    })
}

fn with_status(
    success: &ListedResponse<'_>,
    error: ErrorType,
    is_websocket: bool,
    scope: &Scope<'_>,
) -> Option<ResponseTypes> {
    let ListedResponse {
        at,
        status,
        at_response,
        response,
    } = success;
    let refusals = scope.refusals;
    let Some((_, constant, status_name)) = STATUSES.into_iter().find(|(code, ..)| code == status)
    else {
        refusals.refuse(
            at,
            format!("the status {status} is not registered"),
            "write a status of RFC 9110",
        );
        return None;
    };
    let content = content(at_response, status, status_name, response, scope)?;
    let description = description(response);
    let plain = |type_path: TokenStream, is_channel| ResponseTypes {
        type_path,
        items: TokenStream::new(),
        error: error.clone(),
        is_channel,
    };
    if let Some(redirect) = redirect(status, response) {
        return Some(plain(quote!(::dropshot::#redirect), false));
    }
    let is_empty_response = matches!(content, Content::Empty) && response.get("headers").is_none();
    if is_websocket && *status == "101" && is_empty_response && description == WEBSOCKET {
        return Some(plain(quote!(::dropshot::WebsocketChannelResult), true));
    }
    let headers = header::headers(at_response, response, status_name, scope);
    let type_name = format_ident!("{}{status_name}", scope.base);
    let dropshot_type = DROPSHOT_RESPONSES
        .into_iter()
        .find(|(code, text, with_body, _)| {
            code == status && *text == description && *with_body == content.has_dropshot_type()
        })
        .map(|(.., dropshot_type)| Ident::new(dropshot_type, Span::call_site()));
    let (mut type_path, mut items) = match (dropshot_type, &content) {
        (Some(dropshot_type), Content::Json(body)) => (
            quote!(::dropshot::#dropshot_type<#body>),
            TokenStream::new(),
        ),
        (Some(dropshot_type), Content::Any) => (
            quote!(::dropshot::#dropshot_type<::dropshot::FreeformBody>),
            TokenStream::new(),
        ),
        (Some(dropshot_type), _) => (quote!(::dropshot::#dropshot_type), TokenStream::new()),
        (None, _) => {
            scope.names.claim(&type_name, at, refusals);
            let constant = Ident::new(constant, Span::call_site());
            let first = format!("The {status} response of `{}`.", scope.operation_id);
            let doc = docs(&first, description);
            let item =
                response_type::status_type(&type_name, &doc, &constant, description, &content);
            (quote!(#type_name), item)
        }
    };
    if !headers.is_empty() {
        let struct_name = format_ident!("{type_name}Headers");
        scope.names.claim(&struct_name, at, refusals);
        items.extend(header::struct_of(
            &struct_name,
            &Doc::single_line(&format!(
                "The headers of the {status} response of `{}`.",
                scope.operation_id
            )),
            &headers,
            scope,
        ));
        type_path = quote!(WithHeaders<#type_path, #struct_name>);
    }
    Some(ResponseTypes {
        type_path,
        items,
        error,
        is_channel: false,
    })
}

fn description(response: &Value) -> &str {
    response
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn docs(first: &str, description: &str) -> Doc {
    let first = Doc::single_line(first);
    if description.is_empty() {
        return first;
    }
    first.append_paragraph(Doc::for_rustdoc(description))
}

/// Returns dropshot's redirect type if it describes exactly this response.
fn redirect(status: &str, response: &Value) -> Option<Ident> {
    let (.., dropshot_type) = REDIRECTS
        .into_iter()
        .find(|(code, text, _)| *code == status && *text == description(response))?;
    let headers = response.get("headers")?.as_object()?;
    let mut location = headers.get("location")?.as_object()?.clone();
    // `simple` is the default style (OpenAPI 3.0.3, section 4.7.21).
    if location.get("style") == Some(&json!("simple")) {
        location.shift_remove("style");
    }
    let expected = json!({
        "description": "HTTP \"Location\" header",
        "required": true,
        "schema": { "type": "string" },
    });
    let has_content = response
        .get("content")
        .is_some_and(|content| !is_empty(content));
    (headers.len() == 1 && Value::Object(location) == expected && !has_content)
        .then(|| Ident::new(dropshot_type, Span::call_site()))
}

fn is_empty(content: &Value) -> bool {
    content.as_object().is_some_and(serde_json::Map::is_empty)
}

fn is_unrestricted(media: &Value) -> bool {
    media.get("schema").is_none_or(is_empty)
}

fn content(
    at: &str,
    status: &str,
    status_name: &str,
    response: &Value,
    scope: &Scope<'_>,
) -> Option<Content> {
    let refusals = scope.refusals;
    let at_content = pointer::child(at, "content");
    let Some(content) = response.get("content").filter(|content| !is_empty(content)) else {
        return Some(Content::Empty);
    };
    if ["204", "205", "304"].contains(&status) {
        // RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5.
        refusals.refuse(
            &at_content,
            format!("a {status} response cannot have content"),
            "remove `content`",
        );
        return None;
    }
    let mut all = pointer::members(&at_content, content);
    let (at_media, media_type, media) = all.next()?;
    for (at, other, _) in all {
        refusals.refuse(
            &at,
            format!("`{other}` and `{media_type}` are not supported together: an operation of dropshot has one media type"),
            format!("remove one of them, or write `{ANY}` and let the handler choose"),
        );
    }
    if media_type == JSON {
        let at_schema = pointer::child(&at_media, "schema");
        let Some(schema) = media.get("schema") else {
            refusals.refuse(&at_media, "the body has no schema", "add `schema`");
            return None;
        };
        if let Use::Named(name) = usage(schema) {
            schema::check_direction(name, Direction::Response, refusals);
        }
        return scope
            .type_of(&at_schema, &format!("{status_name}Body"), Holder::Body)
            .map(Content::Json);
    }
    if media_type == ANY {
        if !is_unrestricted(media) {
            refusals.refuse(
                &pointer::child(&at_media, "schema"),
                format!("the schema of `{ANY}` would not be checked"),
                "write `schema: {}`",
            );
        }
        return Some(if status == "101" {
            Content::Whole
        } else {
            Content::Any
        });
    }
    other_content(&at_media, media_type, media, scope)
}

/// Reads content that is not JSON, which dropshot documents as `*/*`.
fn other_content(at: &str, media_type: &str, media: &Value, scope: &Scope<'_>) -> Option<Content> {
    let visible = media_type.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let is_range = media_type.contains('*') || !media_type.contains('/');
    let is_json = media_type.to_ascii_lowercase().contains("json");
    if !visible || is_range || is_json {
        scope.refusals.refuse(
            at,
            format!("dropshot does not send content of the media type `{media_type}`"),
            format!("write `{JSON}`, one that is not JSON, or `{ANY}`"),
        );
        return None;
    }
    let is_text = media
        .get("schema")
        .is_none_or(|schema| is_empty(schema) || schema.get("type") == Some(&json!("string")));
    if !is_text {
        scope.refusals.refuse(
            &pointer::child(at, "schema"),
            format!("the schema of `{media_type}` would not be checked"),
            "write `schema: { type: string }`, with `format: binary` for bytes",
        );
    }
    Some(Content::Media(media_type.to_owned()))
}
