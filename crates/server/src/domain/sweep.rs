//! Which rows of rate limiting a sweep deletes or corrects.

use chrono::{DateTime, TimeDelta, Utc};

use super::allowance::{ALLOWANCE, KNOWN_NETWORK_LIFETIME};
use super::rate_limit::{DAY, Rules};

/// The maximum number of stored attempts, and of streaks; the sweep deletes the oldest.
///
/// It is also the maximum number of stored days of accounts; the sweep deletes those with the fewest failures.
///
/// An attempt is stored only if its password is hashed, at some 50 a second per core: a million are 20 minutes of work
/// for 16 cores, and take some 200 MB.
pub const MAX_ATTEMPTS: u32 = 1_000_000;

/// How far in the future a stored attempt may be: longer than a write waits in the queue.
pub const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(1);

/// The rows that a sweep changes; see [`Sweep::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// Attempts and streaks at or before this time are deleted.
    pub expired: DateTime<Utc>,
    /// Days of accounts that began at or before this time are deleted.
    pub expired_days: DateTime<Utc>,
    /// Attempts of allowances at or before this time are deleted.
    pub expired_allowances: DateTime<Utc>,
    /// Known networks last seen at or before this time are deleted.
    pub unknown: DateTime<Utc>,
    /// Attempts, streaks and days after this time were counted before the clock was set back.
    pub future: DateTime<Utc>,
    /// The time to which those in the future are set; otherwise they would count for too long.
    pub now: DateTime<Utc>,
    /// The maximum number of attempts, of streaks, and of days, to keep.
    pub max_rows: u32,
    /// The maximum number of rows of each kind to delete.
    pub batch: u32,
}

impl Sweep {
    /// Plans a sweep at `now`.
    ///
    /// Without rules, rate limiting is disabled, and every counted attempt is expired.
    #[must_use]
    pub fn new(rules: Option<&Rules>, now: DateTime<Utc>, batch: u32) -> Self {
        let (expired, expired_days, expired_allowances) = match rules {
            Some(rules) => (rules.expiry_cutoff(now), now - DAY, now - ALLOWANCE.window),
            None => (now + DAY, now + DAY, now + DAY),
        };
        Self {
            expired,
            expired_days,
            expired_allowances,
            unknown: now - KNOWN_NETWORK_LIFETIME,
            future: now + CLOCK_TOLERANCE,
            now,
            max_rows: MAX_ATTEMPTS,
            batch,
        }
    }
}
