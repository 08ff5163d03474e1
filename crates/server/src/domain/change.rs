//! Changes to users and tenants: which are allowed, and which end sessions.

use super::audit::AuditEvent;
use super::conflict::Conflict;
use super::user::UserKey;

/// The outcome of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The change was made.
    Applied {
        /// The number of live sessions that it ended.
        ended: u64,
    },
    /// The value was already set; nothing was changed.
    Unchanged,
}

/// Returns whether an event ends every session of its user or tenant.
#[must_use]
pub fn ends_sessions(event: AuditEvent) -> bool {
    match event {
        AuditEvent::TenantDisabled
        | AuditEvent::TenantDeleted
        | AuditEvent::UserDisabled
        | AuditEvent::UserDeleted
        | AuditEvent::PasswordChanged
        | AuditEvent::RoleChanged
        | AuditEvent::SessionRevoked => true,
        AuditEvent::Login
        | AuditEvent::LoginRefused
        | AuditEvent::LoginThrottled
        | AuditEvent::Logout
        | AuditEvent::TenantCreated
        | AuditEvent::TenantEnabled
        | AuditEvent::UserCreated
        | AuditEvent::UserEnabled
        | AuditEvent::RoleCreated
        | AuditEvent::RoleDeleted
        | AuditEvent::FailuresCleared => false,
    }
}

/// The facts that make a user an enabled system administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminStatus {
    /// Whether the user is enabled.
    pub enabled: bool,
    /// Whether the user has the role `SystemAdmin`.
    pub is_system_admin: bool,
}

impl AdminStatus {
    fn is_enabled_admin(self) -> bool {
        self.enabled && self.is_system_admin
    }
}

/// Checks that an enabled system administrator remains after a change.
///
/// `after` is `None` if the user is deleted. `enabled_admins` is the number before the change.
pub fn check_last_admin(
    user: &UserKey,
    before: AdminStatus,
    after: Option<AdminStatus>,
    enabled_admins: u64,
) -> Result<(), Conflict> {
    let remains = after.is_some_and(AdminStatus::is_enabled_admin);
    if before.is_enabled_admin() && !remains && enabled_admins <= 1 {
        return Err(Conflict::LastSystemAdmin(user.clone()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user::Scope;

    #[test]
    fn last_enabled_system_administrator_cannot_be_removed() {
        let user = UserKey {
            scope: Scope::System,
            username: "admin".parse().unwrap(),
        };
        let status = |enabled, is_system_admin| AdminStatus {
            enabled,
            is_system_admin,
        };
        let admin = status(true, true);
        let others = [None, Some(status(false, true)), Some(status(true, false))];
        for after in others {
            let check = |before, admins| check_last_admin(&user, before, after, admins);
            let refused = Err(Conflict::LastSystemAdmin(user.clone()));
            assert_eq!(check(admin, 1), refused, "{after:?}");
            assert_eq!(check(admin, 2), Ok(()), "{after:?}");
            // A user who is not an enabled administrator is not the last one.
            assert_eq!(check(status(false, true), 1), Ok(()), "{after:?}");
            assert_eq!(check(status(true, false), 1), Ok(()), "{after:?}");
        }
        assert_eq!(check_last_admin(&user, admin, Some(admin), 1), Ok(()));
    }
}
