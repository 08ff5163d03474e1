use std::fmt;
use std::sync::Arc;

use crate::clock::{Clock, SystemClock};
use crate::domain::audit::AuditEntry;
use crate::metrics::Metrics;

/// Receives the durations of transactions, the audit entries, and the faults of the database.
#[derive(Debug, Clone)]
pub struct Observer {
    /// The metrics of transactions.
    pub metrics: Arc<Metrics>,
    /// The log of faults and recoveries.
    pub log: slog::Logger,
    /// The clock of this machine. A database on another machine may have its own.
    pub clock: Arc<dyn Clock>,
    /// The receiver of audit entries, if there is one.
    pub audit: Option<Arc<dyn AuditSink>>,
}

impl Default for Observer {
    fn default() -> Self {
        Self {
            metrics: Arc::default(),
            log: slog::Logger::root(slog::Discard, slog::o!()),
            clock: Arc::new(SystemClock),
            audit: None,
        }
    }
}

/// Receives audit entries from the store.
///
/// A backend publishes the entries of a transaction after it is committed, in their order, and none of a transaction
/// that is rolled back. If refusals are added to an existing entry, it publishes the entry with the number of those
/// refusals as `count`, so that the counts of all published entries add up.
pub trait AuditSink: fmt::Debug + Send + Sync {
    /// Receives an entry. It must not block, because the store waits for it.
    fn publish(&self, entry: AuditEntry);
}
