//! The runtime's wrappers of dropshot's extractors: for optional bodies, and for shaped refusals.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::base::doc::Doc;
use crate::base::tokens::mentions_ident;

pub(crate) fn optional_body(extractor: &TokenStream) -> TokenStream {
    quote!(OptionalBody<#extractor>)
}

#[derive(Clone, Copy)]
pub(crate) struct Hooks<'a> {
    pub(crate) refusals: Option<&'a syn::Path>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Head,
    Body,
    Json,
}

impl Kind {
    fn wrapper(self) -> &'static str {
        match self {
            Kind::Head => "Extracted",
            Kind::Body => "ExtractedBody",
            Kind::Json => "JsonBody",
        }
    }

    fn doc(self) -> &'static str {
        match self {
            Kind::Head => "The result of a dropshot extractor that reads the head of a request.",
            Kind::Body => "The result of a dropshot extractor that reads the body of a request.",
            Kind::Json => "A JSON body.",
        }
    }
}

impl Hooks<'_> {
    pub(crate) fn wrapped(&self, kind: Kind, extractor: &TokenStream) -> TokenStream {
        if self.refusals.is_none() {
            return extractor.clone();
        }
        let wrapper = format_ident!("{}", kind.wrapper());
        quote!(#wrapper<#extractor>)
    }

    pub(crate) fn json(&self, ty: &TokenStream) -> TokenStream {
        match self.refusals {
            Some(_) => quote!(JsonBody<#ty>),
            None => quote!(::dropshot::TypedBody<#ty>),
        }
    }

    pub(crate) fn refusals(&self) -> TokenStream {
        match self.refusals {
            Some(path) => quote!(#path),
            None => quote!(::dropshot_codegen_runtime::DropshotRefusals),
        }
    }

    pub(crate) fn aliases(&self, code: &TokenStream) -> TokenStream {
        let Some(refusals) = self.refusals else {
            return TokenStream::new();
        };
        [Kind::Head, Kind::Body, Kind::Json]
            .into_iter()
            .filter(|kind| mentions_ident(code, kind.wrapper()))
            .map(|kind| {
                let doc = Doc::single_line(kind.doc())
                    .append_paragraph(Doc::single_line(
                        "The hook of this API shapes its refusals.",
                    ))
                    .outer();
                let wrapper = format_ident!("{}", kind.wrapper());
                quote! {
                    #doc
                    pub type #wrapper<T> = ::dropshot_codegen_runtime::#wrapper<T, #refusals>;
                }
            })
            .collect()
    }
}
