//! Users.

use super::{Internal, ManageError};
use crate::context::Context;
use crate::domain::audit::Source;
use crate::domain::change::Change;
use crate::domain::conflict::Conflict;
use crate::domain::password::{Password, PasswordHash};
use crate::domain::public_id::PublicId;
use crate::domain::role::SystemRole;
use crate::domain::tenant::Domain;
use crate::domain::user::{Membership, NewUser, Scope, User, UserKey, Username};

/// Creates an enabled user.
pub async fn create(
    context: &Context,
    source: &Source,
    username: &Username,
    membership: &Membership,
    password: &Password,
) -> Result<(), ManageError> {
    membership.check_name(username)?;
    let key = UserKey {
        scope: membership.scope(),
        username: username.clone(),
    };
    let password_hash = hash_new(context, &key, password).await?;
    let audit = context.audit_context(source);
    let user = NewUser {
        public_id: PublicId::generate(audit.at, &*context.random)?,
        username: username.clone(),
        membership: membership.clone(),
        password_hash,
    };
    Ok(context.store.create_user(user, &audit).await?)
}

/// Lists the users of a tenant, or all users.
pub async fn list(context: &Context, domain: Option<&Domain>) -> Result<Vec<User>, ManageError> {
    Ok(context.store.list_users(domain).await?)
}

/// Enables a user. Sessions that ended when the user was disabled stay ended.
pub async fn enable(
    context: &Context,
    source: &Source,
    user: &UserKey,
) -> Result<Change, ManageError> {
    let audit = context.audit_context(source);
    Ok(context.store.set_user_enabled(user, true, &audit).await?)
}

/// Disables a user and ends the user's sessions.
pub async fn disable(
    context: &Context,
    source: &Source,
    user: &UserKey,
) -> Result<Change, ManageError> {
    let audit = context.audit_context(source);
    Ok(context.store.set_user_enabled(user, false, &audit).await?)
}

/// Deletes a user and the user's sessions; returns how many were live.
pub async fn delete(
    context: &Context,
    source: &Source,
    user: &UserKey,
) -> Result<u64, ManageError> {
    let audit = context.audit_context(source);
    Ok(context.store.delete_user(user, &audit).await?)
}

/// Changes a user's password and ends the user's sessions; returns how many were live.
pub async fn set_password(
    context: &Context,
    source: &Source,
    user: &UserKey,
    password: &Password,
) -> Result<u64, ManageError> {
    let hash = hash_new(context, user, password).await?;
    let audit = context.audit_context(source);
    Ok(context.store.set_password(user, hash, &audit).await?)
}

/// Changes a user's role and ends the user's sessions. The scope in `membership` selects the user.
pub async fn set_role(
    context: &Context,
    source: &Source,
    username: &Username,
    membership: &Membership,
) -> Result<Change, ManageError> {
    membership.check_name(username)?;
    let audit = context.audit_context(source);
    Ok(context.store.set_role(username, membership, &audit).await?)
}

/// The outcome of [`ensure_administrator`].
#[derive(Debug)]
pub enum FirstAdministrator {
    /// A system administrator already exists.
    NotNeeded,
    /// `admin` was created with the given password.
    Created,
    /// `admin` was created with this generated password, which is shown once.
    Generated(Password),
}

/// Returns whether there is a system administrator, enabled or not.
pub async fn has_administrator(context: &Context) -> Result<bool, Internal> {
    Ok(context.store.has_system_admin().await?)
}

/// Creates the system administrator `admin` unless there is one; generates a missing password.
pub async fn ensure_administrator(
    context: &Context,
    password: Option<Password>,
) -> Result<FirstAdministrator, ManageError> {
    if has_administrator(context).await? {
        return Ok(FirstAdministrator::NotNeeded);
    }
    let key = UserKey {
        scope: Scope::System,
        username: Username::first_administrator(),
    };
    let (password, created) = match password {
        Some(password) => (password, FirstAdministrator::Created),
        None => {
            let password = context.password_policy.generate(&*context.random, &key)?;
            (password.clone(), FirstAdministrator::Generated(password))
        }
    };
    let membership = Membership::System(SystemRole::SystemAdmin);
    match create(
        context,
        &Source::Server,
        &key.username,
        &membership,
        &password,
    )
    .await
    {
        Ok(()) => Ok(created),
        // Another process created the user first: only a system administrator can have that name.
        Err(ManageError::Conflict(Conflict::UserExists(_))) => Ok(FirstAdministrator::NotNeeded),
        Err(error) => Err(error),
    }
}

/// Hashes the new password of a user if it follows the policy.
async fn hash_new(
    context: &Context,
    user: &UserKey,
    password: &Password,
) -> Result<PasswordHash, ManageError> {
    context.password_policy.check(password, user)?;
    let permit = context.hasher.try_acquire()?;
    let hash = context.hasher.hash(&permit, password, &*context.random);
    Ok(hash.await?)
}

#[cfg(test)]
mod tests;
