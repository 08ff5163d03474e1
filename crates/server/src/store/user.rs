//! Storage trait for users.

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
    /// Finds the record that a login is verified against.
    ///
    /// The look-up takes the same time if the domain does not exist. `username` and `domain` are keys
    /// ([`Username::key`], [`Domain::key`]); any text is safe.
    async fn find_login(
        &self,
        username: &str,
        domain: Option<&str>,
    ) -> Result<Option<LoginRecord>, StoreFailure>;

    /// Creates an enabled user.
    async fn create_user(&self, user: NewUser, context: &AuditContext) -> Result<(), StoreError>;

    /// Lists the users of one tenant or of all: system users first, then sorted by domain and name.
    async fn list_users(&self, domain: Option<&Domain>) -> Result<Vec<User>, StoreError>;

    /// Returns whether there is a system administrator, enabled or not.
    async fn has_system_admin(&self) -> Result<bool, StoreFailure>;

    /// Enables or disables a user. Disabling ends the user's sessions.
    async fn set_user_enabled(
        &self,
        user: &UserKey,
        enabled: bool,
        context: &AuditContext,
    ) -> Result<Change, StoreError>;

    /// Deletes a user and ends the user's sessions. Returns how many were live.
    async fn delete_user(&self, user: &UserKey, context: &AuditContext) -> Result<u64, StoreError>;

    /// Changes a user's password and ends the user's sessions. Returns how many were live.
    ///
    /// Deletes the user's known networks as well: an intruder may have logged in from some of them.
    /// The recorded weakness of the old password is deleted.
    async fn set_password(
        &self,
        user: &UserKey,
        password_hash: PasswordHash,
        context: &AuditContext,
    ) -> Result<u64, StoreError>;

    /// Rehashes a password without ending sessions. Returns whether the user still had the hash `old`.
    async fn replace_password_hash(
        &self,
        user: UserId,
        old: &PasswordHash,
        rehashed: &PasswordHash,
    ) -> Result<bool, StoreFailure>;

    /// Changes the role of the user in the scope of `membership`, and ends the user's sessions.
    async fn set_role(
        &self,
        username: &Username,
        membership: &Membership,
        context: &AuditContext,
    ) -> Result<Change, StoreError>;
}
