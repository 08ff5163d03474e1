//! What `security` becomes: a `Credential` that a request brings, taken out before the handler runs.
//!
//! An operation with security has a parameter of that type, so it cannot be written without one. When a request carries several
//! credentials, the one listed first in the contract counts, and it alone: falling back to the next would let a request with a broken
//! token act as somebody else.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use serde_json::Value;

use crate::{
    doc::{self, Doc},
    header, name, pointer,
    refusal::Refusals,
    secret,
};

/// A way in which a request can bring a credential.
pub(crate) struct Scheme {
    variant: Ident,
    doc: Doc,
    carrier: Carrier,
}

/// Where the credential stands in the request.
#[derive(Clone, PartialEq, Eq)]
enum Carrier {
    /// `Authorization: Bearer ...` (RFC 6750, section 2.1).
    Bearer,
    /// The header with that name.
    Header(String),
    /// The cookie with that name (RFC 6265, section 4.2).
    Cookie(String),
}

impl Carrier {
    /// In the words of an error message.
    fn describe(&self) -> String {
        match self {
            Carrier::Bearer => "`Authorization: Bearer ...`".to_owned(),
            Carrier::Header(name) => format!("the header `{name}`"),
            Carrier::Cookie(name) => format!("the cookie `{name}`"),
        }
    }
}

/// Whether an operation asks for a credential; reports what is not supported.
pub(crate) fn is_secured(at: &str, requirements: &Value, refusals: &Refusals<'_>) -> bool {
    let mut secured = false;
    for (at, requirement) in pointer::items(at, requirements) {
        secured = true;
        let schemes = pointer::members(&at, requirement).collect::<Vec<_>>();
        match schemes.as_slice() {
            [] => refusals.refuse(
                &at,
                "an optional credential is not supported",
                "write `security: []` for an operation that needs none",
            ),
            [(at, _, scopes)] => {
                if scopes.as_array().is_some_and(|scopes| !scopes.is_empty()) {
                    refusals.refuse(
                        at,
                        "scopes are not supported",
                        "write `[]` and check permissions in the handler",
                    );
                }
            }
            [_, second, ..] => refusals.refuse(
                &second.0,
                "several credentials at once are not supported",
                "list each as an alternative of its own",
            ),
        }
    }
    secured
}

/// The alternatives of a list of requirements, in its order.
pub(crate) fn schemes(at: &str, requirements: &Value, refusals: &Refusals<'_>) -> Vec<Scheme> {
    let mut schemes: Vec<Scheme> = Vec::new();
    for (at, requirement) in pointer::items(at, requirements) {
        for (at, scheme_name, _) in pointer::members(&at, requirement) {
            let Some(scheme) = scheme(&at, scheme_name, refusals) else {
                continue;
            };
            let twice = schemes
                .iter()
                .any(|other| other.variant == scheme.variant || other.carrier == scheme.carrier);
            if twice {
                refusals.refuse(&at, "the same credential twice", "keep one of them");
            }
            schemes.push(scheme);
        }
    }
    schemes
}

fn scheme(at: &str, scheme_name: &str, refusals: &Refusals<'_>) -> Option<Scheme> {
    let at_scheme = pointer::child("/components/securitySchemes", scheme_name);
    if refusals.contract.value().pointer(&at_scheme).is_none() {
        refusals.refuse(
            at,
            format!("there is no security scheme `{scheme_name}`"),
            "define it under components.securitySchemes",
        );
        return None;
    }
    let (at_scheme, scheme) = refusals.resolve(&at_scheme)?;
    let text = |key| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
    let carrier = match (text("type"), text("in"), text("scheme")) {
        ("http", _, scheme) if scheme.eq_ignore_ascii_case("bearer") => Carrier::Bearer,
        ("apiKey", "header", _) => Carrier::Header(text("name").to_owned()),
        ("apiKey", "cookie", _) => Carrier::Cookie(text("name").to_owned()),
        _ => {
            refusals.refuse(
                &at_scheme,
                "this kind of security scheme is not supported",
                "write `type: http` with `scheme: bearer`, or `type: apiKey` in a header or a cookie",
            );
            return None;
        }
    };
    if let Carrier::Header(name) | Carrier::Cookie(name) = &carrier
        && !header::is_token(name)
    {
        // RFC 9110, section 5.6.2, and RFC 6265, section 4.1.1.
        refusals.refuse(
            &pointer::child(&at_scheme, "name"),
            format!("`{name}` cannot be the name of a header or a cookie"),
            "name it with letters, digits, `-` and `_`",
        );
    }
    let Some(variant) = name::camel(scheme_name) else {
        refusals.refuse(
            &at_scheme,
            format!("`{scheme_name}` cannot become a name"),
            "begin it with a letter",
        );
        return None;
    };
    let doc = match scheme.get("description").and_then(Value::as_str) {
        Some(text) => doc::checked(&pointer::child(&at_scheme, "description"), text, refusals),
        None => Doc::line(&format!("From {}.", carrier.describe())),
    };
    Some(Scheme {
        variant,
        doc,
        carrier,
    })
}

/// The type `Credential` and what takes it out of a request. `refusal` is applied to each error.
pub(crate) fn items(schemes: &[Scheme], refusal: Option<&syn::Path>) -> TokenStream {
    let variants = schemes.iter().map(|Scheme { variant, doc, .. }| {
        let doc = doc.outer();
        quote!(#doc #variant(Secret))
    });
    let attempts = schemes.iter().map(
        |Scheme {
             variant, carrier, ..
         }| {
            let found = match carrier {
                Carrier::Bearer => quote!(bearer(headers)?),
                Carrier::Header(name) => quote!(header(headers, #name)?),
                Carrier::Cookie(name) => quote!(cookie(headers, #name)?),
            };
            quote! {
                if let Some(secret) = #found {
                    return Ok(Self::#variant(secret));
                }
            }
        },
    );
    let carriers: Vec<_> = schemes
        .iter()
        .map(|scheme| scheme.carrier.describe())
        .collect();
    let missing = format!(
        "the request carries no credential: send {}",
        carriers.join(" or ")
    );
    let uses = |wanted: fn(&Carrier) -> bool| schemes.iter().any(|scheme| wanted(&scheme.carrier));
    let bearer = uses(|carrier| *carrier == Carrier::Bearer).then(bearer);
    let header = uses(|carrier| matches!(carrier, Carrier::Header(_))).then(header);
    let cookie = uses(|carrier| matches!(carrier, Carrier::Cookie(_))).then(cookie);
    let error = quote! {
        ::dropshot::HttpError::for_client_error(
            None,
            ::dropshot::ClientErrorStatusCode::UNAUTHORIZED,
            message.to_owned(),
        )
    };
    let error = match refusal {
        Some(refusal) => quote!(#refusal(#error)),
        None => error,
    };
    quote! {
        /// What a request brings to show on whose behalf it is made.
        ///
        /// The variants stand in the order in which they count: of several credentials the first counts, and it alone, even if it
        /// turns out to be worth nothing.
        #[derive(Clone, Debug)]
        pub enum Credential {
            #(#variants,)*
        }

        impl Credential {
            /// Takes the credential that counts out of the headers of a request.
            ///
            /// # Errors
            /// 401 if there is none, or if the one that counts is malformed.
            pub fn from_headers(
                headers: &::http::HeaderMap,
            ) -> Result<Self, ::dropshot::HttpError> {
                #(#attempts)*
                Err(unauthorized(#missing))
            }
        }

        #[::async_trait::async_trait]
        impl ::dropshot::SharedExtractor for Credential {
            async fn from_request<Context: ::dropshot::ServerContext>(
                rqctx: &::dropshot::RequestContext<Context>,
            ) -> Result<Self, ::dropshot::HttpError> {
                Self::from_headers(rqctx.request.headers())
            }

            fn metadata(
                _: ::dropshot::ApiEndpointBodyContentType,
            ) -> ::dropshot::ExtractorMetadata {
                ::dropshot::ExtractorMetadata {
                    extension_mode: ::dropshot::ExtensionMode::None,
                    parameters: Vec::new(),
                }
            }
        }

        #bearer

        #header

        #cookie

        /// A credential, if it is one or more visible ASCII characters.
        fn secret(
            text: &[u8],
            malformed: &'static str,
        ) -> Result<Option<Secret>, ::dropshot::HttpError> {
            match ::std::str::from_utf8(text) {
                Ok(text)
                    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) =>
                {
                    Ok(Some(Secret::from(text)))
                }
                _ => Err(unauthorized(malformed)),
            }
        }

        /// The answer to a request without a usable credential.
        fn unauthorized(message: &'static str) -> ::dropshot::HttpError {
            #error
        }
    }
}

fn bearer() -> TokenStream {
    quote! {
        /// The bearer token of a request (RFC 6750, section 2.1). Another scheme of authorization is no bearer token.
        fn bearer(
            headers: &::http::HeaderMap,
        ) -> Result<Option<Secret>, ::dropshot::HttpError> {
            let mut values = headers.get_all(::http::header::AUTHORIZATION).iter();
            let Some(value) = values.next() else {
                return Ok(None);
            };
            if values.next().is_some() {
                return Err(unauthorized("`Authorization` is given twice"));
            }
            // RFC 9110, section 11.4: the scheme is a token and ends where something else begins; section 11.1: its case does not matter.
            let value = value.as_bytes();
            let end = value
                .iter()
                .position(|byte| !(byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)))
                .unwrap_or(value.len());
            let (scheme, rest) = value.split_at(end);
            if !scheme.eq_ignore_ascii_case(b"bearer") {
                return Ok(None);
            }
            let first = rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len());
            let token = if first == 0 { &[] } else { &rest[first..] };
            secret(token, "the bearer token is malformed: send `Authorization: Bearer ` and the token")
        }
    }
}

fn header() -> TokenStream {
    quote! {
        /// The credential in a header.
        fn header(
            headers: &::http::HeaderMap,
            name: &'static str,
        ) -> Result<Option<Secret>, ::dropshot::HttpError> {
            let mut values = headers.get_all(name).iter();
            let Some(value) = values.next() else {
                return Ok(None);
            };
            if values.next().is_some() {
                return Err(unauthorized("the credential is given twice"));
            }
            secret(value.as_bytes(), "the credential in the header is malformed")
        }
    }
}

fn cookie() -> TokenStream {
    quote! {
        /// The credential in a cookie: the first of that name, in whichever `Cookie` header it comes (HTTP/2 allows several: RFC 9113,
        /// section 8.2.3).
        fn cookie(
            headers: &::http::HeaderMap,
            name: &'static str,
        ) -> Result<Option<Secret>, ::dropshot::HttpError> {
            for value in headers.get_all(::http::header::COOKIE) {
                // Other cookies may hold what is no UTF-8; it must not get in the way of this one.
                let text = String::from_utf8_lossy(value.as_bytes());
                for cookie in ::cookie::Cookie::split_parse(text.as_ref()).flatten() {
                    if cookie.name() == name {
                        return secret(
                            cookie.value().as_bytes(),
                            "the credential in the cookie is malformed",
                        );
                    }
                }
            }
            Ok(None)
        }
    }
}

/// The type that holds a credential, or a header that nobody should see. `serialize` where it is written into headers.
pub(crate) fn secret_type(serialize: bool) -> TokenStream {
    let name = Ident::new("Secret", proc_macro2::Span::call_site());
    let doc = Doc::line("A credential, or a header that carries one. Its `Debug` shows nothing.");
    let serde = if serialize {
        secret::serialize(&name)
    } else {
        TokenStream::new()
    };
    secret::newtype(&name, &doc.outer(), &serde)
}
