//! Publishes audit entries after their transaction is committed.
//!
//! Triggers on the writing connection collect every added or changed row, so that no statement has to publish its entry
//! itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::Null;

use crate::domain::audit::AuditEntry;
use crate::store::observer::AuditSink;

/// Collects inserted entries. An update adds refusals to an entry, and only these are collected.
const TRIGGERS: &str = "
    CREATE TEMP TRIGGER audit_inserted AFTER INSERT ON main.audit
        BEGIN SELECT audit_recorded(NEW.id, NEW.at, NEW.last_at, NEW.count, NEW.event, NEW.cause, NEW.username,
            NEW.domain, NEW.source, NEW.operator, NEW.address, NEW.user_agent, NEW.request_id, NEW.detail); END;
    CREATE TEMP TRIGGER audit_counted AFTER UPDATE OF count ON main.audit
        BEGIN SELECT audit_recorded(NEW.id, NEW.at, NEW.last_at, NEW.count - OLD.count, NEW.event, NEW.cause,
            NEW.username, NEW.domain, NEW.source, NEW.operator, NEW.address, NEW.user_agent, NEW.request_id,
            NEW.detail); END;";

#[derive(Debug)]
pub(super) struct AuditReporter {
    sink: Arc<dyn AuditSink>,
    /// The entries of the transaction that is not yet committed.
    pending: Arc<Mutex<Vec<AuditEntry>>>,
}

impl AuditReporter {
    pub(super) fn new(sink: Arc<dyn AuditSink>) -> Self {
        Self {
            sink,
            pending: Arc::default(),
        }
    }

    /// Watches a writing connection.
    pub(super) fn watch(&self, connection: &Connection) -> rusqlite::Result<()> {
        let pending = Arc::clone(&self.pending);
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
        connection.create_scalar_function("audit_recorded", 14, flags, move |row| {
            let entry = read_entry(row)?;
            lock(&pending).push(entry);
            Ok(Null)
        })?;
        // The schema of temporary triggers needs no file.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.execute_batch(TRIGGERS)
    }

    /// Discards the entries of a transaction that was rolled back.
    pub(super) fn discard(&self) {
        lock(&self.pending).clear();
    }

    /// Publishes the entries of a transaction that was committed.
    pub(super) fn publish(&self) {
        for entry in lock(&self.pending).drain(..) {
            self.sink.publish(entry);
        }
    }
}

fn lock(pending: &Mutex<Vec<AuditEntry>>) -> MutexGuard<'_, Vec<AuditEntry>> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_entry(row: &Context<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        id: row.get(0)?,
        at: read_time(row, 1)?,
        last_at: read_time(row, 2)?,
        count: row.get(3)?,
        event: row.get(4)?,
        cause: row.get(5)?,
        username: row.get(6)?,
        domain: row.get(7)?,
        source: row.get(8)?,
        operator: row.get(9)?,
        address: row.get(10)?,
        user_agent: row.get(11)?,
        request_id: row.get(12)?,
        detail: row.get(13)?,
    })
}

fn read_time(row: &Context<'_>, column: usize) -> rusqlite::Result<DateTime<Utc>> {
    let seconds = row.get(column)?;
    DateTime::from_timestamp(seconds, 0)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(column, seconds))
}
