//! Users.

use super::{Internal, ManageError};
use crate::context::Context;
use crate::domain::audit::Source;
use crate::domain::change::Change;
use crate::domain::conflict::Conflict;
use crate::domain::password::{Password, PasswordHash};
use crate::domain::role::SystemRole;
use crate::domain::tenant::Domain;
use crate::domain::user::{Membership, NewUser, User, UserKey, Username};
use crate::password::HasherError;

/// Creates an enabled user.
pub async fn create(
    context: &Context,
    source: &Source,
    username: &Username,
    membership: &Membership,
    password: &Password,
) -> Result<(), ManageError> {
    membership.check_name(username)?;
    let user = NewUser {
        username: username.clone(),
        membership: membership.clone(),
        password_hash: hash(context, password).await?,
    };
    let audit = context.audit_context(source);
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
    let hash = hash(context, password).await?;
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
    /// `admin` was created with this password, to be shown once.
    Generated(Password),
}

/// Creates the system administrator `admin` unless there is one; generates a missing password.
pub async fn ensure_administrator(
    context: &Context,
    password: Option<Password>,
) -> Result<FirstAdministrator, Internal> {
    if context.store.has_system_admin().await? {
        return Ok(FirstAdministrator::NotNeeded);
    }
    let (password, created) = match password {
        Some(password) => (password, FirstAdministrator::Created),
        None => {
            let password = Password::generate(&*context.random)?;
            (password.clone(), FirstAdministrator::Generated(password))
        }
    };
    let username = Username::first_administrator();
    let membership = Membership::System(SystemRole::SystemAdmin);
    match create(context, &Source::Server, &username, &membership, &password).await {
        Ok(()) => Ok(created),
        // Another process was faster: only a system administrator can have this name.
        Err(ManageError::Conflict(Conflict::UserExists(_))) => Ok(FirstAdministrator::NotNeeded),
        Err(ManageError::Internal(internal)) => Err(internal),
        // The name and the role are fixed and violate no rule.
        Err(ManageError::Rule(rule)) => unreachable!("{rule}"),
        Err(ManageError::Conflict(conflict)) => unreachable!("{conflict}"),
    }
}

async fn hash(context: &Context, password: &Password) -> Result<PasswordHash, HasherError> {
    let permit = context.hasher.try_acquire()?;
    let hash = context.hasher.hash(&permit, password, &*context.random);
    hash.await
}

#[cfg(test)]
mod tests;
