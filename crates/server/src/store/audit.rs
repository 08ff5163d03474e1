//! Storage trait for the audit log.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::audit::{AuditEntry, AuditFilter};
use crate::domain::refusal::Refusal;
use crate::store::error::StoreFailure;

/// Stores the audit log. Methods of other traits record the entries of their changes.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Records refused logins. Like reservations of attempts, it does not wait for the disk.
    async fn record_refusals(&self, refusals: Vec<Refusal>) -> Result<(), StoreFailure>;

    /// Lists the latest entries that match the filter, oldest first.
    async fn list_audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreFailure>;

    /// Deletes old and excess entries. Returns the number of deleted entries.
    ///
    /// At most `limit` each: entries from `before` or earlier, refusals beyond `rows`, other entries beyond `rows`.
    async fn sweep_audit(
        &self,
        before: DateTime<Utc>,
        rows: u32,
        limit: u32,
    ) -> Result<u64, StoreFailure>;
}
