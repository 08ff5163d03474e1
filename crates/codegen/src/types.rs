//! The Rust types of schemas.
//!
//! [`lower`] prepares the schemas and typify generates the types. [`items`] adds the docs of the contract and checks of
//! the bounds that typify ignores; [`json_schema`] adds a `JsonSchema` that returns the contract's schema unchanged.
//! Secrets are replaced by types of their own.

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

/// The owner of a value with a schema outside of the components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A body: its type has a `JsonSchema` of its own, which returns the schema unchanged.
    Body,
    /// A member of a generated struct, such as a parameter: the struct's `JsonSchema` includes it.
    Member,
}

struct Component {
    key: String,
    ident: Ident,
}

pub(crate) struct Types<'a> {
    refusals: &'a Refusals<'a>,
    components: BTreeMap<String, Component>,
    /// The components that dropshot's `ResultsPage` replaces, each with the component of its items.
    pages: BTreeMap<String, String>,
    used_names: RefCell<HashSet<Ident>>,
    definitions: RefCell<Vec<Definition>>,
}

impl<'a> Types<'a> {
    /// Names the types after their components; if two names become equal, the later one gets a number.
    pub(crate) fn new(refusals: &'a Refusals<'a>) -> Self {
        let mut types = Self {
            refusals,
            components: BTreeMap::new(),
            pages: page::pages(refusals.contract.value()),
            used_names: RefCell::default(),
            definitions: RefCell::default(),
        };
        let schemas = refusals.contract.value().pointer(SCHEMAS);
        let mut named: Vec<_> =
            pointer::members(SCHEMAS, schemas.unwrap_or(&Value::Null)).collect();
        // A secret is named first, because the types of a client refer to it by that name; then the schemas whose names
        // are already those of types.
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

    /// Returns the type of the schema at a pointer outside of the components; `None` if it is refused.
    ///
    /// A type that needs a name is named after `suggested_name` in upper camel case, with a number if that name is
    /// taken. The pointer is to a node with `$ref`, not to its target, because references are followed by name.
    pub(crate) fn type_of(
        &self,
        at: &str,
        suggested_name: &str,
        holder: Holder,
    ) -> Option<TokenStream> {
        let node = self.node(at)?;
        check::check_inner(at, node, self.refusals);
        if self.refusals.has_within(at) {
            return None;
        }
        match (usage(node), holder) {
            (Use::Named(name), _) => {
                let ident = self.component(name)?;
                Some(quote!(types::#ident))
            }
            (Use::Inline(_), Holder::Member) => {
                let schema = self.inline(at, node, suggested_name);
                Some(path::type_path(&schema))
            }
            (Use::Inline(_), Holder::Body) => {
                let (key, ident) = self.claim(suggested_name);
                let path = quote!(types::#ident);
                self.define_whole(at, key, ident, true);
                Some(path)
            }
        }
    }

    /// Returns the Rust name of a component, which may differ from `name::camel` of its name.
    pub(crate) fn component(&self, name: &str) -> Option<Ident> {
        Some(self.components.get(name)?.ident.clone())
    }

    /// Returns dropshot's type of a page if the component describes one; such a component has no type.
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

    /// Reserves the suggested name, or the nearest that is free, for typify and in Rust.
    fn claim(&self, suggested: &str) -> (String, Ident) {
        let mut used = self.used_names.borrow_mut();
        let mut base = name::type_key(suggested);
        if name::type_of_key(&base).is_none() {
            // The name of a deeply nested schema may be too long.
            base = base.chars().take(80).collect();
        }
        let mut key = base.clone();
        let mut number = 1;
        loop {
            if let Some(ident) = name::type_of_key(&key)
                && used.insert(ident.clone())
            {
                return (key, ident);
            }
            number += 1;
            // A name that is invalid in Rust, such as one that is not ASCII, is replaced.
            key = match name::type_of_key(&base) {
                Some(_) => format!("{base}{number}"),
                None => format!("Inline{number}"),
            };
        }
    }

    fn add(&self, definition: Definition) {
        self.definitions.borrow_mut().push(definition);
    }

    pub(crate) fn module(&self) -> TokenStream {
        let refusals = self.refusals;
        if refusals.has_within(SCHEMAS) {
            // typify may panic on a refused schema.
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

fn lints(items: &[Item]) -> TokenStream {
    let code = quote!(#(#items)*).to_string();
    let mut lints = TokenStream::new();
    if code.contains(". unwrap ()") {
        lints.extend(quote! {
            #![expect(
                clippy::unwrap_used,
                reason = "patterns and defaults were checked when this was generated"
            )]
        });
    }
    let has_data = items.iter().any(|item| match item {
        Item::Enum(item) => item
            .variants
            .iter()
            .any(|variant| !variant.fields.is_empty()),
        _ => false,
    });
    let mut allowed: Vec<syn::Path> = Vec::new();
    if has_data {
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
                reason = "the contract determines variants and defaults"
            )]
        });
    }
    lints
}
