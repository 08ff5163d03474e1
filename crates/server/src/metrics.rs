//! The metrics of the server. `docs/operations.md` describes each one; a test compares the two.
//!
//! No function that records an event takes a lock: handles are resolved once, because [`prometheus`] takes a lock to
//! look up labels. No label contains a value from a request: the contract and the enums here limit the number of label
//! values.

mod cache;
mod postgres;
#[cfg(target_os = "linux")]
mod process;

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use pbx_login_api::OPERATIONS;
use prometheus::core::Collector;
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use self::cache::CacheMetrics;
use self::postgres::PostgresMetrics;
pub(crate) use self::postgres::{ConnectionOutcome, PoolState, RetryCause};
use crate::connections::CloseReason;
use crate::domain::rate_limit::LimitKind;

/// Upper bounds of the latency buckets, in seconds; two or three per decade suffice for quantiles.
const LATENCY_BUCKETS_SECONDS: [f64; 18] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

const UNLISTED_OPERATION: &str = "unlisted";

/// The HTTP statuses; any other status is counted as the last one.
const STATUSES: std::ops::Range<u16> = 100..600;

/// The label values for [`LimitKind`].
const LIMIT_LABELS: [&str; 7] = [
    "account_from_address",
    "address",
    "network_56",
    "network_48",
    "account",
    "account_day",
    "concurrency",
];

/// The label values for [`CloseReason`].
const CLOSE_LABELS: [&str; 3] = ["http2", "silent", "network"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoginOutcome {
    Opened,
    Refused,
    /// The login was rate limited.
    Throttled,
    /// The login was shed because of load; the password was not verified.
    Overloaded,
    Unavailable,
    Failed,
}

impl LoginOutcome {
    const NAMES: [&str; 6] = [
        "opened",
        "refused",
        "throttled",
        "overloaded",
        "unavailable",
        "failed",
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    /// A committed write, including its wait for the writer.
    Write,
}

impl Access {
    const NAMES: [&str; 2] = ["read", "write"];
}

/// Sets the gauges of a part of the server just before they are encoded.
type Sampler = Box<dyn Fn(&Metrics) + Send + Sync>;

/// The metrics of a process.
pub struct Metrics {
    registry: Registry,
    samplers: Mutex<Vec<Sampler>>,
    /// The metrics of the connections to PostgreSQL.
    pub(crate) postgres: PostgresMetrics,
    /// The metrics of the session cache.
    pub(crate) cache: CacheMetrics,
    requests: HistogramVec,
    /// Handles by operation and status, resolved on first use; the last row is for unlisted requests.
    request_handles: Vec<Vec<OnceLock<Histogram>>>,
    logins: [IntCounter; LoginOutcome::NAMES.len()],
    throttled: [IntCounter; LIMIT_LABELS.len()],
    hash_queue: IntGauge,
    hash_wait: Histogram,
    hash_time: Histogram,
    database: [Histogram; Access::NAMES.len()],
    database_failures: [IntCounter; Access::NAMES.len()],
    database_up: IntGauge,
    clock_difference: Gauge,
    asynchronous_standbys: Gauge,
    sessions: Gauge,
    closed_connections: [IntCounter; CLOSE_LABELS.len()],
    tls_failures: IntCounter,
    lost_audit_lines: IntCounter,
    panics: IntCounter,
}

impl Metrics {
    /// Creates the metrics, with all counts at zero.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let requests = register(
            &registry,
            HistogramVec::new(
                histogram_options(
                    "pbx_login_request_duration_seconds",
                    "Duration of requests from head to response, by operation and status.",
                ),
                &["operation", "status"],
            ),
        );
        let statuses = || STATUSES.map(|_| OnceLock::new()).collect();
        let metrics = Self {
            samplers: Mutex::default(),
            postgres: PostgresMetrics::new(&registry),
            cache: CacheMetrics::new(&registry),
            logins: register_counters(
                &registry,
                "pbx_login_logins_total",
                "Logins by outcome.",
                "outcome",
                LoginOutcome::NAMES,
            ),
            throttled: register_counters(
                &registry,
                "pbx_login_throttled_total",
                "Rate-limited logins by the limit that was reached.",
                "limit",
                LIMIT_LABELS,
            ),
            hash_queue: register(
                &registry,
                IntGauge::new(
                    "pbx_login_hash_queue",
                    "Passwords that are waiting to be hashed.",
                ),
            ),
            hash_wait: register(
                &registry,
                Histogram::with_opts(histogram_options(
                    "pbx_login_hash_wait_seconds",
                    "Time for which a password waited to be hashed.",
                )),
            ),
            hash_time: register(
                &registry,
                Histogram::with_opts(histogram_options(
                    "pbx_login_hash_duration_seconds",
                    "Duration of hashing a password.",
                )),
            ),
            database: {
                let times = register(
                    &registry,
                    HistogramVec::new(
                        histogram_options(
                            "pbx_login_database_duration_seconds",
                            "Duration of database operations, including the wait for the writer.",
                        ),
                        &["access"],
                    ),
                );
                Access::NAMES.map(|name| times.with_label_values(&[name]))
            },
            database_failures: register_counters(
                &registry,
                "pbx_login_database_failures_total",
                "Database operations that failed.",
                "access",
                Access::NAMES,
            ),
            database_up: register(
                &registry,
                IntGauge::new(
                    "pbx_login_database_up",
                    "Whether the database can be used: 1 or 0.",
                ),
            ),
            clock_difference: register(
                &registry,
                Gauge::new(
                    "pbx_login_clock_difference_seconds",
                    "Time of this machine minus time of the database; 0 with SQLite.",
                ),
            ),
            asynchronous_standbys: register(
                &registry,
                Gauge::new(
                    "pbx_login_asynchronous_standbys",
                    "Standbys of the database if commits wait for none; NaN if unknown.",
                ),
            ),
            sessions: register(
                &registry,
                Gauge::new(
                    "pbx_login_sessions_live",
                    "Live sessions at the last count; NaN if it failed.",
                ),
            ),
            closed_connections: register_counters(
                &registry,
                "pbx_login_connections_closed_total",
                "Connections that the server closed, by reason.",
                "reason",
                CLOSE_LABELS,
            ),
            tls_failures: register(
                &registry,
                IntCounter::new(
                    "pbx_login_tls_handshake_failures_total",
                    "Failed TLS handshakes.",
                ),
            ),
            lost_audit_lines: register(
                &registry,
                IntCounter::new(
                    "pbx_login_audit_lines_lost_total",
                    "Lines that could not be written to audit.log.",
                ),
            ),
            panics: register(
                &registry,
                IntCounter::new("pbx_login_panics_total", "Panics that were caught."),
            ),
            requests,
            request_handles: (0..=OPERATIONS.len()).map(|_| statuses()).collect(),
            registry,
        };
        metrics.sessions.set(f64::NAN);
        metrics.database_up.set(1);
        let build = register(
            &metrics.registry,
            IntGaugeVec::new(
                Opts::new(
                    "pbx_login_build_info",
                    "The version of the server; always 1.",
                ),
                &["version"],
            ),
        );
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        #[cfg(target_os = "linux")]
        {
            let process = process::ProcessMetrics::new(&metrics.registry);
            metrics.add_sampler(move |_| process.sample());
        }
        metrics
    }

    /// Records a request by its operation id; the status is 499 if the client has disconnected.
    pub fn record_request(&self, operation: Option<&str>, status: u16, latency: Duration) {
        let row = OPERATIONS
            .iter()
            .position(|listed| Some(listed.id) == operation);
        let row = row.unwrap_or(OPERATIONS.len());
        let status = if STATUSES.contains(&status) {
            status
        } else {
            STATUSES.end - 1
        };
        let handle =
            self.request_handles[row][usize::from(status - STATUSES.start)].get_or_init(|| {
                let operation = OPERATIONS
                    .get(row)
                    .map_or(UNLISTED_OPERATION, |listed| listed.id);
                self.requests
                    .with_label_values(&[operation, &status.to_string()])
            });
        handle.observe(latency.as_secs_f64());
    }

    pub(crate) fn record_login(&self, outcome: LoginOutcome) {
        self.logins[outcome as usize].inc();
    }

    pub(crate) fn record_rate_limited(&self, limit: LimitKind) {
        let index = match limit {
            LimitKind::AccountFromNetwork => 0,
            LimitKind::Network => 1,
            LimitKind::Network56 => 2,
            LimitKind::Network48 => 3,
            LimitKind::Account => 4,
            LimitKind::AccountDay => 5,
            LimitKind::Concurrency => 6,
        };
        self.throttled[index].inc();
    }

    pub(crate) fn set_hash_queue(&self, waiting: usize) {
        self.hash_queue
            .set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    pub(crate) fn record_hash_wait(&self, time: Duration) {
        self.hash_wait.observe(time.as_secs_f64());
    }

    pub(crate) fn record_hash_time(&self, time: Duration) {
        self.hash_time.observe(time.as_secs_f64());
    }

    /// Records the duration of a database access, and whether the database failed.
    pub(crate) fn record_database_access(&self, access: Access, time: Duration, failed: bool) {
        self.database[access as usize].observe(time.as_secs_f64());
        if failed {
            self.database_failures[access as usize].inc();
        }
    }

    pub(crate) fn set_database_up(&self, up: bool) {
        self.database_up.set(up.into());
    }

    /// Sets by how much the clock of this machine is ahead of the database's.
    pub(crate) fn set_clock_difference(&self, difference: TimeDelta) {
        self.clock_difference.set(difference.as_seconds_f64());
    }

    /// Sets the number of standbys while a failover to one can lose changes; NaN if it is unknown.
    pub(crate) fn set_asynchronous_standbys(&self, standbys: f64) {
        self.asynchronous_standbys.set(standbys);
    }

    /// Sets the number of live sessions; `None` if they could not be counted.
    pub(crate) fn set_live_sessions(&self, count: Option<u64>) {
        #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
        self.sessions
            .set(count.map_or(f64::NAN, |count| count as f64));
    }

    pub(crate) fn record_closed_connection(&self, reason: CloseReason) {
        let index = match reason {
            CloseReason::Http2 => 0,
            CloseReason::Silent => 1,
            CloseReason::Network => 2,
        };
        self.closed_connections[index].inc();
    }

    pub(crate) fn record_tls_failure(&self) {
        self.tls_failures.inc();
    }

    pub(crate) fn record_lost_audit_line(&self) {
        self.lost_audit_lines.inc();
    }

    pub(crate) fn record_panic(&self) {
        self.panics.inc();
    }

    /// Adds a function that sets gauges whenever the metrics are encoded, so that events need not set them.
    ///
    /// It must not own these metrics, directly or indirectly, because the cycle would never be dropped.
    pub(crate) fn add_sampler(&self, sampler: impl Fn(&Self) + Send + Sync + 'static) {
        let mut samplers = self.samplers.lock().unwrap_or_else(PoisonError::into_inner);
        samplers.push(Box::new(sampler));
    }

    /// Returns all metrics in the text format of Prometheus.
    #[must_use]
    pub fn encode(&self) -> String {
        // Locked until all of them were called, so that they run one after another.
        let samplers = self.samplers.lock().unwrap_or_else(PoisonError::into_inner);
        samplers.iter().for_each(|sampler| sampler(self));
        drop(samplers);
        let mut text = String::new();
        // Cannot fail: a string is written, and the names were checked when they were registered.
        let _ = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text);
        text
    }

    #[must_use]
    pub(crate) fn content_type() -> String {
        TextEncoder::new().format_type().to_owned()
    }
}

// Atomic counters remain consistent if a thread panics; the logger requires these traits.
impl std::panic::UnwindSafe for Metrics {}
impl std::panic::RefUnwindSafe for Metrics {}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

fn histogram_options(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(LATENCY_BUCKETS_SECONDS.to_vec())
}

fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: prometheus::Result<C>,
) -> C {
    let collector =
        collector.expect("names, labels and buckets are constants that prometheus allows");
    registry
        .register(Box::new(collector.clone()))
        .expect("each name is registered once");
    collector
}

fn register_counters<const N: usize>(
    registry: &Registry,
    name: &str,
    help: &str,
    label: &str,
    values: [&str; N],
) -> [IntCounter; N] {
    let family = register(
        registry,
        IntCounterVec::new(Opts::new(name, help), &[label]),
    );
    values.map(|value| family.with_label_values(&[value]))
}

#[cfg(test)]
mod tests;
