//! The ids of tenants, roles and users, by name.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::read_parsed;
use crate::domain::conflict::Conflict;
use crate::domain::role::{AnyRole, RoleName};
use crate::domain::tenant::Domain;
use crate::domain::user::{Membership, Scope, UserKey};
use crate::store::error::StoreError;

const TENANT: &str = "SELECT id FROM tenants WHERE domain_key = ?1";

const ROLE: &str = "SELECT id FROM roles WHERE tenant_id = ?1 AND name_key = ?2";

const USER: &str = "SELECT id FROM users WHERE coalesce(tenant_id, 0) = ?1 AND username_key = ?2";

pub(super) fn find_tenant_id(
    connection: &Connection,
    domain: &Domain,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(TENANT)?
        .query_row(params![domain.key()], |row| row.get(0))
        .optional()
}

pub(super) fn tenant_id(connection: &Connection, domain: &Domain) -> Result<i64, StoreError> {
    find_tenant_id(connection, domain)?.ok_or_else(|| Conflict::NoSuchTenant(domain.clone()).into())
}

pub(super) fn find_role_id(
    connection: &Connection,
    tenant: i64,
    name: &RoleName,
) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(ROLE)?
        .query_row(params![tenant, name.key()], |row| row.get(0))
        .optional()
}

pub(super) fn role_id(
    connection: &Connection,
    tenant: i64,
    domain: &Domain,
    name: &RoleName,
) -> Result<i64, StoreError> {
    find_role_id(connection, tenant, name)?
        .ok_or_else(|| Conflict::NoSuchRole(name.clone(), domain.clone()).into())
}

/// Returns the id of a scope: 0 for the system, as in the index `users_by_name`.
pub(super) fn scope_id(connection: &Connection, scope: &Scope) -> Result<i64, StoreError> {
    match scope {
        Scope::System => Ok(0),
        Scope::Tenant(domain) => tenant_id(connection, domain),
    }
}

pub(super) fn user_id(connection: &Connection, user: &UserKey) -> Result<i64, StoreError> {
    let scope = scope_id(connection, &user.scope)?;
    let id = connection
        .prepare_cached(USER)?
        .query_row(params![scope, user.username.key()], |row| row.get(0))
        .optional()?;
    id.ok_or_else(|| Conflict::NoSuchUser(user.clone()).into())
}

/// Reads a membership from two columns: the domain, `NULL` for a system user, and the role.
pub(super) fn read_membership(row: &Row<'_>, domain: usize) -> rusqlite::Result<Membership> {
    let is_system_user = row.get_ref(domain)?.as_str_or_null()?.is_none();
    match read_parsed(row, domain + 1)? {
        AnyRole::System(role) if is_system_user => Ok(Membership::System(role)),
        AnyRole::Tenant(role) if !is_system_user => {
            Ok(Membership::Tenant(read_parsed(row, domain)?, role))
        }
        // The schema forbids such a user.
        AnyRole::System(_) | AnyRole::Tenant(_) => Err(rusqlite::Error::InvalidQuery),
    }
}
