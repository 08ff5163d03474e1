//! The SQLite backend: one file, one writing connection, several reading connections.

mod account_day;
mod allowance;
mod attempt;
mod attempt_maintenance;
mod audit;
mod audit_reporter;
mod backup;
mod changes;
mod check;
mod copy;
mod core;
mod file;
mod health;
mod lookup;
mod new_file;
mod open;
mod preload;
mod readers;
mod refusal_day;
mod role;
mod session;
mod session_rows;
mod tally;
mod tenant;
mod user;
mod watch;
mod writer;

#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, Row, Transaction};

use self::audit_reporter::AuditReporter;
pub use self::backup::BackupError;
pub(super) use self::backup::backup;
use self::changes::ChangeReporter;
pub(super) use self::check::check;
pub(super) use self::copy::{SqliteSource, SqliteTarget};
use self::core::Core;
pub use self::open::OpenError;
pub(super) use self::open::migrate_file;
use self::preload::Preload;
use self::readers::Readers;
use self::watch::Watch;
use self::writer::{Durability, Writer};
use crate::metrics::Access;
use crate::store::cached::{CachedBackend, ChangeToken, Changes, SessionCache};
use crate::store::error::{Fallible, StoreError, StoreFailure};
use crate::store::observer::Observer;
use crate::store::url::IfMissing;

/// An open SQLite database.
#[derive(Debug)]
pub struct Sqlite {
    preload: OnceLock<Preload>,
    // Dropped in this order: the writer's thread ends once every sender of steps is dropped.
    _watch: Watch,
    writer: Writer,
    core: Arc<Core>,
}

/// Returns the files of a database that exists: the file itself, its log and the log's index.
pub(super) fn files(path: &Path) -> Vec<PathBuf> {
    // The caller reports a missing file when it opens the database.
    file::Files::new(path).map_or_else(|_| Vec::new(), |files| files.paths().into())
}

impl Sqlite {
    /// Opens a file. Blocks for a few seconds at most while other processes write to it.
    pub fn open(path: &Path, missing: IfMissing) -> Result<Self, OpenError> {
        Self::open_with(path, missing, Observer::default(), None)
    }

    /// Opens a file, reports to `observer`, and invalidates changed sessions in `cache`.
    pub fn open_with(
        path: &Path,
        missing: IfMissing,
        observer: Observer,
        cache: Option<Arc<SessionCache>>,
    ) -> Result<Self, OpenError> {
        let writer = open::open_writer(path, missing)?;
        let changes = cache
            .map(|cache| ChangeReporter::watch(&writer, cache))
            .transpose()
            .map_err(|cause| open::to_open_error(path, cause))?;
        let audit = observer.audit.clone().map(AuditReporter::new);
        if let Some(audit) = &audit {
            let watched = audit.watch(&writer);
            watched.map_err(|cause| open::to_open_error(path, cause))?;
        }
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let readers = (0..threads.get()).map(|_| open::open_look_up_reader(path));
        let readers = Readers::new(readers.collect::<Result<_, _>>()?);
        let core = Core::new(path.to_owned(), missing, readers, observer, changes, audit);
        let core = Arc::new(core.map_err(|cause| OpenError::Disappeared(path.to_owned(), cause))?);
        let writer = Writer::start(writer, Arc::clone(&core)).map_err(OpenError::Thread)?;
        Ok(Self {
            preload: OnceLock::new(),
            _watch: Watch::start(Arc::clone(&core), writer.sender()).map_err(OpenError::Thread)?,
            writer,
            core,
        })
    }

    fn read<T, E>(&self, read: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StoreFailure> + Fallible,
    {
        let since = Instant::now();
        let closed = || StoreFailure::unavailable("the database is closed").into();
        let result = (self.core.check_usable().map_err(E::from)).and_then(|()| {
            self.core
                .readers
                .read(read)
                .unwrap_or_else(|| Err(closed()))
        });
        self.observe(Access::Read, since, &result);
        result
    }

    async fn write<T, E>(
        &self,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreFailure> + From<rusqlite::Error> + Fallible + Send + 'static,
    {
        let since = Instant::now();
        let result = self.writer.run(Durability::Full, step).await;
        self.observe(Access::Write, since, &result);
        result
    }

    /// Runs a step that does not wait for the disk.
    async fn write_soon<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, StoreFailure> + Send + 'static,
    ) -> Result<T, StoreFailure> {
        let since = Instant::now();
        let result = self.writer.run(Durability::Soon, step).await;
        self.observe(Access::Write, since, &result);
        result
    }

    fn observe<T, E: Fallible>(&self, access: Access, since: Instant, result: &Result<T, E>) {
        let failed = result.as_ref().is_err_and(Fallible::is_failure);
        let metrics = &self.core.observer.metrics;
        metrics.record_database_access(access, since.elapsed(), failed);
    }
}

#[async_trait]
impl CachedBackend for Sqlite {
    async fn poll_changes(&self, since: Option<ChangeToken>) -> Result<Changes, StoreFailure> {
        self.core.check_usable()?;
        self.writer.poll_changes(since).await
    }

    fn start_preload(&self) {
        if let Some(changes) = &self.core.changes {
            // If no thread can be started, sessions are cached at their first look-up.
            let preload = Preload::start(self.core.path(), Arc::clone(changes.cache()));
            let _ = preload.map(|preload| self.preload.set(preload));
        }
    }
}

impl Drop for Sqlite {
    /// Closes the readers first: the last connection, the writing one, checkpoints the log.
    fn drop(&mut self) {
        self.core.readers.close();
    }
}

impl From<rusqlite::Error> for StoreFailure {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // The cause is the file, the disk or another process, and may end.
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::OutOfMemory
                | ErrorCode::NotADatabase
                | ErrorCode::DatabaseCorrupt,
            ) => Self::unavailable(error),
            // The cause is the statement or the stored data.
            Some(_) | None => Self::new(error),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failure(error.into())
    }
}

fn read_parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

/// Like [`read_parsed`], for a column that may be `NULL`.
fn read_optional<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    match row.get_ref(column)?.as_str_or_null()? {
        Some(_) => read_parsed(row, column).map(Some),
        None => Ok(None),
    }
}

/// Reads a column of seconds since 1970.
fn read_time(row: &Row<'_>, column: usize) -> rusqlite::Result<DateTime<Utc>> {
    let seconds = row.get(column)?;
    DateTime::from_timestamp(seconds, 0)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(column, seconds))
}

/// Reads a column of milliseconds since 1970.
fn read_time_millis(row: &Row<'_>, column: usize) -> rusqlite::Result<DateTime<Utc>> {
    let milliseconds = row.get(column)?;
    DateTime::from_timestamp_millis(milliseconds).ok_or(rusqlite::Error::IntegralValueOutOfRange(
        column,
        milliseconds,
    ))
}
