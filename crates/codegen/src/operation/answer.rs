//! The types of answers that dropshot has none for.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::base::doc::Doc;

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
    let (field, content, derives) = match content {
        Content::Empty => (None, quote!(empty), quote!(Clone, Debug)),
        Content::Json(body) => (
            Some(quote!(#body)),
            quote!(json #body),
            quote!(Clone, Debug),
        ),
        Content::Any => (Some(quote!(::dropshot::Body)), quote!(any), quote!(Debug)),
        Content::Media(media_type) => (
            Some(quote!(::dropshot::Body)),
            quote!(media #media_type),
            quote!(Debug),
        ),
        Content::Whole => (
            Some(quote!(::http::Response<::dropshot::Body>)),
            quote!(whole),
            quote!(Debug),
        ),
    };
    let field = field.map(|field| quote!((pub #field)));
    quote! {
        #doc
        #[derive(#derives)]
        pub struct #name #field;

        ::dropshot_codegen_runtime::response!(#name: #content, #status, #description);
    }
}

/// The type of an answer whose status and content the handler chooses, with this description.
pub(crate) fn free_type(name: &Ident, doc: &Doc, description: &str) -> TokenStream {
    let doc = doc.outer();
    quote! {
        #doc
        #[derive(Debug)]
        pub struct #name(pub ::http::Response<::dropshot::Body>);

        ::dropshot_codegen_runtime::response!(#name: free, #description);
    }
}
