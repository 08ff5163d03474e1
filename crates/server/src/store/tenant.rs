//! Storage trait for tenants.

use async_trait::async_trait;

use crate::domain::audit::AuditContext;
use crate::domain::change::Change;
use crate::domain::public_id::PublicId;
use crate::domain::tenant::{DeletedTenant, Domain, Tenant};
use crate::store::error::{StoreError, StoreFailure};

/// Stores tenants.
#[async_trait]
pub trait Tenants: Send + Sync {
    /// Creates an enabled tenant.
    async fn create_tenant(
        &self,
        id: PublicId,
        domain: &Domain,
        context: &AuditContext,
    ) -> Result<(), StoreError>;

    /// Lists all tenants, sorted by domain.
    async fn list_tenants(&self) -> Result<Vec<Tenant>, StoreFailure>;

    /// Enables or disables a tenant. Disabling ends the sessions of its users.
    async fn set_tenant_enabled(
        &self,
        domain: &Domain,
        enabled: bool,
        context: &AuditContext,
    ) -> Result<Change, StoreError>;

    /// Deletes a tenant with its users, roles and sessions.
    async fn delete_tenant(
        &self,
        domain: &Domain,
        context: &AuditContext,
    ) -> Result<DeletedTenant, StoreError>;
}
