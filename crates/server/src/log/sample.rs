//! Sampling of warnings that clients can cause at any rate.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The minimum interval between two lines of one kind.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(60);

/// Selects the first event, and then one in each interval.
#[derive(Debug, Default)]
pub(crate) struct Sampler(Mutex<Option<Sample>>);

#[derive(Debug)]
struct Sample {
    logged: Instant,
    suppressed: u64,
}

impl Sampler {
    /// Returns the number of events suppressed since the last line if this one is to be logged.
    pub(crate) fn sample(&self, now: Instant) -> Option<u64> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = &mut *last
            && now.duration_since(last.logged) < SAMPLE_INTERVAL
        {
            last.suppressed += 1;
            return None;
        }
        let sample = Sample {
            logged: now,
            suppressed: 0,
        };
        Some(last.replace(sample).map_or(0, |last| last.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_event_and_one_a_minute_are_selected() {
        let (sampler, start) = (Sampler::default(), Instant::now());
        let sampled =
            [0, 1, 59, 60, 61, 200].map(|s| sampler.sample(start + Duration::from_secs(s)));
        assert_eq!(sampled, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
