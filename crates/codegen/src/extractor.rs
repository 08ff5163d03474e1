//! Extractors around dropshot's: for bodies that may be left out, and for refusals, which pass the hook of the settings.
//!
//! Dropshot's extractors refuse by themselves, before a handler sees the request. Where the caller of the generator has something to say to
//! each refusal, such as a header that every answer must have, they are wrapped.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::doc::Doc;

/// The wrapper for a body that may be left out.
pub(crate) fn optional(extractor: &TokenStream) -> TokenStream {
    quote!(OptionalBody<#extractor>)
}

/// The type of that wrapper.
pub(crate) fn optional_item() -> TokenStream {
    quote! {
        /// A body that may be left out.
        #[derive(Debug)]
        pub struct OptionalBody<E>(Option<E>);

        impl<E> OptionalBody<E> {
            /// What the extractor made of the body, if there is one.
            pub fn into_inner(self) -> Option<E> {
                self.0
            }
        }

        #[::async_trait::async_trait]
        impl<E: ::dropshot::ExclusiveExtractor> ::dropshot::ExclusiveExtractor for OptionalBody<E> {
            async fn from_request<Context: ::dropshot::ServerContext>(
                rqctx: &::dropshot::RequestContext<Context>,
                request: ::http::Request<::dropshot::Body>,
            ) -> Result<Self, ::dropshot::HttpError> {
                if ::http_body::Body::is_end_stream(request.body()) {
                    return Ok(Self(None));
                }
                E::from_request(rqctx, request).await.map(Some).map(Self)
            }

            fn metadata(
                body_content_type: ::dropshot::ApiEndpointBodyContentType,
            ) -> ::dropshot::ExtractorMetadata {
                E::metadata(body_content_type)
            }
        }
    }
}

/// How extractors are written into the arguments of methods.
#[derive(Clone, Copy)]
pub(crate) struct Hooks<'a> {
    /// The extractor of JSON bodies.
    pub(crate) json_body: &'a syn::Path,
    /// What every refusal is given to.
    pub(crate) refusal: Option<&'a syn::Path>,
}

/// What is taken from a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// From its head, by extractors that share it.
    Head,
    /// The body, which only one extractor can take.
    Body,
}

impl Kind {
    fn wrapper(self) -> Ident {
        let name = match self {
            Kind::Head => "Extracted",
            Kind::Body => "ExtractedBody",
        };
        Ident::new(name, Span::call_site())
    }
}

impl Hooks<'_> {
    /// One of dropshot's extractors, wrapped if its refusals are given to something.
    pub(crate) fn wrapped(&self, kind: Kind, extractor: &TokenStream) -> TokenStream {
        if self.refusal.is_none() {
            return extractor.clone();
        }
        let wrapper = kind.wrapper();
        quote!(#wrapper<#extractor>)
    }

    /// The wrapper for one kind of extractors, if there is one.
    pub(crate) fn item(&self, kind: Kind) -> Option<TokenStream> {
        let refusal = self.refusal?;
        let wrapper = kind.wrapper();
        let text = match kind {
            Kind::Head => "What one of dropshot's extractors takes from the head of a request.",
            Kind::Body => "What one of dropshot's extractors makes of the body of a request.",
        };
        let doc = Doc::line(text)
            .then(Doc::line(
                "It differs from that extractor in how it refuses.",
            ))
            .outer();
        let (bound, parameters, arguments) = match kind {
            Kind::Head => (quote!(::dropshot::SharedExtractor), quote!(), quote!()),
            Kind::Body => (
                quote!(::dropshot::ExclusiveExtractor),
                quote!(request: ::http::Request<::dropshot::Body>,),
                quote!(, request),
            ),
        };
        Some(quote! {
            #doc
            #[derive(Debug)]
            pub struct #wrapper<E>(E);

            impl<E> #wrapper<E> {
                /// The extractor itself.
                pub fn into_inner(self) -> E {
                    self.0
                }
            }

            #[::async_trait::async_trait]
            impl<E: #bound> #bound for #wrapper<E> {
                async fn from_request<Context: ::dropshot::ServerContext>(
                    rqctx: &::dropshot::RequestContext<Context>,
                    #parameters
                ) -> Result<Self, ::dropshot::HttpError> {
                    E::from_request(rqctx #arguments)
                        .await
                        .map(Self)
                        .map_err(#refusal)
                }

                fn metadata(
                    body_content_type: ::dropshot::ApiEndpointBodyContentType,
                ) -> ::dropshot::ExtractorMetadata {
                    E::metadata(body_content_type)
                }
            }
        })
    }
}
