//! Reports to the cache of sessions what this process changes, and whether another process changed anything.
//!
//! No step has to remember the cache. Triggers on the writing connection report every row that a step touches and that a
//! look-up of a session reads, whichever statement does it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Null, ValueRef};

use crate::store::cached::{ChangeToken, Changes, Invalidated, SessionCache};
use crate::token::TokenHash;

/// Changes of `sessions` are reported one by one. The rest changes so seldom that everything may be read again then. A
/// custom role that is held cannot be deleted, nor a user while there are sessions: those are deleted before.
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

/// How many sessions of one step are invalidated one by one; if there are more, all are.
const MAX_PENDING_SESSIONS: usize = 10_000;

/// Reports changes to a cache of sessions.
#[derive(Debug)]
pub(super) struct ChangeReporter {
    cache: Arc<SessionCache>,
    /// What the steps of the writing connection changed and the cache does not know yet.
    pending: Arc<Mutex<Pending>>,
    /// How often another connection took the place of the writing one.
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
    /// Reports to `cache` what `connection` changes from now on.
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

    /// Watches another connection, which has taken the place of the one before. Everything is invalidated: it may lead to
    /// another file.
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
        // The triggers' own schema needs no file.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.execute_batch(TRIGGERS)
    }

    /// The cache that is reported to.
    pub(super) fn cache(&self) -> &Arc<SessionCache> {
        &self.cache
    }

    /// Invalidates everything, since the database cannot be used.
    pub(super) fn invalidate_all(&self) {
        self.cache.invalidate_all();
    }

    /// Returns whether another process changed anything, and so everything, since a position. Asks the writing connection.
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

    /// Invalidates what a step changed, before its caller learns of the outcome. Also if the step failed: a commit that
    /// reports an error may have been made, and to invalidate too much costs a read.
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

/// Returns a number that is another one as soon as another connection has changed the database, and that stays the same for
/// what this connection changes (<https://sqlite.org/pragma.html#pragma_data_version>).
fn data_version(connection: &Connection) -> rusqlite::Result<u32> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

#[cfg(test)]
mod tests;
