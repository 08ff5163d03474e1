//! What every handler and every command shares.
//!
//! The clock and the random source are passed in, never reached for: tests move the one and choose the other. Both are
//! behind `dyn`, as the store is, because which one it is gets decided once, at the start.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::audit::Audit;
use crate::metrics::Metrics;
use crate::password::Hasher;
use crate::proxies::TrustedProxies;
use crate::store::Store;
use crate::store::model::{Act, Source};
use crate::throttle::Throttle;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;
}

/// The operating system's clock.
#[derive(Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the system's clock"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// Gives random bytes that nobody can guess.
pub trait Random: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    ///
    /// When the source gives none; `bytes` must not be used then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError>;
}

/// No random bytes are to be had.
#[derive(Debug, thiserror::Error)]
#[error("the source of random bytes failed")]
pub struct RandomError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl RandomError {
    /// Takes what the source says.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// The operating system's generator.
#[derive(Debug)]
pub struct OsRandom;

impl Random for OsRandom {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system's generator"
    )]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(RandomError::new)
    }
}

/// How long a session lives: whole seconds, at least 1, at most [`Lifetime::MAX`].
///
/// It parses from durations as people write them: `2s`, `90s`, `30m`, `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime(u32);

impl Lifetime {
    /// 1800 seconds, the value that the contract's examples show.
    pub const DEFAULT: Self = Self(1800);

    /// 365 days, in seconds. A session is no permanent key; and the contract's `expires_in` is an `int32`.
    pub const MAX: u32 = 365 * 24 * 60 * 60;

    /// In seconds.
    #[must_use]
    pub fn seconds(self) -> i32 {
        i32::try_from(self.0).expect("a lifetime is at most 365 days, which fits")
    }

    /// As a span of time.
    #[must_use]
    pub fn as_delta(self) -> TimeDelta {
        TimeDelta::seconds(self.0.into())
    }

    /// As a duration of the standard library.
    #[must_use]
    pub fn as_duration(self) -> Duration {
        Duration::from_secs(self.0.into())
    }

    /// When a session that is opened at `now` expires: a whole second, and never later than a lifetime from `now`.
    #[must_use]
    pub fn from(self, now: DateTime<Utc>) -> DateTime<Utc> {
        now.trunc_subsecs(0) + self.as_delta()
    }
}

/// A text is not the lifetime of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LifetimeError {
    /// It is not a duration.
    #[error("expected a duration such as 90s, 30m or 2h")]
    NotADuration,
    /// It has a fraction of a second.
    #[error("expected whole seconds")]
    Fraction,
    /// It is less than a second or more than a year.
    #[error("expected a duration from 1s to 365d")]
    OutOfRange,
}

impl FromStr for Lifetime {
    type Err = LifetimeError;

    fn from_str(text: &str) -> Result<Self, LifetimeError> {
        let duration = humantime::parse_duration(text).map_err(|_| LifetimeError::NotADuration)?;
        if duration.subsec_nanos() != 0 {
            return Err(LifetimeError::Fraction);
        }
        match u32::try_from(duration.as_secs()) {
            Ok(seconds @ 1..=Self::MAX) => Ok(Self(seconds)),
            Ok(_) | Err(_) => Err(LifetimeError::OutOfRange),
        }
    }
}

/// What every handler and every command shares.
pub struct Context {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives tokens, salts and made-up passwords their bytes.
    pub random: Arc<dyn Random>,
    /// Keeps tenants, users, roles and sessions.
    pub store: Arc<dyn Store>,
    /// Hashes and verifies passwords.
    pub hasher: Hasher,
    /// How long is told what happened.
    pub audit: Audit,
    /// Holds guessers back; none where attempts are not counted.
    pub throttle: Option<Throttle>,
    /// Counts and measures what happens.
    pub metrics: Arc<Metrics>,
    /// How long a new session lives.
    pub session_lifetime: Lifetime,
    /// How long use can make a session live: not longer than `session_lifetime`, unless sessions slide.
    pub session_max_lifetime: Lifetime,
    /// How many live sessions a user may have.
    pub sessions_per_user: u32,
    /// Whether all clients reach the server over TLS, so that the session cookie may be `Secure`.
    pub secure_cookie: bool,
    /// Who is believed what address a client has, and whether it speaks TLS.
    pub trusted_proxies: TrustedProxies,
}

impl Context {
    /// What is done now, at this one's request.
    #[must_use]
    pub fn act(&self, by: &Source) -> Act {
        Act {
            at: self.clock.now(),
            source: by.clone(),
        }
    }

    /// Whether use extends sessions.
    #[must_use]
    pub fn sessions_slide(&self) -> bool {
        self.session_max_lifetime.seconds() > self.session_lifetime.seconds()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("session_lifetime", &self.session_lifetime)
            .field("session_max_lifetime", &self.session_max_lifetime)
            .field("sessions_per_user", &self.sessions_per_user)
            .field("secure_cookie", &self.secure_cookie)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetime_is_whole_seconds_from_one_to_a_year() {
        let parse = |text: &str| text.parse::<Lifetime>().map(Lifetime::seconds);
        for (text, expected) in [
            ("1s", Ok(1)),
            ("90s", Ok(90)),
            ("30m", Ok(1800)),
            ("1h 30m", Ok(5400)),
            ("365d", Ok(31_536_000)),
            ("0s", Err(LifetimeError::OutOfRange)),
            ("365d 1s", Err(LifetimeError::OutOfRange)),
            ("99999999999y", Err(LifetimeError::OutOfRange)),
            ("1500ms", Err(LifetimeError::Fraction)),
            ("30", Err(LifetimeError::NotADuration)),
            ("", Err(LifetimeError::NotADuration)),
            ("-5s", Err(LifetimeError::NotADuration)),
            ("half an hour", Err(LifetimeError::NotADuration)),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn expiry_is_a_whole_second_and_not_beyond_the_lifetime() {
        let now: DateTime<Utc> = "2026-03-01T08:00:00.999Z".parse().unwrap();
        let expected: DateTime<Utc> = "2026-03-01T08:30:00Z".parse().unwrap();
        assert_eq!(Lifetime::DEFAULT.from(now), expected);
    }

    #[test]
    fn the_system_gives_different_bytes_each_time() {
        let mut bytes = [[0; 16]; 2];
        for bytes in &mut bytes {
            OsRandom.fill(bytes).unwrap();
        }
        assert_ne!(bytes[0], bytes[1]);
        assert_ne!(bytes[0], [0; 16]);
    }
}
