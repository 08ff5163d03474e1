//! Rate limiting of failed logins, as pure functions of counted attempts.
//!
//! An attempt is reserved, and counts as a failure, *before* its password is verified; it no longer counts if the
//! password is correct. A burst of guesses therefore cannot exceed a limit, in however many processes. There are three
//! limits, and the longest delay applies:
//!
//! - An account from one network: after a few free failures, each adds a delay that doubles. The streak ends with a
//!   success, or if nothing fails for the longest window.
//! - A network over all accounts: a number of failures within a window.
//! - An account over all networks: a number of failures within a window. Networks from which the user has logged in
//!   before are exempt, or strangers could lock the owner out.
//!
//! If a limit is reached only because of attempts in flight, the next attempt waits for their outcome
//! ([`LimitKind::Concurrency`]). Unknown accounts are counted like any other.

use chrono::{DateTime, TimeDelta, Utc};

/// A limit on failures within a sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The number of failures that reaches the limit.
    pub max_failures: u32,
    /// The length of the window.
    pub window: TimeDelta,
}

/// The limits and delays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The number of consecutive failures without a delay, for an account from one network.
    pub free_failures: u32,
    /// The delay after the free failures; each further failure doubles it.
    pub first_delay: TimeDelta,
    /// The longest delay of a streak.
    pub max_delay: TimeDelta,
    /// The limit of a network, over all accounts.
    pub network: Limit,
    /// The limit of an account, over all networks.
    pub account: Limit,
}

impl Rules {
    /// The default limits and delays.
    ///
    /// - Five free failures: people mistype. OWASP (Authentication Cheat Sheet, "Account Lockout") and PCI DSS 4.0
    ///   (8.3.4) put the threshold between five and ten.
    /// - Delays from 1 s that double, up to 15 min: OWASP's exponential delay instead of a lockout. One network can
    ///   make four guesses an hour.
    /// - 50 failures in 15 min for a network: enough for the typing errors of an office, too few to try a list of
    ///   leaked passwords.
    /// - 100 failures in an hour for an account: NIST SP 800-63B-4, section 3.2.2, allows no more than 100 consecutive
    ///   failures; the window bounds guesses from many networks.
    pub const DEFAULT: Self = Self {
        free_failures: 5,
        first_delay: TimeDelta::seconds(1),
        max_delay: TimeDelta::minutes(15),
        network: Limit {
            max_failures: 50,
            window: TimeDelta::minutes(15),
        },
        account: Limit {
            max_failures: 100,
            window: TimeDelta::hours(1),
        },
    };

    /// Decides whether an attempt's password may be verified `now`.
    pub fn judge(&self, tally: &Tally, now: DateTime<Utc>) -> Result<(), RateLimited> {
        let streak = tally.streak.map(|streak| {
            let delay = self.delay_after(streak.failures);
            let failed = streak.failures.saturating_sub(streak.in_flight) >= self.free_failures;
            (LimitKind::AccountFromNetwork, streak.last_at, delay, failed)
        });
        let window = |kind, reached: Option<LimitReached>, limit: Limit| {
            reached.map(|reached| (kind, reached.since, limit.window, reached.failed))
        };
        let limits = [
            streak,
            window(LimitKind::Network, tally.network, self.network),
            window(LimitKind::Account, tally.account, self.account),
        ];
        let limited = limits
            .into_iter()
            .flatten()
            .map(|(limit, since, delay, failed)| {
                // A clock that was set back must not lengthen a delay.
                let retry_after = (since + delay - now).min(delay);
                (RateLimited { limit, retry_after }, failed)
            });
        let limited: Vec<_> = limited
            .filter(|(limited, _)| limited.retry_after > TimeDelta::zero())
            .collect();
        if limited.is_empty() {
            return Ok(());
        }
        let failed = limited.iter().filter(|(_, failed)| *failed);
        let longest = failed
            .map(|(limited, _)| *limited)
            .max_by_key(|limited| limited.retry_after);
        Err(longest.unwrap_or(RateLimited::IN_FLIGHT))
    }

    fn delay_after(&self, failures: u32) -> TimeDelta {
        let Some(doublings) = failures.checked_sub(self.free_failures) else {
            return TimeDelta::zero();
        };
        let factor = 1_i32.checked_shl(doublings).filter(|factor| *factor > 0);
        factor
            .and_then(|factor| self.first_delay.checked_mul(factor))
            .map_or(self.max_delay, |delay| delay.min(self.max_delay))
    }

    /// Returns the time at or before which attempts and streaks no longer count.
    ///
    /// No attempt expires during a delay that it causes. A streak that expires starts again, which allows fewer guesses
    /// than the longest delay.
    #[must_use]
    pub fn expiry_cutoff(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - self
            .max_delay
            .max(self.network.window)
            .max(self.account.window)
    }

    /// Returns the length of a streak after one more failure.
    #[must_use]
    pub fn next_in_streak(&self, stored: Option<StoredStreak>, now: DateTime<Utc>) -> u32 {
        match stored {
            Some(streak) if streak.last_at > self.expiry_cutoff(now) => {
                streak.failures.saturating_add(1)
            }
            Some(_) | None => 1,
        }
    }
}

/// The maximum time in flight: longer than any client waits for a login.
///
/// An attempt without an outcome by then counts as a failure, because its process or client is gone.
pub const IN_FLIGHT_TIMEOUT: TimeDelta = TimeDelta::seconds(15);

/// The maximum number of expired rows of each kind that a reservation deletes: more than it adds.
pub const EXPIRED_PER_RESERVATION: u32 = 4;

/// The maximum number of stored attempts, and of streaks; the sweep deletes the oldest.
///
/// An attempt is stored only if its password is hashed, at some 50 a second per core: a million are 20 minutes of work
/// for 16 cores, and take some 200 MB.
pub const MAX_ATTEMPTS: u32 = 1_000_000;

/// How far in the future a stored attempt may be: longer than a write waits in the queue.
pub const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(1);

/// The maximum number of known networks of a user; the one seen longest ago is dropped.
pub const MAX_KNOWN_NETWORKS: u32 = 32;

/// How long a network stays known after a login.
pub const KNOWN_NETWORK_LIFETIME: TimeDelta = TimeDelta::days(90);

/// The limit that an attempt has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// Consecutive failures on the account from the network.
    AccountFromNetwork,
    /// Failures from the network.
    Network,
    /// Failures on the account.
    Account,
    /// Attempts of the account or network are in flight, and would reach a limit if they failed.
    Concurrency,
}

/// A refused attempt: its password may not be verified yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct RateLimited {
    pub limit: LimitKind,
    pub retry_after: TimeDelta,
}

impl RateLimited {
    /// Attempts in flight must end first, which takes about the time of a hash.
    pub const IN_FLIGHT: Self = Self {
        limit: LimitKind::Concurrency,
        retry_after: TimeDelta::seconds(1),
    };

    /// Returns the delay in whole seconds, rounded up: at least 1.
    #[must_use]
    pub fn retry_after_seconds(&self) -> u32 {
        let milliseconds = self.retry_after.num_milliseconds().max(1);
        u32::try_from((milliseconds + 999) / 1000).unwrap_or(u32::MAX)
    }
}

/// A stored streak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct StoredStreak {
    pub failures: u32,
    pub last_at: DateTime<Utc>,
}

impl StoredStreak {
    /// Returns the number of failures after one is released; `None` if the streak is over.
    #[must_use]
    pub fn without_one(self) -> Option<u32> {
        self.failures.checked_sub(1).filter(|left| *left > 0)
    }
}

/// The rows that a sweep changes; see [`Sweep::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// Attempts and streaks at or before this time are deleted.
    pub expired: DateTime<Utc>,
    /// Known networks last seen at or before this time are deleted.
    pub unknown: DateTime<Utc>,
    /// Attempts and streaks after this time were counted before the clock was set back.
    pub future: DateTime<Utc>,
    /// They are set to this time; otherwise they would count until the clock reaches their time again.
    pub now: DateTime<Utc>,
    /// The maximum number of attempts, and of streaks, to keep.
    pub max_rows: u32,
    /// The maximum number of rows of each kind to delete.
    pub batch: u32,
}

impl Sweep {
    /// Plans a sweep at `now` that deletes rows at or before `expired`.
    #[must_use]
    pub fn new(expired: DateTime<Utc>, now: DateTime<Utc>, batch: u32) -> Self {
        Self {
            expired,
            unknown: now - KNOWN_NETWORK_LIFETIME,
            future: now + CLOCK_TOLERANCE,
            now,
            max_rows: MAX_ATTEMPTS,
            batch,
        }
    }
}

/// The counts that decide about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Consecutive failures on the account from the network.
    pub streak: Option<Streak>,
    /// The limit of the network, if reached.
    pub network: Option<LimitReached>,
    /// The limit of the account, if reached; `None` for a known network of the user.
    pub account: Option<LimitReached>,
}

/// Consecutive failures of an account from one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streak {
    /// The number of failures, including attempts in flight.
    pub failures: u32,
    /// The number of attempts in flight: reserved, without an outcome.
    pub in_flight: u32,
    /// The time of the last failure.
    pub last_at: DateTime<Utc>,
}

/// A limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitReached {
    /// The time of the attempt that keeps the limit reached.
    pub since: DateTime<Utc>,
    /// Whether the limit is reached without the attempts in flight.
    pub failed: bool,
}

#[cfg(test)]
mod tests;
