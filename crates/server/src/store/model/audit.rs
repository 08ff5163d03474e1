//! What is told afterwards of what happened.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{AccountKey, Network, Reserved, UserId};

/// When a step is taken, and at whose request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Now.
    pub at: DateTime<Utc>,
    /// Who asked for it.
    pub source: Source,
}

/// At whose request something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A request to the API.
    Request(Caller),
    /// A command on the command line.
    Command,
    /// The server itself, at its start.
    Server,
}

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The client's address.
    pub address: IpAddr,
    /// What the client says it is: see [`UserAgent`].
    pub user_agent: Option<UserAgent>,
    /// The request's id, as in the log.
    pub request_id: String,
}

/// What a client says it is: at most [`UserAgent::MAX`] characters of visible ASCII, in which everything else is escaped,
/// so that it can be shown on any terminal and cannot look like another line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAgent(String);

impl UserAgent {
    /// Longer than what browsers send; what is beyond it is cut off.
    pub const MAX: usize = 256;

    /// Takes the bytes of the header.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        // No more is looked at than can be kept.
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(Self::MAX)]);
        let mut kept = String::new();
        for character in text.chars() {
            match character {
                ' '..='~' if character != '\\' => kept.push(character),
                other => kept.extend(other.escape_default()),
            }
        }
        kept.truncate(Self::MAX);
        Self(kept)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A session was opened.
    Login,
    /// A login was refused after its password was looked at, or given up by who made it.
    LoginRefused,
    /// A login was held back.
    LoginThrottled,
    /// A session was ended by who had it.
    Logout,
    /// Sessions were ended by command.
    SessionRevoked,
    /// A tenant was created.
    TenantCreated,
    /// A tenant was enabled.
    TenantEnabled,
    /// A tenant was disabled.
    TenantDisabled,
    /// A tenant was deleted.
    TenantDeleted,
    /// A user was created.
    UserCreated,
    /// A user was enabled.
    UserEnabled,
    /// A user was disabled.
    UserDisabled,
    /// A user was deleted.
    UserDeleted,
    /// A user's password was changed.
    PasswordChanged,
    /// A user's role was changed.
    RoleChanged,
    /// A custom role was created.
    RoleCreated,
    /// A custom role was deleted.
    RoleDeleted,
    /// Counted failures were forgotten by command.
    FailuresCleared,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Login,
        Self::LoginRefused,
        Self::LoginThrottled,
        Self::Logout,
        Self::SessionRevoked,
        Self::TenantCreated,
        Self::TenantEnabled,
        Self::TenantDisabled,
        Self::TenantDeleted,
        Self::UserCreated,
        Self::UserEnabled,
        Self::UserDisabled,
        Self::UserDeleted,
        Self::PasswordChanged,
        Self::RoleChanged,
        Self::RoleCreated,
        Self::RoleDeleted,
        Self::FailuresCleared,
    ];

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::LoginRefused => "login-refused",
            Self::LoginThrottled => "login-throttled",
            Self::Logout => "logout",
            Self::SessionRevoked => "session-revoked",
            Self::TenantCreated => "tenant-created",
            Self::TenantEnabled => "tenant-enabled",
            Self::TenantDisabled => "tenant-disabled",
            Self::TenantDeleted => "tenant-deleted",
            Self::UserCreated => "user-created",
            Self::UserEnabled => "user-enabled",
            Self::UserDisabled => "user-disabled",
            Self::UserDeleted => "user-deleted",
            Self::PasswordChanged => "password-changed",
            Self::RoleChanged => "role-changed",
            Self::RoleCreated => "role-created",
            Self::RoleDeleted => "role-deleted",
            Self::FailuresCleared => "failures-cleared",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text names no event.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no event; choose from {names}", names = Event::ALL.map(Event::name).join(", "))]
pub struct EventError(String);

impl FromStr for Event {
    type Err = EventError;

    fn from_str(text: &str) -> Result<Self, EventError> {
        let named = Self::ALL.into_iter().find(|event| event.name() == text);
        named.ok_or_else(|| EventError(text.to_owned()))
    }
}

/// Why a login opened no session: what the answer hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// There is no such user, or no such tenant.
    UnknownAccount,
    /// The password is another.
    WrongPassword,
    /// The password is right, but the user or the tenant is disabled.
    Disabled,
    /// While the password was looked at, it was changed, or the user or the tenant disabled or deleted.
    Changed,
    /// The client went away before the password was looked at, or while it was: nobody was told whether it is right.
    Abandoned,
    /// Too many failures in a row on the account from the network.
    AccountFromAddress,
    /// Too many failures from the network.
    Address,
    /// Too many failures on the account.
    Account,
    /// Too many logins at once, which are being looked at.
    Busy,
}

impl Cause {
    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownAccount => "unknown-account",
            Self::WrongPassword => "wrong-password",
            Self::Disabled => "disabled",
            Self::Changed => "changed",
            Self::Abandoned => "abandoned",
            Self::AccountFromAddress => "account-from-address",
            Self::Address => "address",
            Self::Account => "account",
            Self::Busy => "busy",
        }
    }

    /// The event that it is a cause of.
    #[must_use]
    pub fn event(self) -> Event {
        match self {
            Self::UnknownAccount
            | Self::WrongPassword
            | Self::Disabled
            | Self::Changed
            | Self::Abandoned => Event::LoginRefused,
            Self::AccountFromAddress | Self::Address | Self::Account | Self::Busy => {
                Event::LoginThrottled
            }
        }
    }
}

/// Refused logins, counted together as far as they are alike.
///
/// What was typed as a user name is not here: it may be a password in the wrong field. Where there is such a user, the
/// store knows the name.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Why.
    pub cause: Cause,
    /// On which account.
    pub account: AccountKey,
    /// Whose account it is, if it is anybody's.
    pub user: Option<UserId>,
    /// The key of the domain that was given. It is kept where there is such a tenant.
    pub domain: Option<String>,
    /// When, and at whose request: of the last where there are several.
    pub at: DateTime<Utc>,
    /// Who sent it.
    pub caller: Caller,
    /// How many.
    pub count: u32,
    /// The attempt that is known to have failed now, where one was counted.
    pub attempt: Option<Reserved>,
}

/// What refusals have in common that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alike {
    cause: Cause,
    account: Option<AccountKey>,
    network: Option<Network>,
}

impl Refusal {
    /// What it has in common with others. Where a whole network is held back, its accounts are not told apart, and where
    /// an account is, its networks are not: either could be made up without end.
    #[must_use]
    pub fn alike(&self) -> Alike {
        let (account, network) = match self.cause {
            Cause::UnknownAccount
            | Cause::WrongPassword
            | Cause::Disabled
            | Cause::Changed
            | Cause::Abandoned
            | Cause::AccountFromAddress => (true, true),
            Cause::Address | Cause::Busy => (false, true),
            Cause::Account => (true, false),
        };
        Alike {
            cause: self.cause,
            account: account.then_some(self.account),
            network: network.then(|| self.caller.address.into()),
        }
    }
}

impl Alike {
    /// Whether it is about one account.
    #[must_use]
    pub fn has_account(&self) -> bool {
        self.account.is_some()
    }

    /// What the store counts together: what is alike, within one minute.
    #[must_use]
    pub fn bucket(&self, at: DateTime<Utc>) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update(at.timestamp().div_euclid(60).to_be_bytes());
        hash.update(self.cause.name());
        // A byte that tells whether there is one: no two read as the same bytes.
        hash.update([u8::from(self.account.is_some())]);
        if let Some(account) = &self.account {
            hash.update(account.as_bytes());
        }
        if let Some(network) = self.network {
            hash.update(network.to_bytes());
        }
        let hash: [u8; 32] = hash.finalize().into();
        let mut bucket = [0; 16];
        bucket.copy_from_slice(&hash[..16]);
        bucket
    }
}

/// Which entries are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this user or tenant alone.
    pub subject: Option<Subject>,
    /// Of this event alone.
    pub event: Option<Event>,
    /// Not of before.
    pub since: Option<DateTime<Utc>>,
    /// Not of later.
    pub until: Option<DateTime<Utc>>,
    /// How many: the latest.
    pub limit: u32,
}

/// Whom an entry is about, by the keys of names: they may be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The user; none for a tenant with all its users.
    pub username: Option<String>,
    /// The tenant; none for a user of the system.
    pub domain: Option<String>,
}

/// Something that happened, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number. It grows with time.
    pub id: i64,
    /// When; of several the first.
    pub at: DateTime<Utc>,
    /// Of several the last.
    pub last_at: DateTime<Utc>,
    /// How many refusals, or how many sessions were revoked: else 1.
    pub count: u64,
    /// What.
    pub event: String,
    /// Why, of refusals.
    pub cause: Option<String>,
    /// Whom it is about, as typed when it happened.
    pub username: Option<String>,
    /// The tenant.
    pub domain: Option<String>,
    /// At whose request: `request`, `command` or `server`.
    pub source: String,
    /// The client's address.
    pub address: Option<String>,
    /// What the client says it is.
    pub user_agent: Option<String>,
    /// The request's id, as in the log: of several refusals the first.
    pub request_id: Option<String>,
    /// What else there is to tell.
    pub detail: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_agent_is_bounded_and_shows_nothing_but_ascii() {
        let shown = |bytes: &[u8]| UserAgent::new(bytes).as_str().to_owned();
        assert_eq!(shown(b"curl/8.5.0 (x; y)"), "curl/8.5.0 (x; y)");
        assert_eq!(shown(b"a\x1b[31m\r\nb\tc\\n"), r"a\u{1b}[31m\r\nb\tc\\n");
        assert_eq!(shown("\u{202e}ü".as_bytes()), r"\u{202e}\u{fc}");
        assert_eq!(shown(b"\xff"), r"\u{fffd}");
        assert_eq!(shown(&[b'x'; 10_000]).len(), UserAgent::MAX);
        assert_eq!(shown(&[b'\n'; 10_000]).len(), UserAgent::MAX);
    }

    #[test]
    fn every_event_is_read_by_its_name() {
        for event in Event::ALL {
            assert_eq!(event.name().parse(), Ok(event));
        }
        assert!("Login".parse::<Event>().is_err());
    }
}
