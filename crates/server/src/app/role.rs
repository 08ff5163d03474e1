//! Custom roles of tenants. Built-in roles cannot be changed: [`RoleName`] does not accept their names.

use super::ManageError;
use crate::context::Context;
use crate::domain::audit::Source;
use crate::domain::role::{CustomRole, NewRoleName, RoleName};
use crate::domain::tenant::Domain;

/// Creates a custom role.
pub async fn create(
    context: &Context,
    source: &Source,
    domain: &Domain,
    name: &NewRoleName,
) -> Result<(), ManageError> {
    let audit = context.audit_context(source);
    Ok(context.store.create_role(domain, name, &audit).await?)
}

/// Lists the custom roles of a tenant, or of all tenants.
pub async fn list(
    context: &Context,
    domain: Option<&Domain>,
) -> Result<Vec<CustomRole>, ManageError> {
    Ok(context.store.list_roles(domain).await?)
}

/// Deletes a custom role that no user has.
pub async fn delete(
    context: &Context,
    source: &Source,
    domain: &Domain,
    name: &RoleName,
) -> Result<(), ManageError> {
    let audit = context.audit_context(source);
    Ok(context.store.delete_role(domain, name, &audit).await?)
}
