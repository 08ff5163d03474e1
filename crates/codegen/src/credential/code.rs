//! Code generation for credentials: an enum for each list of alternatives, and its extractor.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{ANONYMOUS, Alternative, Carrier, CredentialSet, Credentials, Scheme};
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

/// Generates the type of a set; `alone` states that the contract has no other set.
fn set_items(
    set: &CredentialSet,
    alone: bool,
    challenges: &[&str],
    refusals: &TokenStream,
) -> TokenStream {
    let name = &set.name;
    let doc = Doc::single_line("The credential of a request.");
    let doc = if alone {
        doc
    } else {
        let operations: Vec<_> = set.operations.iter().map(|id| format!("`{id}`")).collect();
        doc.append_paragraph(Doc::for_rustdoc(&format!(
            "Required by {}.",
            operations.join(", ")
        )))
    };
    let doc = doc.append_paragraph(Doc::for_rustdoc(
        "If a request carries several credentials, only the first in the order of the variants is used, even if it is invalid.",
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
    let readers = set.alternatives.iter().map(reader);
    let missing_credential = missing_credential(set);
    quote! {
        #doc
        #[derive(Clone, Debug)]
        pub enum #name {
            #(#variants,)*
            #no_credential
        }

        impl ::dropshot_codegen_runtime::credential::Credentials for #name {
            const CHALLENGES: &'static [&'static str] = &[#(#challenges),*];

            fn read(
                head: ::dropshot_codegen_runtime::credential::Head<'_>,
            ) -> Result<Self, ::dropshot_codegen_runtime::credential::InvalidCredential> {
                #(#readers)*
                #missing_credential
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
    let ty = |scheme: &Scheme| match scheme.carrier {
        Carrier::Basic => quote!(Basic),
        Carrier::Bearer | Carrier::Header(_) | Carrier::Cookie(_) | Carrier::Query(_) => {
            quote!(Secret)
        }
    };
    match schemes.as_slice() {
        [only] => {
            let ty = ty(only);
            quote!(#doc #variant(#ty))
        }
        several => {
            let fields = several.iter().map(|scheme| {
                let (field, ty) = (&scheme.field, ty(scheme));
                let doc = scheme.doc.outer();
                quote!(#doc #field: #ty)
            });
            quote!(#doc #variant { #(#fields),* })
        }
    }
}

fn read(scheme: &Scheme) -> TokenStream {
    match &scheme.carrier {
        Carrier::Bearer => quote!(head.bearer()?),
        Carrier::Basic => quote!(head.basic()?),
        Carrier::Header(name) => quote!(head.header(#name)?),
        Carrier::Cookie(name) => quote!(head.cookie(#name)?),
        Carrier::Query(name) => quote!(head.query(#name)?),
    }
}

fn reader(alternative: &Alternative) -> TokenStream {
    let variant = &alternative.variant;
    match alternative.schemes.as_slice() {
        [only] => {
            let found = read(only);
            quote! {
                if let Some(secret) = #found {
                    return Ok(Self::#variant(secret));
                }
            }
        }
        several => {
            let fields: Vec<_> = several.iter().map(|scheme| &scheme.field).collect();
            let found = several.iter().map(read);
            quote! {
                if let (#(Some(#fields)),*) = (#(#found),*) {
                    return Ok(Self::#variant { #(#fields),* });
                }
            }
        }
    }
}

fn missing_credential(set: &CredentialSet) -> TokenStream {
    let alternatives = set.alternatives.iter().map(|alternative| {
        let carriers = alternative.schemes.iter().map(|it| it.carrier.describe());
        carriers.collect::<Vec<_>>().join(" and ")
    });
    let carriers = alternatives.collect::<Vec<_>>().join(" or ");
    let refused = |problem: &str| {
        let message = format!("{problem}: send {carriers}");
        quote!(Err(::dropshot_codegen_runtime::credential::InvalidCredential(#message)))
    };
    let anonymous = format_ident!("{ANONYMOUS}");
    // Only an alternative of several schemes can be incomplete.
    let parts: Vec<_> = set
        .alternatives
        .iter()
        .filter(|alternative| alternative.schemes.len() > 1)
        .flat_map(|alternative| &alternative.schemes)
        .map(read)
        .collect();
    if !set.optional {
        refused("the request carries no credential")
    } else if parts.is_empty() {
        quote!(Ok(Self::#anonymous))
    } else {
        let refused = refused("the credential of the request is incomplete");
        quote! {
            if #(#parts.is_some())||* {
                return #refused;
            }
            Ok(Self::#anonymous)
        }
    }
}
