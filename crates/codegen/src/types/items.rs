//! Additions to typify's types: docs, names on the wire, `null` and bounds.

use proc_macro2::Ident;
use quote::quote;
use syn::{Fields, Item, ItemEnum, ItemStruct, parse_quote, visit_mut::VisitMut};

use crate::base::doc::Doc;
use crate::base::refusal::Refusals;
use crate::schema::SCHEMAS;
use crate::types::lower::{Definition, Field, Variant};

mod attribute;
mod bounded;
mod compact;
mod default;
mod docs;

use attribute::{rename, wire_name};
use bounded::{
    checked_conversions, extra_derives, skips_bounds, text_conversions, without_deserialize,
};
use compact::compact;
use default::{drop_unused_defaults, read_defaults};
use docs::{description_or_title, field_docs, set_docs, type_docs};

pub(super) fn finish(
    file: syn::File,
    definitions: &[Definition],
    refusals: &Refusals<'_>,
) -> Vec<Item> {
    let mut items = Vec::new();
    let implements_from_str: Vec<Ident> =
        file.items.iter().filter_map(implements_from_str).collect();
    for mut item in file.items {
        let name = match &item {
            Item::Struct(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Impl(item) => {
                let bounded = definitions.iter().find(|definition| {
                    definition.bounds.is_some() && is_named(&item.self_ty, &definition.ident)
                });
                if bounded.is_some() && skips_bounds(item) {
                    continue;
                }
                None
            }
            _ => None,
        };
        let Some(name) = name else {
            restore_names(&mut item, definitions);
            items.push(item);
            continue;
        };
        let Some(definition) = definitions
            .iter()
            .find(|definition| definition.ident == *name)
        else {
            refusals.refuse(
                SCHEMAS,
                format!("typify generated the unexpected type `{name}`"),
                "move each schema that needs a type to components.schemas",
            );
            continue;
        };
        match &mut item {
            Item::Struct(item) => finish_struct(item, definition, refusals),
            Item::Enum(item) => finish_enum(item, definition, refusals),
            _ => {}
        }
        let mut checks = Vec::new();
        if let (Item::Struct(item), Some(bounds)) = (&item, &definition.bounds)
            && let Some(field) = item.fields.iter().next()
        {
            checks = checked_conversions(&item.ident, &field.ty, &bounds.checks());
            if implements_from_str.contains(&item.ident) {
                checks.extend(text_conversions(&item.ident, &field.ty));
            }
        }
        items.push(item);
        items.extend(checks);
    }
    read_defaults(&mut items, definitions);
    drop_unused_defaults(&mut items);
    share_error(&mut items);
    compact(items, definitions)
}

/// Replaces typify's error type, which is the same in every contract, by that of the runtime.
fn share_error(items: &mut [Item]) {
    for item in items {
        if matches!(item, Item::Mod(module) if module.ident == "error") {
            *item = parse_quote!(
                pub use ::dropshot_codegen_runtime::error;
            );
        }
    }
}

fn is_named(ty: &syn::Type, name: &Ident) -> bool {
    matches!(ty, syn::Type::Path(path) if path.path.is_ident(name))
}

fn implements_from_str(item: &Item) -> Option<Ident> {
    match item {
        Item::Impl(item) if is_impl_of(item, &["FromStr"]) => match &*item.self_ty {
            syn::Type::Path(path) => path.path.get_ident().cloned(),
            _ => None,
        },
        _ => None,
    }
}

fn is_impl_of(item: &syn::ItemImpl, names: &[&str]) -> bool {
    let name = item
        .trait_
        .as_ref()
        .and_then(|(path, _)| path.segments.last());
    name.is_some_and(|segment| names.iter().any(|name| segment.ident == name))
}

fn finish_struct(item: &mut ItemStruct, definition: &Definition, refusals: &Refusals<'_>) {
    set_docs(&mut item.attrs, &type_docs(definition, refusals));
    if definition.bounds.is_some() {
        item.attrs = item.attrs.iter().filter_map(without_deserialize).collect();
        for field in &mut item.fields {
            field.vis = syn::Visibility::Inherited;
        }
        item.attrs.extend(extra_derives(&item.fields));
    }
    finish_fields(&mut item.fields, &definition.fields, refusals);
    serialize_date_time_in_one_piece(&mut item.fields);
}

/// Makes a newtype of a date and time serialize in one piece, which is faster.
fn serialize_date_time_in_one_piece(fields: &mut Fields) {
    let Fields::Unnamed(fields) = fields else {
        return;
    };
    let date_time_type = quote!(::chrono::DateTime<::chrono::offset::Utc>).to_string();
    for field in &mut fields.unnamed {
        let ty = &field.ty;
        if quote!(#ty).to_string() == date_time_type {
            field.attrs.push(
                parse_quote!(#[serde(serialize_with = "::dropshot_codegen_runtime::write_date_time")]),
            );
        }
    }
}

fn finish_enum(item: &mut ItemEnum, definition: &Definition, refusals: &Refusals<'_>) {
    set_docs(&mut item.attrs, &type_docs(definition, refusals));
    let variants = item.variants.iter_mut().zip(&definition.variants);
    for (variant, source) in variants {
        let node = refusals.contract.value().pointer(&source.at);
        let described = node
            .filter(|_| !source.at.is_empty())
            .and_then(description_or_title);
        let docs = match described {
            Some(text) => Doc::for_rustdoc(text),
            None => Doc::single_line(&format!("`{}`", source.name)),
        };
        set_docs(&mut variant.attrs, &docs);
        if source.key != source.name && definition.has_named_variants() {
            rename(&mut variant.attrs, &source.name);
        }
        finish_fields(&mut variant.fields, &source.fields, refusals);
    }
}

/// Restores the contract's names of variants if typify received others.
fn restore_names(item: &mut Item, definitions: &[Definition]) {
    let Item::Impl(item) = item else { return };
    let definition = definitions
        .iter()
        .find(|definition| is_named(&item.self_ty, &definition.ident));
    if let Some(definition) = definition
        && is_impl_of(item, &["Display", "FromStr"])
        && definition.has_named_variants()
    {
        NameRestorer(&definition.variants).visit_item_impl_mut(item);
    }
}

struct NameRestorer<'a>(&'a [Variant]);

impl VisitMut for NameRestorer<'_> {
    fn visit_lit_str_mut(&mut self, literal: &mut syn::LitStr) {
        let key = literal.value();
        if let Some(variant) = self.0.iter().find(|variant| variant.key == key) {
            *literal = syn::LitStr::new(&variant.name, literal.span());
        }
    }
}

fn finish_fields(fields: &mut Fields, sources: &[Field], refusals: &Refusals<'_>) {
    let Fields::Named(fields) = fields else {
        return;
    };
    for field in &mut fields.named {
        let key = wire_name(field);
        let Some(source) = sources.iter().find(|source| source.key == key) else {
            set_docs(
                &mut field.attrs,
                &Doc::single_line("Additional properties."),
            );
            continue;
        };
        set_docs(&mut field.attrs, &field_docs(source, refusals));
        match &source.wire {
            None => {
                field.attrs.retain(|attr| !attr.path().is_ident("serde"));
                field.attrs.push(parse_quote!(#[serde(flatten)]));
            }
            Some(wire) => {
                if *wire != key {
                    rename(&mut field.attrs, wire);
                }
                if is_option(&field.ty) && !source.nullable {
                    field
                        .attrs
                        .push(parse_quote!(#[serde(default, deserialize_with = "::dropshot_codegen_runtime::read_present")]));
                }
            }
        }
    }
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
