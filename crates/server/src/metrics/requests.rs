//! How long requests took, counted without one core waiting for another.
//!
//! A histogram of `prometheus` takes four additions that nobody else may come between for each request, and where all cores
//! add to the same one, each costs a wait for the others' caches: some 100 ns a request with two cores. So each thread has
//! counts of its own, as far as there are as many, two additions a request, and whoever asks is told their sum.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pbx_login_api::OPERATIONS;
use prometheus::HistogramOpts;
use prometheus::core::{Collector, Desc, Describer};
use prometheus::proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType};

/// The operation of a request that the contract does not list.
const UNLISTED: &str = "unlisted";

/// HTTP statuses are 100 to 599; anything else is counted as the last.
const STATUSES: std::ops::Range<u16> = 100..600;

/// The latencies of requests, by operation and status. Clones are one and the same.
#[derive(Clone)]
pub(super) struct Requests(Arc<Inner>);

struct Inner {
    description: Desc,
    /// The upper bounds of the buckets.
    bounds: Vec<Bound>,
    shares: Vec<Share>,
}

struct Bound {
    seconds: f64,
    nanoseconds: u64,
}

/// What some of the threads count: for each operation, and for what is none, the counts a status; made when a status first
/// occurs.
struct Share(Vec<Vec<OnceLock<Counts>>>);

struct Counts {
    /// One for each bound, and one for what is above all of them.
    requests: Box<[AtomicU64]>,
    /// The sum; enough for 580 years.
    nanoseconds: AtomicU64,
}

impl Counts {
    fn new(bounds: usize) -> Self {
        Self {
            requests: (0..=bounds).map(|_| AtomicU64::new(0)).collect(),
            nanoseconds: AtomicU64::new(0),
        }
    }
}

impl Requests {
    /// For as many threads as are at work at once.
    pub(super) fn new(options: &HistogramOpts, threads: usize) -> prometheus::Result<Self> {
        let mut options = options.clone();
        options.common_opts.variable_labels = vec!["operation".to_owned(), "status".to_owned()];
        let bound = |seconds: &f64| Bound {
            seconds: *seconds,
            nanoseconds: nanoseconds(Duration::from_secs_f64(*seconds)),
        };
        let statuses = |_| STATUSES.map(|_| OnceLock::new()).collect();
        let share = |_| Share((0..=OPERATIONS.len()).map(statuses).collect());
        Ok(Self(Arc::new(Inner {
            description: options.describe()?,
            bounds: options.buckets.iter().map(bound).collect(),
            shares: (0..threads.max(1)).map(share).collect(),
        })))
    }

    pub(super) fn observe(&self, operation: Option<&str>, status: u16, latency: Duration) {
        let Inner { bounds, shares, .. } = &*self.0;
        let listed = OPERATIONS
            .iter()
            .position(|listed| Some(listed.id) == operation);
        let status = if STATUSES.contains(&status) {
            status
        } else {
            STATUSES.end - 1
        };
        let latency = nanoseconds(latency);
        let bucket = bounds.iter().position(|bound| latency <= bound.nanoseconds);
        let Share(counts) = &shares[thread() % shares.len()];
        let counts = &counts[listed.unwrap_or(OPERATIONS.len())];
        let counts =
            counts[usize::from(status - STATUSES.start)].get_or_init(|| Counts::new(bounds.len()));
        counts.requests[bucket.unwrap_or(bounds.len())].fetch_add(1, Ordering::Relaxed);
        counts.nanoseconds.fetch_add(latency, Ordering::Relaxed);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// The number of this thread, in the order in which threads first asked.
fn thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|number| *number)
}

impl Collector for Requests {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Inner {
            description,
            shares,
            ..
        } = &*self.0;
        let mut metrics = Vec::new();
        let operations = OPERATIONS.iter().map(|operation| operation.id);
        for (row, operation) in operations.chain([UNLISTED]).enumerate() {
            for (column, status) in STATUSES.enumerate() {
                let counts = shares
                    .iter()
                    .filter_map(|Share(counts)| counts[row][column].get());
                let counts: Vec<_> = counts.collect();
                if counts.is_empty() {
                    continue;
                }
                let mut metric = Metric::default();
                metric.set_label(vec![
                    label("operation", operation),
                    label("status", &status.to_string()),
                ]);
                metric.set_histogram(self.0.sum(&counts));
                metrics.push(metric);
            }
        }
        if metrics.is_empty() {
            return Vec::new();
        }
        let mut family = MetricFamily::default();
        family.set_name(description.fq_name.clone());
        family.set_help(description.help.clone());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(metrics);
        vec![family]
    }
}

impl Inner {
    fn sum(&self, counts: &[&Counts]) -> Histogram {
        let mut histogram = Histogram::default();
        let mut below = 0;
        let mut buckets = Vec::with_capacity(self.bounds.len());
        for (at, bound) in self.bounds.iter().enumerate() {
            below += total(counts.iter().map(|counts| &counts.requests[at]));
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound.seconds);
            bucket.set_cumulative_count(below);
            buckets.push(bucket);
        }
        histogram.set_bucket(buckets);
        let above = total(
            counts
                .iter()
                .map(|counts| &counts.requests[self.bounds.len()]),
        );
        histogram.set_sample_count(below + above);
        let sum = total(counts.iter().map(|counts| &counts.nanoseconds));
        histogram.set_sample_sum(Duration::from_nanos(sum).as_secs_f64());
        histogram
    }
}

fn total<'a>(counts: impl Iterator<Item = &'a AtomicU64>) -> u64 {
    counts.map(|count| count.load(Ordering::Relaxed)).sum()
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value.to_owned());
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_count_is_told_as_one() {
        let options = HistogramOpts::new("time", "Time.").buckets(vec![1.0, 2.0]);
        let requests = Requests::new(&options, 3).unwrap();
        std::thread::scope(|scope| {
            for seconds in [0.5, 1.5, 1.5, 4.0] {
                let requests = &requests;
                scope.spawn(move || {
                    let latency = Duration::from_secs_f64(seconds);
                    requests.observe(Some("login"), 200, latency);
                    requests.observe(None, 404, latency);
                    requests.observe(None, 77, latency);
                });
            }
        });
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&requests.collect())
            .unwrap();
        insta::assert_snapshot!(text, @r#"
        # HELP time Time.
        # TYPE time histogram
        time_bucket{operation="login",status="200",le="1"} 1
        time_bucket{operation="login",status="200",le="2"} 3
        time_bucket{operation="login",status="200",le="+Inf"} 4
        time_sum{operation="login",status="200"} 7.5
        time_count{operation="login",status="200"} 4
        time_bucket{operation="unlisted",status="404",le="1"} 1
        time_bucket{operation="unlisted",status="404",le="2"} 3
        time_bucket{operation="unlisted",status="404",le="+Inf"} 4
        time_sum{operation="unlisted",status="404"} 7.5
        time_count{operation="unlisted",status="404"} 4
        time_bucket{operation="unlisted",status="599",le="1"} 1
        time_bucket{operation="unlisted",status="599",le="2"} 3
        time_bucket{operation="unlisted",status="599",le="+Inf"} 4
        time_sum{operation="unlisted",status="599"} 7.5
        time_count{operation="unlisted",status="599"} 4
        "#);
    }
}
