//! Bounded strings, and newtypes that are read from text.

/// Makes `pub struct Name(String);` a bounded string.
///
/// It can only be created by `FromStr`, `TryFrom` and `Deserialize`, which enforce the bounds: `max` and `min` count
/// characters, `pattern` is an ECMA-262 regular expression (feature `regress`). `Deref` and `From` return the text.
///
/// ```
/// /// The name of an account.
/// #[derive(Clone, Debug)]
/// pub struct Username(String);
///
/// dropshot_codegen_runtime::bounded_string!(Username, max 64, min 1);
///
/// assert_eq!("alice".parse::<Username>().expect("within the bounds").len(), 5);
/// assert_eq!("".parse::<Username>().expect_err("too short").to_string(), "shorter than 1 characters");
/// ```
#[macro_export]
macro_rules! bounded_string {
    ($name:ident $($bounds:tt)*) => {
        impl ::std::ops::Deref for $name {
            type Target = String;

            fn deref(&self) -> &String {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::error::ConversionError;

            fn from_str(value: &str) -> ::std::result::Result<Self, Self::Err> {
                $crate::check_text!(value, |message| $crate::error::ConversionError::from(message) $($bounds)*);
                Ok(Self(value.to_owned()))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $crate::error::ConversionError;

            fn try_from(value: &str) -> ::std::result::Result<Self, Self::Error> {
                value.parse()
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::error::ConversionError;

            fn try_from(value: String) -> ::std::result::Result<Self, Self::Error> {
                $crate::check_text!(&value, |message| $crate::error::ConversionError::from(message) $($bounds)*);
                Ok(Self(value))
            }
        }

        impl<'de> $crate::private::Deserialize<'de> for $name {
            fn deserialize<D: $crate::private::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                Self::try_from(String::deserialize(deserializer)?)
                    .map_err(<D::Error as $crate::private::DeserializeError>::custom)
            }
        }
    };
}

/// Returns an error from the calling function if text breaks a bound; bounds are checked in order.
#[doc(hidden)]
#[macro_export]
macro_rules! check_text {
    ($text:expr, |$message:ident| $error:expr) => {};
    ($text:expr, |$message:ident| $error:expr, max $max:literal $($rest:tt)*) => {
        if $text.chars().count() > $max {
            let $message = concat!("longer than ", stringify!($max), " characters");
            return Err($error);
        }
        $crate::check_text!($text, |$message| $error $($rest)*);
    };
    ($text:expr, |$message:ident| $error:expr, min $min:literal $($rest:tt)*) => {
        if $text.chars().count() < $min {
            let $message = concat!("shorter than ", stringify!($min), " characters");
            return Err($error);
        }
        $crate::check_text!($text, |$message| $error $($rest)*);
    };
    ($text:expr, |$message:ident| $error:expr, pattern $pattern:literal $($rest:tt)*) => {
        {
            static PATTERN: ::std::sync::LazyLock<$crate::private::Regex> = ::std::sync::LazyLock::new(|| {
                $crate::private::Regex::new($pattern).expect("the pattern was valid when this was generated")
            });
            if PATTERN.find($text).is_none() {
                let $message = concat!("doesn't match pattern \"", $pattern, "\"");
                return Err($error);
            }
        }
        $crate::check_text!($text, |$message| $error $($rest)*);
    };
}

/// Implements the conversions of a newtype without bounds, `pub struct Name(pub Inner);`.
///
/// These are `Deref` and `From` in both directions; with `display`, also `Display`; with `text`, also `FromStr` and
/// `TryFrom` of strings.
#[macro_export]
macro_rules! newtype {
    ($name:ident($inner:ty)) => {
        impl ::std::ops::Deref for $name {
            type Target = $inner;

            fn deref(&self) -> &$inner {
                &self.0
            }
        }

        impl From<$name> for $inner {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
    ($name:ident($inner:ty), display $(, $rest:ident)*) => {
        $crate::newtype!($name($inner) $(, $rest)*);

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
    ($name:ident($inner:ty), text) => {
        $crate::newtype!($name($inner));

        impl ::std::str::FromStr for $name {
            type Err = <$inner as ::std::str::FromStr>::Err;

            fn from_str(value: &str) -> ::std::result::Result<Self, Self::Err> {
                Ok(Self(value.parse()?))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = <$inner as ::std::str::FromStr>::Err;

            fn try_from(value: &str) -> ::std::result::Result<Self, Self::Error> {
                value.parse()
            }
        }

        impl TryFrom<String> for $name {
            type Error = <$inner as ::std::str::FromStr>::Err;

            fn try_from(value: String) -> ::std::result::Result<Self, Self::Error> {
                value.parse()
            }
        }
    };
}

#[cfg(test)]
mod tests {
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Name(String);

    bounded_string!(Name, max 3, min 1, pattern "^[a-z]+$");

    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Age(pub u8);

    newtype!(Age(u8), display, text);

    #[test]
    fn bounded_string_out_of_bounds_names_the_bound() {
        let refused = |text: &str| text.parse::<Name>().expect_err("out of bounds").to_string();
        assert_eq!(refused("abcd"), "longer than 3 characters");
        assert_eq!(refused(""), "shorter than 1 characters");
        assert_eq!(refused("A"), "doesn't match pattern \"^[a-z]+$\"");
        assert_eq!(
            "abc".parse::<Name>().map(String::from),
            Ok("abc".to_owned())
        );
    }

    #[test]
    fn bounded_string_counts_characters_not_bytes() {
        assert_eq!(
            "äöü"
                .parse::<Name>()
                .expect_err("not in the pattern")
                .to_string(),
            "doesn't match pattern \"^[a-z]+$\""
        );
    }

    #[test]
    fn bounded_string_is_checked_on_deserialization() {
        let read = serde_json::from_str::<Name>("\"abcd\"").expect_err("too long");
        assert_eq!(read.to_string(), "longer than 3 characters");
    }

    #[test]
    fn newtype_parses_and_displays_inner_value() {
        assert_eq!("7".parse(), Ok(Age(7)));
        assert_eq!(Age(7).to_string(), "7");
        assert_eq!(*Age::from(7), 7);
    }
}
