//! Which failures of PostgreSQL are retried, and when.

use std::error::Error as _;
use std::time::Duration;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::connection::ConnectError;
use crate::metrics::RetryCause;
use crate::store::error::StoreFailure;

/// What a failure means for the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Two transactions conflicted, and one of them was rolled back.
    Conflict,
    /// The connection or its server cannot be used, or the server has no free connection.
    Connection,
    /// A statement or a lock took too long, or the server has no space or memory.
    Resources,
    /// The statement or the stored data is wrong.
    Internal,
}

impl Cause {
    /// Classifies an error by its SQLSTATE.
    ///
    /// <https://www.postgresql.org/docs/current/errcodes-appendix.html> lists them.
    pub(super) fn of(error: &Error) -> Self {
        let Some(code) = error.code() else {
            // Without a code, either the server did not answer (it cannot be reached, or the connection ended), or the
            // client cannot convert a value.
            let is_io = error
                .source()
                .is_some_and(|source| source.is::<std::io::Error>());
            return match error.is_closed() || is_io {
                true => Self::Connection,
                false => Self::Internal,
            };
        };
        match *code {
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => Self::Conflict,
            // The schema was migrated; a new connection prepares its statements again.
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::READ_ONLY_SQL_TRANSACTION
            | SqlState::TOO_MANY_CONNECTIONS
            | SqlState::FEATURE_NOT_SUPPORTED
            | SqlState::INVALID_SQL_STATEMENT_NAME
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Self::Connection,
            SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => Self::Resources,
            _ => match &code.code()[..2] {
                "08" => Self::Connection,
                // Insufficient resources, system errors and corrupt data; also missing privileges and wrong passwords,
                // which an administrator can correct.
                "53" | "58" | "XX" | "28" | "42" if is_outage_class(code.code()) => Self::Resources,
                _ => Self::Internal,
            },
        }
    }

    /// Classifies the cause of a failure; `None` if it has no error of PostgreSQL.
    pub(super) fn of_failure(failure: &StoreFailure) -> Option<Self> {
        let source = failure.source()?;
        match source.downcast_ref() {
            Some(ConnectError::Database(error)) => Some(Self::of(error)),
            Some(ConnectError::Timeout | ConnectError::OldPrimary | ConnectError::OtherSystem) => {
                Some(Self::Connection)
            }
            None => source.downcast_ref().map(Self::of),
        }
    }
}

fn is_outage_class(code: &str) -> bool {
    // In class 42, only a missing privilege is an outage; the other codes are errors in the statement.
    !code.starts_with("42") || code == SqlState::INSUFFICIENT_PRIVILEGE.code()
}

/// Returns whether the server refuses writes: it is a standby, or the database is read-only.
pub(super) fn is_read_only(failure: &StoreFailure) -> bool {
    let source = failure.source();
    let error = source.and_then(|source| match source.downcast_ref() {
        Some(ConnectError::Database(error)) => Some(error),
        Some(_) => None,
        None => source.downcast_ref::<Error>(),
    });
    error.is_some_and(|error| match (error.code(), error.source()) {
        (Some(code), _) => *code == SqlState::READ_ONLY_SQL_TRANSACTION,
        // The error of `target_session_attrs=read-write`. The text is a constant of tokio-postgres.
        (None, Some(cause)) => cause.to_string() == "database does not allow writes",
        (None, None) => false,
    })
}

/// A commit was sent, and no answer arrived: the transaction may be durable.
#[derive(Debug, thiserror::Error)]
#[error("the connection was lost during a commit, so its outcome is unknown")]
pub(super) struct UnknownCommit(#[source] pub(super) Option<Error>);

/// The connection is replaced after a loss of connections, and no commit was sent on it.
#[derive(Debug, thiserror::Error)]
#[error("the connection was opened before the last loss of connections")]
pub(super) struct ConnectionReplaced;

/// A row was changed after it was read, so that nothing was committed.
#[derive(Debug, thiserror::Error)]
#[error("another operation changed the same row")]
pub(super) struct Outdated;

/// Whether a step may be repeated after a commit with an unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// The step is idempotent: its repetition detects that it was already applied.
    Safe,
    /// A repetition would apply the step twice, or report a conflict with itself.
    Unsafe,
}

/// Another attempt after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retry {
    pub(super) cause: RetryCause,
    /// The time to wait before it.
    pub(super) delay: Duration,
}

impl Retry {
    /// Returns the next attempt; `None` if the failure is final.
    pub(super) fn after(failure: &StoreFailure, repeat: Repeat, attempt: u32) -> Option<Self> {
        let source = failure.source()?;
        let retry = |cause, delay| Some(Self { cause, delay });
        if source.is::<UnknownCommit>() {
            return match repeat {
                Repeat::Safe => retry(RetryCause::UnknownCommit, reconnect_delay(attempt)),
                Repeat::Unsafe => None,
            };
        }
        if source.is::<ConnectionReplaced>() {
            return retry(RetryCause::Connection, reconnect_delay(attempt));
        }
        if source.is::<Outdated>() {
            return retry(RetryCause::Conflict, conflict_delay(attempt));
        }
        match Cause::of_failure(failure)? {
            Cause::Conflict => retry(RetryCause::Conflict, conflict_delay(attempt)),
            Cause::Connection => retry(RetryCause::Connection, reconnect_delay(attempt)),
            Cause::Resources | Cause::Internal => None,
        }
    }
}

/// Returns no delay at first: the other transaction has ended.
fn conflict_delay(attempt: u32) -> Duration {
    Duration::from_millis(5) * attempt
}

/// Returns no delay at first, for a broken connection, then 0.2 s, for a server that restarts.
fn reconnect_delay(attempt: u32) -> Duration {
    match attempt {
        0 => Duration::ZERO,
        _ => Duration::from_millis(200),
    }
}

impl From<Error> for StoreFailure {
    fn from(error: Error) -> Self {
        match Cause::of(&error) {
            Cause::Conflict | Cause::Connection | Cause::Resources => Self::unavailable(error),
            Cause::Internal => Self::new(error),
        }
    }
}

impl From<Error> for crate::store::error::StoreError {
    fn from(error: Error) -> Self {
        Self::Failure(error.into())
    }
}
