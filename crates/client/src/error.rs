//! What can go wrong with a session, told apart by what a program does about it.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::generated::types;

/// Why a call did not succeed. None of the texts repeats a password, a token or a body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was passed in cannot be sent: a base URL that is none, a user name that no account can have. Nothing was
    /// sent, or the server refused it as not fitting the contract.
    #[error("invalid input: {0}")]
    InvalidInput(String),
    /// The login is refused; the server does not tell whether for the name, the password or the domain.
    #[error("login refused: {0}")]
    Refused(String),
    /// The token belongs to no live session (any more): log in again.
    #[error("the session has expired or ended; log in again")]
    Expired,
    /// The server wants to be left alone for a while.
    #[error("too many attempts or too much load; try again in {} s", wait.as_secs())]
    Throttled {
        /// How long to wait before the next try, as the server says (`Retry-After`, whole seconds).
        wait: Duration,
    },
    /// No answer came from the server: it, or a proxy's way to it, is down, or too slow. Trying again may help.
    #[error("the server cannot be reached: {0}")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An answer came that the contract does not have: another version of the server, or another server.
    #[error("the server's answer is not what the contract says: {0}")]
    OffContract(String),
}

/// What an operation's 401 means.
#[derive(Clone, Copy)]
pub(crate) enum Unauthorized {
    Refused,
    Expired,
}

impl Error {
    /// The error of a call to the generated client.
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
            Call::ErrorResponse(answer) => {
                let (status, headers) = (answer.status(), answer.headers().clone());
                Self::from_answer(
                    status,
                    &headers,
                    Some(answer.into_inner().message),
                    unauthorized,
                )
            }
            Call::UnexpectedResponse(answer) => {
                Self::from_answer(answer.status(), answer.headers(), None, unauthorized)
            }
            // Where it broke off, but not what stood there: that may be a token.
            Call::InvalidResponsePayload(_, error) => Self::OffContract(format!(
                "the body does not fit (line {}, column {})",
                error.line(),
                error.column()
            )),
        }
    }

    /// The error of a connection. The URL is left out: a base URL may hold a password.
    fn from_transport(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if error.is_builder() {
            return Self::InvalidInput(format!("the base URL cannot be used: {error}"));
        }
        Self::Unreachable(Box::new(error))
    }

    fn from_answer(
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
                    // A proxy in front of a server that is down answers so.
                    (None, StatusCode::SERVICE_UNAVAILABLE) => Self::Unreachable(message.into()),
                    (None, _) => Self::OffContract(format!("status {status} without Retry-After")),
                }
            }
            StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
                Self::Unreachable(message.into())
            }
            _ => Self::OffContract(message),
        }
    }
}

/// `Retry-After` in seconds, the form that the contract has (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
