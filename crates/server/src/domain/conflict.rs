//! Conflicts of a change with the stored state.

use super::plural::Pluralized;
use super::role::RoleName;
use super::session::SessionId;
use super::tenant::Domain;
use super::user::UserKey;

/// A change that the stored state does not allow; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum Conflict {
    #[error("there is no tenant {0}")]
    NoSuchTenant(Domain),
    #[error("there is no {0}")]
    NoSuchUser(UserKey),
    #[error("there is no role {0} of {1}")]
    NoSuchRole(RoleName, Domain),
    #[error("there is no live session {0}")]
    NoSuchSession(SessionId),
    #[error("the tenant {0} already exists")]
    TenantExists(Domain),
    #[error("{0} already exists")]
    UserExists(UserKey),
    #[error("the role {0} of {1} already exists")]
    RoleExists(RoleName, Domain),
    #[error("the role {0} of {1} is assigned to {users}", users = Pluralized(*.2, "user"))]
    RoleInUse(RoleName, Domain, u64),
    #[error("{0} is the last enabled system administrator")]
    LastSystemAdmin(UserKey),
}
