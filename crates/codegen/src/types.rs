//! The types of schemas.
//!
//! typify makes them, of what is made ready for it ([`lower`]). To its code are added: docs from the contract on everything public, and checks of
//! the bounds that typify passes over ([`items`]); `JsonSchema`, which gives back the contract's schema word for word ([`json_schema`]); and the
//! secrets, which typify is told to take as types that exist.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashSet},
};

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use serde_json::Value;
use syn::{Item, parse_quote};

use openapi_contract::pointer;

use crate::base::name;
use crate::base::refusal::Refusals;
use crate::schema::{SCHEMAS, Use, check, is_secret, usage};

mod items;
mod json_schema;
mod lower;
mod page;
mod path;
pub(crate) mod secret;
pub(crate) mod std_types;
mod typify;

pub(crate) use json_schema::schema_literal;
use lower::Definition;

/// What holds a value whose schema stands outside of the components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A body: its type has a `JsonSchema` of its own, which gives back the schema as it stands.
    Body,
    /// A member of a generated struct, such as a parameter: the struct's `JsonSchema` is written together with it.
    Member,
}

/// A component schema.
struct Component {
    /// Its name for typify.
    key: String,
    ident: Ident,
}

/// The types of all schemas of a contract, those outside of the components too.
pub(crate) struct Types<'a> {
    refusals: &'a Refusals<'a>,
    components: BTreeMap<String, Component>,
    /// The components for which dropshot's `ResultsPage` stands, each with that of its items.
    pages: BTreeMap<String, String>,
    /// The names that types have.
    taken: RefCell<HashSet<Ident>>,
    definitions: RefCell<Vec<Definition>>,
}

impl<'a> Types<'a> {
    /// Names the types of the components, each after its schema; where two names become one, the later gets a number.
    pub(crate) fn new(refusals: &'a Refusals<'a>) -> Self {
        let mut types = Self {
            refusals,
            components: BTreeMap::new(),
            pages: page::pages(refusals.contract.value()),
            taken: RefCell::default(),
            definitions: RefCell::default(),
        };
        let schemas = refusals.contract.value().pointer(SCHEMAS);
        let mut named: Vec<_> =
            pointer::members(SCHEMAS, schemas.unwrap_or(&Value::Null)).collect();
        // A secret has the first claim on its name, since a client's types are told of it by that name; then whose name is spelt as the type is.
        named.sort_by_key(|(_, name, node)| {
            (
                !is_secret(node),
                name::type_name(name).is_none_or(|ident| ident != name),
            )
        });
        for (at, name, node) in named {
            types.claim_component(name);
            if is_secret(node) && name::camel(name) != types.component(name) {
                check::refuse_name(&at, name, refusals);
            }
        }
        types
    }

    fn claim_component(&mut self, name: &str) {
        let (key, ident) = self.claim(name);
        self.components
            .insert(name.to_owned(), Component { key, ident });
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
        let node = self.node(at)?;
        check::check_inner(at, node, self.refusals);
        if self.refusals.are_within(at) {
            return None;
        }
        match (usage(node), holder) {
            (Use::Named(name), _) => {
                let ident = self.component(name)?;
                Some(quote!(types::#ident))
            }
            (Use::Inline(_), Holder::Member) => {
                let schema = self.inline(at, node, suggested_name);
                Some(path::of(&schema))
            }
            (Use::Inline(_), Holder::Body) => {
                let (key, ident) = self.claim(suggested_name);
                let path = quote!(types::#ident);
                self.define_whole(at, key, ident, true);
                Some(path)
            }
        }
    }

    /// The Rust name of a component schema, without a path. It need not be what `name::camel` makes of the component's name.
    pub(crate) fn component(&self, name: &str) -> Option<Ident> {
        Some(self.components.get(name)?.ident.clone())
    }

    /// Dropshot's type of a page, if the component says what that type says. There is no type for such a component.
    pub(crate) fn page(&self, name: &str) -> Option<TokenStream> {
        let item = self.component(self.pages.get(name)?)?;
        Some(quote!(::dropshot::ResultsPage<types::#item>))
    }

    fn component_key(&self, name: &str) -> Option<&str> {
        Some(self.components.get(name)?.key.as_str())
    }

    fn node(&self, at: &str) -> Option<&'a Value> {
        self.refusals.contract.value().pointer(at)
    }

    /// Takes the suggested name for a type, or the nearest that is free. Gives its name for typify and in Rust.
    fn claim(&self, suggested: &str) -> (String, Ident) {
        let mut taken = self.taken.borrow_mut();
        let mut base = name::type_key(suggested);
        if name::type_of_key(&base).is_none() {
            // It is too long, as that of what stands deep may be.
            base = base.chars().take(80).collect();
        }
        let mut key = base.clone();
        let mut number = 1;
        loop {
            if let Some(ident) = name::type_of_key(&key)
                && taken.insert(ident.clone())
            {
                return (key, ident);
            }
            number += 1;
            // A name that Rust cannot have, such as one that is not ASCII, gives way to one that it can.
            key = match name::type_of_key(&base) {
                Some(_) => format!("{base}{number}"),
                None => format!("Inline{number}"),
            };
        }
    }

    fn add(&self, definition: Definition) {
        self.definitions.borrow_mut().push(definition);
    }

    /// The module of types; nothing if the contract has no schemas.
    pub(crate) fn module(&self) -> TokenStream {
        let refusals = self.refusals;
        if refusals.are_within(SCHEMAS) {
            // What was refused may be what typify panics at.
            return TokenStream::new();
        }
        let schemas = self.node(SCHEMAS).unwrap_or(&Value::Null);
        let mut secrets = Vec::new();
        for (at, name, node) in pointer::members(SCHEMAS, schemas) {
            let Some(Component { key, ident }) = self.components.get(name) else {
                continue;
            };
            if self.pages.contains_key(name) {
                continue;
            }
            if is_secret(node) {
                secrets.push((key.as_str(), ident));
            } else {
                self.define_whole(&at, key.clone(), ident.clone(), false);
            }
        }
        let definitions = self.definitions.borrow();
        if definitions.is_empty() && secrets.is_empty() {
            return TokenStream::new();
        }
        let Some(file) = typify::run(&definitions, &secrets, refusals) else {
            return TokenStream::new();
        };
        let items = items::finish(file, &definitions, refusals);
        let secrets = secret::types(refusals);
        let components = pointer::members(SCHEMAS, schemas)
            .filter(|(_, name, _)| !self.pages.contains_key(*name))
            .filter_map(|(_, name, node)| Some((self.component(name)?, name.as_str(), node, true)));
        let bodies = definitions
            .iter()
            .filter(|definition| definition.is_body)
            .filter_map(|definition| {
                let node = self.node(&definition.at)?;
                let title = node.get("title").and_then(Value::as_str);
                Some((definition.ident.clone(), title, node))
            });
        let bodies: Vec<_> = bodies
            .map(|(ident, title, node)| {
                let shown = ident.to_string();
                self.json_schema(&ident, title.unwrap_or(&shown), node, false)
            })
            .collect();
        let json_schemas = components
            .map(|(ident, name, node, shared)| self.json_schema(&ident, name, node, shared));
        let lints = lints(&items);
        quote! {
            /// The types of the contract's schemas.
            pub mod types {
                #lints

                #(#items)*

                #secrets

                #(#json_schemas)*

                #(#bodies)*
            }
        }
    }
}

/// The exceptions from the lints that the code of typify needs, each only where it does.
fn lints(items: &[Item]) -> TokenStream {
    let code = quote!(#(#items)*).to_string();
    let mut lints = TokenStream::new();
    if code.contains(". unwrap ()") {
        lints.extend(quote! {
            #![expect(
                clippy::unwrap_used,
                reason = "patterns and defaults are read at their first use; they were when this was generated"
            )]
        });
    }
    let holds_data = items.iter().any(|item| match item {
        Item::Enum(item) => item
            .variants
            .iter()
            .any(|variant| !variant.fields.is_empty()),
        _ => false,
    });
    let mut allowed: Vec<syn::Path> = Vec::new();
    if holds_data {
        allowed.push(parse_quote!(clippy::large_enum_variant));
    }
    if code.contains("fn default () -> Self") {
        allowed.push(parse_quote!(clippy::derivable_impls));
    }
    if !allowed.is_empty() {
        lints.extend(quote! {
            #![allow(
                clippy::allow_attributes,
                #(#allowed,)*
                reason = "the contract decides how large a variant is and what a default is"
            )]
        });
    }
    lints
}
