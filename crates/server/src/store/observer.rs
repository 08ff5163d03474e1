//! Where a backend reports what happens to its database.

use std::sync::Arc;

use crate::metrics::Metrics;

/// Receives what happens to a database: how long its transactions take, when it fails and when it is back.
#[derive(Debug, Clone)]
pub struct Observer {
    /// Measures transactions.
    pub metrics: Arc<Metrics>,
    /// Logs faults and their ends.
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
