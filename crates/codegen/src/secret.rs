//! Types that cannot show what they hold.
//!
//! A secret has no `Display` and no `Deref`, its `Debug` prints the name of the type, an error in reading one never repeats what was read,
//! and its memory is wiped when it is dropped. The one way to the text is `expose`, which is easy to search for; without a copy it can only be
//! moved to where it is wiped as well.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;
use serde_json::Value;

use crate::{
    doc::Doc,
    name, pointer,
    refusal::Refusals,
    schema::{SCHEMAS, secret_names},
};

/// A type for a secret string. `serde` are its implementations of `Serialize` and `Deserialize`, where it has any.
pub(crate) fn newtype(name: &Ident, doc: &TokenStream, serde: &TokenStream) -> TokenStream {
    let shown = name.to_string();
    quote! {
        #doc
        #[derive(Clone)]
        pub struct #name(String);

        impl #name {
            /// The text itself. Whoever calls this keeps it out of logs and errors.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl ::std::fmt::Debug for #name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(#shown)
            }
        }

        impl Drop for #name {
            fn drop(&mut self) {
                ::zeroize::Zeroize::zeroize(&mut self.0);
            }
        }

        impl From<String> for #name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for #name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<::zeroize::Zeroizing<String>> for #name {
            fn from(mut text: ::zeroize::Zeroizing<String>) -> Self {
                Self(::std::mem::take(&mut text))
            }
        }

        impl From<#name> for ::zeroize::Zeroizing<String> {
            fn from(mut secret: #name) -> Self {
                Self::new(::std::mem::take(&mut secret.0))
            }
        }

        #serde
    }
}

/// `Serialize` for a secret.
pub(crate) fn serialize(name: &Ident) -> TokenStream {
    quote! {
        impl ::serde::Serialize for #name {
            fn serialize<S: ::serde::Serializer>(
                &self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    }
}

fn deserialize(name: &Ident, schema: &Value) -> TokenStream {
    let checks = checks(schema);
    let body = if checks.is_empty() {
        quote!(deserializer.deserialize_any(SecretText).map(Self))
    } else {
        // What is out of bounds is wiped too.
        quote! {
            let secret = deserializer.deserialize_any(SecretText).map(Self)?;
            #checks
            Ok(secret)
        }
    };
    quote! {
        impl<'de> ::serde::Deserialize<'de> for #name {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                #body
            }
        }
    }
}

/// What a secret has to hold to where it is read, in words that do not repeat it.
fn checks(schema: &Value) -> TokenStream {
    let custom = quote!(<D::Error as ::serde::de::Error>::custom);
    let length = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
    let mut checks = TokenStream::new();
    if let Some(max) = length("maxLength") {
        let words = format!("longer than {max} characters");
        let max = Literal::u64_unsuffixed(max);
        checks.extend(quote! {
            if secret.0.chars().count() > #max {
                return Err(#custom(#words));
            }
        });
    }
    if let Some(min) = length("minLength").filter(|min| *min > 0) {
        let words = format!("shorter than {min} characters");
        let min = Literal::u64_unsuffixed(min);
        checks.extend(quote! {
            if secret.0.chars().count() < #min {
                return Err(#custom(#words));
            }
        });
    }
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
        let words = format!("doesn't match pattern \"{pattern}\"");
        checks.extend(quote! {
            static PATTERN: ::std::sync::LazyLock<::regress::Regex> =
                ::std::sync::LazyLock::new(|| {
                    ::regress::Regex::new(#pattern).expect("it was when this was generated")
                });
            if PATTERN.find(&secret.0).is_none() {
                return Err(#custom(#words));
            }
        });
    }
    checks
}

/// What reads the text of all secrets. serde's defaults repeat a number or a flag that comes instead of a string, and so does `serde_json` where
/// it is told to expect a string; so it is asked for anything, and every scalar that is no string is refused here.
fn visitor() -> TokenStream {
    let refuse = [
        ("visit_bool", quote!(bool)),
        ("visit_i64", quote!(i64)),
        ("visit_i128", quote!(i128)),
        ("visit_u64", quote!(u64)),
        ("visit_u128", quote!(u128)),
        ("visit_f64", quote!(f64)),
        ("visit_bytes", quote!(&[u8])),
    ]
    .map(|(method, value)| {
        let method = Ident::new(method, proc_macro2::Span::call_site());
        quote! {
            fn #method<E: ::serde::de::Error>(
                self,
                _: #value,
            ) -> Result<Self::Value, E> {
                Err(E::custom("invalid type, expected a string"))
            }
        }
    });
    quote! {
        /// Reads the text of a secret without ever repeating it in an error.
        struct SecretText;

        impl ::serde::de::Visitor<'_> for SecretText {
            type Value = String;

            fn expecting(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: ::serde::de::Error>(
                self,
                text: &str,
            ) -> Result<Self::Value, E> {
                Ok(text.to_owned())
            }

            fn visit_string<E: ::serde::de::Error>(
                self,
                text: String,
            ) -> Result<Self::Value, E> {
                Ok(text)
            }

            #(#refuse)*
        }
    }
}

/// The types of all secret components.
pub(crate) fn types(refusals: &Refusals<'_>) -> TokenStream {
    let secrets = secret_names(refusals.contract);
    if secrets.is_empty() {
        return TokenStream::new();
    }
    let types = secrets.iter().filter_map(|secret| {
        let at = pointer::child(SCHEMAS, secret);
        let schema = refusals
            .contract
            .value()
            .pointer(&at)
            .unwrap_or(&Value::Null);
        let name = name::camel(secret)?;
        let text = schema
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let docs = match text.trim() {
            "" => Doc::line(&format!("The secret `{secret}` of the contract.")),
            text => Doc::text(text),
        };
        let (serialize, deserialize) = (serialize(&name), deserialize(&name, schema));
        Some(newtype(
            &name,
            &docs.outer(),
            &quote!(#serialize #deserialize),
        ))
    });
    let visitor = visitor();
    quote!(#(#types)* #visitor)
}
