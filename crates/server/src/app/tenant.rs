//! Tenants.

use super::{Internal, ManageError};
use crate::context::Context;
use crate::store::model::{Change, DeletedTenant, Domain, Tenant};

/// Creates a tenant, enabled.
///
/// # Errors
///
/// When there already is one with this domain, in any spelling, or the store fails.
pub async fn create(context: &Context, domain: &Domain) -> Result<(), ManageError> {
    let now = context.clock.now();
    Ok(context.store.create_tenant(domain, now).await?)
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
pub async fn enable(context: &Context, domain: &Domain) -> Result<Change, ManageError> {
    let now = context.clock.now();
    Ok(context.store.set_tenant_enabled(domain, true, now).await?)
}

/// Disables a tenant: none of its users may log in, and their sessions end.
///
/// # Errors
///
/// When there is no such tenant, or the store fails.
pub async fn disable(context: &Context, domain: &Domain) -> Result<Change, ManageError> {
    let now = context.clock.now();
    Ok(context.store.set_tenant_enabled(domain, false, now).await?)
}

/// Deletes a tenant with its users, roles and sessions.
///
/// # Errors
///
/// When there is no such tenant, or the store fails.
pub async fn delete(context: &Context, domain: &Domain) -> Result<DeletedTenant, ManageError> {
    let now = context.clock.now();
    Ok(context.store.delete_tenant(domain, now).await?)
}
