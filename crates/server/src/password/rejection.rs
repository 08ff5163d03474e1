//! Pacing the rejections of load shedding.
//!
//! To reject one login costs microseconds. But there are clients that retry as soon as it is done, and a few hundred of them
//! then take the whole processor: from session checks, and from hashing, which has the lowest priority. So a burst is
//! rejected at once; of more than [`RATE`] a second each waits its turn, up to [`MAX_DELAY`].
//! (A [generic cell rate algorithm](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).)

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many are rejected a second, besides a burst: they take one part in a hundred of a core. It is also the size of a
/// burst after a quiet second.
const RATE: u64 = 1000;

/// How long a rejection may have to wait. A client that is to retry in some seconds loses little by it.
const MAX_DELAY: Duration = Duration::from_secs(1);

const SECOND: u64 = 1_000_000_000;

/// See the module's documentation.
pub(super) struct RejectionPacer {
    start: Instant,
    /// When all rejections so far would have been sent, at this pace: in nanoseconds after `start`.
    next: AtomicU64,
}

impl RejectionPacer {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            next: AtomicU64::new(0),
        }
    }

    /// Returns how long a rejection has to wait that is due `now`.
    pub(super) fn delay(&self, now: Instant) -> Duration {
        let now = u64::try_from(now.saturating_duration_since(self.start).as_nanos());
        let now = now.unwrap_or(u64::MAX);
        let longest = SECOND + MAX_DELAY.as_nanos() as u64;
        let turn = |next: u64| next.clamp(now, now.saturating_add(longest));
        let after = |next| Some(turn(next).saturating_add(SECOND / RATE));
        let before = self
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, after);
        let ahead = turn(before.unwrap_or_else(|next| next)) - now;
        Duration::from_nanos(ahead.saturating_sub(SECOND))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How long each rejection waits that is due after so many milliseconds, in milliseconds.
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
    fn burst_of_a_thousand_is_rejected_at_once_and_then_one_a_millisecond() {
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
            // At most as many as milliseconds have passed, and a thousand.
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
