//! Storage: one trait for each noun, and the backends.
//!
//! A method is atomic and durable. It gathers facts, calls the pure rule of [`crate::domain`], and writes the outcome and
//! its audit entry in one transaction: no rule is in a backend, so that all backends decide alike. Stored times are whole
//! seconds. To add a method:
//!
//! 1. Declare it in the trait of its noun, `store/<noun>.rs`; put types and rules in `domain/<noun>.rs`.
//! 2. Implement it in `store/sqlite/<noun>.rs`: a read with `Sqlite::read`, a change with `Sqlite::write`, which is one
//!    transaction, and record its entry with an `AuditRecord`.
//! 3. Call it in a test of `store/contract_test/<noun>.rs` and list the test at the end of that file. Every backend runs the
//!    suite; a method that it does not call fails `every_storage_method_has_a_contract_test`.
//! 4. Rewrite the snapshot of query plans with `INSTA_UPDATE=always cargo test -p pbx-login-server --lib plans`, and read the
//!    difference: the test finds all SQL texts, and fails if one reads a whole table without being an exception.

pub mod attempt;
pub mod audit;
pub mod cached;
mod error;
pub mod health;
mod observer;
pub mod role;
pub mod session;
pub mod sqlite;
pub mod tenant;
mod url;
pub mod user;

#[cfg(test)]
mod contract_test;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use self::attempt::Attempts;
use self::audit::AuditLog;
use self::cached::{CachedSessions, SessionCache};
pub use self::error::{StoreError, StoreFailure};
use self::health::Health;
pub use self::observer::Observer;
use self::role::Roles;
use self::session::{SessionLookup, Sessions};
use self::tenant::Tenants;
pub use self::url::{DatabaseUrl, DatabaseUrlError, IfMissing};
use self::user::Users;

/// Every storage trait but [`SessionLookup`], which only [`Database`] has: so nothing passes the cache by.
pub trait Store: Users + Tenants + Roles + Sessions + Attempts + AuditLog + Health {}

impl<T: Users + Tenants + Roles + Sessions + Attempts + AuditLog + Health> Store for T {}

/// An open database.
#[derive(Clone)]
pub struct Database {
    /// Stores everything.
    pub store: Arc<dyn Store>,
    /// Finds sessions, in memory if they are there.
    pub session_lookup: Arc<dyn SessionLookup>,
}

impl Database {
    /// Returns a database whose sessions are read each time.
    #[must_use]
    pub fn uncached<S: Store + SessionLookup + 'static>(store: Arc<S>) -> Self {
        Self {
            session_lookup: Arc::clone(&store) as _,
            store,
        }
    }
}

/// Opens a database, and brings it to the form that this version needs. `observer` is told what happens to it from then on.
///
/// # Errors
///
/// [`OpenError`](sqlite::OpenError) says what stands in the way.
pub async fn open(
    url: &DatabaseUrl,
    missing: IfMissing,
    observer: Observer,
) -> Result<Database, sqlite::OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let store = sqlite::Sqlite::open_with(path, missing, observer, None)?;
            Ok(Database::uncached(Arc::new(store)))
        }
    }
}

/// Like [`open`], for a server: keeps up to `sessions` sessions in memory. Those that this process ends are ended at once;
/// what other processes change shows within a second.
///
/// # Errors
///
/// [`OpenError`](sqlite::OpenError) says what stands in the way.
pub async fn open_cached(
    url: &DatabaseUrl,
    missing: IfMissing,
    observer: Observer,
    sessions: usize,
) -> Result<Database, sqlite::OpenError> {
    if sessions == 0 {
        return open(url, missing, observer).await;
    }
    let cache = Arc::new(SessionCache::new(sessions, Instant::now()));
    match url {
        DatabaseUrl::Sqlite(path) => {
            let informed = Some(Arc::clone(&cache));
            let store = sqlite::Sqlite::open_with(path, missing, observer, informed)?;
            let store = Arc::new(store);
            let lookup = CachedSessions::start(Arc::clone(&store), cache).await;
            Ok(Database {
                store,
                session_lookup: Arc::new(lookup),
            })
        }
    }
}

/// Copies a database to a file, also while others write to it, and gives the copy's size in bytes. A file that is there
/// is only replaced where `replace` says so.
///
/// # Errors
///
/// [`BackupError`](sqlite::BackupError) says what stands in the way; there is no half of a copy then.
pub fn backup(url: &DatabaseUrl, to: &Path, replace: bool) -> Result<u64, sqlite::BackupError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::backup(path, to, replace),
    }
}

/// What is wrong with a database, a sentence each: nothing, if it is sound. It is only read.
///
/// # Errors
///
/// [`OpenError`](sqlite::OpenError) when it is not there or none of ours.
pub fn check(url: &DatabaseUrl) -> Result<Vec<String>, sqlite::OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::check(path),
    }
}
