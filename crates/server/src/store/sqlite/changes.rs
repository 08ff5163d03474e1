//! Reports changes of this process and of other processes to the session cache.
//!
//! Triggers on the writing connection report every changed row that a look-up of a session reads, so that no statement
//! has to invalidate the cache itself.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Null, ValueRef};

use crate::store::cached::{ChangeToken, Changes, Invalidated, SessionCache};
use crate::token::TokenHash;

/// Reports changed sessions (`NULL`: all). Users and roles are deleted only after their sessions.
const TRIGGERS: &str = "
    CREATE TEMP TRIGGER session_deleted AFTER DELETE ON main.sessions
        BEGIN SELECT session_changed(OLD.token_hash); END;
    CREATE TEMP TRIGGER session_updated AFTER UPDATE ON main.sessions
        BEGIN SELECT session_changed(OLD.token_hash); END;
    CREATE TEMP TRIGGER user_updated AFTER UPDATE OF enabled, built_in_role, custom_role_id ON main.users
        BEGIN SELECT session_changed(NULL); END;
    CREATE TEMP TRIGGER tenant_updated AFTER UPDATE OF enabled ON main.tenants
        BEGIN SELECT session_changed(NULL); END;
    CREATE TEMP TRIGGER role_updated AFTER UPDATE OF name ON main.roles
        BEGIN SELECT session_changed(NULL); END;";

/// If one step changes more sessions than this, all sessions are invalidated.
const MAX_PENDING_SESSIONS: usize = 10_000;

#[derive(Debug)]
pub(super) struct ChangeReporter {
    cache: Arc<SessionCache>,
    /// Changes of the writing connection that are not yet reported to the cache.
    pending: Arc<Mutex<Pending>>,
    /// How often the writing connection was replaced.
    reopened: AtomicU32,
}

#[derive(Debug, Default)]
struct Pending {
    sessions: Vec<TokenHash>,
    all: bool,
}

impl Pending {
    fn add(&mut self, value: ValueRef<'_>) {
        let hash = match value {
            ValueRef::Blob(hash) => hash.try_into().ok(),
            _ => None,
        };
        match hash {
            Some(hash) if self.sessions.len() < MAX_PENDING_SESSIONS => {
                self.sessions.push(TokenHash::from_store(hash));
            }
            Some(_) | None => self.all = true,
        }
    }
}

impl ChangeReporter {
    pub(super) fn watch(
        connection: &Connection,
        cache: Arc<SessionCache>,
    ) -> rusqlite::Result<Self> {
        let reporter = Self {
            cache,
            pending: Arc::default(),
            reopened: AtomicU32::new(0),
        };
        reporter.install(connection)?;
        Ok(reporter)
    }

    /// Watches a new writing connection and invalidates everything, since it may be to another file.
    pub(super) fn watch_again(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.install(connection)?;
        self.reopened.fetch_add(1, Ordering::Relaxed);
        self.cache.invalidate_all();
        Ok(())
    }

    fn install(&self, connection: &Connection) -> rusqlite::Result<()> {
        let pending = Arc::clone(&self.pending);
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
        connection.create_scalar_function("session_changed", 1, flags, move |context| {
            let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
            pending.add(context.get_raw(0));
            Ok(Null)
        })?;
        // The schema of temporary triggers needs no file.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.execute_batch(TRIGGERS)
    }

    pub(super) fn cache(&self) -> &Arc<SessionCache> {
        &self.cache
    }

    pub(super) fn invalidate_all(&self) {
        self.cache.invalidate_all();
    }

    /// Returns nothing or everything, since SQLite only reports that another connection made a change.
    pub(super) fn poll(
        &self,
        connection: &Connection,
        since: Option<ChangeToken>,
    ) -> rusqlite::Result<Changes> {
        let reopened = self.reopened.load(Ordering::Relaxed);
        let version = data_version(connection)?;
        let token = ChangeToken(u64::from(reopened) << u32::BITS | u64::from(version));
        let invalidated = if since == Some(token) {
            Invalidated::Sessions(Vec::new())
        } else {
            Invalidated::All
        };
        Ok(Changes { token, invalidated })
    }

    /// Invalidates what a step changed, even if it failed: a commit that returns an error may be durable.
    pub(super) fn flush(&self) {
        let pending =
            std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        if pending.all {
            self.cache.invalidate_all();
            return;
        }
        for session in &pending.sessions {
            self.cache.invalidate(session);
        }
    }
}

/// Returns a number that changes if another connection writes.
///
/// See <https://sqlite.org/pragma.html#pragma_data_version>.
fn data_version(connection: &Connection) -> rusqlite::Result<u32> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

#[cfg(test)]
mod tests;
