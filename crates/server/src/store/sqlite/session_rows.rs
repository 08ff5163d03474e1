//! The rows of `sessions` that a filter or a change selects, and their end.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::lookup;
use crate::domain::audit::AuditEvent;
use crate::domain::change::ends_sessions;
use crate::domain::session::SessionFilter;
use crate::store::error::StoreError;

/// Selects rows of `sessions`, by a condition with one parameter.
pub(super) enum SessionRows {
    All,
    OfTenant(i64),
    OfUser(i64),
}

impl SessionRows {
    pub(super) fn resolve(
        connection: &Connection,
        filter: &SessionFilter,
    ) -> Result<Self, StoreError> {
        Ok(match filter {
            SessionFilter::All => Self::All,
            SessionFilter::OfTenant(domain) => {
                Self::OfTenant(lookup::tenant_id(connection, domain)?)
            }
            SessionFilter::OfUser(user) => Self::OfUser(lookup::user_id(connection, user)?),
        })
    }

    pub(super) fn condition(&self) -> (&'static str, i64) {
        match self {
            Self::All => ("?1 = 0", 0),
            Self::OfTenant(id) => (
                "user_id IN (SELECT id FROM users WHERE tenant_id = ?1)",
                *id,
            ),
            Self::OfUser(id) => ("user_id = ?1", *id),
        }
    }

    pub(super) fn end(&self, step: &Connection, now: DateTime<Utc>) -> rusqlite::Result<u64> {
        let (condition, id) = self.condition();
        let count = format!("SELECT count(*) FROM sessions WHERE {condition} AND expires_at > ?2");
        let live = step
            .prepare_cached(&count)?
            .query_row(params![id, now.timestamp()], |row| row.get(0))?;
        step.prepare_cached(&format!("DELETE FROM sessions WHERE {condition}"))?
            .execute(params![id])?;
        Ok(live)
    }
}

/// Ends the sessions of a user if the change requires it. Returns how many were live.
pub(super) fn end_user_sessions(
    step: &Connection,
    user: i64,
    change: AuditEvent,
    now: DateTime<Utc>,
) -> rusqlite::Result<u64> {
    match ends_sessions(change) {
        true => SessionRows::OfUser(user).end(step, now),
        false => Ok(0),
    }
}

pub(super) fn end_tenant_sessions(
    step: &Connection,
    tenant: i64,
    change: AuditEvent,
    now: DateTime<Utc>,
) -> rusqlite::Result<u64> {
    match ends_sessions(change) {
        true => SessionRows::OfTenant(tenant).end(step, now),
        false => Ok(0),
    }
}
