//! Storage trait for the audit log.

use async_trait::async_trait;

use crate::domain::audit::{AuditEntry, AuditFilter, AuditSweep, Caller, Source};
use crate::domain::refusal::Refusal;
use crate::domain::refusal_day::RefusalDay;
use crate::store::error::StoreFailure;

/// Stores the audit log. Methods of other traits record the entries of their changes.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Records refused logins. Like reservations of attempts, it does not wait for the disk.
    async fn record_refusals(&self, refusals: Vec<Refusal>) -> Result<(), StoreFailure>;

    /// Lists the latest entries that match the filter, oldest first.
    async fn list_audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreFailure>;

    /// Lists daily counts of refusals whose entries were deleted, oldest day first.
    ///
    /// Within a day, the largest count is first. If there are more than the filter's limit, those of the latest days
    /// are listed.
    async fn list_refusal_days(
        &self,
        filter: &AuditFilter,
    ) -> Result<Vec<RefusalDay>, StoreFailure>;

    /// Deletes old and excess entries and old daily counts. Returns the number of deleted rows.
    ///
    /// Refusals beyond the maximum are added to the daily counts in the same transaction.
    async fn sweep_audit(&self, plan: &AuditSweep) -> Result<u64, StoreFailure>;
}

/// The columns of an entry's source.
pub(super) struct SourceColumns<'a> {
    pub(super) source: &'static str,
    pub(super) operator: Option<&'a str>,
    pub(super) address: Option<String>,
    pub(super) user_agent: Option<&'a str>,
    pub(super) request_id: Option<&'a str>,
}

impl<'a> From<&'a Caller> for SourceColumns<'a> {
    fn from(caller: &'a Caller) -> Self {
        Self {
            source: "request",
            operator: None,
            address: Some(caller.address.to_canonical().to_string()),
            user_agent: caller.user_agent.as_ref().map(|agent| agent.as_str()),
            request_id: Some(&caller.request_id),
        }
    }
}

impl<'a> From<&'a Source> for SourceColumns<'a> {
    fn from(source: &'a Source) -> Self {
        let without_client = |source, operator| Self {
            source,
            operator,
            address: None,
            user_agent: None,
            request_id: None,
        };
        match source {
            Source::Request(caller) => caller.into(),
            Source::Command(operator) => without_client("command", Some(operator.as_str())),
            Source::Server => without_client("server", None),
        }
    }
}
