//! Rate limiting of failed logins, as pure functions of counted attempts.
//!
//! An attempt is reserved, and counts as a failure, *before* its password is verified; it no longer counts if the
//! password is correct. A burst of guesses therefore cannot exceed a limit, in however many processes. The longest
//! delay of these limits applies:
//!
//! - An account from one network: after a few free failures, each causes a delay, which doubles. The streak ends with a
//!   success, or if nothing fails for the longest window.
//! - A network, an IPv6 /56 and an IPv6 /48, each over all accounts: a number of failures within a window.
//! - An account over all networks: a number of failures within a window, and within a day.
//!
//! If a limit is reached only because of attempts in flight, the next attempt waits for their outcome
//! ([`LimitKind::Concurrency`]). No count depends on whether the account exists.

use chrono::{DateTime, TimeDelta, Utc};

use super::network::NetworkTier;

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
    /// The limit of a network, over all accounts; see [`Rules::network_limit`] for prefixes.
    pub network: Limit,
    /// The limit of an account, over all networks.
    pub account: Limit,
    /// The number of failures of an account, over all networks, within a [`DAY`].
    pub account_daily_failures: u32,
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
    /// - 240 failures in a day for an account: a tenth of what the hourly limit would allow.
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
        account_daily_failures: 240,
    };

    /// Returns the limit of a network, or of an IPv6 prefix that contains it.
    ///
    /// A customer with a /56 or a /48 (RFC 6177) can use each of its /64s. A wider prefix has a higher limit, because
    /// it can also belong to several customers.
    #[must_use]
    pub fn network_limit(&self, tier: NetworkTier) -> Limit {
        let factor = match tier {
            NetworkTier::Network => 1,
            NetworkTier::Slash56 => 2,
            NetworkTier::Slash48 => 4,
        };
        Limit {
            max_failures: self.network.max_failures.saturating_mul(factor),
            window: self.network.window,
        }
    }

    /// Decides whether an attempt's password may be verified `now`.
    pub fn judge(&self, tally: &Tally, now: DateTime<Utc>) -> Result<(), RateLimited> {
        let streak = tally.streak.map(|streak| Reached {
            limit: LimitKind::AccountFromNetwork,
            since: streak.last_at,
            delay: self.delay_after(streak.failures),
            failed: streak.failures.saturating_sub(streak.in_flight) >= self.free_failures,
        });
        let networks = NetworkTier::ALL.into_iter().zip(tally.networks);
        let networks = networks.filter_map(|(tier, reached)| {
            let limit = self.network_limit(tier);
            Some(Reached::window(LimitKind::network(tier), reached?, limit))
        });
        let account = tally
            .account
            .map(|reached| Reached::window(LimitKind::Account, reached, self.account));
        let day = tally.account_day.and_then(|day| self.judge_day(day));
        let reached = networks.chain(streak).chain(account).chain(day);
        let waiting: Vec<Reached> = reached
            .filter(|reached| reached.retry_after(now) > TimeDelta::zero())
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let failed = waiting.iter().filter(|reached| reached.failed);
        let Some(longest) = failed.max_by_key(|reached| reached.retry_after(now)) else {
            return Err(RateLimited::IN_FLIGHT);
        };
        let in_streak = waiting
            .iter()
            .any(|reached| reached.limit == LimitKind::AccountFromNetwork);
        Err(RateLimited {
            limit: longest.limit,
            retry_after: longest.retry_after(now),
            permits_allowance: !in_streak,
        })
    }

    fn judge_day(&self, day: AccountDay) -> Option<Reached> {
        let max_failures = self.account_daily_failures;
        (day.failures >= max_failures).then(|| Reached {
            limit: LimitKind::AccountDay,
            since: day.since,
            delay: DAY,
            failed: day.failures.saturating_sub(day.in_flight) >= max_failures,
        })
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
    /// No attempt expires in flight or during a delay that it causes. A streak that expires starts again, which allows
    /// fewer guesses than the longest delay.
    #[must_use]
    pub fn expiry_cutoff(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - self
            .max_delay
            .max(self.network.window)
            .max(self.account.window)
            .max(IN_FLIGHT_TIMEOUT)
    }

    /// Returns the failures of an account in its current day after the failure of an attempt at `at`.
    ///
    /// The window is fixed: it begins with its first failure. Any 24 hours are covered by two windows, and contain at
    /// most twice as many failures as one window.
    #[must_use]
    pub fn next_in_day(stored: Option<StoredDay>, at: DateTime<Utc>) -> StoredDay {
        match stored {
            Some(day) if day.since > at - DAY => StoredDay {
                failures: day.failures.saturating_add(1),
                since: day.since.min(at),
            },
            Some(_) | None => StoredDay {
                failures: 1,
                since: at,
            },
        }
    }

    /// Returns a streak after the failure of an attempt at `at`.
    #[must_use]
    pub fn next_in_streak(&self, stored: Option<StoredStreak>, at: DateTime<Utc>) -> StoredStreak {
        match stored {
            Some(streak) if streak.last_at > self.expiry_cutoff(at) => StoredStreak {
                failures: streak.failures.saturating_add(1),
                last_at: streak.last_at.max(at),
            },
            Some(_) | None => StoredStreak {
                failures: 1,
                last_at: at,
            },
        }
    }

    /// Adds the unsettled attempts of an account from one network to their streak, if either counts `now`.
    #[must_use]
    pub fn streak(
        &self,
        stored: Option<StoredStreak>,
        unsettled: Option<Unsettled>,
        now: DateTime<Utc>,
    ) -> Option<Streak> {
        let stored = stored.filter(|streak| streak.last_at > self.expiry_cutoff(now));
        let times = [
            stored.map(|streak| streak.last_at),
            unsettled.map(|attempts| attempts.last_at),
        ];
        let failures = stored.map_or(0, |streak| streak.failures);
        Some(Streak {
            failures: failures.saturating_add(unsettled.map_or(0, |attempts| attempts.count)),
            in_flight: unsettled.map_or(0, |attempts| attempts.in_flight),
            last_at: times.into_iter().flatten().max()?,
        })
    }

    /// Adds the unsettled attempts of an account to its day, if either counts `now`.
    #[must_use]
    pub fn account_day(
        stored: Option<StoredDay>,
        unsettled: Option<Unsettled>,
        now: DateTime<Utc>,
    ) -> Option<AccountDay> {
        let stored = stored.filter(|day| day.since > now - DAY);
        let times = [
            stored.map(|day| day.since),
            unsettled.map(|attempts| attempts.first_at),
        ];
        let failures = stored.map_or(0, |day| day.failures);
        Some(AccountDay {
            failures: failures.saturating_add(unsettled.map_or(0, |attempts| attempts.count)),
            in_flight: unsettled.map_or(0, |attempts| attempts.in_flight),
            since: times.into_iter().flatten().min()?,
        })
    }
}

/// The window of [`Rules::account_daily_failures`].
pub const DAY: TimeDelta = TimeDelta::hours(24);

/// The maximum time in flight: longer than any client waits for a login.
///
/// An attempt without an outcome by then counts as a failure, because its process or client is gone.
pub const IN_FLIGHT_TIMEOUT: TimeDelta = TimeDelta::seconds(15);

/// The maximum number of expired rows of each kind that a reservation deletes: more than it adds.
pub const EXPIRED_PER_RESERVATION: u32 = 4;

/// The limit that an attempt has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// Consecutive failures on the account from the network.
    AccountFromNetwork,
    /// Failures from the network.
    Network,
    /// Failures from the IPv6 /56.
    Network56,
    /// Failures from the IPv6 /48.
    Network48,
    /// Failures on the account within the window of [`Rules::account`].
    Account,
    /// Failures on the account within a [`DAY`].
    AccountDay,
    /// Attempts of the account or network are in flight, and would reach a limit if they failed.
    Concurrency,
}

impl LimitKind {
    /// Returns the limit of a network or a prefix.
    #[must_use]
    pub fn network(tier: NetworkTier) -> Self {
        match tier {
            NetworkTier::Network => Self::Network,
            NetworkTier::Slash56 => Self::Network56,
            NetworkTier::Slash48 => Self::Network48,
        }
    }

    /// Returns the name in the audit log and in lists.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AccountFromNetwork => "account-from-address",
            Self::Network => "address",
            Self::Network56 => "network-56",
            Self::Network48 => "network-48",
            Self::Account => "account",
            Self::AccountDay => "account-day",
            Self::Concurrency => "concurrency",
        }
    }

    /// Returns whether other clients can reach the limit of a user.
    ///
    /// Such a limit has an allowance for known networks, and its responses are delayed, so that their time does not
    /// reveal whether the allowance was used.
    #[must_use]
    pub fn is_shared(self) -> bool {
        match self {
            Self::Network
            | Self::Network56
            | Self::Network48
            | Self::Account
            | Self::AccountDay => true,
            Self::AccountFromNetwork | Self::Concurrency => false,
        }
    }
}

/// A refused attempt: its password may not be verified yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct RateLimited {
    pub limit: LimitKind,
    pub retry_after: TimeDelta,
    /// Whether the allowance of a known network applies, which it does not during the delay of a streak.
    pub permits_allowance: bool,
}

impl RateLimited {
    /// Attempts in flight must end first, which takes about the time of a hash.
    pub const IN_FLIGHT: Self = Self {
        limit: LimitKind::Concurrency,
        retry_after: TimeDelta::seconds(1),
        permits_allowance: false,
    };

    /// Returns the delay in whole seconds, rounded up: at least 1.
    #[must_use]
    pub fn retry_after_seconds(&self) -> u32 {
        let milliseconds = self.retry_after.num_milliseconds().max(1);
        u32::try_from((milliseconds + 999) / 1000).unwrap_or(u32::MAX)
    }
}

/// A limit that is reached, with its delay.
struct Reached {
    limit: LimitKind,
    since: DateTime<Utc>,
    delay: TimeDelta,
    /// Whether the limit is reached without the attempts in flight.
    failed: bool,
}

impl Reached {
    fn window(kind: LimitKind, reached: LimitReached, limit: Limit) -> Self {
        Self {
            limit: kind,
            since: reached.since,
            delay: limit.window,
            failed: reached.failed,
        }
    }

    fn retry_after(&self, now: DateTime<Utc>) -> TimeDelta {
        // A clock that was set back must not lengthen a delay.
        (self.since + self.delay - now).min(self.delay)
    }
}

/// Attempts of an account without an outcome, which count as failures.
///
/// They are not stored in a streak or a day, so that a successful login changes neither. If an attempt times out,
/// because its client or its process is gone, the next reservation of its account stores it as a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct Unsettled {
    pub count: u32,
    /// The number of those within [`IN_FLIGHT_TIMEOUT`].
    pub in_flight: u32,
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
}

impl Unsettled {
    /// Returns whether an attempt is no longer in flight.
    #[must_use]
    pub fn has_timed_out(self) -> bool {
        self.count > self.in_flight
    }
}

/// A stored streak, without unsettled attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct StoredStreak {
    pub failures: u32,
    pub last_at: DateTime<Utc>,
}

/// The stored failures of an account within a [`DAY`], without unsettled attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct StoredDay {
    pub failures: u32,
    /// The beginning of the window: its first failure.
    pub since: DateTime<Utc>,
}

impl StoredDay {
    /// Returns the day after a failure at `at` is cleared; `None` if no failure is left.
    #[must_use]
    pub fn without(self, at: DateTime<Utc>) -> Option<Self> {
        if at < self.since {
            // The failure was counted in an earlier window.
            return Some(self);
        }
        let failures = self.failures.checked_sub(1).filter(|left| *left > 0)?;
        Some(Self { failures, ..self })
    }
}

/// The counts that decide about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Consecutive failures on the account from the network.
    pub streak: Option<Streak>,
    /// The limits of the network and its prefixes, if reached, in the order of [`NetworkTier::ALL`].
    pub networks: [Option<LimitReached>; NetworkTier::ALL.len()],
    /// The limit of the account, if reached.
    pub account: Option<LimitReached>,
    /// Failures on the account within a [`DAY`].
    pub account_day: Option<AccountDay>,
}

/// Consecutive failures of an account from one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streak {
    /// The number of failures, including unsettled attempts.
    pub failures: u32,
    /// The number of attempts in flight: reserved, without an outcome.
    pub in_flight: u32,
    /// The time of the last failure.
    pub last_at: DateTime<Utc>,
}

/// Failures of an account within a [`DAY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountDay {
    /// The number of failures, including unsettled attempts.
    pub failures: u32,
    /// The number of attempts in flight: reserved, without an outcome.
    pub in_flight: u32,
    /// The beginning of the window: its first failure.
    pub since: DateTime<Utc>,
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
