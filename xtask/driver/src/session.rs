//! `Session` and its errors, the half of the client that is written by hand.

use pbx_login_client::{Credentials, Error, Session};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::calls::{Arguments, Unsaid};

/// What is done with a session.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Opens one with the arguments `username`, `password` and `domain`.
    LogIn,
    /// Asks how the session of the token stands.
    Status,
    /// The same, by way of `Session::with_token`.
    StatusOfAnother,
    /// Ends the session of the token.
    LogOut,
}

/// Does it and says what came of it.
pub(crate) async fn answer(
    base: &str,
    token: Option<&str>,
    step: Step,
    arguments: &Arguments,
) -> Value {
    match taken(base, token.unwrap_or_default(), step, arguments).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => refused(&error),
        Err(_) => json!({ "unsaid": "the arguments of the call cannot be read" }),
    }
}

async fn taken(
    base: &str,
    token: &str,
    step: Step,
    arguments: &Arguments,
) -> Result<Result<Value, Error>, Unsaid> {
    let username: Option<String> = arguments.read("username")?;
    let password: Option<String> = arguments.read("password")?;
    let domain: Option<String> = arguments.read("domain")?;
    let credentials = Credentials {
        username: username.as_deref().unwrap_or_default(),
        password: password.as_deref().unwrap_or_default(),
        domain: domain.as_deref(),
    };
    Ok(step.take(base, token, credentials).await)
}

impl Step {
    async fn take(
        self,
        base: &str,
        token: &str,
        credentials: Credentials<'_>,
    ) -> Result<Value, Error> {
        Ok(match self {
            Step::LogIn => {
                let session = Session::log_in(base, credentials).await?;
                json!({ "kind": "Ok", "token": session.access_token().expose() })
            }
            Step::Status => shown(&Session::resume(base, token)?.status().await?),
            Step::StatusOfAnother => {
                let session = Session::resume(base, "")?;
                shown(&session.with_token(token).status().await?)
            }
            Step::LogOut => {
                Session::resume(base, token)?.log_out().await?;
                json!({ "kind": "Ok" })
            }
        })
    }
}

fn shown(status: &pbx_login_client::Status) -> Value {
    json!({
        "kind": "Ok",
        "access_token": status.access_token.expose(),
        "expires_at": status.expires_at,
        "expires_in": status.expires_in.as_secs(),
        "role": status.role,
    })
}

fn refused(error: &Error) -> Value {
    let kind = match error {
        Error::InvalidInput(_) => "InvalidInput",
        Error::Refused(_) => "Refused",
        Error::Expired => "Expired",
        Error::Throttled { wait } => {
            return json!({ "kind": "Throttled", "wait": wait.as_secs() });
        }
        Error::Unreachable(_) => "Unreachable",
        Error::OffContract(_) => "OffContract",
        _ => "another",
    };
    json!({ "kind": kind })
}
