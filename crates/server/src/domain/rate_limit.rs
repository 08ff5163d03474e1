//! Rate limiting of failed logins: the rules, as pure functions of what was counted.
//!
//! An attempt is reserved, and counts as a failure, *before* its password is verified; it is released if it turns out
//! right. So a burst of guesses cannot race past a limit, in however many processes. Three limits hold at once, and the
//! longest delay counts:
//!
//! - An account from one network: a few failures are free, then each adds a delay that doubles. The streak ends with a
//!   success, or if nothing fails for as long as a window lasts.
//! - A network over all accounts: so many failures within a window.
//! - An account over all networks: so many failures within a window; but not from a network from which its user has
//!   logged in before, or strangers could lock its owner out.
//!
//! If a limit is reached only with attempts whose outcome is not known yet, no one has failed too often: the next attempt
//! waits for their outcome ([`LimitKind::Concurrency`]). An account that does not exist is counted like any other.

use chrono::{DateTime, TimeDelta, Utc};

/// A limit on failures within a sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many failures reach it.
    pub max_failures: u32,
    /// The length of the window.
    pub window: TimeDelta,
}

/// The limits and delays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How many failures in a row are free, for an account from one network.
    pub free_failures: u32,
    /// The delay after these. Each further failure doubles it.
    pub first_delay: TimeDelta,
    /// The longest such delay.
    pub max_delay: TimeDelta,
    /// Failures from one network, over all accounts.
    pub network: Limit,
    /// Failures on one account, over all networks.
    pub account: Limit,
}

impl Rules {
    /// - Five free: people mistype; OWASP (Authentication Cheat Sheet, "Account Lockout") and PCI DSS 4.0 (8.3.4) put the
    ///   threshold between that and ten.
    /// - Delays from 1 s that double, up to 15 min: OWASP's exponential delay instead of a lockout. From one network it
    ///   leaves four guesses an hour.
    /// - 50 in 15 min for a network: an office behind one address may mistype, a list of leaked passwords is not got
    ///   through.
    /// - 100 in an hour for an account: NIST SP 800-63B-4, section 3.2.2, allows no more than 100 consecutive failures;
    ///   here the window bounds them for guessers from many networks.
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
    ///
    /// # Errors
    ///
    /// [`RateLimited`] says by which limit not, and for how long.
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

    /// Returns the delay after so many failures in a row.
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
    /// Nothing expires while someone still waits for it: a streak that went quiet starts again, which allows fewer guesses
    /// than the longest delay does.
    #[must_use]
    pub fn expiry_cutoff(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - self
            .max_delay
            .max(self.network.window)
            .max(self.account.window)
    }

    /// Counts one more failure: returns how many in a row it is, after those that are `stored`.
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

/// For how long an attempt may be in flight: longer than any client waits for a login. If its process or client is gone
/// and its outcome is unknown by then, it counts as a failure.
pub const IN_FLIGHT_TIMEOUT: TimeDelta = TimeDelta::seconds(15);

/// How many expired rows of each kind a reservation deletes at most: more than it adds, so that they stay few.
pub const EXPIRED_PER_RESERVATION: u32 = 4;

/// How many attempts and how many streaks are stored at most; the sweep deletes the oldest.
///
/// An attempt is only stored if its password is hashed, of which a core does some fifty a second: this is the work of
/// sixteen cores for twenty minutes, in some 200 MB.
pub const MAX_ATTEMPTS: u32 = 1_000_000;

/// How far in the future an attempt may be that the same clock counted: longer than a write waits in the queue.
pub const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(1);

/// How many networks a user is known to log in from; the one not seen for longest is dropped.
pub const MAX_KNOWN_NETWORKS: u32 = 32;

/// For how long a network is known after a login.
pub const KNOWN_NETWORK_LIFETIME: TimeDelta = TimeDelta::days(90);

/// Which limit an attempt has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// Failures in a row on the account from the network.
    AccountFromNetwork,
    /// Failures from the network.
    Network,
    /// Failures on the account.
    Account,
    /// So many of the same account or network are in flight that this one may not be verified if they fail.
    Concurrency,
}

/// An attempt that may not be verified now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimited {
    /// By which limit.
    pub limit: LimitKind,
    /// For how long.
    pub retry_after: TimeDelta,
}

impl RateLimited {
    /// Attempts in flight take as long as a hash.
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

/// A streak as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredStreak {
    /// How many failures in a row.
    pub failures: u32,
    /// When the last one was.
    pub last_at: DateTime<Utc>,
}

impl StoredStreak {
    /// Takes one failure back: returns how many are left, `None` if the streak is over.
    #[must_use]
    pub fn without_one(self) -> Option<u32> {
        self.failures.checked_sub(1).filter(|left| *left > 0)
    }
}

/// What a sweep deletes, as [`Sweep::new`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// Attempts and streaks from this time or before are deleted.
    pub expired: DateTime<Utc>,
    /// Networks in which a user was last seen at this time or before are deleted.
    pub unknown: DateTime<Utc>,
    /// Attempts and streaks from after this time were counted by a clock that has been set back since.
    pub future: DateTime<Utc>,
    /// They are set to this time, or they would count until that clock's time comes again.
    pub now: DateTime<Utc>,
    /// How many attempts and how many streaks are kept at most.
    pub max_rows: u32,
    /// How many rows of each kind to delete at most.
    pub batch: u32,
}

impl Sweep {
    /// Plans a sweep at `now` of what has `expired`.
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

/// The counts that an attempt is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Failures in a row on this account from this network.
    pub streak: Option<Streak>,
    /// Of the network; `None` if its limit is not reached.
    pub network: Option<LimitReached>,
    /// Of the account; `None` as well if its user has logged in from this network before.
    pub account: Option<LimitReached>,
}

/// Failures in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streak {
    /// How many, with those in flight.
    pub failures: u32,
    /// How many of them are in flight: reserved, with an unknown outcome.
    pub in_flight: u32,
    /// When the last one was.
    pub last_at: DateTime<Utc>,
}

/// A limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitReached {
    /// When the attempt was made that keeps the limit reached.
    pub since: DateTime<Utc>,
    /// Whether it is also reached without the attempts in flight.
    pub failed: bool,
}

#[cfg(test)]
mod tests;
