//! Replacement of typify's implementations of newtypes by macros of the runtime with the same expansion.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, quote};
use serde_json::Value;
use syn::{Item, ItemImpl, ItemStruct, parse_quote};

use super::is_named;
use crate::types::lower::Definition;

pub(super) fn compact(items: Vec<Item>, definitions: &[Definition]) -> Vec<Item> {
    let newtypes: Vec<Newtype> = items
        .iter()
        .filter_map(|item| Newtype::detect(item, &items, definitions))
        .collect();
    items
        .into_iter()
        .flat_map(|item| match &item {
            Item::Struct(declaration) => {
                let newtype = newtypes.iter().find(|it| it.name == declaration.ident);
                let replacement = newtype.map(|it| it.replacement.clone());
                [Some(item), replacement].into_iter().flatten().collect()
            }
            Item::Impl(implementation) if newtypes.iter().any(|it| it.is_for(implementation)) => {
                Vec::new()
            }
            _ => vec![item],
        })
        .collect()
}

struct Newtype {
    name: Ident,
    replaced: Vec<String>,
    replacement: Item,
}

impl Newtype {
    fn detect(item: &Item, items: &[Item], definitions: &[Definition]) -> Option<Self> {
        let Item::Struct(declaration) = item else {
            return None;
        };
        let inner = inner(declaration)?;
        let definition = definitions
            .iter()
            .find(|definition| definition.ident == declaration.ident)?;
        let written: Vec<String> = items
            .iter()
            .filter_map(|item| match item {
                Item::Impl(item) if concerns(item, &declaration.ident) => Some(text(item)),
                _ => None,
            })
            .collect();
        let candidates = [
            bounded(&declaration.ident, inner, &definition.schema),
            plain(&declaration.ident, inner, false, false),
            plain(&declaration.ident, inner, true, false),
            plain(&declaration.ident, inner, true, true),
        ];
        candidates
            .into_iter()
            .flatten()
            .find(|(expansion, _)| {
                expansion.len() == written.len()
                    && expansion.iter().all(|item| written.contains(&text(item)))
            })
            .map(|(_, replacement)| Self {
                name: declaration.ident.clone(),
                replaced: written,
                replacement,
            })
    }

    fn is_for(&self, implementation: &ItemImpl) -> bool {
        concerns(implementation, &self.name) && self.replaced.contains(&text(implementation))
    }
}

fn inner(declaration: &ItemStruct) -> Option<&syn::Type> {
    match &declaration.fields {
        syn::Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
            Some(&fields.unnamed.first()?.ty)
        }
        _ => None,
    }
}

fn concerns(item: &ItemImpl, name: &Ident) -> bool {
    let from = quote!(::std::convert::From<#name>).to_string();
    is_named(&item.self_ty, name)
        || item
            .trait_
            .as_ref()
            .is_some_and(|(path, _)| path.to_token_stream().to_string() == from)
}

/// Returns the code of an implementation, without trailing commas in argument lists.
fn text(item: &ItemImpl) -> String {
    item.to_token_stream().to_string().replace(" ,)", ")")
}

/// Returns the expansion of `bounded_string!` for these bounds, and its call.
fn bounded(name: &Ident, inner: &syn::Type, schema: &Value) -> Option<(Vec<ItemImpl>, Item)> {
    if inner.to_token_stream().to_string() != quote!(::std::string::String).to_string() {
        return None;
    }
    let (mut checks, mut bounds) = (TokenStream::new(), TokenStream::new());
    for (keyword, word, comparison, adjective) in [
        ("maxLength", quote!(max), quote!(>), "longer"),
        ("minLength", quote!(min), quote!(<), "shorter"),
    ] {
        let Some(bound) = schema.get(keyword).and_then(Value::as_u64) else {
            continue;
        };
        let message = format!("{adjective} than {bound} characters");
        let typed = Literal::usize_suffixed(usize::try_from(bound).ok()?);
        let bound = Literal::u64_unsuffixed(bound);
        checks.extend(quote! {
            if value.chars().count() #comparison #typed {
                return Err(#message.into());
            }
        });
        bounds.extend(quote!(, #word #bound));
    }
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        let message = format!("doesn't match pattern \"{pattern}\"");
        checks.extend(quote! {
            static PATTERN: ::std::sync::LazyLock<::regress::Regex> =
                ::std::sync::LazyLock::new(|| { ::regress::Regex::new(#pattern).unwrap() });
            if PATTERN.find(value).is_none() {
                return Err(#message.into());
            }
        });
        bounds.extend(quote!(, pattern #pattern));
    }
    let file: syn::File = parse_quote! {
        impl ::std::ops::Deref for #name {
            type Target = ::std::string::String;
            fn deref(&self) -> &::std::string::String {
                &self.0
            }
        }
        impl ::std::convert::From<#name> for ::std::string::String {
            fn from(value: #name) -> Self {
                value.0
            }
        }
        impl ::std::str::FromStr for #name {
            type Err = self::error::ConversionError;
            fn from_str(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
                #checks
                Ok(Self(value.to_string()))
            }
        }
        impl ::std::convert::TryFrom<&str> for #name {
            type Error = self::error::ConversionError;
            fn try_from(value: &str) -> ::std::result::Result<Self, self::error::ConversionError> {
                value.parse()
            }
        }
        impl ::std::convert::TryFrom<::std::string::String> for #name {
            type Error = self::error::ConversionError;
            fn try_from(
                value: ::std::string::String,
            ) -> ::std::result::Result<Self, self::error::ConversionError> {
                value.parse()
            }
        }
        impl<'de> ::serde::Deserialize<'de> for #name {
            fn deserialize<D>(deserializer: D) -> ::std::result::Result<Self, D::Error>
            where
                D: ::serde::Deserializer<'de>,
            {
                ::std::string::String::deserialize(deserializer)?
                    .parse()
                    .map_err(|e: self::error::ConversionError| {
                        <D::Error as ::serde::de::Error>::custom(e.to_string())
                    })
            }
        }
    };
    let call = parse_quote!(::dropshot_codegen_runtime::bounded_string!(#name #bounds););
    Some((implementations(file), call))
}

/// Returns the expansion of `newtype!`, and its call.
fn plain(
    name: &Ident,
    inner: &syn::Type,
    displays: bool,
    reads_text: bool,
) -> Option<(Vec<ItemImpl>, Item)> {
    let mut file: syn::File = parse_quote! {
        impl ::std::ops::Deref for #name {
            type Target = #inner;
            fn deref(&self) -> &#inner {
                &self.0
            }
        }
        impl ::std::convert::From<#name> for #inner {
            fn from(value: #name) -> Self {
                value.0
            }
        }
        impl ::std::convert::From<#inner> for #name {
            fn from(value: #inner) -> Self {
                Self(value)
            }
        }
    };
    let mut capabilities = TokenStream::new();
    if displays {
        capabilities.extend(quote!(, display));
        file.items.push(parse_quote! {
            impl ::std::fmt::Display for #name {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    self.0.fmt(f)
                }
            }
        });
    }
    if reads_text {
        capabilities.extend(quote!(, text));
        let text: syn::File = parse_quote! {
            impl ::std::str::FromStr for #name {
                type Err = <#inner as ::std::str::FromStr>::Err;
                fn from_str(value: &str) -> ::std::result::Result<Self, Self::Err> {
                    Ok(Self(value.parse()?))
                }
            }
            impl ::std::convert::TryFrom<&str> for #name {
                type Error = <#inner as ::std::str::FromStr>::Err;
                fn try_from(value: &str) -> ::std::result::Result<Self, Self::Error> {
                    value.parse()
                }
            }
            impl ::std::convert::TryFrom<String> for #name {
                type Error = <#inner as ::std::str::FromStr>::Err;
                fn try_from(value: String) -> ::std::result::Result<Self, Self::Error> {
                    value.parse()
                }
            }
        };
        file.items.extend(text.items);
    }
    let call = parse_quote!(::dropshot_codegen_runtime::newtype!(#name(#inner) #capabilities););
    Some((implementations(file), call))
}

fn implementations(file: syn::File) -> Vec<ItemImpl> {
    let items = file.items.into_iter().filter_map(|item| match item {
        Item::Impl(item) => Some(item),
        _ => None,
    });
    items.collect()
}
