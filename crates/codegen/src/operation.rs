//! Operations: the methods of the trait.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use serde_json::Value;

use crate::{
    contract::OperationRef,
    credential::Credentials,
    doc,
    name::{self, Names},
    parameter, pointer,
    refusal::Refusals,
    response::{self, json_schema},
    schema::{self, Direction},
};

/// An operation, as it is written into the trait and after it.
pub(crate) struct Operation {
    /// The method of the trait.
    pub(crate) method: TokenStream,
    /// The types it needs.
    pub(crate) items: TokenStream,
    /// Its line in the list of operations.
    pub(crate) listed: TokenStream,
    /// Whether it answers with a header that is secret.
    pub(crate) holds_secret: bool,
}

/// Reads an operation; `json_body` is the extractor of bodies.
pub(crate) fn operation(
    reference: &OperationRef,
    json_body: &syn::Path,
    credentials: &Credentials,
    names: &Names,
    methods: &Names,
    refusals: &Refusals<'_>,
) -> Option<Operation> {
    let at = reference.pointer.as_str();
    let node = refusals.contract.value().pointer(at)?;
    let Some(id) = reference.id.as_deref() else {
        let example = name::of_operation(&reference.method, &reference.path);
        refusals.refuse(
            at,
            "an operation without an `operationId`",
            format!("give it one, such as `{example}`"),
        );
        return None;
    };
    let at_id = pointer::child(at, "operationId");
    let (Some(method_name), true) = (name::method(id), name::camel_part(id).is_some()) else {
        refusals.refuse(
            &at_id,
            format!("`{id}` cannot become the name of a method"),
            "choose another of at most 100 ASCII letters and digits, such as `getUser`",
        );
        return None;
    };
    methods.claim(&method_name, &at_id, refusals);
    let doc = doc::of_operation(reference, node, refusals);
    let attribute = attribute(id, reference, node);
    // The credential comes first, so that whoever has none learns nothing else.
    let credential = credentials.argument(reference);
    let at_item = pointer::parent(at).unwrap_or_default();
    let at_shared = pointer::child(at_item, "parameters");
    let at_own = pointer::child(at, "parameters");
    let parameters = parameter::parameters(
        id,
        &reference.path,
        [
            (&at_shared, refusals.contract.value().pointer(&at_shared)),
            (&at_own, node.get("parameters")),
        ],
        names,
        refusals,
    );
    let body =
        body(at, reference, node, refusals).map(|body| quote!(body: #json_body<types::#body>));
    let responses = node.get("responses").unwrap_or(&Value::Null);
    let answer = response::answer(
        &pointer::child(at, "responses"),
        id,
        responses,
        names,
        refusals,
    )?;
    let arguments = credential
        .into_iter()
        .chain(parameters.arguments)
        .chain(body);
    let answer_type = answer.type_path;
    let (method_upper, path) = (&reference.method, &reference.path);
    let mut items = parameters.items;
    items.extend(answer.items);
    Some(Operation {
        method: quote! {
            #doc
            #attribute
            async fn #method_name(
                rqctx: ::dropshot::RequestContext<Self::Context>,
                #(#arguments,)*
            ) -> Result<#answer_type, ::dropshot::HttpError>;
        },
        items,
        listed: quote!(Operation { id: #id, method: #method_upper, path: #path }),
        holds_secret: answer.holds_secret,
    })
}

fn attribute(id: &str, reference: &OperationRef, node: &Value) -> TokenStream {
    let tags = node.get("tags").and_then(Value::as_array);
    let tags: Vec<_> = tags
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let tags = (!tags.is_empty()).then(|| quote!(, tags = [#(#tags),*]));
    let deprecated =
        (node.get("deprecated") == Some(&Value::Bool(true))).then(|| quote!(, deprecated = true));
    let method = format_ident!("{}", reference.method);
    let path = &reference.path;
    quote!(#[endpoint(method = #method, path = #path, operation_id = #id #tags #deprecated)])
}

/// The name of the type of the request body, if there is one.
fn body(
    at: &str,
    reference: &OperationRef,
    node: &Value,
    refusals: &Refusals<'_>,
) -> Option<Ident> {
    node.get("requestBody")?;
    let at_body = pointer::child(at, "requestBody");
    if ["GET", "HEAD", "DELETE"].contains(&reference.method.as_str()) {
        // OpenAPI 3.0.3, section 4.7.10.1, and RFC 9110, section 9.3: such content has no meaning.
        refusals.refuse(
            &at_body,
            format!("a {} request with a body", reference.method),
            "use POST, or parameters",
        );
    }
    let (at_body, body) = refusals.resolve(&at_body)?;
    if body.get("required") != Some(&Value::Bool(true)) {
        refusals.refuse(
            &at_body,
            "a body that may be left out is not supported",
            "write `required: true`",
        );
    }
    let content = body.get("content")?;
    let at_content = pointer::child(&at_body, "content");
    if content.as_object().is_some_and(serde_json::Map::is_empty) {
        refusals.refuse(
            &at_content,
            "a body without content",
            "add `application/json`",
        );
    }
    let name = json_schema(&at_content, content, refusals)?;
    schema::check_direction(name, Direction::Request, refusals);
    name::camel(name)
}

/// Checks paths against what dropshot's router takes; it would panic at the start of the server (dropshot 0.18, `router.rs`).
pub(crate) fn check_paths(refusals: &Refusals<'_>) {
    let Some(paths) = refusals.contract.value().get("paths") else {
        return;
    };
    let mut known: Vec<Vec<&str>> = Vec::new();
    for (at, path, _) in pointer::members("/paths", paths) {
        if path.starts_with("x-") {
            continue;
        }
        if path.len() > 1 && path.ends_with('/') {
            refusals.refuse(
                &at,
                "a path with a slash at its end",
                "remove it: dropshot takes both forms for the same",
            );
            continue;
        }
        let segments: Vec<_> = path.split('/').skip(1).filter(|_| path != "/").collect();
        if !segments
            .iter()
            .all(|segment| check_segment(&at, segment, refusals))
        {
            continue;
        }
        let mut variables: Vec<_> = parameter::variables(path).collect();
        variables.sort_unstable();
        if variables.windows(2).any(|pair| pair[0] == pair[1]) {
            refusals.refuse(
                &at,
                "a path with the same parameter twice",
                "rename one of them",
            );
        }
        if let Some(other) = known.iter().find(|other| clash(other, &segments)) {
            refusals.refuse(
                &at,
                format!("dropshot cannot tell this path and `/{}` apart", other.join("/")),
                "let paths with the same beginning go on with the same parameter, or with other words",
            );
        }
        known.push(segments);
    }
}

fn check_segment(at: &str, segment: &str, refusals: &Refusals<'_>) -> bool {
    let variable = segment
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let text = variable.unwrap_or(segment);
    // What RFC 3986 (section 3.3) allows in a segment and no percent-encoding, which dropshot would not take as such; and no `:`,
    // which marks a pattern in a parameter.
    let plain = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=@".contains(&b))
        && ![".", ".."].contains(&text);
    if !plain {
        refusals.refuse(
            at,
            format!("`{segment}` cannot be a segment of a path"),
            "write a word of letters, digits, `-`, `.`, `_`, or one whole parameter in braces",
        );
    }
    plain
}

/// Whether two paths part at a node where one goes on with a parameter and the other with something else.
fn clash(one: &[&str], other: &[&str]) -> bool {
    match one.iter().zip(other).find(|(a, b)| a != b) {
        Some((a, b)) => a.starts_with('{') || b.starts_with('{'),
        None => false,
    }
}
