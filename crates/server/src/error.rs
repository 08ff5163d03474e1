//! The only map from errors of the server to answers.
//!
//! The answers are the contract's and are made in [`pbx_login_api::refusal`]. Causes go to the log with the request's id; a
//! client learns only that something failed.

use std::error::Error;

use dropshot::HttpError;
use pbx_login_api::refusal;

use crate::app::session::SessionError;
use crate::app::{Internal, LoginError};
use crate::domain::rate_limit::LimitKind;
use crate::password::HasherError;

/// The answer to a login that did not open a session.
pub(crate) fn login(error: LoginError) -> HttpError {
    match error {
        LoginError::InvalidCredentials => refusal::invalid_credentials(),
        // Whether too many have failed is not known yet: the server does not get to this attempt, perhaps because its
        // database does not answer.
        LoginError::TooManyAttempts(limited) if limited.limit == LimitKind::Concurrency => {
            refusal::overloaded(
                limited.retry_after.to_std().unwrap_or_default(),
                "as many logins of this account or address are under way as may fail",
            )
        }
        LoginError::TooManyAttempts(limited) => {
            refusal::too_many_attempts(limited.retry_after_seconds())
        }
        LoginError::Internal(source) => internal(source),
    }
}

/// The answer to a credential whose session was not found.
pub(crate) fn session(error: SessionError) -> HttpError {
    match error {
        SessionError::NoSession => no_session(),
        SessionError::Internal(source) => internal(source),
    }
}

/// The answer to a credential that cannot be a token: that to an unknown one.
pub(crate) fn no_session() -> HttpError {
    refusal::no_session()
}

/// The answer if the database holds a value that the contract does not allow: another program wrote it.
pub(crate) fn off_contract(error: impl Error) -> HttpError {
    refusal::internal(format!(
        "the database holds a value that the contract does not allow: {error}"
    ))
}

/// The answer to a failure that no client can remedy: 503 if it passes, else 500.
pub(crate) fn internal(error: Internal) -> HttpError {
    let causes = causes(&error);
    match error {
        Internal::Store(failure) if failure.is_outage() => refusal::unavailable(causes),
        Internal::Hasher(HasherError::Overloaded { wait }) => refusal::overloaded(wait, &causes),
        Internal::Store(_) | Internal::Hasher(_) | Internal::Random(_) => refusal::internal(causes),
    }
}

/// Every cause in a chain, outermost first; for the log only.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
