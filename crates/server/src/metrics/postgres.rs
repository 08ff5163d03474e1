//! Metrics of the connections to PostgreSQL and of the changes that servers exchange through it.
//!
//! With SQLite, all of them are exported as zero, so that dashboards and alerts need not know the backend.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Registry};

use super::{histogram_options, register, register_counters};

/// Upper bounds of the buckets. Polls begin every 0.2 s, and a cache is stale after 0.9 s.
const PROPAGATION_BUCKETS_SECONDS: [f64; 14] = [
    0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 0.9, 1.0, 2.5, 5.0,
];

/// The reason that an operation is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryCause {
    /// The transaction was rolled back because of another one.
    Conflict,
    /// The connection was lost, or there was none.
    Connection,
    /// The connection was lost during a commit.
    UnknownCommit,
}

impl RetryCause {
    const NAMES: [&str; 3] = ["conflict", "connection", "unknown_commit"];
}

/// The result of opening a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionOutcome {
    Opened,
    /// No host of the URL could be used.
    Failed,
}

impl ConnectionOutcome {
    const NAMES: [&str; 2] = ["opened", "failed"];
}

/// The state of a pool of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolState {
    pub(crate) max_connections: usize,
    pub(crate) connections: usize,
    pub(crate) in_use: usize,
    pub(crate) waiting: usize,
}

/// The metrics of PostgreSQL.
pub(crate) struct PostgresMetrics {
    max_connections: IntGauge,
    connections: IntGauge,
    in_use: IntGauge,
    waiting: IntGauge,
    wait: Histogram,
    retries: [IntCounter; RetryCause::NAMES.len()],
    connection_outcomes: [IntCounter; ConnectionOutcome::NAMES.len()],
    propagation: Histogram,
}

impl PostgresMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauge = |name, help| register(registry, IntGauge::new(name, help));
        Self {
            max_connections: gauge(
                "pbx_login_pool_max_connections",
                "The maximum number of connections in the pool of PostgreSQL.",
            ),
            connections: gauge(
                "pbx_login_pool_connections",
                "Open connections in the pool of PostgreSQL.",
            ),
            in_use: gauge(
                "pbx_login_pool_connections_in_use",
                "Connections of the pool that an operation is using.",
            ),
            waiting: gauge(
                "pbx_login_pool_waiting",
                "Operations that are waiting for a connection of the pool.",
            ),
            wait: register(
                registry,
                Histogram::with_opts(histogram_options(
                    "pbx_login_pool_wait_seconds",
                    "Time for which an operation waited for a connection of the pool.",
                )),
            ),
            retries: register_counters(
                registry,
                "pbx_login_database_retries_total",
                "Operations of PostgreSQL that were tried again, by cause.",
                "cause",
                RetryCause::NAMES,
            ),
            connection_outcomes: register_counters(
                registry,
                "pbx_login_database_connections_total",
                "Connections to PostgreSQL by outcome.",
                "outcome",
                ConnectionOutcome::NAMES,
            ),
            propagation: register(
                registry,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "pbx_login_propagation_delay_seconds",
                        "Time from writing a change of a session until this process applied it.",
                    )
                    .buckets(PROPAGATION_BUCKETS_SECONDS.to_vec()),
                ),
            ),
        }
    }

    pub(crate) fn set_pool(&self, state: PoolState) {
        for (gauge, value) in [
            (&self.max_connections, state.max_connections),
            (&self.connections, state.connections),
            (&self.in_use, state.in_use),
            (&self.waiting, state.waiting),
        ] {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }

    /// Records the wait of an operation for a connection, whether or not it got one.
    pub(crate) fn record_pool_wait(&self, time: Duration) {
        self.wait.observe(time.as_secs_f64());
    }

    pub(crate) fn record_retry(&self, cause: RetryCause) {
        self.retries[cause as usize].inc();
    }

    pub(crate) fn record_connection(&self, outcome: ConnectionOutcome) {
        self.connection_outcomes[outcome as usize].inc();
    }

    pub(crate) fn record_propagation(&self, delay: Duration) {
        self.propagation.observe(delay.as_secs_f64());
    }
}
