//! What the store keeps, in the terms of the rules: no SQL, no wire format.
//!
//! Names are types that only hold what the rules allow. They are kept as typed and compared by a key.

mod attempt;
mod audit;
mod domain;
mod role;
mod username;

use std::fmt;

use chrono::{DateTime, Utc};

pub use self::attempt::{
    AccountKey, Attempts, Failures, Full, Network, NewAttempt, Reserved, Streak, Tally,
};
pub use self::audit::{
    Act, Alike, AuditEntry, AuditFilter, Caller, Cause, Event, EventError, Refusal, Source,
    Subject, UserAgent,
};
pub use self::domain::{Domain, DomainError};
pub use self::role::{AnyRole, BuiltInTenantRole, RoleName, RoleNameError, SystemRole, TenantRole};
pub use self::username::{Username, UsernameError};
use crate::password::PasswordHash;
use crate::token::TokenHash;

/// Where a user belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// To the system: such a user logs in without a domain.
    System,
    /// To the tenant with this domain.
    Tenant(Domain),
}

/// Which user: the same name may exist once in each scope. It prints as a noun, `user alice of pbx.example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserKey {
    /// Where the user belongs.
    pub scope: Scope,
    /// What the user is called there.
    pub username: Username,
}

impl fmt::Display for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Scope::System => write!(f, "system user {}", self.username),
            Scope::Tenant(domain) => write!(f, "user {} of {domain}", self.username),
        }
    }
}

/// Where a user belongs and what the user may do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// Of the system.
    System(SystemRole),
    /// Of the tenant with this domain; a custom role is one of this tenant's.
    Tenant(Domain, TenantRole),
}

impl Membership {
    /// Where the user belongs.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match self {
            Self::System(_) => Scope::System,
            Self::Tenant(domain, _) => Scope::Tenant(domain.clone()),
        }
    }

    /// The name of the role.
    #[must_use]
    pub fn role_name(&self) -> &str {
        match self {
            Self::System(role) => role.name(),
            Self::Tenant(_, TenantRole::BuiltIn(role)) => role.name(),
            Self::Tenant(_, TenantRole::Custom(name)) => name.as_typed(),
        }
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The SIP domain, which is its name.
    pub domain: Domain,
    /// Whether its users may log in.
    pub enabled: bool,
    /// How many users it has.
    pub users: u64,
    /// When it was created, in whole seconds.
    pub created_at: DateTime<Utc>,
}

/// A user to be created.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name, new in its scope.
    pub username: Username,
    /// Where the user belongs, with which role.
    pub membership: Membership,
    /// Of the user's password.
    pub password_hash: PasswordHash,
}

impl NewUser {
    /// Which user it will be.
    #[must_use]
    pub fn key(&self) -> UserKey {
        UserKey {
            scope: self.membership.scope(),
            username: self.username.clone(),
        }
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub username: Username,
    /// Where the user belongs, with which role.
    pub membership: Membership,
    /// Whether the user may log in, as far as the tenant may.
    pub enabled: bool,
    /// When the user was created, in whole seconds.
    pub created_at: DateTime<Utc>,
}

/// A role that a tenant made for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomRole {
    /// The tenant.
    pub domain: Domain,
    /// The name.
    pub name: RoleName,
    /// How many users hold it.
    pub users: u64,
    /// When it was created, in whole seconds.
    pub created_at: DateTime<Utc>,
}

/// The number by which the store knows a user; never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserId(pub(super) i64);

/// What a login is checked against.
#[derive(Debug, Clone)]
pub struct Login {
    /// The user.
    pub user: UserId,
    /// Of the user's password.
    pub password_hash: PasswordHash,
    /// Whether both the user and the tenant are enabled.
    pub enabled: bool,
}

/// A session to be opened after a login was checked.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Of the session's token.
    pub token: TokenHash,
    /// The user.
    pub user: UserId,
    /// The hash that the password was verified against: the session is opened only while it still is the user's.
    pub password_hash: PasswordHash,
    /// Now; its fraction of a second is not kept.
    pub created_at: DateTime<Utc>,
    /// From when the session is no longer live; a whole second.
    pub expires_at: DateTime<Utc>,
    /// A session that ends when this one is opened.
    pub replaces: Option<TokenHash>,
    /// The attempt that turned out right; none where attempts are not counted.
    pub attempt: Option<Reserved>,
    /// How many live sessions the user may have with it: the oldest end.
    pub most: u32,
    /// At whose request.
    pub source: Source,
}

/// What became of a [`NewSession`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// It is open.
    Opened {
        /// Which sessions ended with that: the one it replaces, and the user's oldest where there were too many.
        ended: Vec<TokenHash>,
    },
    /// In the meantime the user or the tenant was disabled or deleted, or the password was changed.
    Refused,
}

/// What a token stands for. It is never that of a disabled user or tenant; whether it has expired is for the rules to
/// say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSession {
    /// When it was opened, in whole seconds.
    pub created_at: DateTime<Utc>,
    /// From when the session is no longer live.
    pub expires_at: DateTime<Utc>,
    /// The name of the user's role.
    pub role: String,
}

/// The number by which people name a session. It is no secret, and never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId(pub i64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A live session, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserKey,
    /// The name of the user's role.
    pub role: String,
    /// When it was opened, in whole seconds.
    pub created_at: DateTime<Utc>,
    /// From when it is no longer live.
    pub expires_at: DateTime<Utc>,
}

/// Which sessions are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sessions {
    /// Every one.
    All,
    /// Those of every user of the tenant with this domain.
    OfTenant(Domain),
    /// Those of one user.
    OfUser(UserKey),
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was made, and with it so many live sessions ended.
    Made {
        /// How many.
        ended: u64,
    },
    /// Things were that way already; nothing was changed.
    AlreadySo,
}

/// What went away with a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletedTenant {
    /// How many users.
    pub users: u64,
    /// How many live sessions.
    pub ended: u64,
}
