//! Rejection pacing: delays the rejections of load shedding.
//!
//! A rejection costs microseconds, but a few hundred clients that retry immediately would take the whole processor away
//! from session checks and hashing. Therefore, a burst is rejected immediately, and beyond [`MAX_PER_SECOND`] each
//! rejection is delayed by up to [`MAX_DELAY`], according to a [generic cell rate
//! algorithm](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Rejections per second, which take 1/100 of a core; also the size of a burst after a quiet second.
const MAX_PER_SECOND: u64 = 1000;

/// The maximum delay of a rejection: short compared with the seconds until the client may retry.
const MAX_DELAY: Duration = Duration::from_secs(1);

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Delays rejections to a rate of [`MAX_PER_SECOND`].
pub(super) struct RejectionPacer {
    start: Instant,
    /// The time by which all rejections so far would be sent at this rate, in nanoseconds after `start`.
    next: AtomicU64,
}

impl RejectionPacer {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            next: AtomicU64::new(0),
        }
    }

    /// Returns the delay of a rejection at `now`.
    pub(super) fn delay(&self, now: Instant) -> Duration {
        let now = u64::try_from(now.saturating_duration_since(self.start).as_nanos());
        let now = now.unwrap_or(u64::MAX);
        let longest = NANOS_PER_SECOND + MAX_DELAY.as_nanos() as u64;
        let clamp = |next: u64| next.clamp(now, now.saturating_add(longest));
        let after = |next| Some(clamp(next).saturating_add(NANOS_PER_SECOND / MAX_PER_SECOND));
        let before = self
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, after);
        let ahead = clamp(before.unwrap_or_else(|next| next)) - now;
        Duration::from_nanos(ahead.saturating_sub(NANOS_PER_SECOND))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the delay of the rejection at each time of arrival, in milliseconds.
    fn waits(arrivals: impl IntoIterator<Item = u64>) -> Vec<u128> {
        let start = Instant::now();
        let pacer = RejectionPacer::new(start);
        let wait = |after| {
            pacer
                .delay(start + Duration::from_millis(after))
                .as_millis()
        };
        arrivals.into_iter().map(wait).collect()
    }

    #[test]
    fn burst_of_a_thousand_is_rejected_immediately_then_one_per_millisecond() {
        let waits = waits([0; 1004]);
        assert_eq!(waits[..1000], [0; 1000]);
        assert_eq!(waits[1000..], [0, 1, 2, 3]);
    }

    #[test]
    fn no_rejection_waits_for_more_than_a_second() {
        let waits = waits([0; 10_000]);
        assert_eq!(waits.iter().max(), Some(&1000));
        assert_eq!(waits[5000..], [1000; 5000]);
    }

    #[test]
    fn rejection_after_a_flood_does_not_wait() {
        let flood = std::iter::repeat_n(0, 10_000);
        assert_eq!(waits(flood.chain([2002])).last(), Some(&0));
    }

    proptest! {
        #[test]
        fn rejections_within_the_rate_do_not_wait(
            arrivals in prop::collection::vec(0..50_u64, 1..300),
        ) {
            // At most one rejection per elapsed millisecond.
            let mut at = 0;
            let mut all = Vec::new();
            for pause in arrivals {
                at += pause;
                all.extend(std::iter::repeat_n(at, pause as usize));
            }
            prop_assert_eq!(waits(all.iter().copied()), vec![0; all.len()]);
        }
    }
}
