//! Metrics of the session cache.

use std::time::Duration;

use prometheus::{Gauge, IntCounter, Registry};

use super::register;

/// The metrics of the session cache; zero if there is none, because then no answer can be stale.
pub(crate) struct CacheMetrics {
    staleness: Gauge,
    invalidations: IntCounter,
}

impl CacheMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            staleness: register(
                registry,
                Gauge::new(
                    "pbx_login_session_cache_staleness_seconds",
                    "Time since the last successful poll for changes of other processes began.",
                ),
            ),
            invalidations: register(
                registry,
                IntCounter::new(
                    "pbx_login_session_cache_invalidations_total",
                    "Number of times that the whole session cache was invalidated.",
                ),
            ),
        }
    }

    /// Sets the age of the last successful poll and the number of invalidations since the start.
    ///
    /// Only a sampler calls this, because two concurrent calls could count an invalidation twice.
    pub(crate) fn set(&self, staleness: Duration, invalidations: u64) {
        self.staleness.set(staleness.as_secs_f64());
        let counted = self.invalidations.get();
        self.invalidations
            .inc_by(invalidations.saturating_sub(counted));
    }
}
