//! The runtime's wrappers of dropshot's extractors: for optional bodies, and for shaped refusals.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::base::doc::Doc;
use crate::base::tokens::mentions_ident;

pub(crate) fn optional(extractor: &TokenStream) -> TokenStream {
    quote!(OptionalBody<#extractor>)
}

#[derive(Clone, Copy)]
pub(crate) struct Hooks<'a> {
    pub(crate) refusals: Option<&'a syn::Path>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The head, which several extractors can read.
    Head,
    /// The body, which only one extractor can read.
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
            Kind::Head => "What one of dropshot's extractors takes from the head of a request.",
            Kind::Body => "What one of dropshot's extractors makes of the body of a request.",
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

    /// Generates aliases of the wrappers in use, with the hook as their parameter.
    pub(crate) fn aliases(&self, code: &TokenStream) -> TokenStream {
        let Some(refusals) = self.refusals else {
            return TokenStream::new();
        };
        [Kind::Head, Kind::Body, Kind::Json]
            .into_iter()
            .filter(|kind| mentions_ident(code, kind.wrapper()))
            .map(|kind| {
                let doc = Doc::line(kind.doc())
                    .then(Doc::line(
                        "Its refusals are shaped by the hook of this API.",
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
