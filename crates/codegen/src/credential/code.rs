//! Code generation for credentials: an enum for each list of alternatives, and its extractor.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{ANONYMOUS, Alternative, Carrier, Credentials, Scheme, Set};
use crate::base::doc::Doc;

pub(crate) fn items(credentials: &Credentials, refusals: &TokenStream) -> TokenStream {
    let alone = credentials.sets.len() == 1;
    let uses = |wanted: &Carrier| credentials.carriers().any(|it| it == wanted);
    let challenges = [
        uses(&Carrier::Bearer).then_some("Bearer"),
        // RFC 7617, section 2: a realm is required.
        uses(&Carrier::Basic).then_some("Basic realm=\"API\", charset=\"UTF-8\""),
    ];
    let challenges: Vec<_> = challenges.into_iter().flatten().collect();
    credentials
        .sets
        .iter()
        .map(|set| set_items(set, alone, &challenges, refusals))
        .collect()
}

/// Generates the type of a set; `alone` if the contract has no other set.
fn set_items(set: &Set, alone: bool, challenges: &[&str], refusals: &TokenStream) -> TokenStream {
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
    let attempts = set.alternatives.iter().map(attempt);
    let otherwise = otherwise(set);
    quote! {
        #doc
        #[derive(Clone, Debug)]
        pub enum #name {
            #(#variants,)*
            #no_credential
        }

        impl ::dropshot_codegen_runtime::credential::Credentials for #name {
            const CHALLENGES: &'static [&'static str] = &[#(#challenges),*];

            fn take(
                head: ::dropshot_codegen_runtime::credential::Head<'_>,
            ) -> Result<Self, ::dropshot_codegen_runtime::credential::Unusable> {
                #(#attempts)*
                #otherwise
            }
        }

        ::dropshot_codegen_runtime::credential_extractor!(#name, #refusals);
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

fn found(scheme: &Scheme) -> TokenStream {
    match &scheme.carrier {
        Carrier::Bearer => quote!(head.bearer()?),
        Carrier::Basic => quote!(head.basic()?),
        Carrier::Header(name) => quote!(head.header(#name)?),
        Carrier::Cookie(name) => quote!(head.cookie(#name)?),
        Carrier::Query(name) => quote!(head.query(#name)?),
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

fn otherwise(set: &Set) -> TokenStream {
    let alternatives = set.alternatives.iter().map(|alternative| {
        let carriers = alternative.schemes.iter().map(|it| it.carrier.describe());
        carriers.collect::<Vec<_>>().join(" and ")
    });
    let carriers = alternatives.collect::<Vec<_>>().join(" or ");
    let refused = |what: &str| {
        let message = format!("the request carries {what}: send {carriers}");
        quote!(Err(::dropshot_codegen_runtime::credential::Unusable(#message)))
    };
    let anonymous = format_ident!("{ANONYMOUS}");
    // Only an alternative of several schemes can be incomplete.
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
