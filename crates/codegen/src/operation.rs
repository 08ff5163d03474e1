//! Operations, which become methods of the trait; the submodules generate their parts.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde_json::{Value, json};

use openapi_contract::{OperationRef, pointer};

use crate::base::doc;
use crate::base::extension::{BODY_LIMIT, PAGINATION, WEBSOCKET};
use crate::base::name::{self, Names};
use crate::base::refusal::Refusals;
use crate::credential::Credentials;
use crate::types::Types;

use arguments::Parameters;
use body::Body;
use error::ErrorType;
use extractor::{Hooks, Kind};
use scope::Scope;

mod arguments;
mod body;
mod default;
pub(crate) mod error;
pub(crate) mod extractor;
mod header;
mod member;
mod pagination;
mod parameter;
pub(crate) mod path;
mod response;
mod response_type;
mod scope;

pub(crate) struct Operation {
    pub(crate) method: TokenStream,
    /// The method without its first argument, the request context.
    pub(crate) signature: TokenStream,
    pub(crate) items: TokenStream,
    pub(crate) entry: TokenStream,
    pub(crate) error: ErrorType,
}

pub(crate) fn operation(
    reference: &OperationRef,
    hooks: Hooks<'_>,
    credentials: &Credentials,
    types: &Types<'_>,
    names: &Names,
    methods: &Names,
    refusals: &Refusals<'_>,
) -> Option<Operation> {
    let at = reference.pointer.as_str();
    let node = refusals.contract.value().pointer(at)?;
    let Some(id) = reference.id.as_deref() else {
        let example = name::suggest_operation_id(&reference.method, &reference.path);
        refusals.refuse(
            at,
            "the operation has no `operationId`",
            format!("add one, such as `{example}`"),
        );
        return None;
    };
    let at_id = pointer::child(at, "operationId");
    let (Some(method_name), Some(base)) = (name::method(id), name::camel_part(id)) else {
        refusals.refuse(
            &at_id,
            format!("`{id}` cannot become the name of a method"),
            "choose another id of at most 100 ASCII letters and digits, such as `getUser`",
        );
        return None;
    };
    methods.claim(&method_name, &at_id, refusals);
    let scope = Scope {
        operation_id: id,
        base,
        names,
        types,
        refusals,
    };
    let at_item = pointer::parent(at).unwrap_or_default();
    let at_shared = pointer::child(at_item, "parameters");
    let at_own = pointer::child(at, "parameters");
    let parameters = arguments::parameters(
        &reference.path,
        [
            (&at_shared, refusals.contract.value().pointer(&at_shared)),
            (&at_own, node.get("parameters")),
        ],
        node.get(PAGINATION),
        &scope,
    );
    let is_websocket = node.get(WEBSOCKET).is_some();
    check_websocket(at, reference, node, refusals);
    let body = node.get("requestBody").and_then(|_| {
        let at_body = pointer::child(at, "requestBody");
        body::body(&at_body, hooks, &scope)
    });
    let response = response::response(
        &pointer::child(at, "responses"),
        node.get("responses").unwrap_or(&Value::Null),
        is_websocket,
        &scope,
    )?;
    let docs = doc::operation_docs(reference, node, refusals);
    let attribute = attribute(
        at,
        reference,
        node,
        &parameters,
        body.as_ref(),
        response.is_channel,
        &scope,
    );
    let (return_type, error_type) = (&response.type_path, response.error.type_path());
    let returned = if response.is_channel {
        quote!(#return_type)
    } else {
        quote!(Result<#return_type, #error_type>)
    };
    // The credential is the first argument, so that a client without one learns nothing about the others.
    let credential = credentials.argument(reference);
    let shared = parameters.arguments.iter().map(|(name, extractor)| {
        let extractor = hooks.wrapped(Kind::Head, extractor);
        quote!(#name: #extractor)
    });
    let refuses_body = body.as_ref().is_some_and(|body| body.refuses);
    let optional_body = body.as_ref().is_some_and(|body| body.is_optional);
    let exclusive = match &body {
        Some(Body { extractor, .. }) => {
            let mut extractor = extractor.clone();
            if refuses_body {
                extractor = hooks.wrapped(Kind::Body, &extractor);
            }
            if optional_body {
                extractor = extractor::optional_body(&extractor);
            }
            Some(quote!(body: #extractor))
        }
        None if response.is_channel => Some(quote!(connection: ::dropshot::WebsocketConnection)),
        None if is_websocket => Some(quote!(upgrade: ::dropshot::WebsocketUpgrade)),
        None => None,
    };
    let arguments: Vec<_> = credential
        .into_iter()
        .chain(shared)
        .chain(exclusive)
        .collect();
    let (method_upper, path) = (&reference.method, &parameters.path);
    let mut items = parameters.items;
    items.extend(response.items);
    Some(Operation {
        method: quote! {
            #docs
            #attribute
            async fn #method_name(
                rqctx: ::dropshot::RequestContext<Self::Context>,
                #(#arguments,)*
            ) -> #returned;
        },
        signature: quote!(fn #method_name(#(#arguments),*) -> #returned;),
        items,
        entry: quote!(Operation { id: #id, method: #method_upper, path: #path }),
        error: response.error,
    })
}

/// Checks that the websocket handshake is a GET without a body (RFC 6455, section 4.1).
fn check_websocket(at: &str, reference: &OperationRef, node: &Value, refusals: &Refusals<'_>) {
    if node.get(WEBSOCKET).is_none() {
        return;
    }
    let at_extension = pointer::child(at, WEBSOCKET);
    if node.get(WEBSOCKET) != Some(&json!({})) {
        refusals.refuse(
            &at_extension,
            format!("`{WEBSOCKET}` is not an empty object"),
            "write `{}`",
        );
    }
    if reference.method != "GET" || node.get("requestBody").is_some() {
        refusals.refuse(
            &at_extension,
            "a WebSocket begins with a GET without a body",
            "make it a GET, and send the rest over the WebSocket",
        );
    }
}

fn attribute(
    at: &str,
    reference: &OperationRef,
    node: &Value,
    parameters: &Parameters,
    body: Option<&Body>,
    is_channel: bool,
    scope: &Scope<'_>,
) -> TokenStream {
    let (id, refusals) = (scope.operation_id, scope.refusals);
    let tags = node.get("tags").and_then(Value::as_array);
    let tags: Vec<_> = tags
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let tags = (!tags.is_empty()).then(|| quote!(, tags = [#(#tags),*]));
    let deprecated =
        (node.get("deprecated") == Some(&Value::Bool(true))).then(|| quote!(, deprecated = true));
    let path = &parameters.path;
    // dropshot omits wildcard paths from its document and requires this declaration.
    let unpublished = parameters.is_wildcard.then(|| quote!(, unpublished = true));
    if is_channel {
        return quote! {
            #[channel(protocol = WEBSOCKETS, path = #path, operation_id = #id #tags #deprecated #unpublished)]
        };
    }
    let method = format_ident!("{}", reference.method);
    let content_type = body
        .and_then(|body| body.content_type)
        .map(|content_type| quote!(, content_type = #content_type));
    let limit =
        body_limit(at, node, refusals).map(|limit| quote!(, request_body_max_bytes = #limit));
    quote! {
        #[endpoint(
            method = #method,
            path = #path,
            operation_id = #id
            #tags
            #content_type
            #limit
            #deprecated
            #unpublished
        )]
    }
}

fn body_limit(at: &str, node: &Value, refusals: &Refusals<'_>) -> Option<proc_macro2::Literal> {
    let value = node.get(BODY_LIMIT)?;
    let at = pointer::child(at, BODY_LIMIT);
    if node.get("requestBody").is_none() {
        refusals.refuse(
            &at,
            format!("`{BODY_LIMIT}` needs an operation with a body"),
            "remove it",
        );
    }
    // A `usize` has only 32 bits on some platforms.
    let limit = value.as_u64().filter(|limit| u32::try_from(*limit).is_ok());
    if limit.is_none() {
        refusals.refuse(
            &at,
            format!("`{BODY_LIMIT}` is not a number of bytes"),
            "write a whole number from 0 to 4294967295",
        );
    }
    limit.map(proc_macro2::Literal::u64_unsuffixed)
}
