//! Management of tenants.

use super::{Internal, ManageError};
use crate::context::Context;
use crate::domain::audit::Source;
use crate::domain::change::Change;
use crate::domain::public_id::PublicId;
use crate::domain::tenant::{DeletedTenant, Domain, Tenant};

/// Creates an enabled tenant.
pub async fn create(
    context: &Context,
    source: &Source,
    domain: &Domain,
) -> Result<(), ManageError> {
    let audit = context.audit_context(source);
    let id = PublicId::generate(audit.at, &*context.random)?;
    Ok(context.store.create_tenant(id, domain, &audit).await?)
}

/// Lists all tenants, sorted by domain.
pub async fn list(context: &Context) -> Result<Vec<Tenant>, Internal> {
    Ok(context.store.list_tenants().await?)
}

/// Enables a tenant. Sessions that ended when it was disabled stay ended.
pub async fn enable(
    context: &Context,
    source: &Source,
    domain: &Domain,
) -> Result<Change, ManageError> {
    let audit = context.audit_context(source);
    Ok(context
        .store
        .set_tenant_enabled(domain, true, &audit)
        .await?)
}

/// Disables a tenant: its sessions end, and its users cannot log in.
pub async fn disable(
    context: &Context,
    source: &Source,
    domain: &Domain,
) -> Result<Change, ManageError> {
    let audit = context.audit_context(source);
    Ok(context
        .store
        .set_tenant_enabled(domain, false, &audit)
        .await?)
}

/// Deletes a tenant with its users, roles and sessions.
pub async fn delete(
    context: &Context,
    source: &Source,
    domain: &Domain,
) -> Result<DeletedTenant, ManageError> {
    let audit = context.audit_context(source);
    Ok(context.store.delete_tenant(domain, &audit).await?)
}
