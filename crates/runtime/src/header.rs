//! Conversion of values to response headers.

use std::fmt::Display;

use dropshot::HttpError;
use http::{HeaderMap, HeaderValue};
use serde::Serialize;

use crate::secret::Secret;

/// The headers of a response.
pub trait Headers {
    /// Sets the headers, or fails if a value cannot be sent in a header.
    fn write(self, headers: &mut HeaderMap) -> Result<(), HttpError>;
}

/// Implements [`Headers`] for a generated struct.
///
/// Each line has the header's name in lower case, its kind, and its field or value. The kinds are `fixed` (the contract
/// allows one value), `text`, `secret` and `json` (a value as JSON; a string without quotes). `optional` before a kind
/// is for a field that is an `Option`. Names and fixed values are checked at compile time.
#[macro_export]
macro_rules! response_headers {
    ($type:ident { $($headers:tt)* }) => {
        impl $crate::Headers for $type {
            fn write(
                self,
                headers: &mut $crate::private::http::HeaderMap,
            ) -> ::std::result::Result<(), $crate::private::dropshot::HttpError> {
                $crate::response_headers!(@set headers self $($headers)*);
                Ok(())
            }
        }
    };
    (@set $headers:ident $self:ident) => {};
    (@set $headers:ident $self:ident $name:literal: fixed $value:literal, $($rest:tt)*) => {
        $crate::response_headers!(@insert $headers $name, const {
            $crate::private::http::HeaderValue::from_static($value)
        });
        $crate::response_headers!(@set $headers $self $($rest)*);
    };
    (@set $headers:ident $self:ident $name:literal: optional $kind:ident $field:ident, $($rest:tt)*) => {
        if let Some(value) = $self.$field {
            $crate::response_headers!(@insert $headers $name, $crate::header::$kind(&value)?);
        }
        $crate::response_headers!(@set $headers $self $($rest)*);
    };
    (@set $headers:ident $self:ident $name:literal: $kind:ident $field:ident, $($rest:tt)*) => {
        $crate::response_headers!(@insert $headers $name, $crate::header::$kind(&$self.$field)?);
        $crate::response_headers!(@set $headers $self $($rest)*);
    };
    (@insert $headers:ident $name:literal, $value:expr) => {
        $headers.insert(
            const { $crate::private::http::HeaderName::from_static($name) },
            $value,
        );
    };
}

fn internal(error: impl Display) -> HttpError {
    HttpError::for_internal_error(error.to_string())
}

/// Converts text to a header value, if it can be sent in one.
pub fn text(text: &str) -> Result<HeaderValue, HttpError> {
    HeaderValue::from_str(text).map_err(internal)
}

/// Converts a secret to a header value; its `Debug` does not reveal the text either.
pub fn secret(secret: &Secret) -> Result<HeaderValue, HttpError> {
    let mut value = HeaderValue::from_str(secret.expose()).map_err(internal)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Converts a value to a header value: JSON, but a string without quotes.
pub fn json<T: Serialize>(value: &T) -> Result<HeaderValue, HttpError> {
    let text = match serde_json::to_value(value).map_err(internal)? {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    HeaderValue::try_from(text).map_err(internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct All {
        text: String,
        secret: Secret,
        number: u8,
        absent: Option<String>,
    }

    response_headers!(All {
        "x-text": text text,
        "x-secret": secret secret,
        "x-number": json number,
        "x-absent": optional text absent,
        "x-fixed": fixed "one",
    });

    fn all(text: &str) -> All {
        All {
            text: text.to_owned(),
            secret: "t0ken".into(),
            number: 7,
            absent: None,
        }
    }

    #[test]
    fn header_of_each_kind_is_written() {
        let mut headers = HeaderMap::new();
        all("a b").write(&mut headers).expect("valid values");
        insta::assert_debug_snapshot!(headers, @r#"
        {
            "x-text": "a b",
            "x-secret": Sensitive,
            "x-number": "7",
            "x-fixed": "one",
        }
        "#);
    }

    #[test]
    fn invalid_header_value_is_an_internal_error() {
        let error = all("a\nb")
            .write(&mut HeaderMap::new())
            .expect_err("an invalid value");
        assert_eq!(
            error.status_code,
            dropshot::ErrorStatusCode::INTERNAL_SERVER_ERROR
        );
    }
}
