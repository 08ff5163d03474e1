//! The rows of `sessions` that a filter or a change selects, and their end.

use chrono::{DateTime, Utc};

use super::lookup::{self, Lock};
use super::step::Step;
use super::value::{get, get_count, get_token, values};
use crate::domain::audit::AuditEvent;
use crate::domain::change::ends_sessions;
use crate::domain::session::SessionFilter;
use crate::store::error::{StoreError, StoreFailure};

/// Selects rows of `sessions`, by a condition with one parameter.
#[derive(Debug, Clone, Copy)]
pub(super) enum SessionRows {
    All,
    OfTenant(i64),
    OfUser(i64),
}

impl SessionRows {
    pub(super) async fn resolve(
        step: &Step<'_>,
        filter: &SessionFilter,
        lock: Lock,
    ) -> Result<Self, StoreError> {
        Ok(match filter {
            SessionFilter::All => Self::All,
            SessionFilter::OfTenant(domain) => {
                Self::OfTenant(lookup::tenant_id(step, domain, lock).await?)
            }
            SessionFilter::OfUser(user) => Self::OfUser(lookup::user_id(step, user, lock).await?),
        })
    }

    pub(super) fn condition(self) -> (&'static str, i64) {
        match self {
            Self::All => ("$1 = 0", 0),
            Self::OfTenant(id) => (
                "s.user_id IN (SELECT id FROM users WHERE tenant_id = $1)",
                id,
            ),
            Self::OfUser(id) => ("s.user_id = $1", id),
        }
    }

    /// Ends the sessions, locked in the order of their ids. Returns how many were live.
    pub(super) async fn end(
        self,
        step: &Step<'_>,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreFailure> {
        let (condition, id) = self.condition();
        let delete = match self {
            // `revoke` has locked the table. Without the order, this takes a third of the time.
            Self::All => format!("DELETE FROM sessions s WHERE {condition}"),
            Self::OfTenant(_) | Self::OfUser(_) => format!(
                "WITH selected AS MATERIALIZED
                    (SELECT s.id FROM sessions s WHERE {condition} ORDER BY s.id FOR UPDATE)
                DELETE FROM sessions s USING selected WHERE s.id = selected.id"
            ),
        };
        let values = values![id, now.timestamp()];
        match self {
            Self::OfUser(_) => {
                let sql = format!("{delete} RETURNING s.token_hash, s.expires_at > $2");
                let rows = step.query(&sql, values).await?;
                let mut live = 0;
                for row in &rows {
                    step.invalidate(get_token(row, 0)?);
                    live += u64::from(get::<bool>(row, 1)?);
                }
                Ok(live)
            }
            // They can be millions, which are not listed here.
            Self::All | Self::OfTenant(_) => {
                let sql = format!(
                    "WITH ended AS ({delete} RETURNING s.expires_at > $2 AS is_live)
                    SELECT count(*) FROM ended WHERE is_live"
                );
                step.invalidate_all();
                get_count(&step.query(&sql, values).await?[0], 0)
            }
        }
    }
}

/// Ends the sessions of a user if the change requires it. Returns how many were live.
pub(super) async fn end_user_sessions(
    step: &Step<'_>,
    user: i64,
    change: AuditEvent,
    now: DateTime<Utc>,
) -> Result<u64, StoreFailure> {
    match ends_sessions(change) {
        true => SessionRows::OfUser(user).end(step, now).await,
        false => Ok(0),
    }
}

pub(super) async fn end_tenant_sessions(
    step: &Step<'_>,
    tenant: i64,
    change: AuditEvent,
    now: DateTime<Utc>,
) -> Result<u64, StoreFailure> {
    match ends_sessions(change) {
        true => SessionRows::OfTenant(tenant).end(step, now).await,
        false => Ok(0),
    }
}
