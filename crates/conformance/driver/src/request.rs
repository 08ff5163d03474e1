use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A request to call the client.
#[derive(Debug, Deserialize)]
pub struct Request {
    /// The base URL of the server.
    pub base: String,
    /// The credential to send, if any.
    #[serde(rename = "token")]
    pub credential: Option<String>,
    /// The call.
    #[serde(flatten)]
    pub target: Target,
    /// The arguments.
    #[serde(default)]
    pub arguments: Arguments,
}

/// The target of a call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A method of the generated client.
    Method(String),
    /// A step of the driver for the handwritten part of the client.
    Step(String),
}

/// The arguments of a call, by their names in the contract; the body is `body`.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Arguments(Map<String, Value>);

impl Arguments {
    /// Reads the argument with the Rust name `name`; an absent argument is null.
    ///
    /// # Errors
    /// Fails if the argument has another type.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, CallError> {
        let mut given = self.0.iter();
        let found = given.find(|(given, _)| is_same_name(given, name));
        let value = found.map(|(_, value)| value.clone()).unwrap_or_default();
        serde_json::from_value(value).map_err(|error| {
            // serde's message may repeat the value.
            let kind = error.classify();
            CallError::new(format!(
                "the client's type does not accept the argument `{name}` ({kind:?} error)"
            ))
        })
    }
}

/// Returns whether two names differ only in case and punctuation, which Rust names do not keep.
fn is_same_name(one: &str, other: &str) -> bool {
    let letters = |name: &str| -> String {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|letter| letter.to_ascii_lowercase()).collect()
    };
    letters(one) == letters(other)
}

/// The reason why a call cannot be made. Any error converts to it with `?`.
#[derive(Debug)]
pub struct CallError(String);

impl CallError {
    /// Creates an error with a reason that `verify` shows.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// Creates the error for a missing method or step.
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
        serde_json::from_str(value).expect("the value is an object")
    }

    #[test]
    fn argument_is_found_by_its_name_in_rust() {
        assert_eq!(
            arguments()
                .read::<u8>("x_page_size")
                .expect("the value is a number"),
            7
        );
    }

    #[test]
    fn absent_argument_is_null() {
        assert_eq!(
            arguments()
                .read::<Option<u8>>("limit")
                .expect("null is accepted"),
            None
        );
    }

    #[test]
    fn argument_of_another_type_is_an_error_without_its_value() {
        let error = arguments()
            .read::<u8>("body")
            .expect_err("the value is an object");
        assert_eq!(
            error.reason(),
            "the client's type does not accept the argument `body` (Data error)"
        );
    }
}
