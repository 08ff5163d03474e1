//! Response types that dropshot does not have.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::base::doc::Doc;

/// The content of a response.
pub(crate) enum Content {
    Empty,
    /// JSON of this type.
    Json(TokenStream),
    /// Content of any type, which dropshot does not describe.
    Any,
    /// Content of this media type.
    Media(String),
    /// The whole response, including headers, is up to the handler.
    Whole,
}

impl Content {
    /// Returns whether one of dropshot's own types can carry the content.
    pub(crate) fn has_stock(&self) -> bool {
        matches!(self, Content::Json(_) | Content::Any)
    }
}

/// Generates the type of a response with this status and description.
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
        // Not `Clone`, because dropshot's bodies and pages are not.
        #[derive(Debug)]
        pub struct #name #field;

        ::dropshot_codegen_runtime::response!(#name: #content, #status, #description);
    }
}

/// Generates the type of a response whose status and content the handler chooses.
pub(crate) fn free_type(name: &Ident, doc: &Doc, description: &str) -> TokenStream {
    let doc = doc.outer();
    quote! {
        #doc
        #[derive(Debug)]
        pub struct #name(pub ::http::Response<::dropshot::Body>);

        ::dropshot_codegen_runtime::response!(#name: free, #description);
    }
}
