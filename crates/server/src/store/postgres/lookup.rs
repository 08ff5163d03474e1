//! The ids of tenants, roles and users, by name.
//!
//! A step that changes something locks the rows that its decision depends on, always in this order: tenant, user, role,
//! sessions. Several rows of one kind are locked in the order of their ids.

use tokio_postgres::{Error, Row};

use super::step::{Statement, Step};
use super::value::{get, get_parsed, values};
use crate::domain::conflict::Conflict;
use crate::domain::role::{AnyRole, RoleName};
use crate::domain::tenant::Domain;
use crate::domain::user::{Membership, Scope, UserKey};
use crate::store::error::{StoreError, StoreFailure};

/// How a row is locked until the end of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// Does not lock the row; for reads.
    None,
    /// Prevents the deletion of the row.
    Existence,
    /// Prevents every change of the row.
    Exclusive,
}

impl Lock {
    fn clause(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Existence => " FOR KEY SHARE",
            Self::Exclusive => " FOR UPDATE",
        }
    }

    /// Returns the statement with the lock.
    pub(super) fn with(self, sql: &str) -> String {
        format!("{sql}{}", self.clause())
    }
}

const TENANT: &str = "SELECT id FROM tenants WHERE domain_key = $1";

const ROLE: &str = "SELECT id FROM roles WHERE tenant_id = $1 AND name_key = $2";

const USER: &str = "SELECT id FROM users WHERE coalesce(tenant_id, 0) = $1 AND username_key = $2";

pub(super) async fn tenant_id(
    step: &Step<'_>,
    domain: &Domain,
    lock: Lock,
) -> Result<i64, StoreError> {
    let row = step
        .query_opt(&lock.with(TENANT), values![domain.key()])
        .await?;
    let row = row.ok_or_else(|| Conflict::NoSuchTenant(domain.clone()))?;
    Ok(get(&row, 0)?)
}

pub(super) async fn role_id(
    step: &Step<'_>,
    tenant: i64,
    domain: &Domain,
    name: &RoleName,
    lock: Lock,
) -> Result<i64, StoreError> {
    let row = step
        .query_opt(&lock.with(ROLE), values![tenant, name.key()])
        .await?;
    let row = row.ok_or_else(|| Conflict::NoSuchRole(name.clone(), domain.clone()))?;
    Ok(get(&row, 0)?)
}

/// Returns the id of a scope: 0 for the system, as in the index `users_by_name`.
pub(super) async fn scope_id(
    step: &Step<'_>,
    scope: &Scope,
    lock: Lock,
) -> Result<i64, StoreError> {
    match scope {
        Scope::System => Ok(0),
        Scope::Tenant(domain) => tenant_id(step, domain, lock).await,
    }
}

pub(super) async fn user_id(
    step: &Step<'_>,
    user: &UserKey,
    lock: Lock,
) -> Result<i64, StoreError> {
    let scope_lock = match lock {
        Lock::None => Lock::None,
        Lock::Existence | Lock::Exclusive => Lock::Existence,
    };
    let scope = scope_id(step, &user.scope, scope_lock).await?;
    let row = step
        .query_opt(&lock.with(USER), values![scope, user.username.key()])
        .await?;
    let row = row.ok_or_else(|| Conflict::NoSuchUser(user.clone()))?;
    Ok(get(&row, 0)?)
}

/// Acquires an advisory lock until the end of the transaction, for a subject that may have no row.
pub(super) async fn lock_key(step: &Step<'_>, key: i64) -> Result<(), Error> {
    step.pipeline([key_lock(key)]).await?;
    Ok(())
}

/// Returns the statement that acquires an advisory lock.
pub(super) fn key_lock(key: i64) -> Statement<'static> {
    Statement::new("SELECT pg_advisory_xact_lock($1)", values![key])
}

/// Reads a membership from two columns: the domain, `NULL` for a system user, and the role.
pub(super) fn read_membership(row: &Row, domain: usize) -> Result<Membership, StoreFailure> {
    let is_system_user = get::<Option<&str>>(row, domain)?.is_none();
    match get_parsed(row, domain + 1)? {
        AnyRole::System(role) if is_system_user => Ok(Membership::System(role)),
        AnyRole::Tenant(role) if !is_system_user => {
            Ok(Membership::Tenant(get_parsed(row, domain)?, role))
        }
        // The schema forbids such a user.
        AnyRole::System(_) | AnyRole::Tenant(_) => Err(StoreFailure::new(
            "a stored role does not belong to its scope",
        )),
    }
}
