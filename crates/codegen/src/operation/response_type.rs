//! Response types for which dropshot has no type.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::base::doc::Doc;

pub(crate) enum Content {
    Empty,
    Json(TokenStream),
    /// Content that dropshot does not describe.
    Any,
    Media(String),
    /// The handler writes the whole response, including headers.
    Whole,
}

impl Content {
    pub(crate) fn has_dropshot_type(&self) -> bool {
        matches!(self, Content::Json(_) | Content::Any)
    }
}

pub(crate) fn status_type(
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
        // The type is not `Clone`, because dropshot's bodies and pages are not.
        #[derive(Debug)]
        pub struct #name #field;

        ::dropshot_codegen_runtime::response!(#name: #content, #status, #description);
    }
}

/// Generates the type of a response for which the handler chooses status and content.
pub(crate) fn any_status_type(name: &Ident, doc: &Doc, description: &str) -> TokenStream {
    let doc = doc.outer();
    quote! {
        #doc
        #[derive(Debug)]
        pub struct #name(pub ::http::Response<::dropshot::Body>);

        ::dropshot_codegen_runtime::response!(#name: free, #description);
    }
}
