//! Strings that never reveal their text.
//!
//! A secret has no `Display` and no `Deref`, its `Debug` prints only the name of its type, an error in reading one
//! never repeats the input, and its memory is wiped on drop. Only `expose`, which is easy to search for, returns the
//! text. Only a conversion to `Zeroizing<String>`, whose memory is wiped too, moves the text out without a copy.

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// A credential, or a header that carries one; `Debug` does not reveal its text.
#[derive(Clone)]
pub struct Secret(String);

crate::secret_string!(Secret);

/// Makes `#[derive(Clone)] pub struct Name(String);` a secret.
///
/// Implements `expose`, `Debug`, `Drop`, `From<String>`, `From<&str>`, the conversions from and to `Zeroizing<String>`,
/// and `Serialize`. With `read`, it also implements `Deserialize`, which enforces the bounds that follow; its error
/// never repeats the text. A pattern needs the feature `regress`.
///
/// ```
/// /// The password of an account.
/// #[derive(Clone)]
/// pub struct Password(String);
///
/// dropshot_codegen_runtime::secret_string!(Password, read, max 128, min 8);
///
/// let password = Password::from("correct horse");
/// assert_eq!(format!("{password:?}"), "Password");
/// assert_eq!(password.expose(), "correct horse");
/// ```
#[macro_export]
macro_rules! secret_string {
    ($name:ident) => {
        impl $name {
            /// Returns the text, which must not appear in logs or errors.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                $crate::private::Zeroize::zeroize(&mut self.0);
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<$crate::private::Zeroizing<String>> for $name {
            fn from(mut text: $crate::private::Zeroizing<String>) -> Self {
                Self(::std::mem::take(&mut text))
            }
        }

        impl From<$name> for $crate::private::Zeroizing<String> {
            fn from(mut secret: $name) -> Self {
                Self::new(::std::mem::take(&mut secret.0))
            }
        }

        impl $crate::private::Serialize for $name {
            fn serialize<S: $crate::private::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
    ($name:ident, read $($bounds:tt)*) => {
        $crate::secret_string!($name);

        impl<'de> $crate::private::Deserialize<'de> for $name {
            fn deserialize<D: $crate::private::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                // The value is created first, so that it is wiped even if it breaks a bound.
                let secret = $crate::secret::read(deserializer).map(Self)?;
                $crate::check_text!(
                    &secret.0,
                    |message| <D::Error as $crate::private::DeserializeError>::custom(message)
                    $($bounds)*
                );
                Ok(secret)
            }
        }
    };
}

/// Reads the text of a secret; the error never repeats the input.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_any(SecretVisitor)
}

/// Accepts only a string.
///
/// serde's default errors quote a number or boolean that is found instead of a string. `serde_json` does the same if a
/// string is requested. Therefore, any value is requested, and every other scalar is refused here.
struct SecretVisitor;

impl SecretVisitor {
    fn refuse<E: Error>() -> Result<String, E> {
        Err(E::custom("invalid type, expected a string"))
    }
}

impl Visitor<'_> for SecretVisitor {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<String, E> {
        Self::refuse()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<String, E> {
        Self::refuse()
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<String, E> {
        Self::refuse()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<String, E> {
        Self::refuse()
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<String, E> {
        Self::refuse()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<String, E> {
        Self::refuse()
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<String, E> {
        Self::refuse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_debug_prints_only_the_type() {
        assert_eq!(format!("{:?}", Secret::from("t0ken")), "Secret");
    }

    #[test]
    fn secret_text_moves_without_copy() {
        let text = "t0ken".to_owned();
        let address = text.as_ptr();
        let secret = Secret::from(text);
        assert_eq!(secret.expose().as_ptr(), address);
        let text = zeroize::Zeroizing::<String>::from(secret);
        assert_eq!(text.as_ptr(), address);
    }
}
