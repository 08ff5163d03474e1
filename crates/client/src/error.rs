//! Errors of a session, with one variant for each reaction of a program.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::generated::types;

/// An error of a call. Its message contains no password, token or body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input is invalid, such as a malformed base URL or user name.
    ///
    /// Nothing was sent, or the server refused the request because it violates the contract.
    #[error("invalid input: {0}")]
    InvalidInput(String),
    /// The login is refused; the server does not reveal whether name, password or domain is wrong.
    #[error("login refused: {0}")]
    Refused(String),
    /// The token does not belong to a live session: log in again.
    #[error("the session has expired or ended; log in again")]
    Expired,
    /// The client is rate limited, or the server is overloaded.
    #[error("too many attempts, or the server is overloaded; try again in {} s", wait.as_secs())]
    Throttled {
        /// The time to wait before the next attempt, from `Retry-After`.
        wait: Duration,
    },
    /// The server did not respond in time, or a proxy cannot reach it; a retry may help.
    #[error("the server cannot be reached: {0}")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The response violates the contract: the server has another version, or is another program.
    #[error("the response violates the contract: {0}")]
    InvalidResponse(String),
}

#[derive(Clone, Copy)]
pub(crate) enum Unauthorized {
    Refused,
    Expired,
}

impl Error {
    pub(crate) fn from_call(
        error: progenitor_client::Error<types::Error>,
        unauthorized: Unauthorized,
    ) -> Self {
        use progenitor_client::Error as Call;
        match error {
            Call::InvalidRequest(message) | Call::Custom(message) => Self::InvalidInput(message),
            Call::CommunicationError(error)
            | Call::ResponseBodyError(error)
            | Call::InvalidUpgrade(error) => Self::from_transport(error),
            Call::ErrorResponse(response) => {
                let (status, headers) = (response.status(), response.headers().clone());
                Self::from_response(
                    status,
                    &headers,
                    Some(response.into_inner().message),
                    unauthorized,
                )
            }
            Call::UnexpectedResponse(response) => {
                Self::from_response(response.status(), response.headers(), None, unauthorized)
            }
            // The message has only the position, because the text there may be a token.
            Call::InvalidResponsePayload(_, error) => Self::InvalidResponse(format!(
                "invalid body (line {}, column {})",
                error.line(),
                error.column()
            )),
        }
    }

    /// Converts an error of the connection, without the URL, which may contain a password.
    fn from_transport(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if error.is_builder() {
            return Self::InvalidInput(format!("the base URL cannot be used: {error}"));
        }
        Self::Unreachable(Box::new(error))
    }

    fn from_response(
        status: StatusCode,
        headers: &HeaderMap,
        message: Option<String>,
        unauthorized: Unauthorized,
    ) -> Self {
        let message = message.unwrap_or_else(|| format!("status {status}"));
        match status {
            StatusCode::UNAUTHORIZED => match unauthorized {
                Unauthorized::Refused => Self::Refused(message),
                Unauthorized::Expired => Self::Expired,
            },
            StatusCode::BAD_REQUEST => Self::InvalidInput(message),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                match (retry_after(headers), status) {
                    (Some(wait), _) => Self::Throttled { wait },
                    // The response of a reverse proxy whose server is down.
                    (None, StatusCode::SERVICE_UNAVAILABLE) => Self::Unreachable(message.into()),
                    (None, _) => {
                        Self::InvalidResponse(format!("status {status} without Retry-After"))
                    }
                }
            }
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
                Self::Unreachable(message.into())
            }
            _ => Self::InvalidResponse(message),
        }
    }
}

/// Returns `Retry-After` in seconds, the form that the contract uses (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
