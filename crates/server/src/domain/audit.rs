//! The audit log: events, their circumstances, and queries.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use chrono::{DateTime, Utc};

/// The circumstances of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct AuditContext {
    pub at: DateTime<Utc>,
    pub source: Source,
}

/// The source of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A request to the API.
    Request(Caller),
    /// A command on the command line.
    Command(Operator),
    /// The server, at its start.
    Server,
}

/// The client that sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct Caller {
    pub address: IpAddr,
    pub user_agent: Option<UserAgent>,
    pub request_id: String,
}

/// The operating-system user who ran a command, such as `pbx-login` or `root (sudo: alice)`.
///
/// The first name is that of the process's user. The name after `sudo:` is what the environment variable `SUDO_USER`
/// claims: a user who may run commands on the database can also set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator(String);

impl Operator {
    /// The maximum length of a name: twice what Linux allows (`useradd(8)`); the rest is cut off.
    const MAX_NAME: usize = 64;

    /// Escapes and truncates the names.
    #[must_use]
    pub fn new(user: &[u8], sudo_user: Option<&[u8]>) -> Self {
        let user = printable(user, Self::MAX_NAME);
        match sudo_user {
            Some(sudo_user) => {
                let sudo_user = printable(sudo_user, Self::MAX_NAME);
                Self(format!("{user} (sudo: {sudo_user})"))
            }
            None => Self(user),
        }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A `User-Agent` header, as at most [`UserAgent::MAX`] printable characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAgent(String);

impl UserAgent {
    /// The maximum length: longer than those of browsers; the rest is cut off.
    pub const MAX: usize = 256;

    /// Escapes and truncates the bytes of the header.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(printable(bytes, Self::MAX))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns text as at most `max` characters of printable ASCII.
///
/// Other characters are escaped, so that the text is safe on a terminal and cannot imitate a line of the log.
fn printable(bytes: &[u8], max: usize) -> String {
    // Further bytes would be truncated.
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(max)]);
    let mut kept = String::new();
    for character in text.chars() {
        match character {
            ' '..='~' if character != '\\' => kept.push(character),
            other => kept.extend(other.escape_default()),
        }
    }
    kept.truncate(max);
    kept
}

/// A security event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the events")]
pub enum AuditEvent {
    Login,
    /// A login was refused after its password was verified, or was abandoned by its client.
    LoginRefused,
    /// A login was refused by rate limiting.
    LoginThrottled,
    Logout,
    /// Sessions were ended by a command, or by a login that replaces them.
    SessionRevoked,
    TenantCreated,
    TenantEnabled,
    TenantDisabled,
    TenantDeleted,
    UserCreated,
    UserEnabled,
    UserDisabled,
    UserDeleted,
    PasswordChanged,
    RoleChanged,
    RoleCreated,
    RoleDeleted,
    FailuresCleared,
}

impl AuditEvent {
    /// Returns the event of enabling or disabling a tenant.
    #[must_use]
    pub fn tenant_enabled(enabled: bool) -> Self {
        match enabled {
            true => Self::TenantEnabled,
            false => Self::TenantDisabled,
        }
    }

    /// Returns the event of enabling or disabling a user.
    #[must_use]
    pub fn user_enabled(enabled: bool) -> Self {
        match enabled {
            true => Self::UserEnabled,
            false => Self::UserDisabled,
        }
    }

    /// All events.
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

    /// Returns the name in the audit log.
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

/// The error for text that is not the name of an event.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an event; choose from {names}", names = AuditEvent::ALL.map(AuditEvent::name).join(", "))]
pub struct AuditEventError(String);

impl FromStr for AuditEvent {
    type Err = AuditEventError;

    fn from_str(text: &str) -> Result<Self, AuditEventError> {
        let named = Self::ALL.into_iter().find(|event| event.name() == text);
        named.ok_or_else(|| AuditEventError(text.to_owned()))
    }
}

/// Selects audit entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct AuditFilter {
    pub subject: Option<SubjectFilter>,
    pub event: Option<AuditEvent>,
    /// Only entries at or after this time.
    pub since: Option<DateTime<Utc>>,
    /// Only entries at or before this time.
    pub until: Option<DateTime<Utc>>,
    /// The maximum number of entries; the latest are selected.
    pub limit: u32,
}

/// Selects audit entries by the keys of names, because the subject may have been deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectFilter {
    /// The user; `None` for a tenant with all its users.
    pub username: Option<String>,
    /// The tenant; `None` for a system user.
    pub domain: Option<String>,
}

/// Selects the entries that a sweep of the audit log deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditSweep {
    /// Entries from this time or earlier, and daily counts of days that ended by this time.
    pub before: DateTime<Utc>,
    /// The maximum number of entries of refused logins, and separately of all other events.
    pub max_rows: u32,
    /// The maximum number of daily counts that have a subject; see [`super::refusal_day`].
    pub max_days: u32,
    /// The maximum number of rows of each kind that one sweep deletes.
    pub batch: u32,
}

/// An audit entry, as the command line lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct AuditEntry {
    pub id: i64,
    /// The time of the first of its events.
    pub at: DateTime<Utc>,
    /// The time of the last of its events.
    pub last_at: DateTime<Utc>,
    /// The number of refusals or of revoked sessions; otherwise 1.
    pub count: u64,
    pub event: String,
    pub cause: Option<String>,
    /// The user name at that time.
    pub username: Option<String>,
    pub domain: Option<String>,
    /// The source: `request`, `command` or `server`.
    pub source: String,
    /// The user who ran the command; see [`Operator`].
    pub operator: Option<String>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    /// The request id, as in the log; that of the first refusal.
    pub request_id: Option<String>,
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
    fn operator_is_named_with_the_user_that_sudo_claims() {
        let named = |user: &[u8], sudo: Option<&[u8]>| Operator::new(user, sudo).0;
        assert_eq!(named(b"pbx-login", None), "pbx-login");
        assert_eq!(named(b"root", Some(b"alice")), "root (sudo: alice)");
        assert_eq!(
            named(b"root", Some(b"a\nb\x1b")),
            r"root (sudo: a\nb\u{1b})"
        );
        let long = named(&[b'x'; 10_000], Some(&[b'y'; 10_000]));
        assert_eq!(long.len(), 2 * Operator::MAX_NAME + " (sudo: )".len());
    }

    #[test]
    fn every_event_parses_from_its_name() {
        for event in AuditEvent::ALL {
            assert_eq!(event.name().parse(), Ok(event));
        }
        assert!("Login".parse::<AuditEvent>().is_err());
    }
}
