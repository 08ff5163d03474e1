//! The audit log: events, their circumstances, and queries.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use chrono::{DateTime, Utc};

/// The circumstances of a change: when, and at whose request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditContext {
    /// When.
    pub at: DateTime<Utc>,
    /// At whose request.
    pub source: Source,
}

/// The source of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A request to the API.
    Request(Caller),
    /// A command on the command line.
    Command,
    /// The server itself, at its start.
    Server,
}

/// The client that sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The client's address.
    pub address: IpAddr,
    /// The `User-Agent` that the client claims.
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
pub enum AuditEvent {
    /// A session was opened.
    Login,
    /// A login was refused after its password was verified, or was abandoned by its client.
    LoginRefused,
    /// A login was refused by rate limiting.
    LoginThrottled,
    /// A session was ended by its holder.
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
    /// Counted failures were cleared by command.
    FailuresCleared,
}

impl AuditEvent {
    /// Returns the event of a tenant that is enabled or disabled.
    #[must_use]
    pub fn tenant_enabled(enabled: bool) -> Self {
        match enabled {
            true => Self::TenantEnabled,
            false => Self::TenantDisabled,
        }
    }

    /// Returns the event of a user that is enabled or disabled.
    #[must_use]
    pub fn user_enabled(enabled: bool) -> Self {
        match enabled {
            true => Self::UserEnabled,
            false => Self::UserDisabled,
        }
    }

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

    /// Returns its name.
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

impl fmt::Display for AuditEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text names no event.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no event; choose from {names}", names = AuditEvent::ALL.map(AuditEvent::name).join(", "))]
pub struct AuditEventError(String);

impl FromStr for AuditEvent {
    type Err = AuditEventError;

    fn from_str(text: &str) -> Result<Self, AuditEventError> {
        let named = Self::ALL.into_iter().find(|event| event.name() == text);
        named.ok_or_else(|| AuditEventError(text.to_owned()))
    }
}

/// Which entries are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this user or tenant alone.
    pub subject: Option<SubjectFilter>,
    /// Of this event alone.
    pub event: Option<AuditEvent>,
    /// Not of before.
    pub since: Option<DateTime<Utc>>,
    /// Not of later.
    pub until: Option<DateTime<Utc>>,
    /// How many: the latest.
    pub limit: u32,
}

/// Selects entries by subject, by the keys of names: the subject may be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectFilter {
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
    /// The user, as typed when it happened.
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
    /// What else there is to say.
    pub detail: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_agent_is_truncated_and_escaped_to_ascii() {
        let shown = |bytes: &[u8]| UserAgent::new(bytes).as_str().to_owned();
        assert_eq!(shown(b"curl/8.5.0 (x; y)"), "curl/8.5.0 (x; y)");
        assert_eq!(shown(b"a\x1b[31m\r\nb\tc\\n"), r"a\u{1b}[31m\r\nb\tc\\n");
        assert_eq!(shown("\u{202e}ü".as_bytes()), r"\u{202e}\u{fc}");
        assert_eq!(shown(b"\xff"), r"\u{fffd}");
        assert_eq!(shown(&[b'x'; 10_000]).len(), UserAgent::MAX);
        assert_eq!(shown(&[b'\n'; 10_000]).len(), UserAgent::MAX);
    }

    #[test]
    fn every_event_parses_from_its_name() {
        for event in AuditEvent::ALL {
            assert_eq!(event.name().parse(), Ok(event));
        }
        assert!("Login".parse::<AuditEvent>().is_err());
    }
}
