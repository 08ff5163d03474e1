//! The types of the component schemas.
//!
//! typify makes them. To its code are added: docs from the contract on everything public; `JsonSchema`, which gives back the contract's
//! schema word for word; and the secrets, which typify is told to take as types that exist.

use std::panic;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, quote};
use serde_json::Value;
use syn::{Attribute, Fields, Item, parse_quote};
use typify::{TypeSpace, TypeSpaceSettings};

use crate::{
    contract::is_secret,
    doc::{self, Doc},
    name, pointer,
    refusal::Refusals,
    schema::{self, SCHEMAS, Use, usage},
    secret,
};

/// What holds a value whose schema stands outside of the components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A body: its type has a `JsonSchema` of its own, which gives back the schema as it stands.
    Body,
    /// A member of a generated struct, such as a parameter: the struct's `JsonSchema` is written together with it.
    Member,
}

/// The types of all schemas of a contract, those outside of the components too.
pub(crate) struct Types<'a> {
    refusals: &'a Refusals<'a>,
}

impl<'a> Types<'a> {
    pub(crate) fn new(refusals: &'a Refusals<'a>) -> Self {
        Self { refusals }
    }

    /// The Rust type of the schema at a pointer outside of the components, with its path (`types::Thing`, `Vec<types::Thing>`, `i64`).
    /// A schema that needs a type of its own gets one, named after `suggested_name` in upper camel case, or nearly so where that name is
    /// taken. `None`, and a report, where there is no type for it. References are followed by name: give the pointer of the node with the
    /// `$ref`.
    pub(crate) fn type_of(
        &self,
        at: &str,
        suggested_name: &str,
        holder: Holder,
    ) -> Option<TokenStream> {
        let node = self.refusals.contract.value().pointer(at)?;
        let _ = (suggested_name, holder);
        schema::check_inner(at, node, self.refusals);
        schema::scalar(node, &quote!(types))
    }

    /// The Rust name of a component schema, without a path. It need not be what `name::camel` makes of the component's name.
    pub(crate) fn component(&self, name: &str) -> Option<Ident> {
        name::camel(name)
    }

    /// The module of types; nothing if the contract has no schemas.
    pub(crate) fn module(&self) -> TokenStream {
        let refusals = self.refusals;
        let Some(schemas) = refusals.contract.value().pointer(SCHEMAS) else {
            return TokenStream::new();
        };
        if schemas.as_object().is_none_or(serde_json::Map::is_empty) {
            return TokenStream::new();
        }
        let Some((items, lint)) = typify_items(schemas, refusals) else {
            return TokenStream::new();
        };
        let secrets = secret::types(refusals);
        let json_schemas = pointer::members(SCHEMAS, schemas)
            .filter_map(|(_, name, schema)| Some(json_schema(&name::camel(name)?, name, schema)));
        quote! {
            /// The types of the contract's schemas.
            pub mod types {
                #lint

                #(#items)*

                #secrets

                #(#json_schemas)*
            }
        }
    }
}

/// What typify makes of all schemas that are no secrets, documented; and the exception it needs from the lints.
fn typify_items(schemas: &Value, refusals: &Refusals<'_>) -> Option<(Vec<Item>, TokenStream)> {
    let (file, has_patterns) = run_typify(schemas, refusals)?;
    let mut documented = Vec::new();
    for mut item in file.items {
        let name = match &item {
            Item::Struct(item) => Some(item.ident.clone()),
            Item::Enum(item) => Some(item.ident.clone()),
            _ => None,
        };
        if let Some(name) = name {
            let component = pointer::members(SCHEMAS, schemas)
                .find(|(_, component, _)| name::camel(component).as_ref() == Some(&name));
            let Some((at, component, schema)) = component else {
                refusals.refuse(
                    SCHEMAS,
                    format!("typify made a type `{name}` that no schema is named after"),
                    "give each schema that needs a type a name of its own",
                );
                continue;
            };
            document(&mut item, &at, component, schema, refusals);
        }
        documented.push(item);
    }
    let has_optional = documented.iter().any(|item| match item {
        Item::Struct(item) => item.fields.iter().any(|field| is_option(&field.ty)),
        _ => false,
    });
    documented.extend(has_optional.then(present));
    let lint = has_patterns.then(|| {
        quote! {
            #![expect(
                clippy::unwrap_used,
                reason = "patterns are compiled at their first use; they were when this was generated"
            )]
        }
    });
    Some((documented, lint.unwrap_or_default()))
}

fn is_option(ty: &syn::Type) -> bool {
    match ty {
        syn::Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|segment| segment.ident == "Option"),
        _ => false,
    }
}

/// What reads an optional property. serde takes `null` for a property that is absent; the contract allows no `null`.
fn present() -> Item {
    parse_quote! {
        /// Reads a property that may be absent, and is not `null` where it is present.
        fn present<'de, D: ::serde::Deserializer<'de>, T: ::serde::Deserialize<'de>>(
            deserializer: D,
        ) -> Result<Option<T>, D::Error> {
            T::deserialize(deserializer).map(Some)
        }
    }
}

/// What typify writes, and whether patterns are in it.
fn run_typify(schemas: &Value, refusals: &Refusals<'_>) -> Option<(syn::File, bool)> {
    if refusals.are_within(SCHEMAS) {
        // What was refused may be what typify panics at.
        return None;
    }
    let mut settings = TypeSpaceSettings::default();
    let mut definitions = Vec::new();
    for (at, name, schema) in pointer::members(SCHEMAS, schemas) {
        if is_secret(schema) {
            let type_name = name::camel(name)?;
            settings.with_replacement(&type_name, &type_name, std::iter::empty());
        }
        match serde_json::from_value::<schemars::schema::Schema>(schema.clone()) {
            Ok(schema) => definitions.push((name.clone(), schema)),
            Err(error) => refusals.refuse(
                &at,
                format!("this schema is not supported: {error}"),
                "write a plainer schema",
            ),
        }
    }
    if refusals.are_within(SCHEMAS) {
        return None;
    }
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        let mut space = TypeSpace::new(&settings);
        space
            .add_ref_types(definitions)
            .map(|()| (space.to_stream(), space.uses_regress()))
    }));
    let (at, reason) = match outcome {
        Ok(Ok((stream, has_patterns))) => match syn::parse2(stream) {
            Ok(file) => return Some((file, has_patterns)),
            Err(error) => (SCHEMAS.to_owned(), format!("typify wrote no Rust: {error}")),
        },
        Ok(Err(typify::Error::InvalidSchema { type_name, reason })) => {
            let at = type_name.map(|name| pointer::child(SCHEMAS, name));
            (at.unwrap_or_else(|| SCHEMAS.to_owned()), reason)
        }
        Ok(Err(error)) => (SCHEMAS.to_owned(), error.to_string()),
        Err(_) => (SCHEMAS.to_owned(), "typify panicked".to_owned()),
    };
    refusals.refuse(
        &at,
        format!("typify makes no type of this: {reason}"),
        "write a plainer schema",
    );
    None
}

/// Puts the contract's descriptions on a type and everything public in it.
fn document(item: &mut Item, at: &str, name: &str, schema: &Value, refusals: &Refusals<'_>) {
    let text = schema.get("description").and_then(Value::as_str);
    let docs = match text {
        Some(text) => doc::checked(&pointer::child(at, "description"), text, refusals),
        None => Doc::line(&format!("The schema `{name}` of the contract.")),
    };
    match item {
        Item::Struct(item) => {
            set_docs(&mut item.attrs, &docs);
            if let Fields::Named(fields) = &mut item.fields {
                for field in &mut fields.named {
                    let ident = field
                        .ident
                        .as_ref()
                        .map(Ident::to_string)
                        .unwrap_or_default();
                    let key = renamed(&field.attrs).unwrap_or(ident);
                    let property = pointer::child(&pointer::child(at, "properties"), key);
                    set_docs(&mut field.attrs, &field_docs(&property, refusals));
                    if is_option(&field.ty) {
                        field
                            .attrs
                            .push(parse_quote!(#[serde(default, deserialize_with = "present")]));
                    }
                }
            }
        }
        Item::Enum(item) => {
            set_docs(&mut item.attrs, &docs);
            for variant in &mut item.variants {
                let ident = variant.ident.to_string();
                let value = renamed(&variant.attrs).unwrap_or(ident);
                set_docs(&mut variant.attrs, &Doc::line(&format!("`{value}`")));
            }
        }
        _ => {}
    }
}

/// A property's own description, or the first sentence of that of the component it refers to.
fn field_docs(at: &str, refusals: &Refusals<'_>) -> Doc {
    let Some(node) = refusals.contract.value().pointer(at) else {
        return Doc::default();
    };
    let described = refusals
        .resolve(at)
        .and_then(|(_, schema)| schema.get("description"));
    match (usage(node), described.and_then(Value::as_str)) {
        (Use::Inline(_), Some(text)) => {
            doc::checked(&pointer::child(at, "description"), text, refusals)
        }
        (Use::Named(_), Some(text)) => {
            let sentence = doc::first_sentence(text);
            Doc::new(sentence).unwrap_or_else(|_| Doc::line(sentence))
        }
        (_, None) => Doc::line(&format!("The property `{}`.", pointer::last(at))),
    }
}

fn set_docs(attrs: &mut Vec<Attribute>, docs: &Doc) {
    attrs.retain(|attr| !attr.path().is_ident("doc"));
    let mut all: Vec<Attribute> = docs.attributes();
    all.append(attrs);
    *attrs = all;
}

/// The name on the wire, from `#[serde(rename = "..")]`.
fn renamed(attrs: &[Attribute]) -> Option<String> {
    let mut name = None;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        // What is no `rename` may have any shape; reading stops there.
        let _ = attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename") {
                name = Some(meta.value()?.parse::<syn::LitStr>()?.value());
            } else if meta.input.peek(syn::Token![=]) {
                meta.value()?.parse::<syn::Expr>()?;
            }
            Ok(())
        });
    }
    name
}

/// `JsonSchema` that gives back the contract's schema, and takes along the schemas it refers to.
fn json_schema(type_name: &Ident, name: &str, schema: &Value) -> TokenStream {
    let references: Vec<_> = schema::references(schema)
        .into_iter()
        .filter_map(name::camel)
        .collect();
    let generator = if references.is_empty() {
        quote!(_)
    } else {
        quote!(generator)
    };
    let json = json_literal(schema);
    quote! {
        impl ::schemars::JsonSchema for #type_name {
            fn schema_name() -> String {
                #name.to_owned()
            }

            fn json_schema(
                #generator: &mut ::schemars::r#gen::SchemaGenerator,
            ) -> ::schemars::schema::Schema {
                #(generator.subschema_for::<#references>();)*
                super::schema(#json)
            }
        }
    }
}

/// JSON as a raw string, so that it reads as it is.
pub(crate) fn json_literal(json: &Value) -> Literal {
    let text = format!("{json:#}");
    let mut hashes = "#".to_owned();
    while text.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    format!("r{hashes}\"{text}\"{hashes}")
        .parse()
        .unwrap_or_else(|_| Literal::string(&text))
}

/// The function that reads the schemas in generated code.
pub(crate) fn schema_function() -> TokenStream {
    let function: Item = parse_quote! {
        /// A schema of the contract.
        fn schema(json: &str) -> ::schemars::schema::Schema {
            ::serde_json::from_str(json).expect("it was read when this was generated")
        }
    };
    function.into_token_stream()
}
