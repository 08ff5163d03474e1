//! What the cache of sessions is told of: what this process changes, and whether another changed something.
//!
//! No step has to remember the cache. Triggers that only the writing connection has tell of every row that a step touches
//! and that a look-up of a session reads, whichever statement does it and whoever wrote that statement.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Null, ValueRef};

use super::super::cache::SessionCache;
use crate::token::TokenHash;

/// Of `sessions` it is told which; the rest is changed so seldom that everything may be read again then. A custom role
/// that is held cannot be deleted, nor a user while there are sessions: those are deleted before.
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

/// How many sessions are forgotten one by one. To forget all takes no time, but each must be read again.
const MANY: usize = 10_000;

/// What the steps of the writing connection changed and the cache was not yet told.
#[derive(Debug)]
pub(super) struct Changes {
    cache: Arc<SessionCache>,
    pending: Arc<Mutex<Pending>>,
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
            Some(hash) if self.sessions.len() < MANY => {
                self.sessions.push(TokenHash::from_store(hash));
            }
            Some(_) | None => self.all = true,
        }
    }
}

impl Changes {
    /// Watches what `connection` changes from now on, for a cache of about so many `sessions`; none if there is no memory for it.
    pub(super) fn watch(
        connection: &Connection,
        sessions: usize,
    ) -> rusqlite::Result<Option<Self>> {
        let start = Instant::now();
        let Some(cache) = SessionCache::new(sessions, version(connection)?, start) else {
            return Ok(None);
        };
        let changes = Self {
            cache: Arc::new(cache),
            pending: Arc::default(),
        };
        changes.install(connection)?;
        Ok(Some(changes))
    }

    /// Watches another connection, which has taken the place of the one before. Nothing holds any more: it may lead to
    /// another file.
    pub(super) fn watch_again(&self, connection: &Connection) -> rusqlite::Result<()> {
        self.install(connection)?;
        self.cache.restart(version(connection)?);
        Ok(())
    }

    fn install(&self, connection: &Connection) -> rusqlite::Result<()> {
        let told = Arc::clone(&self.pending);
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
        connection.create_scalar_function("session_changed", 1, flags, move |context| {
            let mut pending = told.lock().unwrap_or_else(PoisonError::into_inner);
            pending.add(context.get_raw(0));
            Ok(Null)
        })?;
        // The triggers' own schema needs no file.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.execute_batch(TRIGGERS)
    }

    /// The cache that is told.
    pub(super) fn cache(&self) -> &Arc<SessionCache> {
        &self.cache
    }

    /// Tells the cache whether another process changed anything.
    pub(super) fn confirm(&self, connection: &Connection) -> rusqlite::Result<()> {
        let at = Instant::now();
        self.cache.confirm(version(connection)?, at);
        Ok(())
    }

    /// Tells the cache, after a step and before its caller is told. Also where the step failed: a commit that reports an
    /// error may have been made, and to forget too much costs a read.
    pub(super) fn invalidate(&self) {
        let pending =
            std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        for session in &pending.sessions {
            self.cache.forget(session);
        }
        if pending.all {
            self.cache.forget_all();
        }
    }
}

/// A number that is another one as soon as another connection has changed the database, and stays the same for what this
/// connection changes (<https://sqlite.org/pragma.html#pragma_data_version>).
fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

#[cfg(test)]
mod tests;
