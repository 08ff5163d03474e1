use async_trait::async_trait;
use tokio_postgres::Row;

use super::lookup::Lock;
use super::step::Step;
use super::value::{get, get_bytes, get_count, get_optional_parsed, get_parsed, get_time, values};
use super::{Postgres, allowance, audit, lookup, session_rows};
use crate::domain::audit::{AuditContext, AuditEvent};
use crate::domain::audit_record::AuditRecord;
use crate::domain::change::{AdminStatus, Change, check_last_admin};
use crate::domain::conflict::Conflict;
use crate::domain::password::PasswordHash;
use crate::domain::public_id::PublicId;
use crate::domain::role::TenantRole;
use crate::domain::tenant::Domain;
use crate::domain::user::{
    LoginRecord, Membership, NewUser, Scope, User, UserId, UserKey, Username,
};
use crate::store::error::{StoreError, StoreFailure};
use crate::store::user::Users;

const INSERT: &str = "
    INSERT INTO users
        (tenant_id, username, username_key, built_in_role, custom_role_id, password_hash, created_at, public_id)
    VALUES (nullif($1, 0), $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT ((coalesce(tenant_id, 0)), username_key) DO NOTHING";

const LIST: &str = "
    SELECT t.domain, coalesce(u.built_in_role, r.name), u.username, u.enabled, u.created_at,
            u.public_id, u.password_weakness
        FROM users u
        LEFT JOIN tenants t ON t.id = u.tenant_id
        LEFT JOIN roles r ON r.id = u.custom_role_id
        WHERE $1::bigint IS NULL OR u.tenant_id = $1
        ORDER BY t.domain_key NULLS FIRST, u.username_key";

const FIND: &str = "
    SELECT id, built_in_role, custom_role_id, enabled, coalesce(built_in_role, '') = 'SystemAdmin'
        FROM users WHERE coalesce(tenant_id, 0) = $1 AND username_key = $2";

/// The scope of the system is 0, as in the index `users_by_name`; that of an unknown domain is `NULL`.
const FIND_LOGIN: &str = "
    SELECT u.id, u.password_hash, u.enabled AND coalesce(t.enabled, true)
    FROM users u LEFT JOIN tenants t ON t.id = u.tenant_id
    WHERE u.username_key = $1
        AND coalesce(u.tenant_id, 0) =
            CASE WHEN $2::text IS NULL THEN 0 ELSE (SELECT id FROM tenants WHERE domain_key = $2) END";

const HAS_SYSTEM_ADMIN: &str =
    "SELECT EXISTS (SELECT FROM users WHERE built_in_role = 'SystemAdmin')";

const COUNT_ENABLED_SYSTEM_ADMINS: &str =
    "SELECT count(*) FROM users WHERE built_in_role = 'SystemAdmin' AND enabled";

const SET_ENABLED: &str = "UPDATE users SET enabled = $2 WHERE id = $1";

const DELETE: &str = "DELETE FROM users WHERE id = $1";

const SET_PASSWORD: &str =
    "UPDATE users SET password_hash = $2, password_weakness = NULL WHERE id = $1";

const REHASH: &str = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";

const SET_ROLE: &str = "UPDATE users SET built_in_role = $2, custom_role_id = $3 WHERE id = $1";

/// The key of the advisory lock on the set of enabled system administrators: `ADMN`.
const ADMINISTRATORS_LOCK: i64 = 0x4144_4D4E;

async fn find_login(
    step: &Step<'_>,
    username: &str,
    domain: Option<&str>,
) -> Result<Option<LoginRecord>, StoreFailure> {
    let row = step
        .query_opt(FIND_LOGIN, values![username, domain])
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(LoginRecord {
        user: UserId(get(&row, 0)?),
        password_hash: PasswordHash::from_store(get(&row, 1)?),
        enabled: get(&row, 2)?,
    }))
}

struct StoredUser {
    id: i64,
    role: RoleColumns,
    admin_status: AdminStatus,
}

impl StoredUser {
    async fn check_last_admin(
        &self,
        step: &Step<'_>,
        user: &UserKey,
        after: Option<AdminStatus>,
    ) -> Result<(), StoreError> {
        let admins = step.query(COUNT_ENABLED_SYSTEM_ADMINS, &[]).await?;
        let admins = get_count(&admins[0], 0)?;
        Ok(check_last_admin(user, self.admin_status, after, admins)?)
    }
}

/// The columns `built_in_role` and `custom_role_id`.
#[derive(PartialEq, Eq)]
struct RoleColumns(Option<String>, Option<i64>);

impl RoleColumns {
    /// Locks a custom role against its deletion.
    async fn resolve(
        step: &Step<'_>,
        scope: i64,
        membership: &Membership,
    ) -> Result<Self, StoreError> {
        Ok(match membership {
            Membership::System(role) => Self(Some(role.name().to_owned()), None),
            Membership::Tenant(_, TenantRole::BuiltIn(role)) => {
                Self(Some(role.name().to_owned()), None)
            }
            Membership::Tenant(domain, TenantRole::Custom(name)) => {
                let id = lookup::role_id(step, scope, domain, name, Lock::Existence).await?;
                Self(None, Some(id))
            }
        })
    }
}

/// Locks the scope of a user: the tenant against its deletion, or the set of system administrators.
async fn lock_scope(step: &Step<'_>, scope: &Scope) -> Result<i64, StoreError> {
    if *scope == Scope::System {
        // Otherwise, two concurrent changes could remove the last two administrators.
        lookup::lock_key(step, ADMINISTRATORS_LOCK).await?;
    }
    lookup::scope_id(step, scope, Lock::Existence).await
}

async fn find_in_scope(
    step: &Step<'_>,
    scope: i64,
    user: &UserKey,
) -> Result<Option<StoredUser>, StoreError> {
    let sql = Lock::Exclusive.with(FIND);
    let key = values![scope, user.username.key()];
    let Some(row) = step.query_opt(&sql, key).await? else {
        return Ok(None);
    };
    Ok(Some(StoredUser {
        id: get(&row, 0)?,
        role: RoleColumns(get(&row, 1)?, get(&row, 2)?),
        admin_status: AdminStatus {
            enabled: get(&row, 3)?,
            is_system_admin: get(&row, 4)?,
        },
    }))
}

/// Finds and locks a user.
async fn find(step: &Step<'_>, user: &UserKey) -> Result<StoredUser, StoreError> {
    let scope = lock_scope(step, &user.scope).await?;
    let found = find_in_scope(step, scope, user).await?;
    found.ok_or_else(|| Conflict::NoSuchUser(user.clone()).into())
}

async fn create(step: &Step<'_>, user: &NewUser, context: &AuditContext) -> Result<(), StoreError> {
    let key = user.key();
    let scope = lookup::scope_id(step, &key.scope, Lock::Existence).await?;
    if find_in_scope(step, scope, &key).await?.is_some() {
        return Err(Conflict::UserExists(key).into());
    }
    let RoleColumns(built_in, custom) = RoleColumns::resolve(step, scope, &user.membership).await?;
    let row = values![
        scope,
        user.username.as_typed(),
        user.username.key(),
        built_in,
        custom,
        user.password_hash.as_str(),
        context.at.timestamp(),
        user.public_id.as_bytes(),
    ];
    if step.execute(INSERT, row).await? == 0 {
        return Err(Conflict::UserExists(key).into());
    }
    audit::record(step, context, &AuditRecord::user_created(user)).await?;
    Ok(())
}

fn read_user(row: &Row) -> Result<User, StoreFailure> {
    Ok(User {
        public_id: PublicId::from_store(get_bytes(row, 5)?),
        membership: lookup::read_membership(row, 0)?,
        username: get_parsed(row, 2)?,
        enabled: get(row, 3)?,
        created_at: get_time(row, 4)?,
        password_weakness: get_optional_parsed(row, 6)?,
    })
}

async fn list(step: &Step<'_>, domain: Option<&Domain>) -> Result<Vec<User>, StoreError> {
    let tenant = match domain {
        Some(domain) => Some(lookup::tenant_id(step, domain, Lock::None).await?),
        None => None,
    };
    let rows = step.query(LIST, values![tenant]).await?;
    let users = rows.iter().map(read_user).collect::<Result<_, _>>();
    Ok(users?)
}

async fn has_system_admin(step: &Step<'_>) -> Result<bool, StoreFailure> {
    let rows = step.query(HAS_SYSTEM_ADMIN, &[]).await?;
    get(&rows[0], 0)
}

async fn set_enabled(
    step: &Step<'_>,
    user: &UserKey,
    enabled: bool,
    context: &AuditContext,
) -> Result<Change, StoreError> {
    let found = find(step, user).await?;
    if found.admin_status.enabled == enabled {
        return Ok(Change::Unchanged);
    }
    let after = AdminStatus {
        enabled,
        ..found.admin_status
    };
    found.check_last_admin(step, user, Some(after)).await?;
    step.execute(SET_ENABLED, values![found.id, enabled])
        .await?;
    let event = AuditEvent::user_enabled(enabled);
    let ended = session_rows::end_user_sessions(step, found.id, event, context.at).await?;
    let record = AuditRecord::user_changed(event, user, ended);
    audit::record(step, context, &record).await?;
    Ok(Change::Applied { ended })
}

async fn delete(
    step: &Step<'_>,
    user: &UserKey,
    context: &AuditContext,
) -> Result<u64, StoreError> {
    let found = find(step, user).await?;
    found.check_last_admin(step, user, None).await?;
    let event = AuditEvent::UserDeleted;
    let ended = session_rows::end_user_sessions(step, found.id, event, context.at).await?;
    step.execute(DELETE, values![found.id]).await?;
    let record = AuditRecord::user_changed(event, user, ended);
    audit::record(step, context, &record).await?;
    Ok(ended)
}

async fn set_password(
    step: &Step<'_>,
    user: &UserKey,
    password_hash: &PasswordHash,
    context: &AuditContext,
) -> Result<u64, StoreError> {
    let found = find(step, user).await?;
    step.execute(SET_PASSWORD, values![found.id, password_hash.as_str()])
        .await?;
    allowance::forget_networks(step, UserId(found.id)).await?;
    let event = AuditEvent::PasswordChanged;
    let ended = session_rows::end_user_sessions(step, found.id, event, context.at).await?;
    let record = AuditRecord::user_changed(event, user, ended);
    audit::record(step, context, &record).await?;
    Ok(ended)
}

async fn replace_password_hash(
    step: &Step<'_>,
    user: UserId,
    old: &PasswordHash,
    rehashed: &PasswordHash,
) -> Result<bool, StoreFailure> {
    let row = values![user.0, old.as_str(), rehashed.as_str()];
    Ok(step.execute(REHASH, row).await? > 0)
}

async fn set_role(
    step: &Step<'_>,
    user: &UserKey,
    membership: &Membership,
    context: &AuditContext,
) -> Result<Change, StoreError> {
    let scope = lock_scope(step, &user.scope).await?;
    let found = find_in_scope(step, scope, user).await?;
    let found = found.ok_or_else(|| Conflict::NoSuchUser(user.clone()))?;
    let role = RoleColumns::resolve(step, scope, membership).await?;
    if role == found.role {
        return Ok(Change::Unchanged);
    }
    let after = AdminStatus {
        is_system_admin: membership.is_system_admin(),
        ..found.admin_status
    };
    found.check_last_admin(step, user, Some(after)).await?;
    step.execute(SET_ROLE, values![found.id, role.0, role.1])
        .await?;
    let event = AuditEvent::RoleChanged;
    let ended = session_rows::end_user_sessions(step, found.id, event, context.at).await?;
    let record = AuditRecord::role_changed(user, membership, ended);
    audit::record(step, context, &record).await?;
    Ok(Change::Applied { ended })
}

#[async_trait]
impl Users for Postgres {
    async fn find_login(
        &self,
        username: &str,
        domain: Option<&str>,
    ) -> Result<Option<LoginRecord>, StoreFailure> {
        self.read((username, domain), |step, (username, domain)| {
            Box::pin(find_login(step, username, *domain))
        })
        .await
    }

    async fn create_user(&self, user: NewUser, context: &AuditContext) -> Result<(), StoreError> {
        let arguments = (user, context.clone());
        self.write(arguments, |step, arguments| {
            let (user, context) = arguments;
            Box::pin(create(step, user, context))
        })
        .await
    }

    async fn list_users(&self, domain: Option<&Domain>) -> Result<Vec<User>, StoreError> {
        self.read(domain.cloned(), |step, domain| {
            Box::pin(list(step, domain.as_ref()))
        })
        .await
    }

    async fn has_system_admin(&self) -> Result<bool, StoreFailure> {
        self.read((), |step, ()| Box::pin(has_system_admin(step)))
            .await
    }

    async fn set_user_enabled(
        &self,
        user: &UserKey,
        enabled: bool,
        context: &AuditContext,
    ) -> Result<Change, StoreError> {
        let arguments = (user.clone(), enabled, context.clone());
        self.write(arguments, |step, arguments| {
            let (user, enabled, context) = arguments;
            Box::pin(set_enabled(step, user, *enabled, context))
        })
        .await
    }

    async fn delete_user(&self, user: &UserKey, context: &AuditContext) -> Result<u64, StoreError> {
        let arguments = (user.clone(), context.clone());
        self.write(arguments, |step, arguments| {
            let (user, context) = arguments;
            Box::pin(delete(step, user, context))
        })
        .await
    }

    async fn set_password(
        &self,
        user: &UserKey,
        password_hash: PasswordHash,
        context: &AuditContext,
    ) -> Result<u64, StoreError> {
        let arguments = (user.clone(), password_hash, context.clone());
        self.write(arguments, |step, arguments| {
            let (user, password_hash, context) = arguments;
            Box::pin(set_password(step, user, password_hash, context))
        })
        .await
    }

    async fn replace_password_hash(
        &self,
        user: UserId,
        old: &PasswordHash,
        rehashed: &PasswordHash,
    ) -> Result<bool, StoreFailure> {
        let arguments = (user, old.clone(), rehashed.clone());
        self.write(arguments, |step, arguments| {
            let (user, old, rehashed) = arguments;
            Box::pin(replace_password_hash(step, *user, old, rehashed))
        })
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
        let arguments = (user, membership.clone(), context.clone());
        self.write(arguments, |step, arguments| {
            let (user, membership, context) = arguments;
            Box::pin(set_role(step, user, membership, context))
        })
        .await
    }
}
