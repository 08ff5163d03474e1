//! Response headers.
//!
//! They become a struct with a constructor `new`. A header with a single valid value is set by the generated code, so
//! that no handler can forget or misspell it. `Set-Cookie`, and a header that is marked as a secret, has a type that
//! does not reveal it.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use serde_json::Value;

use openapi_contract::pointer;

use crate::base::doc::Doc;
use crate::base::http::is_token;
use crate::operation::member::{self, json_schema, with_description};
use crate::operation::scope::Scope;
use crate::schema::is_secret;
use crate::types::Holder;

/// Clippy's limit of arguments (`too_many_arguments`).
const MAX_ARGUMENTS: usize = 7;

pub(crate) struct Header {
    name: String,
    field: Ident,
    doc: Doc,
    required: bool,
    value: Content,
    /// The schema with the header's description, in a form from which dropshot can separate the two.
    schema: Value,
}

enum Content {
    Fixed(String),
    Text,
    Secret,
    /// A value of this type, written as JSON; a string has no quotes.
    Typed(TokenStream),
}

impl Header {
    fn field(&self) -> Option<TokenStream> {
        let field = &self.field;
        let ty = match &self.value {
            Content::Fixed(_) => return None,
            Content::Text => quote!(String),
            Content::Typed(ty) => ty.clone(),
            Content::Secret => quote!(Secret),
        };
        Some(if self.is_optional() {
            quote!(#field: Option<#ty>)
        } else {
            quote!(#field: #ty)
        })
    }

    fn macro_line(&self) -> TokenStream {
        let (name, field) = (self.name.to_ascii_lowercase(), &self.field);
        let kind = match &self.value {
            Content::Fixed(value) => return quote!(#name: fixed #value,),
            Content::Text => quote!(text),
            Content::Typed(_) => quote!(json),
            Content::Secret => quote!(secret),
        };
        let optional = self.is_optional().then(|| quote!(optional));
        quote!(#name: #optional #kind #field,)
    }

    fn is_optional(&self) -> bool {
        !self.required && !matches!(self.value, Content::Fixed(_))
    }

    fn argument(&self) -> Option<TokenStream> {
        let field = &self.field;
        let (argument, optional) = match &self.value {
            Content::Fixed(_) => return None,
            Content::Text => (quote!(impl Into<String>), quote!(String)),
            Content::Secret => (quote!(impl Into<Secret>), quote!(Secret)),
            Content::Typed(ty) => (ty.clone(), ty.clone()),
        };
        Some(if self.is_optional() {
            quote!(#field: Option<#optional>)
        } else {
            quote!(#field: #argument)
        })
    }

    fn initialiser(&self) -> Option<TokenStream> {
        let field = &self.field;
        match &self.value {
            Content::Fixed(_) => None,
            Content::Typed(_) => Some(quote!(#field)),
            Content::Text | Content::Secret if self.is_optional() => Some(quote!(#field)),
            Content::Text | Content::Secret => Some(quote!(#field: #field.into())),
        }
    }
}

/// Reads the headers of a response; `status_name` is part of their types' names.
pub(crate) fn headers(
    at: &str,
    response: &Value,
    status_name: &str,
    scope: &Scope<'_>,
) -> Vec<Header> {
    let refusals = scope.refusals;
    let at_headers = pointer::child(at, "headers");
    let all = response.get("headers").unwrap_or(&Value::Null);
    let (mut names, mut fields) = (HashSet::new(), HashSet::new());
    pointer::members(&at_headers, all)
        .filter_map(|(at, name, _)| {
            let header = header(&at, name, status_name, scope)?;
            if !names.insert(name.to_ascii_lowercase()) || !fields.insert(header.field.clone()) {
                refusals.refuse(
                    &at,
                    format!("there are two headers named `{name}`"),
                    "remove one of them: case and punctuation do not distinguish names",
                );
            }
            Some(header)
        })
        .collect()
}

fn header(at: &str, name: &str, status_name: &str, scope: &Scope<'_>) -> Option<Header> {
    let refusals = scope.refusals;
    let (at_header, node) = refusals.resolve(at)?;
    if !is_token(name) {
        refusals.refuse(
            at,
            format!("`{name}` is not the name of a header"),
            "name it with letters, digits and `-` (RFC 9110, section 5.6.2)",
        );
        return None;
    }
    if name.eq_ignore_ascii_case("content-type") {
        // OpenAPI 3.0.3, section 4.7.17: a header of this name SHALL be ignored.
        refusals.refuse(
            at,
            "`Content-Type` is not supported as a header",
            "remove it: `content` defines it",
        );
        return None;
    }
    let field = member::field(&at_header, name, refusals)?;
    member::check_style(&at_header, node, "simple", false, refusals);
    let at_schema = pointer::child(&at_header, "schema");
    // A header without a schema has `content`, which `validate` refuses.
    let schema = node.get("schema")?;
    let suffix = format!("{status_name}-{name}");
    let value = content(&at_schema, name, &suffix, scope)?;
    let description = node.get("description").and_then(Value::as_str);
    let doc = match description {
        Some(text) => Doc::for_rustdoc(text),
        None => Doc::single_line(&format!("The header `{name}`.")),
    };
    Some(Header {
        name: name.to_owned(),
        field,
        doc,
        required: node.get("required") == Some(&Value::Bool(true)),
        value,
        schema: with_description(schema, description),
    })
}

fn content(at: &str, name: &str, suffix: &str, scope: &Scope<'_>) -> Option<Content> {
    let refusals = scope.refusals;
    let (at_resolved, schema) = refusals.resolve(at)?;
    let single = schema
        .get("enum")
        .and_then(Value::as_array)
        .filter(|values| values.len() == 1);
    if let Some(value) = single.and_then(|values| values[0].as_str()) {
        if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || value.trim() != value {
            refusals.refuse(
                &pointer::child(&at_resolved, "enum"),
                format!("{value:?} cannot be sent in a header"),
                "write visible ASCII characters, with spaces only between them",
            );
        }
        return Some(Content::Fixed(value.to_owned()));
    }
    let kind = member::kind(&at_resolved, schema, refusals);
    if is_secret(schema) || name.eq_ignore_ascii_case("set-cookie") {
        if kind != Some("string") {
            refusals.refuse(at, "a secret must be a string", "write `type: string`");
        }
        return Some(Content::Secret);
    }
    if kind.is_none() {
        refusals.refuse(
            at,
            "a header must be a string, a number or a boolean",
            "make it a string, and describe its format",
        );
        return None;
    }
    let ty = member::without_null(scope.type_of(at, suffix, Holder::Member)?);
    Some(if ty.to_string() == "String" {
        Content::Text
    } else {
        Content::Typed(ty)
    })
}

pub(crate) fn struct_of(
    name: &Ident,
    doc: &Doc,
    headers: &[Header],
    scope: &Scope<'_>,
) -> TokenStream {
    let outer = doc.outer();
    let fields = headers.iter().filter_map(Header::field);
    let lines = headers.iter().map(Header::macro_line);
    let arguments: Vec<_> = headers.iter().filter_map(Header::argument).collect();
    let initialisers = headers.iter().filter_map(Header::initialiser);
    let mut new_doc = Doc::single_line(if arguments.is_empty() {
        "Creates the headers; the contract fixes every value."
    } else {
        "Creates the headers from values of visible ASCII characters."
    });
    for header in headers.iter().filter(|header| header.argument().is_some()) {
        new_doc = new_doc
            .append_paragraph(Doc::single_line(&format!("`{}`:", header.name)))
            .append(&header.doc);
    }
    let new_doc = new_doc.outer();
    let many = (arguments.len() > MAX_ARGUMENTS).then(|| {
        quote! {
            #[expect(
                clippy::too_many_arguments,
                reason = "the contract defines this many headers"
            )]
        }
    });
    let default = arguments.is_empty().then(|| {
        quote! {
            impl Default for #name {
                fn default() -> Self {
                    Self::new()
                }
            }
        }
    });
    let members = headers
        .iter()
        .map(|header| (header.name.as_str(), &header.schema, header.required));
    let json_schema = json_schema(name, members, None, scope);
    quote! {
        #outer
        #[derive(Clone, Debug)]
        pub struct #name {
            #(#fields,)*
        }

        impl #name {
            #new_doc
            #many
            pub fn new(#(#arguments),*) -> Self {
                Self { #(#initialisers),* }
            }
        }

        #default

        ::dropshot_codegen_runtime::response_headers! {
            #name { #(#lines)* }
        }

        #json_schema
    }
}
