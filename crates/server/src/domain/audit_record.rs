//! Audit entries of changes: events, subjects and details.

use super::attempt::AttemptFilter;
use super::audit::AuditEvent;
use super::plural::Pluralized;
use super::role::RoleName;
use super::session::SessionId;
use super::tenant::{DeletedTenant, Domain};
use super::user::{Membership, NewUser, UserKey};

/// An audit entry of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// The event.
    pub event: AuditEvent,
    /// The subject.
    pub subject: AuditSubject,
    /// The detail.
    pub detail: Option<String>,
}

/// The subject of an audit entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the variants")]
pub enum AuditSubject {
    Tenant(Domain),
    User(UserKey),
    /// Neither a tenant nor a user.
    Unnamed,
}

#[expect(missing_docs, reason = "the names describe the events")]
impl AuditRecord {
    #[must_use]
    pub fn tenant_created(domain: &Domain) -> Self {
        Self::of_tenant(AuditEvent::TenantCreated, domain, None)
    }

    #[must_use]
    pub fn tenant_changed(event: AuditEvent, domain: &Domain, ended: u64) -> Self {
        Self::of_tenant(event, domain, ended_detail(ended))
    }

    #[must_use]
    pub fn tenant_deleted(domain: &Domain, deleted: DeletedTenant) -> Self {
        let detail = format!(
            "with {} and {}",
            Pluralized(deleted.users, "user"),
            Pluralized(deleted.ended, "session")
        );
        Self::of_tenant(AuditEvent::TenantDeleted, domain, Some(detail))
    }

    #[must_use]
    pub fn role_created(domain: &Domain, name: &RoleName) -> Self {
        Self::of_tenant(
            AuditEvent::RoleCreated,
            domain,
            Some(format!("role {name}")),
        )
    }

    #[must_use]
    pub fn role_deleted(domain: &Domain, name: &RoleName) -> Self {
        Self::of_tenant(
            AuditEvent::RoleDeleted,
            domain,
            Some(format!("role {name}")),
        )
    }

    #[must_use]
    pub fn user_created(user: &NewUser) -> Self {
        let detail = format!("role {}", user.membership.role_name());
        Self::of_user(AuditEvent::UserCreated, &user.key(), Some(detail))
    }

    /// Returns the entry for a user who was enabled, disabled, deleted or given a password.
    #[must_use]
    pub fn user_changed(event: AuditEvent, user: &UserKey, ended: u64) -> Self {
        Self::of_user(event, user, ended_detail(ended))
    }

    #[must_use]
    pub fn role_changed(user: &UserKey, to: &Membership, ended: u64) -> Self {
        let detail = match ended_detail(ended) {
            Some(ended) => format!("to {}; {ended}", to.role_name()),
            None => format!("to {}", to.role_name()),
        };
        Self::of_user(AuditEvent::RoleChanged, user, Some(detail))
    }

    #[must_use]
    pub fn failures_cleared(filter: &AttemptFilter, cleared: u64) -> Self {
        let failures = Pluralized(cleared, "failure");
        let detail = match filter.network {
            Some(network) => format!("{failures} from {network}"),
            None => failures.to_string(),
        };
        let subject = match &filter.user {
            Some(user) => AuditSubject::User(user.clone()),
            None => AuditSubject::Unnamed,
        };
        Self {
            event: AuditEvent::FailuresCleared,
            subject,
            detail: Some(detail),
        }
    }

    fn of_tenant(event: AuditEvent, domain: &Domain, detail: Option<String>) -> Self {
        Self {
            event,
            subject: AuditSubject::Tenant(domain.clone()),
            detail,
        }
    }

    fn of_user(event: AuditEvent, user: &UserKey, detail: Option<String>) -> Self {
        Self {
            event,
            subject: AuditSubject::User(user.clone()),
            detail,
        }
    }
}

/// An audit entry of sessions of one user, whose name the store finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The event.
    pub event: AuditEvent,
    /// The number of sessions.
    pub count: u64,
    /// The detail.
    pub detail: Option<&'static str>,
}

impl SessionRecord {
    /// A login opened a session.
    pub const OPENED: Self = Self {
        event: AuditEvent::Login,
        count: 1,
        detail: None,
    };

    /// A logout ended a session.
    pub const CLOSED: Self = Self {
        event: AuditEvent::Logout,
        count: 1,
        detail: None,
    };

    /// A login ended the session that its client had before.
    pub const REPLACED: Self = Self {
        event: AuditEvent::SessionRevoked,
        count: 1,
        detail: Some("replaced by another login"),
    };

    /// A login ended the oldest sessions of its user beyond the maximum; `None` if there are none.
    #[must_use]
    pub fn over_maximum(count: usize) -> Option<Self> {
        (count > 0).then_some(Self {
            event: AuditEvent::SessionRevoked,
            count: count as u64,
            detail: Some("over the maximum number of sessions"),
        })
    }
}

/// Returns the detail for a number of ended sessions; `None` if it is 0.
fn ended_detail(ended: u64) -> Option<String> {
    (ended > 0).then(|| format!("{} ended", Pluralized(ended, "session")))
}

/// Returns the detail for a session that was ended by its id.
#[must_use]
pub fn revoked_detail(id: SessionId) -> String {
    format!("session {id}")
}
