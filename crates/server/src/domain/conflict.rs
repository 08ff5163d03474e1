//! Conflicts of a change with the stored state.

use super::plural::Pluralized;
use super::role::RoleName;
use super::session::SessionId;
use super::tenant::Domain;
use super::user::UserKey;

/// A change that the stored state does not allow; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The tenant does not exist.
    #[error("there is no tenant {0}")]
    NoSuchTenant(Domain),
    /// The user does not exist.
    #[error("there is no {0}")]
    NoSuchUser(UserKey),
    /// The custom role does not exist.
    #[error("there is no role {0} of {1}")]
    NoSuchRole(RoleName, Domain),
    /// The session does not exist or is not live.
    #[error("there is no live session {0}")]
    NoSuchSession(SessionId),
    /// The domain is taken.
    #[error("there already is a tenant {0}")]
    TenantExists(Domain),
    /// The name is taken in this scope.
    #[error("there already is a {0}")]
    UserExists(UserKey),
    /// The name is taken in this tenant.
    #[error("there already is a role {0} of {1}")]
    RoleExists(RoleName, Domain),
    /// Users have the role.
    #[error("the role {0} of {1} is held by {users}", users = Pluralized(*.2, "user"))]
    RoleHeld(RoleName, Domain, u64),
    /// No enabled system administrator would remain.
    #[error("{0} is the last enabled system administrator")]
    LastSystemAdmin(UserKey),
}
