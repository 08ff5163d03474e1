//! Storage: one trait for each noun, and the backends.
//!
//! A method is atomic and durable. It gathers facts, calls the pure rule of [`crate::domain`], and writes the outcome
//! and its audit entry in one transaction. Backends contain no rules, so that all of them decide alike. Stored times
//! are whole seconds. To add a method:
//!
//! 1. Declare it in the trait of its noun, `store/<noun>.rs`; put types and rules in `domain/<noun>.rs`.
//! 2. Implement it in `store/{sqlite,postgres}/<noun>.rs`: a read with `read`, a change with `write`, which runs one
//!    transaction. Record the audit entry of a change with an `AuditRecord`.
//! 3. Call it in a test of `store/contract_test/<noun>.rs` and list the test at the end of that file. Every backend
//!    runs these tests; `every_storage_method_has_a_contract_test` fails if they do not call a method.
//! 4. Update the snapshot of query plans with `INSTA_UPDATE=always cargo test -p pbx-login-server --lib plans`, and
//!    read the difference. A test of each backend fails if an SQL text reads a whole table without a listed reason.
//!
//! Also list a new table or column in `store/copy/table.rs`; a test of each backend fails until it is.

pub mod attempt;
pub mod audit;
pub mod cached;
mod check;
mod copy;
mod error;
pub mod health;
mod migrated;
mod observer;
pub mod postgres;
pub mod role;
pub mod session;
pub mod sqlite;
pub mod tenant;
mod url;
pub mod user;

#[cfg(test)]
mod contract_test;
#[cfg(test)]
mod sql_texts;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use self::attempt::Attempts;
use self::audit::AuditLog;
use self::cached::{CachedBackend, CachedSessions, SessionCache};
pub use self::check::{CheckReport, Warning};
use self::copy::CopySource;
pub use self::copy::{CopiedTable, CopyError, CopyProgress, CopyReport, CopyStep, SourceState};
pub use self::error::{StoreError, StoreFailure};
use self::health::Health;
pub use self::migrated::Migrated;
pub use self::observer::{AuditSink, Observer};
use self::postgres::{Postgres, PostgresOpenError, PostgresOptions};
use self::role::Roles;
use self::session::{SessionLookup, Sessions};
use self::tenant::Tenants;
pub use self::url::{DatabaseUrl, DatabaseUrlError, IfMissing};
use self::user::Users;
use crate::clock::Clock;

/// Every storage trait except [`SessionLookup`], so that no look-up of a session bypasses the cache.
pub trait Store: Users + Tenants + Roles + Sessions + Attempts + AuditLog + Health {}

impl<T: Users + Tenants + Roles + Sessions + Attempts + AuditLog + Health> Store for T {}

/// An open database.
#[derive(Clone)]
pub struct Database {
    /// Everything except look-ups of sessions.
    pub store: Arc<dyn Store>,
    /// Look-ups of sessions, through the cache if there is one.
    pub session_lookup: Arc<dyn SessionLookup>,
    /// The clock that all processes on the database share.
    pub clock: Arc<dyn Clock>,
}

impl Database {
    /// Creates a database that reads sessions from the backend each time.
    #[must_use]
    pub fn uncached<S: Store + SessionLookup + 'static>(
        store: Arc<S>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            session_lookup: Arc::clone(&store) as _,
            store,
            clock,
        }
    }
}

async fn start<S>(
    store: S,
    cache: Option<Arc<SessionCache>>,
    clock: Arc<dyn Clock>,
    observer: &Observer,
) -> Database
where
    S: Store + CachedBackend + 'static,
{
    let store = Arc::new(store);
    let Some(cache) = cache else {
        return Database::uncached(store, clock);
    };
    let sampled = Arc::clone(&cache);
    observer.metrics.add_sampler(move |metrics| {
        let staleness = sampled.staleness(Instant::now());
        metrics.cache.set(staleness, sampled.epoch());
    });
    let lookup = CachedSessions::start(Arc::clone(&store), cache, observer.log.clone()).await;
    Database {
        store,
        session_lookup: Arc::new(lookup),
        clock,
    }
}

/// The reason why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum OpenError {
    /// An SQLite database cannot be opened.
    Sqlite(#[from] sqlite::OpenError),
    /// A PostgreSQL database cannot be opened.
    Postgres(#[from] PostgresOpenError),
}

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// What to do if the database or a migration is missing.
    pub missing: IfMissing,
    /// The limits of PostgreSQL, which SQLite does not need.
    pub postgres: PostgresOptions,
    /// Receives the metrics and faults of the database.
    pub observer: Observer,
}

impl OpenOptions {
    /// Creates options with the default limits, and without an observer.
    #[must_use]
    pub fn new(missing: IfMissing) -> Self {
        Self {
            missing,
            postgres: PostgresOptions::DEFAULT,
            observer: Observer::default(),
        }
    }
}

/// Creates a database if necessary, and migrates its schema.
pub async fn migrate(url: &DatabaseUrl, options: &PostgresOptions) -> Result<Migrated, OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => Ok(sqlite::migrate_file(path)?),
        DatabaseUrl::Postgres(url) => Ok(postgres::migrate(url, options).await?),
    }
}

/// Opens a database and migrates its schema, unless the options forbid it.
pub async fn open(url: &DatabaseUrl, options: OpenOptions) -> Result<Database, OpenError> {
    let OpenOptions {
        missing,
        postgres,
        observer,
    } = options;
    match url {
        DatabaseUrl::Sqlite(path) => {
            let clock = Arc::clone(&observer.clock);
            let store = sqlite::Sqlite::open_with(path, missing, observer, None)?;
            Ok(Database::uncached(Arc::new(store), clock))
        }
        DatabaseUrl::Postgres(url) => {
            let store = Postgres::open_with(url, missing, postgres, observer, None).await?;
            let clock = store.clock();
            Ok(Database::uncached(Arc::new(store), clock))
        }
    }
}

/// Opens a database for a server, with a cache of up to `sessions` sessions.
///
/// A session that this process ends is invalid immediately. Changes of other processes become visible within a second.
pub async fn open_cached(
    url: &DatabaseUrl,
    options: OpenOptions,
    sessions: usize,
) -> Result<Database, OpenError> {
    let OpenOptions {
        missing,
        postgres,
        observer,
    } = options;
    let cache = (sessions > 0).then(|| Arc::new(SessionCache::new(sessions, Instant::now())));
    match url {
        DatabaseUrl::Sqlite(path) => {
            let opened = sqlite::Sqlite::open_with(path, missing, observer.clone(), cache.clone());
            let clock = Arc::clone(&observer.clock);
            Ok(start(opened?, cache, clock, &observer).await)
        }
        DatabaseUrl::Postgres(url) => {
            let store =
                Postgres::open_with(url, missing, postgres, observer.clone(), cache.clone());
            let store = store.await?;
            store.start_monitor().await;
            let clock = store.clock();
            Ok(start(store, cache, clock, &observer).await)
        }
    }
}

/// The reason why a backup failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// An SQLite database could not be copied.
    #[error(transparent)]
    Sqlite(#[from] sqlite::BackupError),
    /// PostgreSQL has its own program for backups.
    #[error(
        "PostgreSQL makes its own backups; run: pg_dump --format=custom --file={to} '{database}'"
    )]
    Postgres {
        /// The URL, without a password.
        database: String,
        /// The path of the backup.
        to: String,
    },
}

/// Copies a database, even one in use, to a file. Returns the size of the copy in bytes.
///
/// An existing file is replaced only if `replace` is `true`. A failed copy leaves no file.
pub fn backup(url: &DatabaseUrl, to: &Path, replace: bool) -> Result<u64, BackupError> {
    match url {
        DatabaseUrl::Sqlite(path) => Ok(sqlite::backup(path, to, replace)?),
        DatabaseUrl::Postgres(url) => Err(BackupError::Postgres {
            database: url.to_string(),
            to: to.display().to_string(),
        }),
    }
}

/// Copies a database, even one in use, to a new one, and reports the progress.
///
/// If it fails, the new database has no rows, except after [`CopyError::UnknownCommit`] and [`CopyError::Unsynced`].
pub async fn copy(
    from: &DatabaseUrl,
    to: &DatabaseUrl,
    options: &PostgresOptions,
    report: &mut dyn FnMut(CopyProgress),
) -> Result<CopyReport, CopyError> {
    match from {
        DatabaseUrl::Sqlite(path) => {
            let source = sqlite::SqliteSource::open(path)?;
            copy_from(source, to, options, report).await
        }
        DatabaseUrl::Postgres(url) => {
            let source = postgres::PostgresSource::open(url, options).await?;
            copy_from(source, to, options, report).await
        }
    }
}

async fn copy_from(
    source: impl CopySource,
    to: &DatabaseUrl,
    options: &PostgresOptions,
    report: &mut dyn FnMut(CopyProgress),
) -> Result<CopyReport, CopyError> {
    match to {
        DatabaseUrl::Sqlite(path) => {
            let target = sqlite::SqliteTarget::create(path).await?;
            copy::copy_tables(source, target, report).await
        }
        DatabaseUrl::Postgres(url) => {
            let target = postgres::PostgresTarget::create(url, options).await?;
            copy::copy_tables(source, target, report).await
        }
    }
}

/// Checks a database without changing it.
pub async fn check(url: &DatabaseUrl, options: &PostgresOptions) -> Result<CheckReport, OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => Ok(sqlite::check(path)?),
        DatabaseUrl::Postgres(url) => Ok(postgres::check(url, options).await?),
    }
}

/// Returns the local files of an open database, which only its owner should be able to read.
#[must_use]
pub fn files(url: &DatabaseUrl) -> Vec<PathBuf> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::files(path),
        DatabaseUrl::Postgres(_) => Vec::new(),
    }
}
