//! What the server counts and measures about itself, for Prometheus.
//!
//! [`Metrics`] is a leaf: whoever has something to count holds it and calls the one function that names the event; none
//! takes a lock. Each handle is resolved once: [`prometheus`]'s look-up by labels takes a lock and hashes them. No label ever
//! holds what a caller sent: their number is fixed by the contract and by the enums here.
//!
//! `docs/operations.md` says what each metric means; a test holds it to that.

use std::sync::OnceLock;
use std::time::Duration;

use pbx_login_api::OPERATIONS;
use prometheus::core::Collector;
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::domain::rate_limit::LimitKind;

/// Upper bounds of latencies, in seconds: from a read that is answered from memory to a request that nobody waits for any
/// more. Two or three a decade, so that a quantile is off by less than the factor that matters.
const SECONDS: [f64; 18] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

/// The label of a request that the contract does not list.
const UNLISTED: &str = "unlisted";

/// HTTP statuses are 100 to 599; anything else is counted as the last.
const STATUSES: std::ops::Range<u16> = 100..600;

/// The limits on failed logins, as [`LimitKind`] names them.
const THROTTLED_BY: [&str; 4] = ["account_from_address", "address", "account", "at_once"];

/// How a login ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginOutcome {
    /// A session was opened.
    Opened,
    /// The credentials were refused, whatever the cause.
    Refused,
    /// There were too many failures before it; the password was not looked at.
    Throttled,
    /// Too many logins waited; the password was not looked at.
    Overloaded,
    /// The database was not available.
    Unavailable,
    /// Something else failed.
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

/// What was asked of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Something was read.
    Read,
    /// Something was written and committed, the time in the writer's queue included.
    Write,
}

impl Access {
    const NAMES: [&str; 2] = ["read", "write"];
}

/// What the server counts and measures.
pub struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    /// For each operation, and for what is none, the handle of each status: resolved when the status first occurs.
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
    /// Nothing has happened yet.
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

    /// A request was answered, or its client left (status 499). `operation` is the contract's id.
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

    /// A login ended.
    pub fn login(&self, outcome: LoginOutcome) {
        self.logins[outcome as usize].inc();
    }

    /// A login was refused unseen.
    pub fn throttled(&self, by: LimitKind) {
        let at = match by {
            LimitKind::AccountFromNetwork => 0,
            LimitKind::Network => 1,
            LimitKind::Account => 2,
            LimitKind::Concurrency => 3,
        };
        self.throttled[at].inc();
    }

    /// So many passwords wait to be hashed now.
    pub fn hash_queue(&self, waiting: usize) {
        self.hash_queue
            .set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// A password waited this long for its turn to be hashed.
    pub fn hash_waited(&self, time: Duration) {
        self.hash_wait.observe(time.as_secs_f64());
    }

    /// Hashing a password took this long.
    pub fn hash_took(&self, time: Duration) {
        self.hash_time.observe(time.as_secs_f64());
    }

    /// A step of the database took this long. `failed` says whether the database could not take it.
    pub fn database(&self, access: Access, time: Duration, failed: bool) {
        self.database[access as usize].observe(time.as_secs_f64());
        if failed {
            self.database_failures[access as usize].inc();
        }
    }

    /// Whether the database can be used.
    pub fn database_up(&self, up: bool) {
        self.database_up.set(up.into());
    }

    /// So many sessions are live; `None` when they could not be counted.
    pub fn sessions_live(&self, count: Option<u64>) {
        #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
        self.sessions
            .set(count.map_or(f64::NAN, |count| count as f64));
    }

    /// Something panicked, and the process went on.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// Everything, in Prometheus's text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail, and the names were checked when they were registered.
        let _ = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text);
        text
    }

    /// What [`Metrics::text`] gives is of this type.
    #[must_use]
    pub fn content_type() -> String {
        TextEncoder::new().format_type().to_owned()
    }
}

// Numbers that are added to atomically are whole, whatever panicked in between; a logger asks for this.
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
