//! The API as a whole: the docs of the file, the tags, and the function `openapi`.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;

use openapi_contract::pointer;

use crate::base::doc::Doc;
use crate::base::refusal::Refusals;

fn text<'a>(refusals: &Refusals<'a>, at: &str) -> Option<&'a str> {
    refusals
        .contract
        .value()
        .pointer(at)
        .and_then(Value::as_str)
}

pub(crate) fn docs(refusals: &Refusals<'_>) -> TokenStream {
    let title = text(refusals, "/info/title").unwrap_or_default();
    let version = text(refusals, "/info/version").unwrap_or_default();
    let mut doc = Doc::single_line(&format!("The API \"{title}\", version {version}."));
    if let Some(description) = text(refusals, "/info/description") {
        doc = doc.append_paragraph(Doc::for_rustdoc(description));
    }
    doc.inner()
}

/// Returns dropshot's `tag_config`; tags may be undeclared (OpenAPI 3.0.3, section 4.7.1.1).
pub(crate) fn tag_config(refusals: &Refusals<'_>) -> Option<TokenStream> {
    let document = refusals.contract.value();
    let tags = document.get("tags").unwrap_or(&Value::Null);
    let mut names = Vec::new();
    let mut entries = Vec::new();
    for (at, tag) in pointer::items("/tags", tags) {
        let field = |key| tag.get(key).and_then(Value::as_str);
        let name = field("name").unwrap_or_default();
        if names.contains(&name) {
            refusals.refuse(
                &at,
                format!("the tag `{name}` is declared twice"),
                "remove one of them",
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
    let operations = refusals.contract.operations();
    let others = operations.iter().any(|operation| {
        let node = document.pointer(&operation.pointer);
        let tags = node.and_then(|node| node.get("tags")?.as_array());
        let mut tags = tags.into_iter().flatten().filter_map(Value::as_str);
        tags.any(|tag| !names.contains(&tag))
    });
    let others = others.then(|| quote!(allow_other_tags = true,));
    (!entries.is_empty()).then(|| quote!(, tag_config = { #others tags = { #(#entries),* } }))
}

/// Generates the function that returns dropshot's document with the contract's title and version.
pub(crate) fn openapi_function(refusals: &Refusals<'_>) -> TokenStream {
    let title = text(refusals, "/info/title").unwrap_or_default();
    let version = text(refusals, "/info/version").unwrap_or_default();
    let Some(version_code) = version_expression(version) else {
        refusals.refuse(
            "/info/version",
            format!("dropshot does not accept the version `{version}`"),
            "write three numbers, such as 1.0.0 (https://semver.org)",
        );
        return TokenStream::new();
    };
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
    let body = if mutable.is_none() {
        quote!(api.openapi(#title, #version_code))
    } else {
        quote! {
            let mut definition = api.openapi(#title, #version_code);
            #setters
            definition
        }
    };
    quote! {
        /// Returns dropshot's OpenAPI document, with the title, version and terms of the contract.
        pub fn openapi<C: ::dropshot::ServerContext>(
            api: &::dropshot::ApiDescription<C>,
        ) -> ::dropshot::OpenApiDefinition<'_, C> {
            #body
        }
    }
}

/// Returns the version for dropshot; missing numbers are zero, so `1.0` becomes `1.0.0`.
fn version_expression(version: &str) -> Option<TokenStream> {
    let (major, minor, patch) = match semver::Version::parse(version) {
        Ok(version) if version.pre.is_empty() && version.build.is_empty() => {
            (version.major, version.minor, version.patch)
        }
        Ok(_) => {
            return Some(quote! {
                ::dropshot::semver::Version::parse(#version).expect("the version was valid when this was generated")
            });
        }
        Err(_) => {
            let numbers = version.strip_prefix('v').unwrap_or(version).split('.');
            let numbers: Vec<u64> = numbers.map(str::parse).collect::<Result<_, _>>().ok()?;
            match numbers.as_slice() {
                [major] => (*major, 0, 0),
                [major, minor] => (*major, *minor, 0),
                [major, minor, patch] => (*major, *minor, *patch),
                _ => return None,
            }
        }
    };
    Some(quote!(::dropshot::semver::Version::new(#major, #minor, #patch)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_with_missing_numbers_is_completed_and_invalid_one_is_none() {
        let made = |version| version_expression(version).map(|made| made.to_string());
        let of = |numbers: [u64; 3]| {
            let [major, minor, patch] = numbers;
            Some(quote!(::dropshot::semver::Version::new(#major, #minor, #patch)).to_string())
        };
        assert_eq!(made("1.2.3"), of([1, 2, 3]));
        assert_eq!(made("1.2"), of([1, 2, 0]));
        assert_eq!(made("v1"), of([1, 0, 0]));
        assert!(
            made("1.0.0-rc.1+7")
                .unwrap()
                .contains("parse (\"1.0.0-rc.1+7\")")
        );
        for version in ["", "v", "one", "1.0.0.0", "2022-11-15", "1.", "-1"] {
            assert_eq!(made(version), None, "{version}");
        }
    }
}
