use std::sync::Arc;

use crate::metrics::Metrics;

/// Receives the durations of transactions, and when the database fails and recovers.
#[derive(Debug, Clone)]
pub struct Observer {
    /// The metrics of transactions.
    pub metrics: Arc<Metrics>,
    /// The log of faults and recoveries.
    pub log: slog::Logger,
}

impl Default for Observer {
    fn default() -> Self {
        Self {
            metrics: Arc::default(),
            log: slog::Logger::root(slog::Discard, slog::o!()),
        }
    }
}
