//! How fast logins are turned away.
//!
//! To turn one away costs microseconds. But there are clients that come again as soon as it is done, and a few hundred of
//! them then take the whole processor: from session checks, and from hashing, which is last in line for it. So as many as
//! come at once by chance are turned away at once; of more than [`A_SECOND`] each waits for its turn, up to [`LONGEST`].
//! (A [generic cell rate algorithm](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).)

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many are turned away a second, beside those that are at once: they take one part in a hundred of a core. It is also
/// how many are at once, after a quiet second.
const A_SECOND: u64 = 1000;

/// How long one may have to wait. Who is told to come back in some seconds loses little by it.
const LONGEST: Duration = Duration::from_secs(1);

const SECOND: u64 = 1_000_000_000;

/// See the module's documentation.
pub(super) struct Pace {
    start: Instant,
    /// When all that were turned away so far would have been, at this pace: in nanoseconds after `start`.
    next: AtomicU64,
}

impl Pace {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            next: AtomicU64::new(0),
        }
    }

    /// How long somebody has to wait who is to be turned away `now`.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let now = u64::try_from(now.saturating_duration_since(self.start).as_nanos());
        let now = now.unwrap_or(u64::MAX);
        let longest = SECOND + LONGEST.as_nanos() as u64;
        let turn = |next: u64| next.clamp(now, now.saturating_add(longest));
        let after = |next| Some(turn(next).saturating_add(SECOND / A_SECOND));
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

    /// What each of those waits who come after so many milliseconds, in milliseconds.
    fn waits(arrivals: impl IntoIterator<Item = u64>) -> Vec<u128> {
        let start = Instant::now();
        let pace = Pace::new(start);
        let wait = |after| pace.wait(start + Duration::from_millis(after)).as_millis();
        arrivals.into_iter().map(wait).collect()
    }

    #[test]
    fn a_thousand_are_turned_away_at_once_and_then_one_a_millisecond() {
        let waits = waits([0; 1004]);
        assert_eq!(waits[..1000], [0; 1000]);
        assert_eq!(waits[1000..], [0, 1, 2, 3]);
    }

    #[test]
    fn nobody_waits_for_more_than_a_second_however_many_come() {
        let waits = waits([0; 10_000]);
        assert_eq!(waits.iter().max(), Some(&1000));
        assert_eq!(waits[5000..], [1000; 5000]);
    }

    #[test]
    fn who_comes_after_a_flood_waits_for_nothing() {
        let flood = std::iter::repeat_n(0, 10_000);
        assert_eq!(waits(flood.chain([2002])).last(), Some(&0));
    }

    proptest! {
        #[test]
        fn those_who_come_no_faster_are_turned_away_at_once(
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
