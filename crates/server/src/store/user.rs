//! Storage of users.

use async_trait::async_trait;

use crate::domain::audit::AuditContext;
use crate::domain::change::Change;
use crate::domain::password::PasswordHash;
use crate::domain::tenant::Domain;
use crate::domain::user::{LoginRecord, Membership, NewUser, User, UserId, UserKey, Username};
use crate::store::error::{StoreError, StoreFailure};

/// Stores users.
#[async_trait]
pub trait Users: Send + Sync {
    /// Finds what a login is checked against: one look-up that costs the same whether or not the domain exists.
    /// `username` and `domain` are keys ([`Username::key`], [`Domain::key`]); any text is safe.
    async fn find_login(
        &self,
        username: &str,
        domain: Option<&str>,
    ) -> Result<Option<LoginRecord>, StoreFailure>;

    /// Creates a user, enabled.
    async fn create_user(&self, user: NewUser, context: &AuditContext) -> Result<(), StoreError>;

    /// Lists the users of a tenant, or all: those of the system first, then by domain; by name.
    async fn list_users(&self, domain: Option<&Domain>) -> Result<Vec<User>, StoreError>;

    /// Whether there is a system administrator.
    async fn has_system_admin(&self) -> Result<bool, StoreFailure>;

    /// Enables or disables a user. Disabling ends the user's sessions.
    async fn set_user_enabled(
        &self,
        user: &UserKey,
        enabled: bool,
        context: &AuditContext,
    ) -> Result<Change, StoreError>;

    /// Deletes a user, and ends the user's sessions. How many were live.
    async fn delete_user(&self, user: &UserKey, context: &AuditContext) -> Result<u64, StoreError>;

    /// Changes a user's password, and ends the user's sessions. How many were live.
    async fn set_password(
        &self,
        user: &UserKey,
        password_hash: PasswordHash,
        context: &AuditContext,
    ) -> Result<u64, StoreError>;

    /// Puts another hash of the same password in the place of `old`; sessions live on. Whether `old` was still the user's.
    async fn replace_password_hash(
        &self,
        user: UserId,
        old: &PasswordHash,
        rehashed: &PasswordHash,
    ) -> Result<bool, StoreFailure>;

    /// Changes a user's role, and ends the user's sessions. The scope in `membership` says which user is meant.
    async fn set_role(
        &self,
        username: &Username,
        membership: &Membership,
        context: &AuditContext,
    ) -> Result<Change, StoreError>;
}
