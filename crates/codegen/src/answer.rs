//! The types of answers that dropshot has none for.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::doc::Doc;

/// What an answer carries.
pub(crate) enum Content {
    Empty,
    /// JSON of this type.
    Json(TokenStream),
    /// Something that dropshot knows nothing of.
    Any,
    /// Something of this media type.
    Media(String),
    /// Something that only the whole answer tells, with its headers.
    Whole,
}

impl Content {
    /// Whether dropshot's own types with a body can carry it.
    pub(crate) fn has_stock(&self) -> bool {
        matches!(self, Content::Json(_) | Content::Any)
    }
}

/// The type of an answer with this status and description.
pub(crate) fn coded_type(
    name: &Ident,
    doc: &Doc,
    status: &Ident,
    description: &str,
    content: &Content,
) -> TokenStream {
    let doc = doc.outer();
    let coded = quote!(::dropshot::HttpCodedResponse);
    let (field, derives) = match content {
        Content::Empty => (None, quote!(#[derive(Clone, Debug)])),
        Content::Json(body) => (Some(quote!(#body)), quote!(#[derive(Clone, Debug)])),
        Content::Any | Content::Media(_) => {
            (Some(quote!(::dropshot::Body)), quote!(#[derive(Debug)]))
        }
        Content::Whole => (
            Some(quote!(::http::Response<::dropshot::Body>)),
            quote!(#[derive(Debug)]),
        ),
    };
    let body_type = match content {
        // Dropshot's empty body is public only as the body of this type. It documents an answer without content.
        Content::Empty => quote!(<::dropshot::HttpResponseUpdatedNoContent as #coded>::Body),
        Content::Json(body) => quote!(#body),
        Content::Any | Content::Media(_) | Content::Whole => quote!(::dropshot::FreeformBody),
    };
    let conversion = match content {
        Content::Empty => quote!(Ok(
            ::http::Response::builder()
                .status(<#name as #coded>::STATUS_CODE)
                .body(::dropshot::Body::empty())?,
        )),
        Content::Json(_) => quote!(<#name as #coded>::for_object(answer.0)),
        Content::Any => quote!(<#name as #coded>::for_object(answer.0.into())),
        Content::Media(media_type) => quote!(Ok(
            ::http::Response::builder()
                .status(<#name as #coded>::STATUS_CODE)
                .header(::http::header::CONTENT_TYPE, #media_type)
                .body(answer.0)?,
        )),
        Content::Whole => quote!(Ok(answer.0)),
    };
    let argument = if field.is_some() {
        quote!(answer)
    } else {
        quote!(_)
    };
    let declaration = match field {
        Some(field) => quote!(pub struct #name(pub #field);),
        None => quote!(pub struct #name;),
    };
    quote! {
        #doc
        #derives
        #declaration

        impl #coded for #name {
            type Body = #body_type;

            const STATUS_CODE: ::http::StatusCode = ::http::StatusCode::#status;
            const DESCRIPTION: &'static str = #description;
        }

        impl From<#name>
            for Result<::http::Response<::dropshot::Body>, ::dropshot::HttpError>
        {
            fn from(#argument: #name) -> Self {
                #conversion
            }
        }
    }
}

/// The type of an answer whose status and content the handler chooses, with this description.
pub(crate) fn free_type(name: &Ident, doc: &Doc, description: &str) -> TokenStream {
    let doc = doc.outer();
    quote! {
        #doc
        #[derive(Debug)]
        pub struct #name(pub ::http::Response<::dropshot::Body>);

        impl ::dropshot::HttpResponse for #name {
            fn to_result(self) -> Result<::http::Response<::dropshot::Body>, ::dropshot::HttpError> {
                Ok(self.0)
            }

            fn response_metadata() -> ::dropshot::ApiEndpointResponse {
                ::dropshot::ApiEndpointResponse {
                    description: Some(#description.to_owned()),
                    ..Default::default()
                }
            }

            fn status_code(&self) -> ::http::StatusCode {
                self.0.status()
            }
        }
    }
}
