//! The error for values that the contract does not allow.

use std::borrow::Cow;
use std::fmt;

/// The error for a value that breaks a bound of the contract; the message never repeats the value.
#[derive(Clone, PartialEq, Eq)]
pub struct ConversionError(Cow<'static, str>);

impl std::error::Error for ConversionError {}

impl fmt::Display for ConversionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ConversionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl From<&'static str> for ConversionError {
    fn from(message: &'static str) -> Self {
        Self(message.into())
    }
}

impl From<String> for ConversionError {
    fn from(message: String) -> Self {
        Self(message.into())
    }
}
