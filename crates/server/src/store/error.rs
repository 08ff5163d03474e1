//! Errors of storage.

use crate::domain::conflict::Conflict;

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What is there does not allow it; nothing was changed.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The database failed.
    #[error(transparent)]
    Failure(#[from] StoreFailure),
}

/// The database failed. The source says more.
#[derive(Debug, thiserror::Error)]
#[error("the database failed")]
pub struct StoreFailure {
    source: Box<dyn std::error::Error + Send + Sync>,
    is_outage: bool,
}

impl StoreFailure {
    /// Takes what went wrong inside: what was asked of the database, or what is kept there, is not as it must be.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
            is_outage: false,
        }
    }

    /// Takes why the database is not available: it is out of reach, full, damaged, or stayed locked. Once that is over,
    /// the same may be asked again.
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
            is_outage: true,
        }
    }

    /// Whether it will pass without a change of what is asked or kept.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.is_outage
    }
}

/// An error that may be, or hold, a [`StoreFailure`].
pub(super) trait Fallible {
    /// Whether the database failed.
    fn is_failure(&self) -> bool;
}

impl Fallible for StoreFailure {
    fn is_failure(&self) -> bool {
        true
    }
}

impl Fallible for StoreError {
    fn is_failure(&self) -> bool {
        match self {
            Self::Conflict(_) => false,
            Self::Failure(_) => true,
        }
    }
}
