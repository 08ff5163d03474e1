//! The generated client: one call a method. `build.rs` writes [`call`] from the client's source.

use pbx_login_client::{Client, Credential, ResponseValue};
use progenitor_client::Error;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

include!(concat!(env!("OUT_DIR"), "/calls.rs"));

/// The arguments of a call, by the names that the contract has for them; that of the body is `body`.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Arguments(Map<String, Value>);

/// Why a call cannot be made.
#[derive(Debug)]
pub(crate) enum Unsaid {
    /// The client has no such method.
    NoMethod,
    /// The argument of this name is no value of its type.
    Argument(&'static str, serde_json::Error),
}

impl Arguments {
    /// The argument whose name in Rust is `name`; what is not there is null.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, Unsaid> {
        let given = self.0.iter().find(|(given, _)| alike(given, name));
        let value = given.map(|(_, value)| value.clone()).unwrap_or_default();
        serde_json::from_value(value).map_err(|error| Unsaid::Argument(name, error))
    }
}

/// Whether two names are one but for their case and punctuation, which Rust has its own rules for.
fn alike(one: &str, other: &str) -> bool {
    let letters = |name: &str| -> String {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|letter| letter.to_ascii_lowercase()).collect()
    };
    letters(one) == letters(other)
}

/// What came of a call: the kind of result, and what is in it.
pub(crate) struct Outcome(Value);

/// Makes the call and says what came of it.
pub(crate) async fn answer(
    base: &str,
    token: Option<&str>,
    method: &str,
    arguments: &Arguments,
) -> Value {
    let credential = token.map(Credential::bearer).unwrap_or_default();
    let connections = reqwest::Client::builder().no_proxy().build();
    let client = match connections {
        Ok(connections) => Client::new_with_client(base, connections, credential),
        Err(error) => return json!({ "unsaid": error.to_string() }),
    };
    match call(&client, method, arguments).await {
        Ok(Outcome(outcome)) => outcome,
        Err(Unsaid::NoMethod) => {
            json!({ "unsaid": format!("the client has no method `{method}`") })
        }
        Err(Unsaid::Argument(name, error)) => {
            // serde's errors may repeat the value; the place is enough.
            let place = error.classify();
            json!({ "unsaid": format!("the client's type does not take the argument `{name}` ({place:?} error)") })
        }
    }
}

/// A result of the client as a value.
fn outcome<S, E>(
    result: Result<ResponseValue<S>, Error<E>>,
    success: impl Fn(&S) -> Value,
    error: impl Fn(&E) -> Value,
) -> Outcome {
    let plain = |kind: &str| json!({ "kind": kind });
    Outcome(match result {
        Ok(answer) => shown("Ok", &answer, success),
        Err(Error::ErrorResponse(answer)) => shown("ErrorResponse", &answer, error),
        Err(Error::UnexpectedResponse(answer)) => json!({
            "kind": "UnexpectedResponse",
            "status": answer.status().as_u16(),
        }),
        Err(Error::InvalidRequest(_)) => plain("InvalidRequest"),
        Err(Error::CommunicationError(error)) => json!({
            "kind": "CommunicationError",
            "message": error.without_url().to_string(),
        }),
        Err(Error::InvalidUpgrade(_)) => plain("InvalidUpgrade"),
        Err(Error::ResponseBodyError(_)) => plain("ResponseBodyError"),
        Err(Error::InvalidResponsePayload(_, error)) => json!({
            "kind": "InvalidResponsePayload",
            "message": format!("line {}, column {}", error.line(), error.column()),
        }),
        Err(Error::Custom(_)) => plain("Custom"),
    })
}

fn shown<T>(kind: &str, answer: &ResponseValue<T>, body: impl Fn(&T) -> Value) -> Value {
    let headers: Vec<(String, String)> = answer
        .headers()
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.to_string(), value.into_owned())
        })
        .collect();
    json!({
        "kind": kind,
        "status": answer.status().as_u16(),
        "headers": headers,
        "body": body(answer.as_ref()),
    })
}

/// A body that is none, or that comes in pieces and is not waited for.
fn nothing<T>(_: &T) -> Value {
    Value::Null
}

/// A body as the client decoded it.
fn json<T: serde::Serialize>(body: &T) -> Value {
    serde_json::to_value(body).unwrap_or_default()
}
