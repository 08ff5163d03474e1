use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Block, ImplItem, Item, Lit, Meta, Path, Stmt};

use crate::modules::{Module, NamePath, attributes, defined_name, imports, is_test_only, name_of};

/// Collects every path that a module names, as it would be written outside of functions.
pub(crate) fn collect(module: &Module) -> BTreeSet<NamePath> {
    let mut collector = Collector::default();
    for item in &module.items {
        collector.visit_item(item);
    }
    collector.paths
}

#[derive(Default)]
struct Collector {
    paths: BTreeSet<NamePath>,
    /// The local names of the enclosing blocks: the path of an import, or `None` for an item.
    blocks: Vec<BTreeMap<String, Option<NamePath>>>,
}

impl Collector {
    fn add(&mut self, path: NamePath) {
        let Some(first) = path.first() else { return };
        let local = self.blocks.iter().rev().find_map(|names| names.get(first));
        match local {
            None => drop(self.paths.insert(path)),
            Some(None) => {}
            Some(Some(import)) => {
                let whole = import.iter().chain(&path[1..]).cloned().collect();
                self.paths.insert(whole);
            }
        }
    }

    /// Adds paths of at least two names in the arguments of a macro or attribute.
    fn add_tokens(&mut self, tokens: TokenStream, with_texts: bool) {
        let mut path = NamePath::new();
        let mut colons = 0;
        for token in tokens {
            match &token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    // A path that starts with `::` belongs to another crate.
                    let continues = colons == 2 && !path.is_empty();
                    if !continues {
                        self.add_long(std::mem::take(&mut path));
                    }
                    if continues || colons != 2 {
                        path.push(name_of(ident));
                    }
                    colons = 0;
                }
                _ => {
                    self.add_long(std::mem::take(&mut path));
                    colons = 0;
                }
            }
            match token {
                TokenTree::Group(group) => self.add_tokens(group.stream(), with_texts),
                TokenTree::Literal(literal) if with_texts => self.add_text(literal),
                _ => {}
            }
        }
        self.add_long(path);
    }

    fn add_long(&mut self, path: NamePath) {
        if path.len() >= 2 {
            self.add(path);
        }
    }

    /// Adds a path in a string, such as `#[serde(with = "crate::text")]`.
    fn add_text(&mut self, literal: proc_macro2::Literal) {
        if let Lit::Str(text) = Lit::new(literal)
            && let Ok(path) = text.parse::<Path>()
        {
            self.add_long(names(&path));
        }
    }
}

fn names(path: &Path) -> NamePath {
    let segments = path.segments.iter();
    segments.map(|segment| name_of(&segment.ident)).collect()
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test_only(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Fn(item) => item.attrs.as_slice(),
            ImplItem::Const(item) => &item.attrs,
            _ => &[],
        };
        if !is_test_only(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            for (_, path) in imports(&item.tree) {
                // Local names of the block do not affect the path of an import.
                self.paths.insert(path);
            }
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        let mut names = BTreeMap::new();
        for statement in &block.stmts {
            match statement {
                Stmt::Item(Item::Use(item)) => {
                    for (name, path) in imports(&item.tree) {
                        names.extend(name.map(|name| (name, Some(path))));
                    }
                }
                Stmt::Item(item) => {
                    names.extend(defined_name(item).map(|name| (name_of(name), None)));
                }
                _ => {}
            }
        }
        self.blocks.push(names);
        visit::visit_block(self, block);
        self.blocks.pop();
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() {
            self.add(names(path));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        let name = call.path.segments.last().map(|it| it.ident.to_string());
        // Quoted code belongs to another crate.
        let is_quoted = ["quote", "quote_spanned", "parse_quote"]
            .iter()
            .any(|quote| name.as_deref() == Some(quote));
        if !is_quoted {
            self.add_tokens(call.tokens.clone(), false);
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.add_tokens(list.tokens.clone(), true);
        }
    }
}
