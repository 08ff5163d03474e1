//! How long requests took, counted without one core waiting for another.
//!
//! Additions to one histogram by all cores cost each of them a wait for the others' caches, some 100 ns a request with two
//! cores. So each thread adds to a histogram of its own, as far as there are as many, and whoever asks is told their sum.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pbx_login_api::OPERATIONS;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram as Told, Metric, MetricFamily};
use prometheus::{Histogram, HistogramOpts, HistogramVec};

/// The operation of a request that the contract does not list.
const UNLISTED: &str = "unlisted";

/// HTTP statuses are 100 to 599; anything else is counted as the last.
const STATUSES: std::ops::Range<u16> = 100..600;

/// The latencies of requests, by operation and status. Clones are one and the same.
#[derive(Clone)]
pub(super) struct Requests(Arc<[Share]>);

/// What some of the threads count.
struct Share {
    family: HistogramVec,
    /// For each operation, and for what is none, a handle a status; filled when a status first occurs.
    handles: Vec<Vec<OnceLock<Histogram>>>,
}

impl Requests {
    /// For as many threads as are at work at once.
    pub(super) fn new(options: &HistogramOpts, threads: usize) -> prometheus::Result<Self> {
        let share = |_| {
            Ok(Share {
                family: HistogramVec::new(options.clone(), &["operation", "status"])?,
                handles: (0..=OPERATIONS.len())
                    .map(|_| STATUSES.map(|_| OnceLock::new()).collect())
                    .collect(),
            })
        };
        (0..threads.max(1))
            .map(share)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) fn observe(&self, operation: Option<&str>, status: u16, latency: Duration) {
        let listed = OPERATIONS
            .iter()
            .position(|listed| Some(listed.id) == operation);
        let status = if STATUSES.contains(&status) {
            status
        } else {
            STATUSES.end - 1
        };
        let share = &self.0[thread() % self.0.len()];
        share.handles[listed.unwrap_or(OPERATIONS.len())][usize::from(status - STATUSES.start)]
            .get_or_init(|| {
                let operation = listed.map_or(UNLISTED, |at| OPERATIONS[at].id);
                share
                    .family
                    .with_label_values(&[operation, &status.to_string()])
            })
            .observe(latency.as_secs_f64());
    }
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
        self.0
            .iter()
            .take(1)
            .flat_map(|share| share.family.desc())
            .collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.0.iter().flat_map(|share| share.family.collect());
        let Some(mut family) = families.next() else {
            return Vec::new();
        };
        let mut sums: BTreeMap<Vec<String>, Metric> = BTreeMap::new();
        for metric in family
            .take_metric()
            .into_iter()
            .chain(families.flat_map(|mut family| family.take_metric()))
        {
            let labels = metric.get_label().iter();
            let labels = labels.map(|label| label.value().to_owned()).collect();
            sums.entry(labels)
                .and_modify(|sum| {
                    sum.set_histogram(added(sum.get_histogram(), metric.get_histogram()))
                })
                .or_insert(metric);
        }
        family.set_metric(sums.into_values().collect());
        vec![family]
    }
}

/// Two histograms with the same buckets as one.
fn added(one: &Told, other: &Told) -> Told {
    let mut sum = Told::default();
    sum.set_sample_count(one.get_sample_count() + other.get_sample_count());
    sum.set_sample_sum(one.get_sample_sum() + other.get_sample_sum());
    sum.set_bucket(
        one.get_bucket()
            .iter()
            .zip(other.get_bucket())
            .map(|(one, other)| {
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(one.upper_bound());
                bucket.set_cumulative_count(one.cumulative_count() + other.cumulative_count());
                bucket
            })
            .collect(),
    );
    sum
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
