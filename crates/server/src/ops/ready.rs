//! Readiness: whether the server can serve requests.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// How long a result is reused: a probe writes to the database and must not keep the disk busy.
const READY_CACHE_TTL: Duration = Duration::from_secs(1);

/// Shorter than Kubernetes' default of one second. A database that is locked for longer is a fault.
const READY_PROBE_TIMEOUT: Duration = Duration::from_millis(900);

type Readiness = Result<(), String>;

#[derive(Debug, Default)]
pub(super) struct ReadinessProbe(Mutex<Option<(Instant, Readiness)>>);

impl ReadinessProbe {
    /// Returns the last result if it is recent, otherwise that of `probe`; one probe runs at a time.
    pub(super) async fn check<F>(&self, now: Instant, probe: impl FnOnce() -> F) -> Readiness
    where
        F: Future<Output = Readiness>,
    {
        let mut last = self.0.lock().await;
        if let Some((since, readiness)) = &*last
            && now.saturating_duration_since(*since) < READY_CACHE_TTL
        {
            return readiness.clone();
        }
        let timed_out = || Err("the database does not respond".to_owned());
        let readiness = tokio::time::timeout(READY_PROBE_TIMEOUT, probe()).await;
        let readiness = readiness.unwrap_or_else(|_| timed_out());
        *last = Some((now, readiness.clone()));
        readiness
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn result_is_reused_for_a_second() {
        let (readiness, probes) = (ReadinessProbe::default(), AtomicU32::new(0));
        let start = Instant::now();
        let mut results = Vec::new();
        for milliseconds in [0, 999, 1000, 1001, 2000] {
            let now = start + Duration::from_millis(milliseconds);
            let probe = || async {
                match probes.fetch_add(1, Ordering::SeqCst) {
                    0 => Ok(()),
                    number => Err(format!("reason {number}")),
                }
            };
            results.push(readiness.check(now, probe).await);
        }
        let because = |text: &str| Err(text.to_owned());
        assert_eq!(
            results,
            [
                Ok(()),
                Ok(()),
                because("reason 1"),
                because("reason 1"),
                because("reason 2")
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn probe_that_takes_too_long_is_a_failure() {
        let readiness = ReadinessProbe::default();
        let result = readiness.check(Instant::now(), std::future::pending).await;
        assert_eq!(result, Err("the database does not respond".to_owned()));
    }
}
