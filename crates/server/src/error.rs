//! The only map from what goes wrong inside to what a caller is told.
//!
//! The answers themselves are the contract's and stand in [`pbx_login_api::refusal`]. Causes go to the log, with the
//! request's id; a caller learns no more than that something failed.

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
        // Nobody knows whether too many have failed: it is the server that does not get to this one, perhaps since its
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
        LoginError::Internal(source) => internal(&source),
    }
}

/// The answer to a request whose session cannot be served.
pub(crate) fn session(error: SessionError) -> HttpError {
    match error {
        SessionError::NoSession => no_session(),
        SessionError::Internal(source) => internal(&source),
    }
}

/// The answer to a credential that cannot be a token: the same as to one that is unknown.
pub(crate) fn no_session() -> HttpError {
    refusal::no_session()
}

/// A value from the store that the contract does not allow: the store was changed from outside.
pub(crate) fn off_contract(error: impl Error) -> HttpError {
    refusal::internal(format!(
        "the database holds a value that the contract does not allow: {error}"
    ))
}

fn internal(error: &Internal) -> HttpError {
    let causes = causes(error);
    match error {
        Internal::Store(failure) if failure.is_outage() => refusal::unavailable(causes),
        Internal::Hasher(HasherError::Overloaded { wait }) => refusal::overloaded(*wait, &causes),
        Internal::Store(_) | Internal::Hasher(_) | Internal::Random(_) => refusal::internal(causes),
    }
}

/// Every cause in a chain, outermost first, for the log: nobody else is told.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
