//! Tenants.

use super::{Internal, ManageError};
use crate::context::Context;
use crate::domain::audit::Source;
use crate::domain::change::Change;
use crate::domain::tenant::{DeletedTenant, Domain, Tenant};

/// Creates a tenant, enabled.
///
/// # Errors
///
/// When there already is one with this domain, in any spelling, or the store fails.
pub async fn create(context: &Context, by: &Source, domain: &Domain) -> Result<(), ManageError> {
    let act = context.audit_context(by);
    Ok(context.store.create_tenant(domain, &act).await?)
}

/// Lists all tenants, by domain.
///
/// # Errors
///
/// When the store fails.
pub async fn list(context: &Context) -> Result<Vec<Tenant>, Internal> {
    Ok(context.store.list_tenants().await?)
}

/// Enables a tenant. Sessions that its disabling ended stay ended.
///
/// # Errors
///
/// When there is no such tenant, or the store fails.
pub async fn enable(
    context: &Context,
    by: &Source,
    domain: &Domain,
) -> Result<Change, ManageError> {
    let act = context.audit_context(by);
    Ok(context.store.set_tenant_enabled(domain, true, &act).await?)
}

/// Disables a tenant: none of its users may log in, and their sessions end.
///
/// # Errors
///
/// When there is no such tenant, or the store fails.
pub async fn disable(
    context: &Context,
    by: &Source,
    domain: &Domain,
) -> Result<Change, ManageError> {
    let act = context.audit_context(by);
    Ok(context
        .store
        .set_tenant_enabled(domain, false, &act)
        .await?)
}

/// Deletes a tenant with its users, roles and sessions.
///
/// # Errors
///
/// When there is no such tenant, or the store fails.
pub async fn delete(
    context: &Context,
    by: &Source,
    domain: &Domain,
) -> Result<DeletedTenant, ManageError> {
    let act = context.audit_context(by);
    Ok(context.store.delete_tenant(domain, &act).await?)
}
