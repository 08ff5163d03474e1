//! The only mapping from errors to the responses in [`refusal`]. Causes are logged, but never sent.

use std::error::Error;

use dropshot::HttpError;
use pbx_login_api::refusal;

use crate::app::session::SessionError;
use crate::app::{Internal, LoginError};
use crate::domain::rate_limit::LimitKind;
use crate::password::HasherError;

pub(crate) fn login(error: LoginError) -> HttpError {
    match error {
        LoginError::InvalidCredentials => refusal::invalid_credentials(),
        // It is not known yet whether these logins fail, so this is reported as load and not as a rate limit.
        LoginError::TooManyAttempts(limited) if limited.limit == LimitKind::Concurrency => {
            refusal::overloaded(
                limited.retry_after.to_std().unwrap_or_default(),
                "too many logins of this account or network are in flight",
            )
        }
        LoginError::TooManyAttempts(limited) => {
            refusal::too_many_attempts(limited.retry_after_seconds())
        }
        LoginError::Internal(source) => internal(source),
    }
}

pub(crate) fn session(error: SessionError) -> HttpError {
    match error {
        SessionError::NoSession => no_session(),
        SessionError::Internal(source) => internal(source),
    }
}

/// Returns the same response for a malformed token as for an unknown one.
pub(crate) fn no_session() -> HttpError {
    refusal::no_session()
}

/// Returns 500 for a stored value that violates the contract; another program must have written it.
pub(crate) fn contract_violation(error: impl Error) -> HttpError {
    refusal::internal(format!(
        "the database contains a value that the contract does not allow: {error}"
    ))
}

/// Returns 503 for an outage or overload, and 500 for any other internal failure.
pub(crate) fn internal(error: Internal) -> HttpError {
    let causes = causes(&error);
    match error {
        Internal::Store(failure) if failure.is_outage() => refusal::unavailable(causes),
        Internal::Hasher(HasherError::Overloaded { wait }) => refusal::overloaded(wait, &causes),
        Internal::Store(_) | Internal::Hasher(_) | Internal::Random(_) => refusal::internal(causes),
    }
}

/// Returns an error with its sources, outermost first, for the log.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
