use progenitor_client::{Error, ResponseValue};
use serde::Serialize;
use serde_json::{Value, json};

/// The outcome of a call: the kind of result and its content.
#[derive(Debug)]
pub struct Outcome(pub(crate) Value);

impl From<Value> for Outcome {
    /// Creates the outcome of a step, in a form that the harness reads.
    fn from(outcome: Value) -> Self {
        Self(outcome)
    }
}

/// Describes a result of the client; `success` and `error` describe the bodies.
pub fn outcome<S, E>(
    result: Result<ResponseValue<S>, Error<E>>,
    success: impl Fn(&S) -> Value,
    error: impl Fn(&E) -> Value,
) -> Outcome {
    let plain = |kind: &str| json!({ "kind": kind });
    Outcome(match result {
        Ok(response) => describe_response("Ok", &response, success),
        Err(Error::ErrorResponse(response)) => describe_response("ErrorResponse", &response, error),
        Err(Error::UnexpectedResponse(response)) => json!({
            "kind": "UnexpectedResponse",
            "status": response.status().as_u16(),
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

fn describe_response<T>(
    kind: &str,
    response: &ResponseValue<T>,
    body: impl Fn(&T) -> Value,
) -> Value {
    let headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.to_string(), value.into_owned())
        })
        .collect();
    json!({
        "kind": kind,
        "status": response.status().as_u16(),
        "headers": headers,
        "body": body(response.as_ref()),
    })
}

/// Describes a body that is empty or an unread stream.
pub fn empty<T>(_: &T) -> Value {
    Value::Null
}

/// Describes a body as the client decoded it.
pub fn json<T: Serialize>(body: &T) -> Value {
    serde_json::to_value(body).unwrap_or_default()
}
