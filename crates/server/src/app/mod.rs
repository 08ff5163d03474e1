//! The rules: who may log in, how long a session lives, who may be called what and hold which role.
//!
//! Nothing here knows HTTP or SQL. What callers learn of a failure is kept apart from its cause: a cause is a source that
//! is logged and never answered. Rules that one row decides stand here; those that span rows (names that are taken, the
//! last administrator) are kept by the store, inside the step that would break them.

mod admission;
pub mod attempt;
pub mod audit;
pub mod login;
pub mod role;
pub mod session;
pub mod tenant;
pub mod user;

#[cfg(test)]
mod testing;

use crate::domain::conflict::Conflict;
use crate::domain::rate_limit::RateLimited;
use crate::domain::user::RuleViolation;
use crate::metrics::LoginOutcome;
use crate::password::HasherError;
use crate::random::RandomError;
use crate::store::{StoreError, StoreFailure};

/// Something failed that no caller can help. It is for the log, not for those who ask.
#[derive(Debug, thiserror::Error)]
pub enum Internal {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreFailure),
    /// The hashing of a password.
    #[error(transparent)]
    Hasher(#[from] HasherError),
    /// The random source.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Why tenants, users, roles or sessions were not managed as asked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// A rule forbids it.
    #[error(transparent)]
    Rule(#[from] RuleViolation),
    /// What is there forbids it.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// Something failed.
    #[error(transparent)]
    Internal(#[from] Internal),
}

impl From<StoreError> for ManageError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(conflict) => Self::Conflict(conflict),
            StoreError::Failure(failure) => Self::Internal(failure.into()),
        }
    }
}

impl From<StoreFailure> for ManageError {
    fn from(failure: StoreFailure) -> Self {
        Self::Internal(failure.into())
    }
}

impl From<HasherError> for ManageError {
    fn from(error: HasherError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<RandomError> for ManageError {
    fn from(error: RandomError) -> Self {
        Self::Internal(error.into())
    }
}

/// Why no session was opened.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The domain, the user or the password is wrong, or the user or the tenant is disabled: no one may learn which.
    #[error("these are not the credentials of a user who may log in")]
    InvalidCredentials,
    /// Too many attempts failed: the password was not verified.
    #[error("too many attempts failed")]
    TooManyAttempts(RateLimited),
    /// Something failed.
    #[error("the login could not be decided")]
    Internal(#[source] Internal),
}

impl LoginError {
    /// Returns what it counts as.
    fn outcome(&self) -> LoginOutcome {
        match self {
            Self::InvalidCredentials => LoginOutcome::Refused,
            Self::TooManyAttempts(_) => LoginOutcome::Throttled,
            Self::Internal(Internal::Store(failure)) if failure.is_outage() => {
                LoginOutcome::Unavailable
            }
            Self::Internal(Internal::Hasher(HasherError::Overloaded { .. })) => {
                LoginOutcome::Overloaded
            }
            Self::Internal(_) => LoginOutcome::Failed,
        }
    }
}

impl<E: Into<Internal>> From<E> for LoginError {
    fn from(error: E) -> Self {
        Self::Internal(error.into())
    }
}
