//! Use cases, without HTTP and SQL.
//!
//! Errors hide their cause from clients: it is an error source, which is logged and never sent. Rules that span several
//! rows, such as unique names and the last system administrator, are checked by the store in the transaction that could
//! violate them.
//!
//! Functions that list or change something return [`ManageError::Conflict`] if its tenant, user, role or session does
//! not exist.

mod admission;
pub mod attempt;
pub mod audit;
mod limited;
pub mod login;
pub mod role;
pub mod session;
pub mod tenant;
pub mod user;
mod verification;

#[cfg(test)]
mod testing;

use crate::domain::conflict::Conflict;
use crate::domain::password_policy::WeakPassword;
use crate::domain::rate_limit::RateLimited;
use crate::domain::user::RuleViolation;
use crate::metrics::LoginOutcome;
use crate::password::HasherError;
use crate::random::RandomError;
use crate::store::{StoreError, StoreFailure};

/// The maximum number of rows of each kind that one sweep deletes.
///
/// A login that waits for the sweep is delayed only by milliseconds, and sweeps still delete more sessions per minute
/// than a machine can open.
const SWEEP_BATCH: u32 = 500;

/// An internal failure, which is logged and never shown to clients.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the names describe the variants")]
pub enum Internal {
    #[error(transparent)]
    Store(#[from] StoreFailure),
    #[error(transparent)]
    Hasher(#[from] HasherError),
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// The reason why a management operation failed; nothing was changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the names describe the variants")]
pub enum ManageError {
    #[error(transparent)]
    Rule(#[from] RuleViolation),
    #[error(transparent)]
    WeakPassword(#[from] WeakPassword),
    #[error(transparent)]
    Conflict(#[from] Conflict),
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

/// The reason why a login failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The domain, user or password is wrong, or the user or tenant is disabled.
    ///
    /// Clients cannot distinguish these causes.
    #[error("the credentials are invalid or the account is disabled")]
    InvalidCredentials,
    /// A limit on failed logins is reached.
    ///
    /// If the password was verified from an allowance, it was wrong.
    #[error("too many failed attempts")]
    TooManyAttempts(RateLimited),
    /// An internal failure.
    #[error("the login failed")]
    Internal(#[source] Internal),
}

impl LoginError {
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
