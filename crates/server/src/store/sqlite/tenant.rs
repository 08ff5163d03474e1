use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::{Sqlite, audit, lookup, read_parsed, read_time, session_rows};
use crate::domain::audit::{AuditContext, AuditEvent};
use crate::domain::audit_record::AuditRecord;
use crate::domain::change::Change;
use crate::domain::conflict::Conflict;
use crate::domain::public_id::PublicId;
use crate::domain::tenant::{DeletedTenant, Domain, Tenant};
use crate::store::error::{StoreError, StoreFailure};
use crate::store::tenant::Tenants;

const LIST: &str = "
    SELECT domain, enabled, (SELECT count(*) FROM users u WHERE u.tenant_id = t.id), created_at,
            public_id
        FROM tenants t ORDER BY domain_key";

pub(super) fn create(
    step: &Connection,
    id: PublicId,
    domain: &Domain,
    context: &AuditContext,
) -> Result<(), StoreError> {
    if lookup::find_tenant_id(step, domain)?.is_some() {
        return Err(Conflict::TenantExists(domain.clone()).into());
    }
    step.prepare_cached(
        "INSERT INTO tenants (domain, domain_key, created_at, public_id) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        domain.as_typed(),
        domain.key(),
        context.at.timestamp(),
        id.as_bytes(),
    ])?;
    audit::record(step, context, &AuditRecord::tenant_created(domain))?;
    Ok(())
}

pub(super) fn list(connection: &Connection) -> rusqlite::Result<Vec<Tenant>> {
    let mut statement = connection.prepare_cached(LIST)?;
    let rows = statement.query_map([], |row| {
        Ok(Tenant {
            public_id: PublicId::from_store(row.get(4)?),
            domain: read_parsed(row, 0)?,
            enabled: row.get(1)?,
            users: row.get(2)?,
            created_at: read_time(row, 3)?,
        })
    })?;
    rows.collect()
}

pub(super) fn set_enabled(
    step: &Connection,
    domain: &Domain,
    enabled: bool,
    context: &AuditContext,
) -> Result<Change, StoreError> {
    let id = lookup::tenant_id(step, domain)?;
    let changed = step
        .prepare_cached("UPDATE tenants SET enabled = ?2 WHERE id = ?1 AND enabled <> ?2")?
        .execute(params![id, enabled])?;
    if changed == 0 {
        return Ok(Change::Unchanged);
    }
    let event = AuditEvent::tenant_enabled(enabled);
    let ended = session_rows::end_tenant_sessions(step, id, event, context.at)?;
    let record = AuditRecord::tenant_changed(event, domain, ended);
    audit::record(step, context, &record)?;
    Ok(Change::Applied { ended })
}

pub(super) fn delete(
    step: &Connection,
    domain: &Domain,
    context: &AuditContext,
) -> Result<DeletedTenant, StoreError> {
    let id = lookup::tenant_id(step, domain)?;
    let ended = session_rows::end_tenant_sessions(step, id, AuditEvent::TenantDeleted, context.at)?;
    let users = step
        .prepare_cached("DELETE FROM users WHERE tenant_id = ?1")?
        .execute(params![id])?;
    step.prepare_cached("DELETE FROM roles WHERE tenant_id = ?1")?
        .execute(params![id])?;
    step.prepare_cached("DELETE FROM tenants WHERE id = ?1")?
        .execute(params![id])?;
    let deleted = DeletedTenant {
        users: users as u64,
        ended,
    };
    audit::record(step, context, &AuditRecord::tenant_deleted(domain, deleted))?;
    Ok(deleted)
}

#[async_trait]
impl Tenants for Sqlite {
    async fn create_tenant(
        &self,
        id: PublicId,
        domain: &Domain,
        context: &AuditContext,
    ) -> Result<(), StoreError> {
        let domain = domain.clone();
        let context = context.clone();
        self.write(move |step| create(step, id, &domain, &context))
            .await
    }

    async fn list_tenants(&self) -> Result<Vec<Tenant>, StoreFailure> {
        self.read(|connection| Ok(list(connection)?))
    }

    async fn set_tenant_enabled(
        &self,
        domain: &Domain,
        enabled: bool,
        context: &AuditContext,
    ) -> Result<Change, StoreError> {
        let domain = domain.clone();
        let context = context.clone();
        self.write(move |step| set_enabled(step, &domain, enabled, &context))
            .await
    }

    async fn delete_tenant(
        &self,
        domain: &Domain,
        context: &AuditContext,
    ) -> Result<DeletedTenant, StoreError> {
        let domain = domain.clone();
        let context = context.clone();
        self.write(move |step| delete(step, &domain, &context))
            .await
    }
}
