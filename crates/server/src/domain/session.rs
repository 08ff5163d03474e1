//! Sessions and their lifetimes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::attempt::Reservation;
use super::audit::Source;
use super::password::{PasswordHash, PasswordWeakness};
use super::public_id::PublicId;
use super::tenant::Domain;
use super::user::{Membership, Scope, UserId, UserKey, Username};
use crate::token::TokenHash;

/// The lifetime of a session in whole seconds: at least 1, at most [`Lifetime::MAX`].
///
/// It parses from durations such as `90s`, `30m` and `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime(u32);

impl Lifetime {
    /// 1800 seconds, as in the contract's examples.
    pub const DEFAULT: Self = Self(1800);

    /// 365 days in seconds, which fits the contract's `expires_in`, an `int32`.
    pub const MAX: u32 = 365 * 24 * 60 * 60;

    /// Returns the lifetime in seconds.
    #[must_use]
    pub fn seconds(self) -> i32 {
        i32::try_from(self.0).expect("a lifetime is at most 365 days, which fits")
    }

    /// Returns the lifetime as a [`TimeDelta`].
    #[must_use]
    pub fn as_delta(self) -> TimeDelta {
        TimeDelta::seconds(self.0.into())
    }

    /// Returns the lifetime as a [`Duration`].
    #[must_use]
    pub fn as_duration(self) -> Duration {
        Duration::from_secs(self.0.into())
    }

    /// Returns the expiry of a session opened at `now`: a whole second, at most a lifetime later.
    #[must_use]
    pub fn from(self, now: DateTime<Utc>) -> DateTime<Utc> {
        now.trunc_subsecs(0) + self.as_delta()
    }
}

/// The error for text that is not the lifetime of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum LifetimeError {
    #[error("expected a duration such as 90s, 30m or 2h")]
    NotADuration,
    #[error("expected whole seconds")]
    Fraction,
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

/// A session to be opened after its login was verified.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct NewSession {
    pub token: TokenHash,
    pub user: UserId,
    /// The hash that was verified; the session is opened only if it is still the user's.
    pub password_hash: PasswordHash,
    /// The rule that the verified password breaks.
    pub password_weakness: Option<PasswordWeakness>,
    /// The current time, which is truncated to whole seconds.
    pub created_at: DateTime<Utc>,
    /// When the session expires; a whole second.
    pub expires_at: DateTime<Utc>,
    /// The session that ends when this one is opened.
    pub replaces: Option<TokenHash>,
    /// The reservation to commit as successful; `None` if attempts are not counted.
    pub reservation: Option<Reservation>,
    /// The maximum number of live sessions of the user; the oldest ones beyond it are ended.
    pub max_sessions: u32,
    pub source: Source,
}

/// The outcome of opening a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenOutcome {
    /// The session was opened.
    Opened {
        /// The sessions that it ended: the replaced one, and the oldest ones beyond the maximum.
        ended: Vec<TokenHash>,
    },
    /// The user or tenant was disabled or deleted, or the password changed, during verification.
    Refused,
}

/// A stored session of an enabled user and tenant, which may have expired.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct FoundSession {
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// The user, which sessions may share.
    pub user: Arc<SessionUser>,
}

/// The user of a session, as session checks return it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct SessionUser {
    /// The store's id of the user.
    pub id: UserId,
    /// The user's id in the API.
    pub public_id: PublicId,
    /// The name, as typed when the user was created.
    pub username: Username,
    pub membership: Membership,
    /// The tenant's id in the API; `None` for a system user.
    pub tenant_id: Option<PublicId>,
    pub created_at: DateTime<Utc>,
}

impl SessionUser {
    /// Returns the scope of the user.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.membership.scope()
    }

    /// Returns the domain of the user's tenant; `None` for a system user.
    #[must_use]
    pub fn domain(&self) -> Option<&Domain> {
        self.membership.domain()
    }

    /// Returns the name of the user's role.
    #[must_use]
    pub fn role_name(&self) -> &str {
        self.membership.role_name()
    }
}

/// The id of a session, shown to operators: not a secret, and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId(pub i64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A live session, as the command line lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct Session {
    pub id: SessionId,
    pub user: UserKey,
    pub role: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Selects sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the variants")]
pub enum SessionFilter {
    All,
    OfTenant(Domain),
    OfUser(UserKey),
}

#[cfg(test)]
mod tests {
    use super::super::role::{BuiltInTenantRole, SystemRole, TenantRole};
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
    fn user_of_a_session_has_scope_domain_and_role() {
        let user = |membership| SessionUser {
            id: UserId(1),
            public_id: PublicId::from_store([1; 16]),
            username: "alice".parse().unwrap(),
            membership,
            tenant_id: None,
            created_at: DateTime::UNIX_EPOCH,
        };
        let dealer = user(Membership::System(SystemRole::Dealer));
        assert_eq!(dealer.scope(), Scope::System);
        assert_eq!(dealer.domain(), None);
        assert_eq!(dealer.role_name(), "Dealer");
        let domain: Domain = "pbx.example.com".parse().unwrap();
        let role = TenantRole::BuiltIn(BuiltInTenantRole::Admin);
        let admin = user(Membership::Tenant(domain.clone(), role));
        assert_eq!(admin.scope(), Scope::Tenant(domain.clone()));
        assert_eq!(admin.domain(), Some(&domain));
        assert_eq!(admin.role_name(), "Admin");
    }

    #[test]
    fn expiry_is_a_whole_second_and_not_beyond_the_lifetime() {
        let now: DateTime<Utc> = "2026-03-01T08:00:00.999Z".parse().unwrap();
        let expected: DateTime<Utc> = "2026-03-01T08:30:00Z".parse().unwrap();
        assert_eq!(Lifetime::DEFAULT.from(now), expected);
    }
}
