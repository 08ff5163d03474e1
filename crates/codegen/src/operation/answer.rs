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
    let (field, content) = match content {
        Content::Empty => (None, quote!(empty)),
        Content::Json(body) => (Some(quote!(#body)), quote!(json #body)),
        Content::Any => (Some(quote!(::dropshot::Body)), quote!(any)),
        Content::Media(media_type) => (Some(quote!(::dropshot::Body)), quote!(media #media_type)),
        Content::Whole => (
            Some(quote!(::http::Response<::dropshot::Body>)),
            quote!(whole),
        ),
    };
    let field = field.map(|field| quote!((pub #field)));
    quote! {
        #doc
        // Not `Clone`: neither are dropshot's bodies and pages, and an answer is sent once.
        #[derive(Debug)]
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
