//! What the contract says about the API as a whole: the docs of the file, the tags, and the function that makes dropshot's document.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;

use crate::{
    doc::{self, Doc},
    pointer,
    refusal::Refusals,
};

fn text<'a>(refusals: &Refusals<'a>, at: &str) -> Option<&'a str> {
    refusals
        .contract
        .value()
        .pointer(at)
        .and_then(Value::as_str)
}

/// The docs of the generated file.
pub(crate) fn docs(refusals: &Refusals<'_>) -> TokenStream {
    let title = text(refusals, "/info/title").unwrap_or_default();
    let version = text(refusals, "/info/version").unwrap_or_default();
    let mut doc = Doc::line(&format!("The API \"{title}\", version {version}."));
    if let Some(description) = text(refusals, "/info/description") {
        doc = doc.then(doc::checked("/info/description", description, refusals));
    }
    doc.inner()
}

/// The argument `tag_config` of dropshot's macro, if there are tags.
pub(crate) fn tag_config(refusals: &Refusals<'_>) -> Option<TokenStream> {
    let tags = refusals
        .contract
        .value()
        .get("tags")
        .unwrap_or(&Value::Null);
    let mut names = Vec::new();
    let mut entries = Vec::new();
    for (at, tag) in pointer::items("/tags", tags) {
        let field = |key| tag.get(key).and_then(Value::as_str);
        let name = field("name").unwrap_or_default();
        if names.contains(&name) {
            refusals.refuse(
                &at,
                format!("the tag `{name}` stands twice"),
                "keep one of them",
            );
        }
        names.push(name);
        let description = field("description").map(|text| quote!(description = #text));
        let external_docs = tag.get("externalDocs").map(|docs| {
            let url = docs.get("url").and_then(Value::as_str).unwrap_or_default();
            let text = docs.get("description").and_then(Value::as_str);
            let text = text.map(|text| quote!(, description = #text));
            quote!(external_docs = { url = #url #text })
        });
        let details: Vec<_> = description.into_iter().chain(external_docs).collect();
        entries.push(quote!(#name = { #(#details),* }));
    }
    (!entries.is_empty()).then(|| quote!(, tag_config = { tags = { #(#entries),* } }))
}

/// The function that makes dropshot's document say of the API what the contract says.
pub(crate) fn openapi_function(refusals: &Refusals<'_>) -> TokenStream {
    let title = text(refusals, "/info/title").unwrap_or_default();
    let version = text(refusals, "/info/version").unwrap_or_default();
    let version = match semver::Version::parse(version) {
        Ok(version) => version,
        Err(_) => {
            refusals.refuse(
                "/info/version",
                format!("`{version}` is no version that dropshot takes"),
                "write three numbers, such as 1.0.0 (https://semver.org)",
            );
            return TokenStream::new();
        }
    };
    if !version.pre.is_empty() || !version.build.is_empty() {
        refusals.refuse(
            "/info/version",
            format!("`{version}` is more than three numbers"),
            "write three numbers, such as 1.0.0",
        );
    }
    let (major, minor, patch) = (version.major, version.minor, version.patch);
    let license_url = text(refusals, "/info/license/url");
    let license = text(refusals, "/info/license/name").map(|name| match license_url {
        Some(url) => quote!(definition.license(#name, #url);),
        None => quote!(definition.license_name(#name);),
    });
    let setters = [
        ("/info/description", quote!(description)),
        ("/info/termsOfService", quote!(terms_of_service)),
        ("/info/contact/name", quote!(contact_name)),
        ("/info/contact/url", quote!(contact_url)),
        ("/info/contact/email", quote!(contact_email)),
    ]
    .into_iter()
    .filter_map(|(at, setter)| text(refusals, at).map(|text| quote!(definition.#setter(#text);)));
    let setters: TokenStream = setters.chain(license).collect();
    let mutable = (!setters.is_empty()).then(|| quote!(mut));
    let version = quote!(::dropshot::semver::Version::new(#major, #minor, #patch));
    let body = if mutable.is_none() {
        quote!(api.openapi(#title, #version))
    } else {
        quote! {
            let mut definition = api.openapi(#title, #version);
            #setters
            definition
        }
    };
    quote! {
        /// The document that dropshot makes of the API, with the title, version and terms of the contract.
        pub fn openapi<C: ::dropshot::ServerContext>(
            api: &::dropshot::ApiDescription<C>,
        ) -> ::dropshot::OpenApiDefinition<'_, C> {
            #body
        }
    }
}
