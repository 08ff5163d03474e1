//! Custom roles of tenants. The built-in ones cannot be changed, and [`RoleName`] cannot hold one of their names.

use super::ManageError;
use crate::context::Context;
use crate::domain::audit::Source;
use crate::domain::role::{CustomRole, RoleName};
use crate::domain::tenant::Domain;

/// Creates a custom role.
///
/// # Errors
///
/// When there is no such tenant, it already has a role of this name, in any case, or the store fails.
pub async fn create(
    context: &Context,
    by: &Source,
    domain: &Domain,
    name: &RoleName,
) -> Result<(), ManageError> {
    let act = context.audit_context(by);
    Ok(context.store.create_role(domain, name, &act).await?)
}

/// Lists the custom roles of a tenant, or of all.
///
/// # Errors
///
/// When there is no such tenant, or the store fails.
pub async fn list(
    context: &Context,
    domain: Option<&Domain>,
) -> Result<Vec<CustomRole>, ManageError> {
    Ok(context.store.list_roles(domain).await?)
}

/// Deletes a custom role that no user has.
///
/// # Errors
///
/// When there is no such tenant or role, users hold it, or the store fails.
pub async fn delete(
    context: &Context,
    by: &Source,
    domain: &Domain,
    name: &RoleName,
) -> Result<(), ManageError> {
    let act = context.audit_context(by);
    Ok(context.store.delete_role(domain, name, &act).await?)
}
