use crate::domain::conflict::Conflict;

/// The reason why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The stored state does not allow the change.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The database failed.
    #[error(transparent)]
    Failure(#[from] StoreFailure),
}

/// A failure of the database. The source has the details.
#[derive(Debug, thiserror::Error)]
#[error("the database failed")]
pub struct StoreFailure {
    source: Box<dyn std::error::Error + Send + Sync>,
    is_outage: bool,
}

impl StoreFailure {
    /// Creates an internal failure: a statement or the stored data is wrong.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
            is_outage: false,
        }
    }

    /// Creates an outage: the database is unreachable, full, damaged or locked. A retry may succeed.
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
            is_outage: true,
        }
    }

    /// Returns the causes on one line, for the log.
    pub(super) fn causes(&self) -> String {
        let first: &dyn std::error::Error = &*self.source;
        let causes = std::iter::successors(Some(first), |error| error.source());
        let causes: Vec<String> = causes.map(ToString::to_string).collect();
        causes.join(": ")
    }

    /// Returns whether the same operation may succeed later.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.is_outage
    }
}

pub(super) trait Fallible {
    /// Returns the failure of the database, if the error is one.
    fn failure(&self) -> Option<&StoreFailure>;

    fn is_failure(&self) -> bool {
        self.failure().is_some()
    }
}

impl Fallible for StoreFailure {
    fn failure(&self) -> Option<&StoreFailure> {
        Some(self)
    }
}

impl Fallible for StoreError {
    fn failure(&self) -> Option<&StoreFailure> {
        match self {
            Self::Conflict(_) => None,
            Self::Failure(failure) => Some(failure),
        }
    }
}
