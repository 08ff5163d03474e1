use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::output::{self, FormatArgs};
use super::{Database, operator, tenant_domain};
use crate::app::role;
use crate::domain::role::{BuiltInTenantRole, CustomRole, NewRoleName, RoleName, SystemRole};
use crate::domain::tenant::Domain;

pub(super) const EXAMPLES: &str = "\
Examples:
  pbx-login-server role create 'Night Shift' --domain pbx.example.com
  pbx-login-server role list --domain pbx.example.com
  pbx-login-server role delete 'Night Shift' --domain pbx.example.com";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a custom role of a tenant
    #[command(after_help = "\
Example:
  pbx-login-server role create 'Night Shift' --domain pbx.example.com")]
    Create(RoleArgs),
    /// List all roles, or those that users of a tenant can have
    #[command(after_help = "\
Examples:
  pbx-login-server role list
  pbx-login-server role list --domain pbx.example.com --format json")]
    List {
        /// List only roles that users of the tenant with this domain can have
        #[arg(long)]
        domain: Option<String>,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Delete a custom role that no user has
    #[command(after_help = "\
Example:
  pbx-login-server role delete 'Night Shift' --domain pbx.example.com")]
    Delete(RoleArgs),
}

#[derive(Debug, Args)]
pub(super) struct RoleArgs {
    /// Name of the role
    name: String,
    /// Domain of the tenant
    #[arg(long)]
    domain: String,
}

/// A listed role, of the kind `system` (for system users), `tenant` (for every tenant) or `custom`.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    kind: &'static str,
    domain: Option<String>,
    users: Option<u64>,
}

impl Row {
    fn built_in(name: &str, kind: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            domain: None,
            users: None,
        }
    }
}

impl From<CustomRole> for Row {
    fn from(role: CustomRole) -> Self {
        Self {
            name: role.name.to_string(),
            kind: "custom",
            domain: Some(role.domain.to_string()),
            users: Some(role.users),
        }
    }
}

pub(super) async fn run(command: Command, database: Database<'_>) -> Result<()> {
    match command {
        Command::Create(role_args) => {
            let domain: Domain = role_args.domain.parse()?;
            let name: NewRoleName = role_args.name.parse()?;
            let context = database.open().await?;
            role::create(&context, &operator::source(), &domain, &name).await?;
            Ok(output::line(&format!("created role {name} of {domain}"))?)
        }
        Command::List { domain, format } => {
            let domain = tenant_domain(domain.as_deref())?;
            let context = database.open().await?;
            let custom = role::list(&context, domain.as_ref()).await?;
            let system = SystemRole::ALL.map(|role| Row::built_in(role.name(), "system"));
            let tenant = BuiltInTenantRole::ALL.map(|role| Row::built_in(role.name(), "tenant"));
            let rows: Vec<Row> = (system.into_iter().filter(|_| domain.is_none()))
                .chain(tenant)
                .chain(custom.into_iter().map(Row::from))
                .collect();
            Ok(
                format.print(&rows, ["NAME", "KIND", "DOMAIN", "USERS"], |row| {
                    [
                        row.name.clone(),
                        row.kind.to_owned(),
                        output::or_dash(row.domain.as_deref()),
                        output::or_dash(row.users.map(|users| users.to_string()).as_deref()),
                    ]
                })?,
            )
        }
        Command::Delete(role_args) => {
            let domain: Domain = role_args.domain.parse()?;
            let name: RoleName = role_args.name.parse()?;
            let context = database.open().await?;
            role::delete(&context, &operator::source(), &domain, &name).await?;
            Ok(output::line(&format!("deleted role {name} of {domain}"))?)
        }
    }
}
