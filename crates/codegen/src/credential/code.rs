//! The code of credentials.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::{ANONYMOUS, Alternative, BASIC, Carrier, Credentials, Scheme, Set};
use crate::{doc::Doc, secret};

/// The types of credentials and what takes them out of a request. `refusal` is applied to each error.
pub(crate) fn items(credentials: &Credentials, refusal: Option<&syn::Path>) -> TokenStream {
    let alone = credentials.sets.len() == 1;
    let sets = credentials.sets.iter().map(|set| set_items(set, alone));
    let uses = |wanted: fn(&Carrier) -> bool| credentials.carriers().any(wanted);
    let bearer = uses(|it| *it == Carrier::Bearer).then(bearer);
    let basic = uses(|it| *it == Carrier::Basic).then(basic);
    let authorization = (bearer.is_some() || basic.is_some()).then(authorization);
    let header = uses(|it| matches!(it, Carrier::Header(_))).then(header);
    let cookie = uses(|it| matches!(it, Carrier::Cookie(_))).then(cookie);
    let query = uses(|it| matches!(it, Carrier::Query(_))).then(query);
    let plain = uses(|it| *it != Carrier::Basic).then(plain);
    let unauthorized = unauthorized(bearer.is_some(), basic.is_some(), refusal);
    let exported = credentials.sets.iter().map(|set| &set.name);
    let basic_name = basic.is_some().then(|| format_ident!("{BASIC}"));
    let exported = exported.chain(&basic_name);
    quote! {
        pub use credential::{#(#exported),*};

        /// What requests bring to show on whose behalf they are made, and how it is taken out of them.
        mod credential {
            use super::Secret;

            #(#sets)*

            #bearer

            #basic

            #authorization

            #header

            #cookie

            #query

            #plain

            #unauthorized
        }
    }
}

/// The type of a set. `alone` if the contract has no other.
fn set_items(set: &Set, alone: bool) -> TokenStream {
    let name = &set.name;
    let doc = Doc::line("What a request brings to show on whose behalf it is made.");
    let doc = if alone {
        doc
    } else {
        let operations: Vec<_> = set.operations.iter().map(|id| format!("`{id}`")).collect();
        doc.then(Doc::text(&format!(
            "Asked for by {}.",
            operations.join(", ")
        )))
    };
    let doc = doc.then(Doc::text(
        "The variants stand in the order in which they count: of several credentials the first counts, and it alone, even if it \
         turns out to be worth nothing.",
    ));
    let doc = doc.outer();
    let variants = set.alternatives.iter().map(variant);
    let anonymous = format_ident!("{ANONYMOUS}");
    let no_credential = set.optional.then(|| {
        quote! {
            /// The request carries no credential.
            #anonymous,
        }
    });
    let schemes = || set.alternatives.iter().flat_map(|it| &it.schemes);
    let takes_query = schemes().any(|it| matches!(it.carrier, Carrier::Query(_)));
    let takes_headers = schemes().any(|it| !matches!(it.carrier, Carrier::Query(_)));
    let function = match (takes_headers, takes_query) {
        (_, false) => format_ident!("from_headers"),
        (false, true) => format_ident!("from_query"),
        (true, true) => format_ident!("from_headers_and_query"),
    };
    let (parameters, arguments): (Vec<_>, Vec<_>) = [
        takes_headers.then(|| {
            (
                quote!(headers: &::http::HeaderMap),
                quote!(rqctx.request.headers()),
            )
        }),
        takes_query.then(|| {
            (
                quote!(query: &str),
                quote!(rqctx.request.uri().query().unwrap_or_default()),
            )
        }),
    ]
    .into_iter()
    .flatten()
    .unzip();
    let errors = if set.optional {
        "401 if what it carries is malformed, or a part of it is missing."
    } else {
        "401 if there is none, or if the one that counts is malformed."
    };
    let function_doc = Doc::line("Takes the credential that counts out of a request.")
        .then(Doc::line("# Errors").followed_by(&Doc::line(errors)))
        .outer();
    let attempts = set.alternatives.iter().map(attempt);
    let otherwise = otherwise(set);
    quote! {
        #doc
        #[derive(Clone, Debug)]
        pub enum #name {
            #(#variants,)*
            #no_credential
        }

        impl #name {
            #function_doc
            pub fn #function(#(#parameters),*) -> Result<Self, ::dropshot::HttpError> {
                #(#attempts)*
                #otherwise
            }
        }

        #[::async_trait::async_trait]
        impl ::dropshot::SharedExtractor for #name {
            async fn from_request<Context: ::dropshot::ServerContext>(
                rqctx: &::dropshot::RequestContext<Context>,
            ) -> Result<Self, ::dropshot::HttpError> {
                Self::#function(#(#arguments),*)
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
    }
}

fn variant(alternative: &Alternative) -> TokenStream {
    let Alternative {
        variant,
        doc,
        schemes,
    } = alternative;
    let doc = doc.outer();
    let held = |scheme: &Scheme| match scheme.carrier {
        Carrier::Basic => quote!(Basic),
        Carrier::Bearer | Carrier::Header(_) | Carrier::Cookie(_) | Carrier::Query(_) => {
            quote!(Secret)
        }
    };
    match schemes.as_slice() {
        [only] => {
            let held = held(only);
            quote!(#doc #variant(#held))
        }
        several => {
            let fields = several.iter().map(|scheme| {
                let (field, held) = (&scheme.field, held(scheme));
                let doc = scheme.doc.outer();
                quote!(#doc #field: #held)
            });
            quote!(#doc #variant { #(#fields),* })
        }
    }
}

/// What finds a scheme's credential in a request: an `Option`.
fn found(scheme: &Scheme) -> TokenStream {
    match &scheme.carrier {
        Carrier::Bearer => quote!(bearer(headers)?),
        Carrier::Basic => quote!(basic(headers)?),
        Carrier::Header(name) => quote!(header(headers, #name)?),
        Carrier::Cookie(name) => quote!(cookie(headers, #name)?),
        Carrier::Query(name) => quote!(parameter(query, #name)?),
    }
}

fn attempt(alternative: &Alternative) -> TokenStream {
    let variant = &alternative.variant;
    match alternative.schemes.as_slice() {
        [only] => {
            let found = found(only);
            quote! {
                if let Some(secret) = #found {
                    return Ok(Self::#variant(secret));
                }
            }
        }
        several => {
            let fields: Vec<_> = several.iter().map(|scheme| &scheme.field).collect();
            let found = several.iter().map(found);
            quote! {
                if let (#(Some(#fields)),*) = (#(#found),*) {
                    return Ok(Self::#variant { #(#fields),* });
                }
            }
        }
    }
}

/// What is answered where no alternative is there as a whole.
fn otherwise(set: &Set) -> TokenStream {
    let alternatives = set.alternatives.iter().map(|alternative| {
        let carriers = alternative.schemes.iter().map(|it| it.carrier.describe());
        carriers.collect::<Vec<_>>().join(" and ")
    });
    let carriers = alternatives.collect::<Vec<_>>().join(" or ");
    let refused = |what: &str| {
        let message = format!("the request carries {what}: send {carriers}");
        quote!(Err(unauthorized(#message)))
    };
    let anonymous = format_ident!("{ANONYMOUS}");
    // Only of several at once can a part be there.
    let parts: Vec<_> = set
        .alternatives
        .iter()
        .filter(|alternative| alternative.schemes.len() > 1)
        .flat_map(|alternative| &alternative.schemes)
        .map(found)
        .collect();
    if !set.optional {
        refused("no credential")
    } else if parts.is_empty() {
        quote!(Ok(Self::#anonymous))
    } else {
        let refused = refused("a part of a credential");
        quote! {
            if #(#parts.is_some())||* {
                return #refused;
            }
            Ok(Self::#anonymous)
        }
    }
}

fn bearer() -> TokenStream {
    quote! {
        /// The bearer token of a request (RFC 6750, section 2.1). Another scheme of authorization is no bearer token.
        fn bearer(
            headers: &::http::HeaderMap,
        ) -> Result<Option<Secret>, ::dropshot::HttpError> {
            match authorization(headers, "bearer")? {
                Some(token) => secret(
                    token,
                    "the bearer token is malformed: send `Authorization: Bearer ` and the token",
                ),
                None => Ok(None),
            }
        }
    }
}

fn basic() -> TokenStream {
    quote! {
        /// A user and a password.
        #[derive(Clone, Debug)]
        pub struct Basic {
            /// The user, which may be empty and has no colon.
            pub user: Secret,
            /// The password, which may be empty.
            pub password: Secret,
        }

        /// The user and the password of a request (RFC 7617, section 2). Another scheme of authorization has none.
        fn basic(
            headers: &::http::HeaderMap,
        ) -> Result<Option<Basic>, ::dropshot::HttpError> {
            let Some(encoded) = authorization(headers, "basic")? else {
                return Ok(None);
            };
            let malformed = || {
                unauthorized(
                    "user and password are malformed: send `Authorization: Basic ` and the base64 of both, with a colon between",
                )
            };
            let decoded = ::base64::Engine::decode(
                &::base64::engine::general_purpose::STANDARD,
                encoded,
            );
            let decoded = ::zeroize::Zeroizing::new(decoded.map_err(|_| malformed())?);
            let text = ::std::str::from_utf8(&decoded).map_err(|_| malformed())?;
            match text.split_once(':') {
                Some((user, password)) if !text.contains(char::is_control) => Ok(Some(Basic {
                    user: Secret::from(user),
                    password: Secret::from(password),
                })),
                _ => Err(malformed()),
            }
        }
    }
}

fn authorization() -> TokenStream {
    quote! {
        /// What follows the name of a scheme of authorization, if the request uses that scheme.
        fn authorization<'a>(
            headers: &'a ::http::HeaderMap,
            wanted: &'static str,
        ) -> Result<Option<&'a [u8]>, ::dropshot::HttpError> {
            let mut values = headers.get_all(::http::header::AUTHORIZATION).iter();
            let Some(value) = values.next() else {
                return Ok(None);
            };
            if values.next().is_some() {
                return Err(unauthorized("`Authorization` is given twice"));
            }
            // RFC 9110, section 11.4: the scheme is a token and ends where something else begins; section 11.1: its case does not matter.
            let value = value.as_bytes();
            let Some((scheme, rest)) = value.split_at_checked(wanted.len()) else {
                return Ok(None);
            };
            let goes_on = rest
                .first()
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte));
            if goes_on || !scheme.eq_ignore_ascii_case(wanted.as_bytes()) {
                return Ok(None);
            }
            let first = rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len());
            Ok(Some(if first == 0 { &[] } else { &rest[first..] }))
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

fn query() -> TokenStream {
    quote! {
        /// The credential in a parameter of the query.
        fn parameter(
            query: &str,
            name: &'static str,
        ) -> Result<Option<Secret>, ::dropshot::HttpError> {
            let mut values = ::form_urlencoded::parse(query.as_bytes())
                .filter(|(key, _)| key == name);
            let Some((_, value)) = values.next() else {
                return Ok(None);
            };
            if values.next().is_some() {
                return Err(unauthorized("the credential is given twice"));
            }
            secret(value.as_bytes(), "the credential in the query is malformed")
        }
    }
}

fn plain() -> TokenStream {
    quote! {
        /// A credential, if it is one or more visible ASCII characters.
        fn secret(
            text: &[u8],
            malformed: &'static str,
        ) -> Result<Option<Secret>, ::dropshot::HttpError> {
            // Each byte is looked at, also past a wrong one: several at once then.
            let visible = text.iter().fold(true, |visible, byte| visible & byte.is_ascii_graphic());
            match ::std::str::from_utf8(text) {
                Ok(text) if visible && !text.is_empty() => Ok(Some(Secret::from(text))),
                _ => Err(unauthorized(malformed)),
            }
        }
    }
}

/// What makes every 401, with the challenges that RFC 9110 (section 15.5.2) asks for. A key has no scheme that could be named in one.
fn unauthorized(bearer: bool, basic: bool, refusal: Option<&syn::Path>) -> TokenStream {
    let challenges = [
        bearer.then_some("Bearer"),
        // RFC 7617, section 2: a realm is required.
        basic.then_some("Basic realm=\"API\", charset=\"UTF-8\""),
    ];
    let challenges: Vec<_> = challenges.into_iter().flatten().collect();
    let error = quote! {
        ::dropshot::HttpError::for_client_error(
            None,
            ::dropshot::ClientErrorStatusCode::UNAUTHORIZED,
            message.to_owned(),
        )
    };
    let refused = |error: TokenStream| match refusal {
        Some(refusal) => quote!(#refusal(#error)),
        None => error,
    };
    let body = if challenges.is_empty() {
        refused(error)
    } else {
        let refused = refused(quote!(error));
        quote! {
            let mut error = #error;
            #(
                error.headers_mut().append(
                    ::http::header::WWW_AUTHENTICATE,
                    ::http::HeaderValue::from_static(#challenges),
                );
            )*
            #refused
        }
    };
    quote! {
        /// The answer to a request without a usable credential.
        fn unauthorized(message: &'static str) -> ::dropshot::HttpError {
            #body
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
