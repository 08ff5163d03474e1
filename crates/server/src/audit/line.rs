//! The JSON form of an audit entry, for `audit list` and [`super::stream`].

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::audit::AuditEntry;

/// An audit entry as one line of JSON.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of `AuditEntry`")]
pub struct AuditLine {
    pub id: i64,
    pub at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
    pub event: String,
    pub cause: Option<String>,
    pub username: Option<String>,
    pub domain: Option<String>,
    pub count: u64,
    pub source: String,
    pub operator: Option<String>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub request_id: Option<String>,
    pub detail: Option<String>,
}

impl From<AuditEntry> for AuditLine {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry {
            id,
            at,
            last_at,
            count,
            event,
            cause,
            username,
            domain,
            source,
            operator,
            address,
            user_agent,
            request_id,
            detail,
        } = entry;
        Self {
            id,
            at,
            last_at,
            event,
            cause,
            username,
            domain,
            count,
            source,
            operator,
            address,
            user_agent,
            request_id,
            detail,
        }
    }
}
