use async_trait::async_trait;
use tokio_postgres::Row;

use super::lookup::Lock;
use super::step::Step;
use super::value::{get, get_bytes, get_count, get_parsed, get_time, values};
use super::{Postgres, audit, lookup, session_rows};
use crate::domain::audit::{AuditContext, AuditEvent};
use crate::domain::audit_record::AuditRecord;
use crate::domain::change::Change;
use crate::domain::conflict::Conflict;
use crate::domain::public_id::PublicId;
use crate::domain::tenant::{DeletedTenant, Domain, Tenant};
use crate::store::error::{StoreError, StoreFailure};
use crate::store::tenant::Tenants;

const INSERT: &str = "
    INSERT INTO tenants (domain, domain_key, created_at, public_id) VALUES ($1, $2, $3, $4)
    ON CONFLICT (domain_key) DO NOTHING";

const LIST: &str = "
    SELECT domain, enabled, (SELECT count(*) FROM users u WHERE u.tenant_id = t.id), created_at,
            public_id
        FROM tenants t ORDER BY domain_key";

const SET_ENABLED: &str = "UPDATE tenants SET enabled = $2 WHERE id = $1 AND enabled <> $2";

const DELETE_USERS: &str = "DELETE FROM users WHERE tenant_id = $1";

const DELETE_ROLES: &str = "DELETE FROM roles WHERE tenant_id = $1";

const DELETE: &str = "DELETE FROM tenants WHERE id = $1";

async fn create(
    step: &Step<'_>,
    id: PublicId,
    domain: &Domain,
    context: &AuditContext,
) -> Result<(), StoreError> {
    let created_at = context.at.timestamp();
    let row = values![domain.as_typed(), domain.key(), created_at, id.as_bytes()];
    if step.execute(INSERT, row).await? == 0 {
        return Err(Conflict::TenantExists(domain.clone()).into());
    }
    audit::record(step, context, &AuditRecord::tenant_created(domain)).await?;
    Ok(())
}

fn read_tenant(row: &Row) -> Result<Tenant, StoreFailure> {
    Ok(Tenant {
        public_id: PublicId::from_store(get_bytes(row, 4)?),
        domain: get_parsed(row, 0)?,
        enabled: get(row, 1)?,
        users: get_count(row, 2)?,
        created_at: get_time(row, 3)?,
    })
}

async fn list(step: &Step<'_>) -> Result<Vec<Tenant>, StoreFailure> {
    let rows = step.query(LIST, &[]).await?;
    rows.iter().map(read_tenant).collect()
}

async fn set_enabled(
    step: &Step<'_>,
    domain: &Domain,
    enabled: bool,
    context: &AuditContext,
) -> Result<Change, StoreError> {
    let id = lookup::tenant_id(step, domain, Lock::Exclusive).await?;
    if step.execute(SET_ENABLED, values![id, enabled]).await? == 0 {
        return Ok(Change::Unchanged);
    }
    step.invalidate_all();
    let event = AuditEvent::tenant_enabled(enabled);
    let ended = session_rows::end_tenant_sessions(step, id, event, context.at).await?;
    let record = AuditRecord::tenant_changed(event, domain, ended);
    audit::record(step, context, &record).await?;
    Ok(Change::Applied { ended })
}

async fn delete(
    step: &Step<'_>,
    domain: &Domain,
    context: &AuditContext,
) -> Result<DeletedTenant, StoreError> {
    let id = lookup::tenant_id(step, domain, Lock::Exclusive).await?;
    let event = AuditEvent::TenantDeleted;
    let ended = session_rows::end_tenant_sessions(step, id, event, context.at).await?;
    let users = step.execute(DELETE_USERS, values![id]).await?;
    step.execute(DELETE_ROLES, values![id]).await?;
    step.execute(DELETE, values![id]).await?;
    let deleted = DeletedTenant { users, ended };
    let record = AuditRecord::tenant_deleted(domain, deleted);
    audit::record(step, context, &record).await?;
    Ok(deleted)
}

#[async_trait]
impl Tenants for Postgres {
    async fn create_tenant(
        &self,
        id: PublicId,
        domain: &Domain,
        context: &AuditContext,
    ) -> Result<(), StoreError> {
        let arguments = (id, domain.clone(), context.clone());
        self.write(arguments, |step, arguments| {
            let (id, domain, context) = arguments;
            Box::pin(create(step, *id, domain, context))
        })
        .await
    }

    async fn list_tenants(&self) -> Result<Vec<Tenant>, StoreFailure> {
        self.read((), |step, ()| Box::pin(list(step))).await
    }

    async fn set_tenant_enabled(
        &self,
        domain: &Domain,
        enabled: bool,
        context: &AuditContext,
    ) -> Result<Change, StoreError> {
        let arguments = (domain.clone(), enabled, context.clone());
        self.write(arguments, |step, arguments| {
            let (domain, enabled, context) = arguments;
            Box::pin(set_enabled(step, domain, *enabled, context))
        })
        .await
    }

    async fn delete_tenant(
        &self,
        domain: &Domain,
        context: &AuditContext,
    ) -> Result<DeletedTenant, StoreError> {
        let arguments = (domain.clone(), context.clone());
        self.write(arguments, |step, arguments| {
            let (domain, context) = arguments;
            Box::pin(delete(step, domain, context))
        })
        .await
    }
}
