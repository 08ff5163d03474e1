//! Request bodies.
//!
//! dropshot has four kinds of bodies: JSON and forms, which become a type; bytes; and multipart, which the handler
//! reads part by part. Bytes are buffered, or streamed if the contract has `x-streaming: true` next to the schema.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;

use openapi_contract::pointer;

use crate::base::extension::STREAMING;
use crate::base::http::{BYTES, FORM, JSON, MULTIPART};
use crate::operation::extractor::Hooks;
use crate::operation::scope::Scope;
use crate::schema::{self, Direction, Use, usage};
use crate::types::Holder;

pub(crate) struct Body {
    pub(crate) extractor: TokenStream,
    /// The media type, if it differs from dropshot's default.
    pub(crate) content_type: Option<&'static str>,
    /// Whether the extractor is dropshot's and may refuse a request; if so, a hook must shape the refusal.
    pub(crate) refuses: bool,
    /// Whether the body is optional; dropshot documents every body as required.
    pub(crate) is_optional: bool,
}

pub(crate) fn body(at: &str, hooks: Hooks<'_>, scope: &Scope<'_>) -> Option<Body> {
    let refusals = scope.refusals;
    let (at_body, body) = refusals.resolve(at)?;
    let at_content = pointer::child(&at_body, "content");
    let content = body.get("content")?;
    let mut all = pointer::members(&at_content, content);
    let Some((at_media, media_type, media)) = all.next() else {
        refusals.refuse(
            &at_content,
            "the body has no `content`",
            format!("add `{JSON}`"),
        );
        return None;
    };
    for (at, other, _) in all {
        refusals.refuse(
            &at,
            format!(
                "`{other}` and `{media_type}` are not supported together: an operation of dropshot reads one media type"
            ),
            "remove one of them, or write an operation for each",
        );
    }
    let streaming = media.get(STREAMING) == Some(&Value::Bool(true));
    if streaming && media_type != BYTES {
        refusals.refuse(
            &pointer::child(&at_media, STREAMING),
            format!("`{STREAMING}` of `{media_type}` is not supported"),
            format!("remove it: only `{BYTES}` can be a stream"),
        );
    }
    let (extractor, content_type, refuses) = match media_type.as_str() {
        JSON => {
            let ty = typed(&at_media, media, "Body", scope)?;
            (hooks.json(&ty), None, false)
        }
        FORM => {
            let ty = typed(&at_media, media, "Form", scope)?;
            (quote!(::dropshot::TypedBody<#ty>), Some(FORM), true)
        }
        BYTES if streaming => (quote!(::dropshot::StreamingBody), None, false),
        BYTES => (quote!(::dropshot::UntypedBody), None, true),
        MULTIPART => (quote!(::dropshot::MultipartBody), None, true),
        _ => {
            refusals.refuse(
                &at_media,
                format!("dropshot does not read bodies of the media type `{media_type}`"),
                format!("write `{JSON}`, `{FORM}`, `{BYTES}` or `{MULTIPART}`"),
            );
            return None;
        }
    };
    if [BYTES, MULTIPART].contains(&media_type.as_str()) {
        check_bytes(&at_media, media, scope);
    }
    Some(Body {
        extractor,
        content_type,
        refuses,
        is_optional: body.get("required") != Some(&Value::Bool(true)),
    })
}

/// Returns the type of a body with a schema; `suffix` ends the type's name if it needs one.
fn typed(at: &str, media: &Value, suffix: &str, scope: &Scope<'_>) -> Option<TokenStream> {
    let Some(schema) = media.get("schema") else {
        scope
            .refusals
            .refuse(at, "the body has no schema", "add `schema`");
        return None;
    };
    if let Use::Named(name) = usage(schema) {
        schema::check_direction(name, Direction::Request, scope.refusals);
    }
    scope.type_of(&pointer::child(at, "schema"), suffix, Holder::Body)
}

/// Checks the schema of bytes, which must be dropshot's (dropshot 0.18, `extractor/body.rs`).
fn check_bytes(at: &str, media: &Value, scope: &Scope<'_>) {
    let bytes = serde_json::json!({ "type": "string", "format": "binary" });
    if media.get("schema") != Some(&bytes) {
        scope.refusals.refuse(
            at,
            "dropshot would not check this schema",
            "write `schema: { type: string, format: binary }`, and move the rest to the description of the operation",
        );
    }
}
