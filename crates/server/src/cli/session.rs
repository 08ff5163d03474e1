use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args, Subcommand};
use serde::Serialize;

use super::output::{self, FormatArgs};
use super::{Database, operator, scope};
use crate::app::session;
use crate::domain::plural::Pluralized;
use crate::domain::session::{Session, SessionFilter, SessionId};
use crate::domain::user::{Scope, UserKey};

pub(super) const EXAMPLES: &str = "\
Examples:
  pbx-login-server session list --domain pbx.example.com
  pbx-login-server session revoke 17
  pbx-login-server session revoke --user alice --domain pbx.example.com";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List live sessions, oldest first
    #[command(after_help = "\
Examples:
  pbx-login-server session list
  pbx-login-server session list --user alice --domain pbx.example.com --format json
  pbx-login-server session list --user admin")]
    List {
        #[command(flatten)]
        owner: OwnerArgs,
        #[command(flatten)]
        format: FormatArgs,
    },
    /// End the sessions with the given ids, those of a user or tenant, or all
    #[command(
        group = ArgGroup::new("selection").args(["ids", "user", "domain", "all"]).required(true).multiple(true),
        after_help = "\
Examples:
  pbx-login-server session revoke 17 18
  pbx-login-server session revoke --user alice --domain pbx.example.com
  pbx-login-server session revoke --domain pbx.example.com
  pbx-login-server session revoke --all")]
    Revoke {
        /// Ids of sessions, as shown by `session list`; if one does not exist, no session is ended
        #[arg(value_name = "ID", conflicts_with_all = ["user", "domain", "all"], value_parser = clap::value_parser!(i64).range(1..))]
        ids: Vec<i64>,
        #[command(flatten)]
        owner: OwnerArgs,
        /// End every session
        #[arg(long, conflicts_with_all = ["user", "domain"])]
        all: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct OwnerArgs {
    /// Sessions of the user with this name; without --domain, of a system user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Sessions of the users of the tenant with this domain
    #[arg(long)]
    domain: Option<String>,
}

impl OwnerArgs {
    fn filter(&self) -> Result<Option<SessionFilter>> {
        let scope = scope(self.domain.as_deref())?;
        Ok(match (&self.user, scope) {
            (Some(name), scope) => Some(SessionFilter::OfUser(UserKey {
                scope,
                username: name.parse()?,
            })),
            (None, Scope::Tenant(domain)) => Some(SessionFilter::OfTenant(domain)),
            (None, Scope::System) => None,
        })
    }
}

#[derive(Debug, Serialize)]
struct Row {
    id: i64,
    username: String,
    domain: Option<String>,
    role: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl From<Session> for Row {
    fn from(session: Session) -> Self {
        let domain = match &session.user.scope {
            Scope::System => None,
            Scope::Tenant(domain) => Some(domain.to_string()),
        };
        Self {
            id: session.id.0,
            username: session.user.username.to_string(),
            domain,
            role: session.role,
            created_at: session.created_at,
            expires_at: session.expires_at,
        }
    }
}

pub(super) async fn run(command: Command, database: Database<'_>) -> Result<()> {
    match command {
        Command::List { owner, format } => {
            let filter = owner.filter()?.unwrap_or(SessionFilter::All);
            let context = database.open().await?;
            let sessions = session::list(&context, &filter).await?;
            let rows: Vec<Row> = sessions.into_iter().map(Row::from).collect();
            let header = ["ID", "USERNAME", "DOMAIN", "ROLE", "CREATED", "EXPIRES"];
            Ok(format.print(&rows, header, |row| {
                [
                    row.id.to_string(),
                    row.username.clone(),
                    output::or_dash(row.domain.as_deref()),
                    row.role.clone(),
                    output::time(row.created_at),
                    output::time(row.expires_at),
                ]
            })?)
        }
        Command::Revoke {
            mut ids,
            owner,
            all,
        } => {
            ids.sort_unstable();
            ids.dedup();
            let ids: Vec<SessionId> = ids.into_iter().map(SessionId).collect();
            let filter = match (owner.filter()?, all) {
                (Some(filter), _) => Some(filter),
                (None, true) => Some(SessionFilter::All),
                (None, false) => None,
            };
            let context = database.open().await?;
            let ended = match filter {
                Some(filter) => session::revoke(&context, &operator::source(), &filter).await?,
                None => session::revoke_ids(&context, &operator::source(), &ids).await?,
            };
            Ok(output::line(&format!(
                "ended {}",
                Pluralized(ended, "session")
            ))?)
        }
    }
}
