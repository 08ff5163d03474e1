use anyhow::Result;
use chrono::{DateTime, DurationRound, SubsecRound, TimeDelta, Utc};
use clap::{ArgGroup, Args, Subcommand};
use serde::Serialize;

use super::output::{self, FormatArgs};
use super::{Database, operator, scope};
use crate::app::attempt::{self, Account, RateLimitStatus};
use crate::config::Settings;
use crate::domain::attempt::AttemptFilter;
use crate::domain::network::Prefix;
use crate::domain::plural::Pluralized;
use crate::domain::rate_limit::Rules;
use crate::domain::user::{Scope, UserKey};

pub(super) const EXAMPLES: &str = "\
Examples:
  pbx-login-server throttle list
  pbx-login-server throttle clear --user alice --domain pbx.example.com
  pbx-login-server throttle clear --address 192.0.2.7";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List failed logins, and the accounts and networks that are rate limited
    ///
    /// Networks and accounts that have reached a limit are listed first, then accounts by network. An IPv6 address is
    /// counted by its /64, /56 and /48. Accounts that do not exist are included without their names.
    #[command(after_help = "\
Examples:
  pbx-login-server throttle list
  pbx-login-server throttle list --format json")]
    List {
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Clear the failures of a user, those from an address, or all
    #[command(
        group = ArgGroup::new("selection").args(["user", "address", "all"]).required(true).multiple(true),
        after_help = "\
Examples:
  pbx-login-server throttle clear --user alice --domain pbx.example.com
  pbx-login-server throttle clear --address 2001:db8::7
  pbx-login-server throttle clear --address 2001:db8::/48
  pbx-login-server throttle clear --user admin --address 192.0.2.7
  pbx-login-server throttle clear --all"
    )]
    Clear {
        #[command(flatten)]
        failures: FailureArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct FailureArgs {
    /// Failures of this user of the tenant given by --domain, or of the system
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Domain of the user's tenant
    #[arg(long, requires = "user")]
    domain: Option<String>,
    /// Failures from this address or IPv6 prefix (/48, /56, /64); with --user, only those of the user
    #[arg(long)]
    address: Option<Prefix>,
    /// Clear every failure
    #[arg(long, conflicts_with_all = ["user", "address"])]
    all: bool,
}

impl FailureArgs {
    fn filter(&self) -> Result<AttemptFilter> {
        let scope = scope(self.domain.as_deref())?;
        let user = match &self.user {
            Some(name) => Some(UserKey {
                scope,
                username: name.parse()?,
            }),
            None => None,
        };
        Ok(AttemptFilter {
            user,
            network: self.address,
        })
    }
}

#[derive(Debug, Serialize)]
struct Row {
    /// `None` for all accounts together and for an account that does not exist.
    username: Option<String>,
    domain: Option<String>,
    /// Whether the account exists; `None` for all accounts together.
    exists: Option<bool>,
    address: Option<String>,
    failures: u32,
    last_at: DateTime<Utc>,
    limit: Option<&'static str>,
    limited_until: Option<DateTime<Utc>>,
}

impl From<RateLimitStatus> for Row {
    fn from(status: RateLimitStatus) -> Self {
        let (username, domain, exists) = match status.account {
            Account::Any => (None, None, None),
            Account::Unknown => (None, None, Some(false)),
            Account::User(UserKey { scope, username }) => {
                let domain = match scope {
                    Scope::System => None,
                    Scope::Tenant(domain) => Some(domain.to_string()),
                };
                (Some(username.to_string()), domain, Some(true))
            }
        };
        Self {
            username,
            domain,
            exists,
            address: status.failures.network.map(|network| network.to_string()),
            failures: status.failures.failures,
            last_at: status.failures.last_at.trunc_subsecs(0),
            limit: status.limited.map(|limited| limited.limit.name()),
            // Rounded up: the wait must be over at the printed time.
            limited_until: status.limited.map(|limited| {
                let rounded = limited.until.duration_round_up(TimeDelta::seconds(1));
                rounded.unwrap_or(limited.until)
            }),
        }
    }
}

impl Row {
    fn account(&self) -> String {
        match (&self.username, self.exists) {
            (Some(name), _) => name.clone(),
            (None, Some(_)) => "(unknown)".to_owned(),
            (None, None) => "(all)".to_owned(),
        }
    }
}

pub(super) async fn run(
    command: Command,
    database: Database<'_>,
    settings: &Settings,
) -> Result<()> {
    match command {
        Command::List { format } => {
            let context = database.open().await?;
            let rules = settings.rate_limit_rules().unwrap_or(Rules::DEFAULT);
            let status = attempt::list(&context, &rules).await?;
            let rows: Vec<Row> = status.into_iter().map(Row::from).collect();
            let header = [
                "USERNAME",
                "DOMAIN",
                "ADDRESS",
                "FAILURES",
                "LAST",
                "LIMIT",
                "LIMITED UNTIL",
            ];
            Ok(format.print(&rows, header, |row| {
                [
                    row.account(),
                    output::or_dash(row.domain.as_deref()),
                    row.address.clone().unwrap_or_else(|| "(all)".to_owned()),
                    row.failures.to_string(),
                    output::time(row.last_at),
                    output::or_dash(row.limit),
                    output::or_dash(row.limited_until.map(output::time).as_deref()),
                ]
            })?)
        }
        Command::Clear { failures } => {
            let filter = failures.filter()?;
            let context = database.open().await?;
            let cleared = attempt::clear(&context, &operator::source(), &filter).await?;
            Ok(output::line(&format!(
                "cleared {}",
                Pluralized(cleared, "failure")
            ))?)
        }
    }
}
