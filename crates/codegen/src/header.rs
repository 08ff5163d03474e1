//! The headers of an answer.
//!
//! They become a struct whose values are given to `new`, but for those that the contract fixes: a header with a single value is filled in by
//! the generated code, so that no handler can forget or misspell it. `Set-Cookie`, and what the contract marks as a secret, is kept in
//! a type that does not show it.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use serde_json::{Map, Value, json};

use crate::{
    contract::is_secret,
    doc::{self, Doc},
    name, pointer,
    refusal::Refusals,
    schema::{Use, check_inner, scalar, usage},
    types,
};

/// More arguments than this would be refused by clippy (`too_many_arguments`).
const MAX_OPEN: usize = 7;

/// A header of an answer.
pub(crate) struct Header {
    name: String,
    field: Ident,
    doc: Doc,
    required: bool,
    value: Content,
    /// The schema, with the header's description, as dropshot takes headers apart.
    schema: Value,
}

/// What a header can hold.
enum Content {
    /// Always the same.
    Fixed(String),
    Text,
    Secret,
    /// A number or a flag, written in decimal or as `true` and `false`.
    Written(TokenStream),
}

impl Header {
    pub(crate) fn is_secret(&self) -> bool {
        matches!(self.value, Content::Secret)
    }

    fn field(&self) -> TokenStream {
        let Self { name, field, .. } = self;
        let held = match &self.value {
            Content::Fixed(_) => quote!(&'static str),
            Content::Text | Content::Written(_) => quote!(String),
            Content::Secret => quote!(Secret),
        };
        if self.is_optional() {
            quote! {
                #[serde(rename = #name, skip_serializing_if = "Option::is_none")]
                #field: Option<#held>
            }
        } else {
            quote!(#[serde(rename = #name)] #field: #held)
        }
    }

    /// Whether it may be left out. What is filled in by the generated code never is.
    fn is_optional(&self) -> bool {
        !self.required && !matches!(self.value, Content::Fixed(_))
    }

    /// The argument of `new`, if the contract leaves the value open.
    fn argument(&self) -> Option<TokenStream> {
        let field = &self.field;
        let (given, optional) = match &self.value {
            Content::Fixed(_) => return None,
            Content::Text => (quote!(impl Into<String>), quote!(String)),
            Content::Secret => (quote!(impl Into<Secret>), quote!(Secret)),
            Content::Written(number) => (number.clone(), number.clone()),
        };
        Some(if self.is_optional() {
            quote!(#field: Option<#optional>)
        } else {
            quote!(#field: #given)
        })
    }

    fn initialiser(&self) -> TokenStream {
        let field = &self.field;
        match &self.value {
            Content::Fixed(value) => quote!(#field: #value),
            Content::Text | Content::Secret if self.is_optional() => quote!(#field),
            Content::Text | Content::Secret => quote!(#field: #field.into()),
            Content::Written(_) if self.is_optional() => {
                quote!(#field: #field.map(|value| value.to_string()))
            }
            Content::Written(_) => quote!(#field: #field.to_string()),
        }
    }
}

/// Reads the headers of a response.
pub(crate) fn headers(at: &str, response: &Value, refusals: &Refusals<'_>) -> Vec<Header> {
    let at_headers = pointer::child(at, "headers");
    let all = response.get("headers").unwrap_or(&Value::Null);
    let (mut names, mut fields) = (HashSet::new(), HashSet::new());
    let headers: Vec<_> = pointer::members(&at_headers, all)
        .filter_map(|(at, name, _)| {
            let header = header(&at, name, refusals)?;
            if !names.insert(name.to_ascii_lowercase()) || !fields.insert(header.field.clone()) {
                refusals.refuse(
                    &at,
                    format!("two headers named `{name}`"),
                    "keep one of them: case and punctuation do not tell them apart",
                );
            }
            Some(header)
        })
        .collect();
    if headers.iter().filter_map(Header::argument).count() > MAX_OPEN {
        refusals.refuse(
            &at_headers,
            format!("more than {MAX_OPEN} headers whose value is open"),
            "fix the value of some with a single `enum` value, or drop them",
        );
    }
    headers
}

fn header(at: &str, name: &str, refusals: &Refusals<'_>) -> Option<Header> {
    let (at_header, node) = refusals.resolve(at)?;
    if !is_token(name) {
        refusals.refuse(
            at,
            format!("`{name}` is no name of a header"),
            "name it with letters, digits and `-` (RFC 9110, section 5.6.2)",
        );
        return None;
    }
    if name.eq_ignore_ascii_case("content-type") {
        // OpenAPI 3.0.3, section 4.7.17: it SHALL be ignored.
        refusals.refuse(
            at,
            "`Content-Type` as a header",
            "remove it: `content` says it",
        );
        return None;
    }
    let Some(field) = name::snake(name) else {
        refusals.refuse(
            at,
            format!("`{name}` cannot become the name of a field"),
            "rename it",
        );
        return None;
    };
    let at_schema = pointer::child(&at_header, "schema");
    // Without one there is `content`, which is refused where fields are.
    let schema = node.get("schema")?;
    let value = content(&at_schema, name, schema, refusals)?;
    let description = node.get("description").and_then(Value::as_str);
    let doc = match description {
        Some(text) => doc::checked(&pointer::child(&at_header, "description"), text, refusals),
        None => Doc::line(&format!("The header `{name}`.")),
    };
    Some(Header {
        name: name.to_owned(),
        field,
        doc,
        required: node.get("required") == Some(&Value::Bool(true)),
        value,
        schema: described(schema, description),
    })
}

fn content(at: &str, name: &str, schema: &Value, refusals: &Refusals<'_>) -> Option<Content> {
    check_bare(at, schema, refusals);
    let secret = is_secret(schema) || name.eq_ignore_ascii_case("set-cookie");
    let single = schema
        .get("enum")
        .and_then(Value::as_array)
        .filter(|values| values.len() == 1);
    if let Some(value) = single.and_then(|values| values[0].as_str()) {
        if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || value.trim() != value {
            refusals.refuse(
                &pointer::child(at, "enum"),
                format!("{value:?} cannot be sent in a header"),
                "write visible ASCII characters, with spaces only between them",
            );
        }
        return Some(Content::Fixed(value.to_owned()));
    }
    if let Use::Named(name) = usage(schema) {
        refusals.refuse(
            at,
            format!("a header with the schema `{name}` is not supported"),
            "write a plain schema here",
        );
        return None;
    }
    // A pattern is taken: it tells callers what the text is made of, attributes of a cookie for example, and whoever
    // writes the value is tested against it.
    let bounded = ["enum", "minLength", "maxLength"]
        .into_iter()
        .find(|keyword| schema.get(keyword).is_some());
    if let Some(keyword) = bounded {
        refusals.refuse(
            &pointer::child(at, keyword),
            format!("`{keyword}` of a header would not be checked"),
            "say it in the description, or fix the value with a single `enum` value",
        );
        return None;
    }
    if !secret {
        check_inner(at, schema, refusals);
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") if secret => Some(Content::Secret),
        Some("string") if schema.get("format").is_none() => Some(Content::Text),
        Some("integer" | "boolean") => scalar(schema, &TokenStream::new()).map(Content::Written),
        _ => {
            refusals.refuse(
                at,
                "a header of this type is not supported",
                "make it a string without a format, an integer or a boolean",
            );
            None
        }
    }
}

/// Checks that the schema of a header or a parameter has no keyword that dropshot drops when it takes the struct of them apart.
pub(crate) fn check_bare(at: &str, schema: &Value, refusals: &Refusals<'_>) {
    for keyword in [
        "description",
        "title",
        "readOnly",
        "writeOnly",
        "deprecated",
    ] {
        if schema.get(keyword).is_some() {
            refusals.refuse(
                &pointer::child(at, keyword),
                format!("`{keyword}` in this schema would be lost"),
                "put it into the description of what the schema is for",
            );
        }
    }
}

/// A schema with the description of what it is for, in the shape that dropshot takes apart again.
pub(crate) fn described(schema: &Value, description: Option<&str>) -> Value {
    match (usage(schema), description) {
        (Use::Inline(_) | Use::Named(_), None) => schema.clone(),
        (Use::Named(_), Some(text)) => json!({ "description": text, "allOf": [schema] }),
        (Use::Inline(_), Some(text)) => {
            let mut members = Map::new();
            members.insert("description".to_owned(), text.into());
            members.extend(schema.as_object().cloned().unwrap_or_default());
            Value::Object(members)
        }
    }
}

/// RFC 9110, section 5.6.2.
pub(crate) fn is_token(name: &str) -> bool {
    let tchar = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(tchar)
}

/// The struct that holds the headers of an answer.
pub(crate) fn struct_of(name: &Ident, doc: &Doc, headers: &[Header]) -> TokenStream {
    let outer = doc.outer();
    let fields = headers.iter().map(Header::field);
    let arguments: Vec<_> = headers.iter().filter_map(Header::argument).collect();
    let initialisers = headers.iter().map(Header::initialiser);
    let mut new_doc = Doc::line(if arguments.is_empty() {
        "The contract fixes every value."
    } else {
        "Takes what the contract leaves open, as visible ASCII."
    });
    for header in headers.iter().filter(|header| header.argument().is_some()) {
        new_doc = new_doc
            .then(Doc::line(&format!("`{}`:", header.name)))
            .followed_by(&header.doc);
    }
    let new_doc = new_doc.outer();
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
    let json_schema = json_schema(name, members);
    quote! {
        #outer
        #[derive(Clone, Debug, ::serde::Serialize)]
        pub struct #name {
            #(#fields,)*
        }

        impl #name {
            #new_doc
            pub fn new(#(#arguments),*) -> Self {
                Self { #(#initialisers),* }
            }
        }

        #default

        #json_schema
    }
}

/// `JsonSchema` of a struct whose members dropshot takes apart into headers or parameters: name, schema, whether it is required.
pub(crate) fn json_schema<'a>(
    name: &Ident,
    members: impl Iterator<Item = (&'a str, &'a Value, bool)>,
) -> TokenStream {
    let (mut properties, mut required, mut references) = (Map::new(), Vec::new(), Vec::new());
    for (member, schema, is_required) in members {
        properties.insert(member.to_owned(), schema.clone());
        if is_required {
            required.push(member.to_owned());
        }
        let target = schema.pointer("/allOf/0").unwrap_or(schema);
        if let Use::Named(component) = usage(target) {
            references.extend(name::camel(component));
        }
    }
    let mut schema = json!({ "type": "object" });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema["properties"] = properties.into();
    let json = types::json_literal(&schema);
    let shown = name.to_string();
    let generator = if references.is_empty() {
        quote!(_)
    } else {
        quote!(generator)
    };
    quote! {
        impl ::schemars::JsonSchema for #name {
            fn schema_name() -> String {
                #shown.to_owned()
            }

            fn json_schema(
                #generator: &mut ::schemars::r#gen::SchemaGenerator,
            ) -> ::schemars::schema::Schema {
                #(generator.subschema_for::<types::#references>();)*
                schema(#json)
            }
        }
    }
}
