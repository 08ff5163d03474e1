use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::output::{self, Format};
use super::{Database, scope};
use crate::app::audit;
use crate::audit::line::AuditLine;
use crate::context::Context;
use crate::domain::audit::{AuditEvent, AuditFilter, SubjectFilter};
use crate::domain::refusal_day::RefusalDay;
use crate::domain::user::{Scope, Username};

pub(super) const EXAMPLES: &str = "\
Examples:
  pbx-login-server audit list
  pbx-login-server audit list --user alice --domain pbx.example.com --since 2d
  pbx-login-server audit list --event login-refused --format json
  pbx-login-server audit refusals --since 30d";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List audit entries, oldest first: logins, refused logins with their cause, logouts and changes
    ///
    /// Similar refused logins within a minute are one entry with a count. The name of a user who does not exist is not
    /// recorded, because it may be a password that was typed into the wrong field.
    #[command(after_help = "\
Examples:
  pbx-login-server audit list --limit 1000
  pbx-login-server audit list --user alice --domain pbx.example.com --since 2d
  pbx-login-server audit list --domain pbx.example.com --since 2026-03-01T00:00:00Z --until 2026-03-02T00:00:00Z
  pbx-login-server audit list --event login-refused --format json")]
    List(List),
    /// List daily counts of refused logins whose entries were deleted
    ///
    /// Entries are deleted if there are more than audit.rows. Each count is for one day (in UTC), one cause, and one
    /// user, one tenant or neither. Beyond 100,000 counts, refused logins of further users are counted without a name.
    #[command(after_help = "\
Examples:
  pbx-login-server audit refusals
  pbx-login-server audit refusals --user alice --domain pbx.example.com --since 30d
  pbx-login-server audit refusals --format json")]
    Refusals(List),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// List only entries about this user of the tenant given by --domain, or of the system
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// List only entries about the tenant with this domain and its users
    #[arg(long)]
    domain: Option<String>,
    /// List only entries of this event, such as login, login-refused, logout or password-changed
    #[arg(long, value_parser = AuditEvent::from_str)]
    event: Option<AuditEvent>,
    /// List only entries since this time (2026-03-01T08:00:00Z) or of at most this age (2h, 7d)
    #[arg(long, value_name = "TIME", value_parser = Moment::from_str)]
    since: Option<Moment>,
    /// List only entries until this time, or of at least this age
    #[arg(long, value_name = "TIME", value_parser = Moment::from_str)]
    until: Option<Moment>,
    /// Maximum number of entries; the latest ones are listed
    #[arg(long, value_name = "NUMBER", default_value = "100", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Aligned text with a header, or JSON with one object per line
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy)]
enum Moment {
    At(DateTime<Utc>),
    Ago(Duration),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = DateTime::parse_from_rfc3339(text).map(|time| Self::At(time.to_utc()));
        at.or_else(|_| humantime::parse_duration(text).map(Self::Ago))
            .map_err(|_| {
                "expected a time such as 2026-03-01T08:00:00Z, or an age such as 2h".to_owned()
            })
    }
}

impl Moment {
    /// Returns the absolute time; the earliest representable one if the age is too large.
    fn time(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(time) => time,
            Self::Ago(ago) => chrono::TimeDelta::from_std(ago)
                .ok()
                .and_then(|ago| now.checked_sub_signed(ago))
                .unwrap_or(DateTime::<Utc>::MIN_UTC),
        }
    }
}

impl List {
    fn filter(&self, now: DateTime<Utc>) -> Result<AuditFilter> {
        let domain = match scope(self.domain.as_deref())? {
            Scope::System => None,
            Scope::Tenant(domain) => Some(domain.key().to_owned()),
        };
        let username = match &self.user {
            Some(name) => Some(name.parse::<Username>()?.key()),
            None => None,
        };
        let subject =
            (username.is_some() || domain.is_some()).then_some(SubjectFilter { username, domain });
        Ok(AuditFilter {
            subject,
            event: self.event,
            since: self.since.map(|since| since.time(now)),
            until: self.until.map(|until| until.time(now)),
            limit: self.limit,
        })
    }
}

/// Returns the address of the client, or the source with the operator.
fn origin(line: &AuditLine) -> String {
    match (&line.address, &line.operator) {
        (Some(address), _) => address.clone(),
        (None, Some(operator)) => format!("{}: {operator}", line.source),
        (None, None) => line.source.clone(),
    }
}

fn remark(line: &AuditLine) -> String {
    let parts = [line.cause.as_deref(), line.detail.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    output::or_dash((!parts.is_empty()).then(|| parts.join("; ")).as_deref())
}

#[derive(Debug, Serialize)]
struct DayRow {
    day: NaiveDate,
    event: String,
    cause: String,
    username: Option<String>,
    domain: Option<String>,
    count: u64,
}

impl From<RefusalDay> for DayRow {
    fn from(day: RefusalDay) -> Self {
        let RefusalDay {
            day,
            event,
            cause,
            username,
            domain,
            count,
        } = day;
        Self {
            day,
            event,
            cause,
            username,
            domain,
            count,
        }
    }
}

pub(super) async fn run(command: Command, database: Database<'_>) -> Result<()> {
    let (Command::List(list) | Command::Refusals(list)) = &command;
    // Report invalid arguments before the database is opened.
    list.filter(DateTime::UNIX_EPOCH)?;
    let context = database.open().await?;
    let filter = list.filter(context.clock.now())?;
    match &command {
        Command::List(list) => print_entries(&context, &filter, list.format).await,
        Command::Refusals(list) => print_refusal_days(&context, &filter, list.format).await,
    }
}

async fn print_entries(context: &Context, filter: &AuditFilter, format: Format) -> Result<()> {
    let entries = audit::list(context, filter).await?;
    let lines: Vec<AuditLine> = entries.into_iter().map(AuditLine::from).collect();
    let header = [
        "TIME", "EVENT", "USERNAME", "DOMAIN", "BY", "COUNT", "REMARK",
    ];
    format.print_lines(&lines, header, |line| {
        [
            output::time(line.at),
            line.event.clone(),
            output::or_dash(line.username.as_deref()),
            output::or_dash(line.domain.as_deref()),
            origin(line),
            line.count.to_string(),
            remark(line),
        ]
    })?;
    let any = AuditFilter {
        limit: 1,
        ..filter.clone()
    };
    if !audit::list_refusal_days(context, &any).await?.is_empty() {
        let note = "entries of refused logins were deleted because there were more than audit.rows; \
            `audit refusals` lists their daily counts";
        output::print_message("note", note);
    }
    Ok(())
}

async fn print_refusal_days(context: &Context, filter: &AuditFilter, format: Format) -> Result<()> {
    let days = audit::list_refusal_days(context, filter).await?;
    let rows: Vec<DayRow> = days.into_iter().map(DayRow::from).collect();
    let header = ["DAY", "EVENT", "CAUSE", "USERNAME", "DOMAIN", "COUNT"];
    Ok(format.print_lines(&rows, header, |row| {
        [
            row.day.to_string(),
            row.event.clone(),
            row.cause.clone(),
            output::or_dash(row.username.as_deref()),
            output::or_dash(row.domain.as_deref()),
            row.count.to_string(),
        ]
    })?)
}
