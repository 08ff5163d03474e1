//! Recording of refused logins and retention of the audit log; see [`crate::audit`].

use std::sync::Arc;

use super::{Internal, ManageError, SWEEP_BATCH};
use crate::audit::AuditBuffer;
use crate::context::Context;
use crate::domain::audit::{AuditEntry, AuditFilter, AuditSweep};
use crate::domain::refusal::Refusal;
use crate::domain::refusal_day::RefusalDay;

/// Records a refusal that has no reservation; if the store fails, a later [`flush`] writes it.
pub(super) fn record_refusal(
    context: &Context,
    refusal: Refusal,
) -> impl Future<Output = ()> + Send + 'static {
    let (store, buffer) = (Arc::clone(&context.store), Arc::clone(&context.audit));
    async move {
        if let Some(refusal) = buffer.coalesce(refusal) {
            let recorded = store.record_refusals(vec![refusal.clone()]).await;
            if recorded.is_err() {
                buffer.enqueue([refusal]);
            }
        }
    }
}

/// Writes the pending refusals; if the store fails, they stay pending.
pub async fn flush(context: &Context) -> Result<(), Internal> {
    let refusals = context.audit.drain();
    if refusals.is_empty() {
        return Ok(());
    }
    let written = context.store.record_refusals(refusals.clone()).await;
    if written.is_err() {
        context.audit.enqueue(refusals);
    }
    Ok(written?)
}

/// Lists the latest entries that match the filter, oldest first.
pub async fn list(context: &Context, filter: &AuditFilter) -> Result<Vec<AuditEntry>, ManageError> {
    Ok(context.store.list_audit(filter).await?)
}

/// Lists the latest daily counts of refused logins whose entries were deleted, oldest day first.
pub async fn list_refusal_days(
    context: &Context,
    filter: &AuditFilter,
) -> Result<Vec<RefusalDay>, ManageError> {
    Ok(context.store.list_refusal_days(filter).await?)
}

/// Deletes a batch of entries past their retention or over the maximum number.
///
/// Returns the number of deleted rows: 0 if nothing is left to delete.
pub async fn sweep(context: &Context) -> Result<u64, Internal> {
    let plan = AuditSweep {
        before: context.clock.now() - context.audit.retention,
        max_rows: context.audit.max_rows,
        max_days: AuditBuffer::MAX_REFUSAL_DAYS,
        batch: SWEEP_BATCH,
    };
    Ok(context.store.sweep_audit(&plan).await?)
}

#[cfg(test)]
mod tests;
