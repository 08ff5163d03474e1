use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::{Sqlite, audit, lookup, read_parsed, read_time};
use crate::domain::audit::AuditContext;
use crate::domain::audit_record::AuditRecord;
use crate::domain::conflict::Conflict;
use crate::domain::role::{CustomRole, RoleName};
use crate::domain::tenant::Domain;
use crate::store::error::StoreError;
use crate::store::role::Roles;

const COUNT_USERS: &str = "SELECT count(*) FROM users WHERE tenant_id = ?1 AND custom_role_id = ?2";

const LIST: &str = "
    SELECT t.domain, r.name, r.created_at,
        (SELECT count(*) FROM users u WHERE u.tenant_id = t.id AND u.custom_role_id = r.id)
        FROM roles r JOIN tenants t ON t.id = r.tenant_id
        WHERE ?1 IS NULL OR t.id = ?1
        ORDER BY t.domain_key, r.name_key";

pub(super) fn create(
    step: &Connection,
    domain: &Domain,
    name: &RoleName,
    context: &AuditContext,
) -> Result<(), StoreError> {
    let tenant = lookup::tenant_id(step, domain)?;
    if lookup::find_role_id(step, tenant, name)?.is_some() {
        return Err(Conflict::RoleExists(name.clone(), domain.clone()).into());
    }
    step.prepare_cached(
        "INSERT INTO roles (tenant_id, name, name_key, created_at) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        tenant,
        name.as_typed(),
        name.key(),
        context.at.timestamp()
    ])?;
    audit::record(step, context, &AuditRecord::role_created(domain, name))?;
    Ok(())
}

pub(super) fn list(
    connection: &Connection,
    domain: Option<&Domain>,
) -> Result<Vec<CustomRole>, StoreError> {
    let tenant = domain
        .map(|domain| lookup::tenant_id(connection, domain))
        .transpose()?;
    let mut statement = connection.prepare_cached(LIST)?;
    let rows = statement.query_map(params![tenant], |row| {
        Ok(CustomRole {
            domain: read_parsed(row, 0)?,
            name: read_parsed(row, 1)?,
            created_at: read_time(row, 2)?,
            users: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn delete(
    step: &Connection,
    domain: &Domain,
    name: &RoleName,
    context: &AuditContext,
) -> Result<(), StoreError> {
    let tenant = lookup::tenant_id(step, domain)?;
    let id = lookup::role_id(step, tenant, domain, name)?;
    let users: u64 = step
        .prepare_cached(COUNT_USERS)?
        .query_row(params![tenant, id], |row| row.get(0))?;
    if users > 0 {
        return Err(Conflict::RoleInUse(name.clone(), domain.clone(), users).into());
    }
    step.prepare_cached("DELETE FROM roles WHERE id = ?1")?
        .execute(params![id])?;
    audit::record(step, context, &AuditRecord::role_deleted(domain, name))?;
    Ok(())
}

#[async_trait]
impl Roles for Sqlite {
    async fn create_role(
        &self,
        domain: &Domain,
        name: &RoleName,
        context: &AuditContext,
    ) -> Result<(), StoreError> {
        let (domain, name) = (domain.clone(), name.clone());
        let context = context.clone();
        self.write(move |step| create(step, &domain, &name, &context))
            .await
    }

    async fn list_roles(&self, domain: Option<&Domain>) -> Result<Vec<CustomRole>, StoreError> {
        self.read(|connection| list(connection, domain))
    }

    async fn delete_role(
        &self,
        domain: &Domain,
        name: &RoleName,
        context: &AuditContext,
    ) -> Result<(), StoreError> {
        let (domain, name) = (domain.clone(), name.clone());
        let context = context.clone();
        self.write(move |step| delete(step, &domain, &name, &context))
            .await
    }
}
