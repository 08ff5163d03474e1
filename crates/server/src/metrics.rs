//! The metrics of the server. `docs/operations.md` describes each one; a test compares the two.
//!
//! No function of [`Metrics`] takes a lock: handles are resolved once, because [`prometheus`] takes a lock to look up
//! labels. No label contains a value from a request: the contract and the enums here limit the number of label values.

use std::sync::OnceLock;
use std::time::Duration;

use pbx_login_api::OPERATIONS;
use prometheus::core::Collector;
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::domain::rate_limit::LimitKind;

/// Upper bounds of the latency buckets in seconds; two or three per decade suffice for quantiles.
const SECONDS: [f64; 18] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

const UNLISTED: &str = "unlisted";

/// The HTTP statuses; any other status is counted as the last one.
const STATUSES: std::ops::Range<u16> = 100..600;

/// The label values for [`LimitKind`].
const THROTTLED_BY: [&str; 4] = ["account_from_address", "address", "account", "at_once"];

/// The outcome of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginOutcome {
    /// A session was opened.
    Opened,
    /// The credentials were refused.
    Refused,
    /// The login was rate limited; the password was not verified.
    Throttled,
    /// The login was shed because of load; the password was not verified.
    Overloaded,
    /// The database was not available.
    Unavailable,
    /// Another failure.
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

/// A kind of database access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A read.
    Read,
    /// A committed write, including its wait for the writer.
    Write,
}

impl Access {
    const NAMES: [&str; 2] = ["read", "write"];
}

/// The metrics of a process.
pub struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    /// By operation and status, resolved when needed; the last row is for unlisted requests.
    request_handles: Vec<Vec<OnceLock<Histogram>>>,
    logins: [IntCounter; LoginOutcome::NAMES.len()],
    throttled: [IntCounter; THROTTLED_BY.len()],
    hash_queue: IntGauge,
    hash_wait: Histogram,
    hash_time: Histogram,
    database: [Histogram; Access::NAMES.len()],
    database_failures: [IntCounter; Access::NAMES.len()],
    database_up: IntGauge,
    sessions: Gauge,
    panics: IntCounter,
}

impl Metrics {
    /// Creates the metrics, without any event.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let requests = registered(
            &registry,
            HistogramVec::new(
                histogram(
                    "pbx_login_request_duration_seconds",
                    "Time from a request's head to its answer, by operation of the contract and status.",
                ),
                &["operation", "status"],
            ),
        );
        let statuses = || STATUSES.map(|_| OnceLock::new()).collect();
        let metrics = Self {
            logins: counters(
                &registry,
                "pbx_login_logins_total",
                "Logins, by how they ended.",
                "outcome",
                LoginOutcome::NAMES,
            ),
            throttled: counters(
                &registry,
                "pbx_login_throttled_total",
                "Logins refused unseen after too many failures, by the limit that was reached.",
                "limit",
                THROTTLED_BY,
            ),
            hash_queue: registered(
                &registry,
                IntGauge::new("pbx_login_hash_queue", "Passwords that wait to be hashed."),
            ),
            hash_wait: registered(
                &registry,
                Histogram::with_opts(histogram(
                    "pbx_login_hash_wait_seconds",
                    "Time that a password waited to be hashed.",
                )),
            ),
            hash_time: registered(
                &registry,
                Histogram::with_opts(histogram(
                    "pbx_login_hash_duration_seconds",
                    "Time that hashing a password took.",
                )),
            ),
            database: {
                let times = registered(
                    &registry,
                    HistogramVec::new(
                        histogram(
                            "pbx_login_database_duration_seconds",
                            "Time that a step of the database took, its wait for the writer included.",
                        ),
                        &["access"],
                    ),
                );
                Access::NAMES.map(|name| times.with_label_values(&[name]))
            },
            database_failures: counters(
                &registry,
                "pbx_login_database_failures_total",
                "Steps of the database that failed.",
                "access",
                Access::NAMES,
            ),
            database_up: registered(
                &registry,
                IntGauge::new(
                    "pbx_login_database_up",
                    "Whether the database file is there and can be used: 1 or 0.",
                ),
            ),
            sessions: registered(
                &registry,
                Gauge::new(
                    "pbx_login_sessions_live",
                    "Sessions that are live, as last counted; NaN where they could not be.",
                ),
            ),
            panics: registered(
                &registry,
                IntCounter::new("pbx_login_panics_total", "Panics that were survived."),
            ),
            requests,
            request_handles: (0..=OPERATIONS.len()).map(|_| statuses()).collect(),
            registry,
        };
        metrics.sessions.set(f64::NAN);
        metrics.database_up.set(1);
        let build = registered(
            &metrics.registry,
            IntGaugeVec::new(
                Opts::new("pbx_login_build_info", "The version that runs; always 1."),
                &["version"],
            ),
        );
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        #[cfg(target_os = "linux")]
        metrics
            .registry
            .register(Box::new(
                prometheus::process_collector::ProcessCollector::for_self(),
            ))
            .expect("each name is registered once");
        metrics
    }

    /// Records a request by its operation id; the status is 499 if the client has disconnected.
    pub fn request(&self, operation: Option<&str>, status: u16, latency: Duration) {
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
                let operation = OPERATIONS.get(row).map_or(UNLISTED, |listed| listed.id);
                self.requests
                    .with_label_values(&[operation, &status.to_string()])
            });
        handle.observe(latency.as_secs_f64());
    }

    /// Records a login.
    pub fn login(&self, outcome: LoginOutcome) {
        self.logins[outcome as usize].inc();
    }

    /// Records a rate limited login.
    pub fn throttled(&self, by: LimitKind) {
        let at = match by {
            LimitKind::AccountFromNetwork => 0,
            LimitKind::Network => 1,
            LimitKind::Account => 2,
            LimitKind::Concurrency => 3,
        };
        self.throttled[at].inc();
    }

    /// Sets the number of passwords that wait to be hashed.
    pub fn hash_queue(&self, waiting: usize) {
        self.hash_queue
            .set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// Records how long a password waited to be hashed.
    pub fn hash_waited(&self, time: Duration) {
        self.hash_wait.observe(time.as_secs_f64());
    }

    /// Records how long hashing a password took.
    pub fn hash_took(&self, time: Duration) {
        self.hash_time.observe(time.as_secs_f64());
    }

    /// Records the duration of a database access, and whether the database failed.
    pub fn database(&self, access: Access, time: Duration, failed: bool) {
        self.database[access as usize].observe(time.as_secs_f64());
        if failed {
            self.database_failures[access as usize].inc();
        }
    }

    /// Sets whether the database can be used.
    pub fn database_up(&self, up: bool) {
        self.database_up.set(up.into());
    }

    /// Sets the number of live sessions; `None` if they could not be counted.
    pub fn sessions_live(&self, count: Option<u64>) {
        #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
        self.sessions
            .set(count.map_or(f64::NAN, |count| count as f64));
    }

    /// Records a panic that the process survived.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// Returns all metrics in the text format of Prometheus.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Cannot fail: a string is written, and the names were checked when they were registered.
        let _ = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text);
        text
    }

    /// Returns the content type of [`Metrics::text`].
    #[must_use]
    pub fn content_type() -> String {
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

fn histogram(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(SECONDS.to_vec())
}

fn registered<C: Collector + Clone + 'static>(
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

fn counters<const N: usize>(
    registry: &Registry,
    name: &str,
    help: &str,
    label: &str,
    values: [&str; N],
) -> [IntCounter; N] {
    let family = registered(
        registry,
        IntCounterVec::new(Opts::new(name, help), &[label]),
    );
    values.map(|value| family.with_label_values(&[value]))
}

#[cfg(test)]
mod tests;
