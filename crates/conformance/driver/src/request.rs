//! What the driver is asked to call.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A request to call the client.
#[derive(Debug, Deserialize)]
pub struct Request {
    /// The base URL of the server.
    pub base: String,
    /// The credential, if one is to be sent.
    #[serde(rename = "token")]
    pub credential: Option<String>,
    /// What is called.
    #[serde(flatten)]
    pub target: Target,
    /// The arguments of the call.
    #[serde(default)]
    pub arguments: Arguments,
}

/// What is called.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The method of the generated client that has this name.
    Method(String),
    /// The step of the client's hand-written part that has this name.
    Step(String),
}

/// The arguments of a call, by the names that the contract has for them; that of the body is `body`.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Arguments(Map<String, Value>);

impl Arguments {
    /// Reads the argument whose name in Rust is `name`. An absent argument is null.
    ///
    /// # Errors
    ///
    /// It is not a value of this type.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, CallError> {
        let mut given = self.0.iter();
        let found = given.find(|(given, _)| is_same_name(given, name));
        let value = found.map(|(_, value)| value.clone()).unwrap_or_default();
        serde_json::from_value(value).map_err(|error| {
            // serde's errors may repeat the value; the kind of error is enough.
            let kind = error.classify();
            CallError::new(format!(
                "the client's type does not take the argument `{name}` ({kind:?} error)"
            ))
        })
    }
}

/// Whether two names differ only in case and punctuation, for which Rust has its own rules.
fn is_same_name(one: &str, other: &str) -> bool {
    let letters = |name: &str| -> String {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|letter| letter.to_ascii_lowercase()).collect()
    };
    letters(one) == letters(other)
}

/// The reason why a call cannot be made. Any error becomes one with `?`.
#[derive(Debug)]
pub struct CallError(String);

impl CallError {
    /// A reason, which `verify` shows.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// The client has nothing of this name.
    pub fn unknown(target: &Target) -> Self {
        Self(match target {
            Target::Method(name) => format!("the client has no method `{name}`"),
            Target::Step(name) => format!("the driver has no step `{name}`"),
        })
    }

    pub(crate) fn reason(&self) -> &str {
        &self.0
    }
}

impl<E: std::error::Error> From<E> for CallError {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments() -> Arguments {
        let value = r#"{ "X-Page-Size": 7, "body": { "text": "Buy milk" } }"#;
        serde_json::from_str(value).expect("an object")
    }

    #[test]
    fn argument_is_found_by_its_name_in_rust() {
        assert_eq!(arguments().read::<u8>("x_page_size").expect("a number"), 7);
    }

    #[test]
    fn absent_argument_is_null() {
        assert_eq!(arguments().read::<Option<u8>>("limit").expect("null"), None);
    }

    #[test]
    fn argument_of_another_type_is_an_error_without_its_value() {
        let error = arguments().read::<u8>("body").expect_err("an object");
        assert_eq!(
            error.reason(),
            "the client's type does not take the argument `body` (Data error)"
        );
    }
}
