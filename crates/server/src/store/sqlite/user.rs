use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Sqlite, allowance, audit, lookup, read_optional, read_parsed, read_time, session_rows,
};
use crate::domain::audit::{AuditContext, AuditEvent};
use crate::domain::audit_record::AuditRecord;
use crate::domain::change::{AdminStatus, Change, check_last_admin};
use crate::domain::conflict::Conflict;
use crate::domain::password::PasswordHash;
use crate::domain::public_id::PublicId;
use crate::domain::role::TenantRole;
use crate::domain::tenant::Domain;
use crate::domain::user::{LoginRecord, Membership, NewUser, User, UserId, UserKey, Username};
use crate::store::error::{StoreError, StoreFailure};
use crate::store::user::Users;

const LIST: &str = "
    SELECT t.domain, coalesce(u.built_in_role, r.name), u.username, u.enabled, u.created_at,
            u.public_id, u.password_weakness
        FROM users u
        LEFT JOIN tenants t ON t.id = u.tenant_id
        LEFT JOIN roles r ON r.id = u.custom_role_id
        WHERE ?1 IS NULL OR u.tenant_id = ?1
        ORDER BY t.domain_key NULLS FIRST, u.username_key";

const FIND: &str = "
    SELECT id, built_in_role, custom_role_id, enabled, built_in_role IS 'SystemAdmin'
        FROM users WHERE coalesce(tenant_id, 0) = ?1 AND username_key = ?2";

/// The scope of the system is 0, as in the index `users_by_name`; that of an unknown domain is `NULL`.
const FIND_LOGIN: &str = "
    SELECT u.id, u.password_hash, u.enabled AND coalesce(t.enabled, 1)
    FROM users u LEFT JOIN tenants t ON t.id = u.tenant_id
    WHERE u.username_key = ?1
        AND coalesce(u.tenant_id, 0) =
            CASE WHEN ?2 IS NULL THEN 0 ELSE (SELECT id FROM tenants WHERE domain_key = ?2) END";

const HAS_SYSTEM_ADMIN: &str =
    "SELECT EXISTS (SELECT 1 FROM users WHERE built_in_role = 'SystemAdmin')";

const COUNT_ENABLED_SYSTEM_ADMINS: &str =
    "SELECT count(*) FROM users WHERE built_in_role = 'SystemAdmin' AND enabled = 1";

pub(super) fn find_login(
    connection: &Connection,
    username: &str,
    domain: Option<&str>,
) -> rusqlite::Result<Option<LoginRecord>> {
    connection
        .prepare_cached(FIND_LOGIN)?
        .query_row(params![username, domain], |row| {
            Ok(LoginRecord {
                user: UserId(row.get(0)?),
                password_hash: PasswordHash::from_store(row.get(1)?),
                enabled: row.get(2)?,
            })
        })
        .optional()
}

struct StoredUser {
    id: i64,
    role: RoleColumns,
    admin_status: AdminStatus,
}

impl StoredUser {
    fn check_last_admin(
        &self,
        step: &Connection,
        user: &UserKey,
        after: Option<AdminStatus>,
    ) -> Result<(), StoreError> {
        let admins = step
            .prepare_cached(COUNT_ENABLED_SYSTEM_ADMINS)?
            .query_row([], |row| row.get(0))?;
        Ok(check_last_admin(user, self.admin_status, after, admins)?)
    }
}

/// The columns `built_in_role` and `custom_role_id`.
#[derive(PartialEq, Eq)]
struct RoleColumns(Option<String>, Option<i64>);

impl RoleColumns {
    fn resolve(
        connection: &Connection,
        scope: i64,
        membership: &Membership,
    ) -> Result<Self, StoreError> {
        Ok(match membership {
            Membership::System(role) => Self(Some(role.name().to_owned()), None),
            Membership::Tenant(_, TenantRole::BuiltIn(role)) => {
                Self(Some(role.name().to_owned()), None)
            }
            Membership::Tenant(domain, TenantRole::Custom(name)) => Self(
                None,
                Some(lookup::role_id(connection, scope, domain, name)?),
            ),
        })
    }
}

fn find_in_scope(
    connection: &Connection,
    scope: i64,
    user: &UserKey,
) -> rusqlite::Result<Option<StoredUser>> {
    connection
        .prepare_cached(FIND)?
        .query_row(params![scope, user.username.key()], |row| {
            Ok(StoredUser {
                id: row.get(0)?,
                role: RoleColumns(row.get(1)?, row.get(2)?),
                admin_status: AdminStatus {
                    enabled: row.get(3)?,
                    is_system_admin: row.get(4)?,
                },
            })
        })
        .optional()
}

fn find(connection: &Connection, user: &UserKey) -> Result<StoredUser, StoreError> {
    find_in_scope(connection, lookup::scope_id(connection, &user.scope)?, user)?
        .ok_or_else(|| Conflict::NoSuchUser(user.clone()).into())
}

pub(super) fn create(
    step: &Connection,
    user: &NewUser,
    context: &AuditContext,
) -> Result<(), StoreError> {
    let key = user.key();
    let scope = lookup::scope_id(step, &key.scope)?;
    if find_in_scope(step, scope, &key)?.is_some() {
        return Err(Conflict::UserExists(key).into());
    }
    let RoleColumns(built_in, custom) = RoleColumns::resolve(step, scope, &user.membership)?;
    step.prepare_cached(
        "INSERT INTO users
            (tenant_id, username, username_key, built_in_role, custom_role_id, password_hash, created_at,
            public_id)
        VALUES (nullif(?1, 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        scope,
        user.username.as_typed(),
        user.username.key(),
        built_in,
        custom,
        user.password_hash.as_str(),
        context.at.timestamp(),
        user.public_id.as_bytes(),
    ])?;
    audit::record(step, context, &AuditRecord::user_created(user))?;
    Ok(())
}

pub(super) fn list(
    connection: &Connection,
    domain: Option<&Domain>,
) -> Result<Vec<User>, StoreError> {
    let tenant = domain
        .map(|domain| lookup::tenant_id(connection, domain))
        .transpose()?;
    let mut statement = connection.prepare_cached(LIST)?;
    let rows = statement.query_map(params![tenant], |row| {
        Ok(User {
            public_id: PublicId::from_store(row.get(5)?),
            membership: lookup::read_membership(row, 0)?,
            username: read_parsed(row, 2)?,
            enabled: row.get(3)?,
            password_weakness: read_optional(row, 6)?,
            created_at: read_time(row, 4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn has_system_admin(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(HAS_SYSTEM_ADMIN)?
        .query_row([], |row| row.get(0))
}

pub(super) fn set_enabled(
    step: &Connection,
    user: &UserKey,
    enabled: bool,
    context: &AuditContext,
) -> Result<Change, StoreError> {
    let found = find(step, user)?;
    if found.admin_status.enabled == enabled {
        return Ok(Change::Unchanged);
    }
    let after = AdminStatus {
        enabled,
        ..found.admin_status
    };
    found.check_last_admin(step, user, Some(after))?;
    step.prepare_cached("UPDATE users SET enabled = ?2 WHERE id = ?1")?
        .execute(params![found.id, enabled])?;
    let event = AuditEvent::user_enabled(enabled);
    let ended = session_rows::end_user_sessions(step, found.id, event, context.at)?;
    let record = AuditRecord::user_changed(event, user, ended);
    audit::record(step, context, &record)?;
    Ok(Change::Applied { ended })
}

pub(super) fn delete(
    step: &Connection,
    user: &UserKey,
    context: &AuditContext,
) -> Result<u64, StoreError> {
    let found = find(step, user)?;
    found.check_last_admin(step, user, None)?;
    let event = AuditEvent::UserDeleted;
    let ended = session_rows::end_user_sessions(step, found.id, event, context.at)?;
    step.prepare_cached("DELETE FROM users WHERE id = ?1")?
        .execute(params![found.id])?;
    let record = AuditRecord::user_changed(event, user, ended);
    audit::record(step, context, &record)?;
    Ok(ended)
}

pub(super) fn set_password(
    step: &Connection,
    user: &UserKey,
    password_hash: &PasswordHash,
    context: &AuditContext,
) -> Result<u64, StoreError> {
    let found = find(step, user)?;
    step.prepare_cached(
        "UPDATE users SET password_hash = ?2, password_weakness = NULL WHERE id = ?1",
    )?
    .execute(params![found.id, password_hash.as_str()])?;
    allowance::forget_networks(step, UserId(found.id))?;
    let event = AuditEvent::PasswordChanged;
    let ended = session_rows::end_user_sessions(step, found.id, event, context.at)?;
    let record = AuditRecord::user_changed(event, user, ended);
    audit::record(step, context, &record)?;
    Ok(ended)
}

pub(super) fn replace_password_hash(
    step: &Connection,
    user: UserId,
    old: &PasswordHash,
    rehashed: &PasswordHash,
) -> Result<bool, StoreFailure> {
    let changed = step
        .prepare_cached("UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2")?
        .execute(params![user.0, old.as_str(), rehashed.as_str()])?;
    Ok(changed > 0)
}

pub(super) fn set_role(
    step: &Connection,
    user: &UserKey,
    membership: &Membership,
    context: &AuditContext,
) -> Result<Change, StoreError> {
    let found = find(step, user)?;
    let role = RoleColumns::resolve(step, lookup::scope_id(step, &user.scope)?, membership)?;
    if role == found.role {
        return Ok(Change::Unchanged);
    }
    let after = AdminStatus {
        is_system_admin: membership.is_system_admin(),
        ..found.admin_status
    };
    found.check_last_admin(step, user, Some(after))?;
    step.prepare_cached("UPDATE users SET built_in_role = ?2, custom_role_id = ?3 WHERE id = ?1")?
        .execute(params![found.id, role.0, role.1])?;
    let ended =
        session_rows::end_user_sessions(step, found.id, AuditEvent::RoleChanged, context.at)?;
    let record = AuditRecord::role_changed(user, membership, ended);
    audit::record(step, context, &record)?;
    Ok(Change::Applied { ended })
}

#[async_trait]
impl Users for Sqlite {
    async fn find_login(
        &self,
        username: &str,
        domain: Option<&str>,
    ) -> Result<Option<LoginRecord>, StoreFailure> {
        self.read(|connection| Ok(find_login(connection, username, domain)?))
    }

    async fn create_user(&self, user: NewUser, context: &AuditContext) -> Result<(), StoreError> {
        let context = context.clone();
        self.write(move |step| create(step, &user, &context)).await
    }

    async fn list_users(&self, domain: Option<&Domain>) -> Result<Vec<User>, StoreError> {
        self.read(|connection| list(connection, domain))
    }

    async fn has_system_admin(&self) -> Result<bool, StoreFailure> {
        self.read(|connection| Ok(has_system_admin(connection)?))
    }

    async fn set_user_enabled(
        &self,
        user: &UserKey,
        enabled: bool,
        context: &AuditContext,
    ) -> Result<Change, StoreError> {
        let user = user.clone();
        let context = context.clone();
        self.write(move |step| set_enabled(step, &user, enabled, &context))
            .await
    }

    async fn delete_user(&self, user: &UserKey, context: &AuditContext) -> Result<u64, StoreError> {
        let user = user.clone();
        let context = context.clone();
        self.write(move |step| delete(step, &user, &context)).await
    }

    async fn set_password(
        &self,
        user: &UserKey,
        password_hash: PasswordHash,
        context: &AuditContext,
    ) -> Result<u64, StoreError> {
        let user = user.clone();
        let context = context.clone();
        self.write(move |step| set_password(step, &user, &password_hash, &context))
            .await
    }

    async fn replace_password_hash(
        &self,
        user: UserId,
        old: &PasswordHash,
        rehashed: &PasswordHash,
    ) -> Result<bool, StoreFailure> {
        let (old, rehashed) = (old.clone(), rehashed.clone());
        self.write(move |step| replace_password_hash(step, user, &old, &rehashed))
            .await
    }

    async fn set_role(
        &self,
        username: &Username,
        membership: &Membership,
        context: &AuditContext,
    ) -> Result<Change, StoreError> {
        let user = UserKey {
            scope: membership.scope(),
            username: username.clone(),
        };
        let membership = membership.clone();
        let context = context.clone();
        self.write(move |step| set_role(step, &user, &membership, &context))
            .await
    }
}
