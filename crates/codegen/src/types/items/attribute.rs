//! Attributes of serde, as typify writes them.

use proc_macro2::Ident;
use syn::{Attribute, parse_quote};

pub(super) fn serde_parts(attrs: &[Attribute]) -> Vec<syn::Meta> {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("serde"))
        .filter_map(|attr| {
            attr.parse_args_with(
                syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated,
            )
            .ok()
        })
        .flatten()
        .collect()
}

pub(super) fn wire_name(field: &syn::Field) -> String {
    let ident = field.ident.as_ref().map(Ident::to_string);
    serde_rename(&field.attrs).or(ident).unwrap_or_default()
}

pub(super) fn serde_rename(attrs: &[Attribute]) -> Option<String> {
    serde_parts(attrs).into_iter().find_map(|part| match part {
        syn::Meta::NameValue(pair) if pair.path.is_ident("rename") => text_of(&pair.value),
        _ => None,
    })
}

pub(super) fn text_of(value: &syn::Expr) -> Option<String> {
    match value {
        syn::Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Str(text),
            ..
        }) => Some(text.value()),
        _ => None,
    }
}

pub(super) fn rename(attrs: &mut Vec<Attribute>, wire: &str) {
    let parts: Vec<_> = serde_parts(attrs)
        .into_iter()
        .filter(|part| !part.path().is_ident("rename"))
        .collect();
    attrs.retain(|attr| !attr.path().is_ident("serde"));
    attrs.push(parse_quote!(#[serde(rename = #wire, #(#parts),*)]));
}
