use async_trait::async_trait;
use tokio_postgres::Row;

use super::lookup::Lock;
use super::step::Step;
use super::value::{get_count, get_parsed, get_time, values};
use super::{Postgres, audit, lookup};
use crate::domain::audit::AuditContext;
use crate::domain::audit_record::AuditRecord;
use crate::domain::conflict::Conflict;
use crate::domain::role::{CustomRole, RoleName};
use crate::domain::tenant::Domain;
use crate::store::error::{StoreError, StoreFailure};
use crate::store::role::Roles;

const INSERT: &str = "
    INSERT INTO roles (tenant_id, name, name_key, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant_id, name_key) DO NOTHING";

const COUNT_USERS: &str = "SELECT count(*) FROM users WHERE tenant_id = $1 AND custom_role_id = $2";

const LIST: &str = "
    SELECT t.domain, r.name, r.created_at,
        (SELECT count(*) FROM users u WHERE u.tenant_id = t.id AND u.custom_role_id = r.id)
        FROM roles r JOIN tenants t ON t.id = r.tenant_id
        WHERE $1::bigint IS NULL OR t.id = $1
        ORDER BY t.domain_key, r.name_key";

const DELETE: &str = "DELETE FROM roles WHERE id = $1";

async fn create(
    step: &Step<'_>,
    domain: &Domain,
    name: &RoleName,
    context: &AuditContext,
) -> Result<(), StoreError> {
    let tenant = lookup::tenant_id(step, domain, Lock::Existence).await?;
    let created_at = context.at.timestamp();
    let row = values![tenant, name.as_typed(), name.key(), created_at];
    if step.execute(INSERT, row).await? == 0 {
        return Err(Conflict::RoleExists(name.clone(), domain.clone()).into());
    }
    audit::record(step, context, &AuditRecord::role_created(domain, name)).await?;
    Ok(())
}

fn read_role(row: &Row) -> Result<CustomRole, StoreFailure> {
    Ok(CustomRole {
        domain: get_parsed(row, 0)?,
        name: get_parsed(row, 1)?,
        created_at: get_time(row, 2)?,
        users: get_count(row, 3)?,
    })
}

async fn list(step: &Step<'_>, domain: Option<&Domain>) -> Result<Vec<CustomRole>, StoreError> {
    let tenant = match domain {
        Some(domain) => Some(lookup::tenant_id(step, domain, Lock::None).await?),
        None => None,
    };
    let rows = step.query(LIST, values![tenant]).await?;
    let roles = rows.iter().map(read_role).collect::<Result<_, _>>();
    Ok(roles?)
}

async fn delete(
    step: &Step<'_>,
    domain: &Domain,
    name: &RoleName,
    context: &AuditContext,
) -> Result<(), StoreError> {
    let tenant = lookup::tenant_id(step, domain, Lock::Existence).await?;
    // A concurrent change that assigns the role to a user also locks it, so the count includes that user.
    let id = lookup::role_id(step, tenant, domain, name, Lock::Exclusive).await?;
    let users = step.query(COUNT_USERS, values![tenant, id]).await?;
    let users = get_count(&users[0], 0)?;
    if users > 0 {
        return Err(Conflict::RoleInUse(name.clone(), domain.clone(), users).into());
    }
    step.execute(DELETE, values![id]).await?;
    audit::record(step, context, &AuditRecord::role_deleted(domain, name)).await?;
    Ok(())
}

#[async_trait]
impl Roles for Postgres {
    async fn create_role(
        &self,
        domain: &Domain,
        name: &RoleName,
        context: &AuditContext,
    ) -> Result<(), StoreError> {
        let arguments = (domain.clone(), name.clone(), context.clone());
        self.write(arguments, |step, arguments| {
            let (domain, name, context) = arguments;
            Box::pin(create(step, domain, name, context))
        })
        .await
    }

    async fn list_roles(&self, domain: Option<&Domain>) -> Result<Vec<CustomRole>, StoreError> {
        self.read(domain.cloned(), |step, domain| {
            Box::pin(list(step, domain.as_ref()))
        })
        .await
    }

    async fn delete_role(
        &self,
        domain: &Domain,
        name: &RoleName,
        context: &AuditContext,
    ) -> Result<(), StoreError> {
        let arguments = (domain.clone(), name.clone(), context.clone());
        self.write(arguments, |step, arguments| {
            let (domain, name, context) = arguments;
            Box::pin(delete(step, domain, name, context))
        })
        .await
    }
}
