//! Types that enforce their bounds when they are created and read.

use proc_macro2::{Ident, TokenStream};
use syn::{Attribute, Fields, Item, parse_quote};

use super::is_impl_of;

/// Returns whether an implementation would bypass the bounds; that of `Default` was checked before.
pub(super) fn skips_bounds(item: &syn::ItemImpl) -> bool {
    is_impl_of(item, &["From", "FromStr", "TryFrom"])
}

/// Generates checked conversions, modelled on those of typify's own newtypes.
pub(super) fn checked_conversions(
    name: &Ident,
    inner: &syn::Type,
    checks: &TokenStream,
) -> Vec<Item> {
    let file: syn::File = parse_quote! {
        impl ::std::convert::TryFrom<#inner> for #name {
            type Error = self::error::ConversionError;

            fn try_from(
                value: #inner,
            ) -> ::std::result::Result<Self, self::error::ConversionError> {
                #checks
                Ok(Self(value))
            }
        }

        impl<'de> ::serde::Deserialize<'de> for #name {
            fn deserialize<D>(deserializer: D) -> ::std::result::Result<Self, D::Error>
            where
                D: ::serde::Deserializer<'de>,
            {
                Self::try_from(<#inner>::deserialize(deserializer)?)
                    .map_err(<D::Error as ::serde::de::Error>::custom)
            }
        }
    };
    file.items
}

pub(super) fn text_conversions(name: &Ident, inner: &syn::Type) -> Vec<Item> {
    let file: syn::File = parse_quote! {
        impl ::std::str::FromStr for #name {
            type Err = self::error::ConversionError;

            fn from_str(
                value: &str,
            ) -> ::std::result::Result<Self, self::error::ConversionError> {
                value
                    .parse::<#inner>()
                    .map_err(|error| self::error::ConversionError::from(error.to_string()))?
                    .try_into()
            }
        }

        impl ::std::convert::TryFrom<&str> for #name {
            type Error = self::error::ConversionError;

            fn try_from(
                value: &str,
            ) -> ::std::result::Result<Self, self::error::ConversionError> {
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
    };
    file.items
}

/// Returns the derives that typify omits for numbers and booleans.
pub(super) fn extra_derives(fields: &Fields) -> Option<Attribute> {
    let syn::Type::Path(path) = &fields.iter().next()?.ty else {
        return None;
    };
    match path.path.get_ident()?.to_string().as_str() {
        "f32" | "f64" => Some(parse_quote!(#[derive(Copy, PartialEq, PartialOrd)])),
        "bool" | "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" => {
            Some(parse_quote!(#[derive(Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]))
        }
        _ => None,
    }
}

pub(super) fn without_deserialize(attr: &Attribute) -> Option<Attribute> {
    if !attr.path().is_ident("derive") {
        return Some(attr.clone());
    }
    let paths = attr
        .parse_args_with(syn::punctuated::Punctuated::<syn::Path, syn::Token![,]>::parse_terminated)
        .ok()?;
    let paths = paths.iter().filter(|path| {
        path.segments
            .last()
            .is_none_or(|segment| segment.ident != "Deserialize")
    });
    Some(parse_quote!(#[derive(#(#paths),*)]))
}
