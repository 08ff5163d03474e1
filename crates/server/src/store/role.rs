//! Storage trait for custom roles.

use async_trait::async_trait;

use crate::domain::audit::AuditContext;
use crate::domain::role::{CustomRole, RoleName};
use crate::domain::tenant::Domain;
use crate::store::error::StoreError;

/// Stores custom roles of tenants.
#[async_trait]
pub trait Roles: Send + Sync {
    /// Creates a custom role of a tenant.
    async fn create_role(
        &self,
        domain: &Domain,
        name: &RoleName,
        context: &AuditContext,
    ) -> Result<(), StoreError>;

    /// Lists the custom roles of one tenant or of all, sorted by domain and name.
    async fn list_roles(&self, domain: Option<&Domain>) -> Result<Vec<CustomRole>, StoreError>;

    /// Deletes a custom role that no user has.
    async fn delete_role(
        &self,
        domain: &Domain,
        name: &RoleName,
        context: &AuditContext,
    ) -> Result<(), StoreError>;
}
