use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::output::{self, FormatArgs};
use super::{Database, operator};
use crate::app::{ManageError, tenant};
use crate::domain::change::Change;
use crate::domain::plural::Pluralized;
use crate::domain::tenant::Domain;

pub(super) const EXAMPLES: &str = "\
Examples:
  pbx-login-server tenant create pbx.example.com
  pbx-login-server tenant list --format json
  pbx-login-server tenant disable pbx.example.com";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a tenant
    #[command(after_help = "\
Examples:
  pbx-login-server tenant create pbx.example.com
  pbx-login-server tenant create 192.0.2.7
  pbx-login-server tenant create 2001:db8::7")]
    Create(TenantArgs),
    /// List all tenants
    #[command(after_help = "\
Examples:
  pbx-login-server tenant list
  pbx-login-server tenant list --format json")]
    List(FormatArgs),
    /// Disable a tenant: its users cannot log in, and their sessions end
    #[command(after_help = "\
Example:
  pbx-login-server tenant disable pbx.example.com")]
    Disable(TenantArgs),
    /// Enable a tenant: its users can log in again
    #[command(after_help = "\
Example:
  pbx-login-server tenant enable pbx.example.com")]
    Enable(TenantArgs),
    /// Delete a tenant with all of its users, roles and sessions
    #[command(after_help = "\
Example:
  pbx-login-server tenant delete pbx.example.com")]
    Delete(TenantArgs),
}

#[derive(Debug, Args)]
pub(super) struct TenantArgs {
    /// SIP domain of the tenant: a domain name, an IPv4 address or an IPv6 address
    domain: String,
}

impl TenantArgs {
    fn domain(&self) -> Result<Domain> {
        Ok(self.domain.parse()?)
    }
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    domain: String,
    enabled: bool,
    users: u64,
    created_at: DateTime<Utc>,
}

pub(super) async fn run(command: Command, database: Database<'_>) -> Result<()> {
    match command {
        Command::Create(tenant_args) => {
            let domain = tenant_args.domain()?;
            let context = database.open_or_create().await?;
            tenant::create(&context, &operator::source(), &domain).await?;
            output::line(&format!("created tenant {domain}"))?;
        }
        Command::List(format) => {
            let context = database.open().await?;
            let tenants = tenant::list(&context).await.map_err(ManageError::from)?;
            let rows: Vec<Row> = tenants
                .into_iter()
                .map(|tenant| Row {
                    id: tenant.public_id.to_string(),
                    domain: tenant.domain.to_string(),
                    enabled: tenant.enabled,
                    users: tenant.users,
                    created_at: tenant.created_at,
                })
                .collect();
            format.print(&rows, ["DOMAIN", "STATE", "USERS", "CREATED"], |row| {
                [
                    row.domain.clone(),
                    output::state(row.enabled),
                    row.users.to_string(),
                    output::time(row.created_at),
                ]
            })?;
        }
        Command::Disable(tenant_args) => {
            let domain = tenant_args.domain()?;
            let context = database.open().await?;
            output::line(
                &match tenant::disable(&context, &operator::source(), &domain).await? {
                    Change::Applied { ended } => format!(
                        "disabled tenant {domain} and ended {}",
                        Pluralized(ended, "session")
                    ),
                    Change::Unchanged => format!("tenant {domain} is already disabled"),
                },
            )?;
        }
        Command::Enable(tenant_args) => {
            let domain = tenant_args.domain()?;
            let context = database.open().await?;
            output::line(
                &match tenant::enable(&context, &operator::source(), &domain).await? {
                    Change::Applied { .. } => format!("enabled tenant {domain}"),
                    Change::Unchanged => format!("tenant {domain} is already enabled"),
                },
            )?;
        }
        Command::Delete(tenant_args) => {
            let domain = tenant_args.domain()?;
            let context = database.open().await?;
            let deleted = tenant::delete(&context, &operator::source(), &domain).await?;
            output::line(&format!(
                "deleted tenant {domain} with {} and ended {}",
                Pluralized(deleted.users, "user"),
                Pluralized(deleted.ended, "session")
            ))?;
        }
    }
    Ok(())
}
