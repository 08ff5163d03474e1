//! The allowance: attempts of a user on a known network in spite of the limit of a network or an account.
//!
//! Strangers can reach the limit of an account, and neighbours the limit of a network. A user who has logged in from a
//! network before may therefore still fail a few times from there. These attempts count towards nothing else: the
//! limits, and `Retry-After`, would otherwise reveal which accounts exist and which networks are known.

use chrono::{DateTime, TimeDelta, Utc};

use super::rate_limit::Limit;

/// The failures of a user on a known network that are allowed in spite of a limit.
///
/// As many as a streak has without a delay: enough for typing errors. A client on a known network gains 120 guesses a
/// day.
pub const ALLOWANCE: Limit = Limit {
    max_failures: 5,
    window: TimeDelta::hours(1),
};

/// The maximum number of known networks of a user; the one seen longest ago is dropped.
pub const MAX_KNOWN_NETWORKS: u32 = 32;

/// How long a network stays known after a login.
pub const KNOWN_NETWORK_LIFETIME: TimeDelta = TimeDelta::days(90);

/// How exactly the time of the last login from a known network is stored.
///
/// Later logins within this time write nothing.
const SEEN_AT_PRECISION: TimeDelta = TimeDelta::hours(1);

/// Returns whether a login `now` changes the stored time of the last login from a network.
#[must_use]
pub fn changes_seen_at(seen_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    seen_at.is_none_or(|seen_at| now - seen_at >= SEEN_AT_PRECISION)
}

/// The facts that decide about an attempt from the allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowanceUse {
    /// When the user last logged in from the network, to the hour; `None` if never.
    pub network_seen_at: Option<DateTime<Utc>>,
    /// The failures within the window of [`ALLOWANCE`], including attempts in flight.
    pub failures: u32,
}

impl AllowanceUse {
    /// Returns whether the password of a further attempt may be verified `now`.
    #[must_use]
    pub fn permits_attempt(self, now: DateTime<Utc>) -> bool {
        let is_known = |seen_at| seen_at > now - KNOWN_NETWORK_LIFETIME;
        self.network_seen_at.is_some_and(is_known) && self.failures < ALLOWANCE.max_failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowance_permits_five_failures_on_a_known_network() {
        let now: DateTime<Utc> = "2026-03-01T08:00:00Z".parse().unwrap();
        let permits = |days, failures| {
            let network_seen_at = Some(now - TimeDelta::days(days));
            let used = AllowanceUse {
                network_seen_at,
                failures,
            };
            used.permits_attempt(now)
        };
        assert!(permits(0, 0) && permits(0, 4) && permits(89, 0));
        assert!(!permits(0, 5));
        assert!(!permits(90, 0));
        let unknown = AllowanceUse {
            network_seen_at: None,
            failures: 0,
        };
        assert!(!unknown.permits_attempt(now));
    }

    #[test]
    fn later_logins_within_an_hour_change_nothing() {
        let now: DateTime<Utc> = "2026-03-01T08:00:00Z".parse().unwrap();
        let changes = |minutes| changes_seen_at(Some(now - TimeDelta::minutes(minutes)), now);
        assert!(changes_seen_at(None, now));
        assert_eq!(
            [-60, 0, 59, 60, 61].map(changes),
            [false, false, false, true, true]
        );
    }
}
