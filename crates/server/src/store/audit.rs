//! Storage of the audit log.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::audit::{AuditEntry, AuditFilter};
use crate::domain::refusal::Refusal;
use crate::store::error::StoreFailure;

/// Stores the audit log. Changes record their entries themselves.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Tells that logins were refused. Like the counting of attempts it does not wait for the disk.
    async fn record_refusals(&self, refusals: Vec<Refusal>) -> Result<(), StoreFailure>;

    /// Lists what happened, oldest first: of what the filter lets through the latest.
    async fn list_audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreFailure>;

    /// Deletes at most `most` of what is told from `before` or earlier, and as many of each kind of rows, refusals and the
    /// rest, of which there are more than `rows`: the oldest. How many it were.
    async fn sweep_audit(
        &self,
        before: DateTime<Utc>,
        rows: u32,
        most: u32,
    ) -> Result<u64, StoreFailure>;
}
