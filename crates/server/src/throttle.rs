//! How guessers are held back, without locking anybody out: the rules, as a pure function of what was counted.
//!
//! An attempt is counted as a failure *before* its password is looked at, in one step of the store, and released when it
//! turns out right: so a burst of guesses cannot race past a limit, in however many processes. Three rules hold at once,
//! and the longest wait counts:
//!
//! - An account from one network: a few failures are free, then each has to be waited for, twice as long each time. The
//!   streak ends with a success, or when nothing failed for as long as a window lasts.
//! - A network over all accounts: so many failures within a window.
//! - An account over all networks: so many failures within a window; but not from a network from which its user has
//!   logged in before. Otherwise strangers could keep its owner out.
//!
//! Where a limit is reached only with attempts that are still being looked at, those that come wait for their outcome: many
//! logins at once which are all right do not hold each other back. They wait as long as a login may wait to be hashed,
//! and who would wait longer is turned away at once. Where the outcome does not come in time, they are turned away as
//! overload is: nobody has failed yet.
//!
//! An account that does not exist is counted like any other. What is held back is neither hashed nor written down.

mod gate;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::gate::{Gates, Line, Passed};
use crate::store::model::{Full, Tally};

/// So many failures within a window that slides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub most: u32,
    /// Within how long.
    pub within: TimeDelta,
}

/// The rules' figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How many failures in a row are free, for an account from one network.
    pub free: u32,
    /// How long to wait after these. Each further failure doubles it.
    pub first_wait: TimeDelta,
    /// The longest such wait.
    pub longest_wait: TimeDelta,
    /// Failures from one network, over all accounts.
    pub network: Limit,
    /// Failures on one account, over all networks.
    pub account: Limit,
}

impl Rules {
    /// - Five free: people mistype; OWASP (Authentication Cheat Sheet, "Account Lockout") and PCI DSS 4.0 (8.3.4) put the
    ///   threshold between that and ten.
    /// - Waits from 1 s that double, up to 15 min: OWASP's exponential delay instead of a lockout. From one network it
    ///   leaves four guesses an hour.
    /// - 50 in 15 min for a network: an office behind one address may mistype, a list of leaked passwords is not got
    ///   through.
    /// - 100 in an hour for an account: NIST SP 800-63B-4, section 3.2.2, allows no more than 100 consecutive failures;
    ///   here the window bounds them for guessers from many networks.
    pub const DEFAULT: Self = Self {
        free: 5,
        first_wait: TimeDelta::seconds(1),
        longest_wait: TimeDelta::minutes(15),
        network: Limit {
            most: 50,
            within: TimeDelta::minutes(15),
        },
        account: Limit {
            most: 100,
            within: TimeDelta::hours(1),
        },
    };

    /// Whether an attempt may be looked at `now`.
    ///
    /// # Errors
    ///
    /// [`Held`] says for how long it may not, and by which rule.
    pub fn judge(&self, tally: &Tally, now: DateTime<Utc>) -> Result<(), Held> {
        let streak = tally.streak.map(|streak| {
            let wait = self.wait_after(streak.failures);
            let failed = streak.failures.saturating_sub(streak.under_way) >= self.free;
            (By::Streak, streak.last_at, wait, failed)
        });
        let window = |by, full: Option<Full>, limit: Limit| {
            full.map(|full| (by, full.since, limit.within, full.failed))
        };
        let held = [
            streak,
            window(By::Network, tally.network_full, self.network),
            window(By::Account, tally.account_full, self.account),
        ];
        let held = held.into_iter().flatten();
        let held = held.map(|(by, since, wait, failed)| {
            // A clock that was set back must not make anybody wait longer than the rule says.
            let wait = (since + wait - now).min(wait);
            (Held { by, wait }, failed)
        });
        let held: Vec<_> = held
            .filter(|(held, _)| held.wait > TimeDelta::zero())
            .collect();
        if held.is_empty() {
            return Ok(());
        }
        let failed = held.iter().filter(|(_, failed)| *failed);
        let longest = failed.map(|(held, _)| *held).max_by_key(|held| held.wait);
        Err(longest.unwrap_or(Held::UNDER_WAY))
    }

    /// How long to wait after so many failures in a row.
    fn wait_after(&self, failures: u32) -> TimeDelta {
        let Some(doublings) = failures.checked_sub(self.free) else {
            return TimeDelta::zero();
        };
        let factor = 1_i32.checked_shl(doublings).filter(|factor| *factor > 0);
        factor
            .and_then(|factor| self.first_wait.checked_mul(factor))
            .map_or(self.longest_wait, |wait| wait.min(self.longest_wait))
    }

    /// What was counted at this time or before counts no more. Nothing is forgotten while it is waited for: a streak
    /// that went quiet starts anew, which allows fewer guesses than the longest wait does.
    #[must_use]
    pub fn forgotten(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - self
            .longest_wait
            .max(self.network.within)
            .max(self.account.within)
    }
}

/// Which rule holds an attempt back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Failures in a row on the account from the network.
    Streak,
    /// Failures from the network.
    Network,
    /// Failures on the account.
    Account,
    /// Others of the same account or network are being looked at, so many that if they fail this one may not be.
    Gate,
}

/// An attempt is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// By which rule.
    pub by: By,
    /// For how long.
    pub wait: TimeDelta,
}

impl Held {
    /// Those that are under way take a hash's time.
    const UNDER_WAY: Self = Self {
        by: By::Gate,
        wait: TimeDelta::seconds(1),
    };

    /// Whole seconds to wait, rounded up: at least 1.
    #[must_use]
    pub fn seconds(&self) -> u32 {
        let milliseconds = self.wait.num_milliseconds().max(1);
        u32::try_from((milliseconds + 999) / 1000).unwrap_or(u32::MAX)
    }
}

/// What holds attempts back in this process.
#[derive(Debug)]
pub struct Throttle {
    /// The rules.
    pub rules: Rules,
    /// What keeps logins that are right from holding each other back.
    pub gates: Gates,
}

impl Throttle {
    /// Holds attempts back by these rules.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            gates: Gates::new(&rules),
            rules,
        }
    }
}

#[cfg(test)]
mod tests;
