//! Extractors of the runtime around dropshot's: for bodies that may be left out, and for refusals that the service's hook shapes.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::base::doc::Doc;
use crate::base::tokens::mentions_ident;

/// The wrapper for a body that may be left out.
pub(crate) fn optional(extractor: &TokenStream) -> TokenStream {
    quote!(OptionalBody<#extractor>)
}

/// How extractors are written into the arguments of methods.
#[derive(Clone, Copy)]
pub(crate) struct Hooks<'a> {
    /// The type that shapes every refusal, if there is one.
    pub(crate) refusals: Option<&'a syn::Path>,
}

/// What is taken from a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// From its head, by extractors that share it.
    Head,
    /// The body, which only one extractor can take.
    Body,
    /// The body, read as JSON.
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
    /// One of dropshot's extractors, wrapped if its refusals are shaped by a hook.
    pub(crate) fn wrapped(&self, kind: Kind, extractor: &TokenStream) -> TokenStream {
        if self.refusals.is_none() {
            return extractor.clone();
        }
        let wrapper = format_ident!("{}", kind.wrapper());
        quote!(#wrapper<#extractor>)
    }

    /// The extractor of a JSON body.
    pub(crate) fn json(&self, ty: &TokenStream) -> TokenStream {
        match self.refusals {
            Some(_) => quote!(JsonBody<#ty>),
            None => quote!(::dropshot::TypedBody<#ty>),
        }
    }

    /// The type that shapes refusals.
    pub(crate) fn refusals(&self) -> TokenStream {
        match self.refusals {
            Some(path) => quote!(#path),
            None => quote!(::dropshot_codegen_runtime::DropshotRefusals),
        }
    }

    /// The wrappers that code uses, with the hook filled in.
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
