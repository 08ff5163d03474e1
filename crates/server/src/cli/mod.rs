//! The command line: `serve`, the default, and the commands that manage the database.
//!
//! These commands open the database directly, even while a server uses it, and apply the same rules. They print one
//! line for each change, and one line for an error to standard error. The exit code is 0 for success, 1 for a failure,
//! 2 for an invalid command line, and 3 for a copy of a database that changed meanwhile.

mod audit;
mod backup;
mod check;
mod copy;
mod file_access;
mod flags;
mod migrate;
mod openapi;
mod operator;
mod output;
mod ready;
mod role;
mod runtime;
mod serve;
mod session;
mod shell;
mod stream;
mod tenant;
mod throttle;
mod user;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tokio::runtime::Runtime;

use self::flags::Flags;
use crate::app::ManageError;
use crate::config::{Settings, Sources};
use crate::context::Context;
use crate::domain::conflict::Conflict;
use crate::domain::tenant::Domain;
use crate::domain::user::RuleViolation;
use crate::domain::user::{Scope, UserKey};
use crate::limits::{self, cores};
use crate::password::Hasher;
use crate::store::{self, AuditSink, IfMissing, Observer, OpenOptions};

/// The login server of a multi-tenant PBX.
///
/// Without a command, it runs `serve`. The other commands manage tenants, users, roles and sessions directly in the
/// database, even while a server uses it.
#[derive(Debug, Parser)]
#[command(
    name = "pbx-login-server",
    version,
    after_help = "\
Examples:
  pbx-login-server
  pbx-login-server --database sqlite:/var/lib/pbx-login.db serve --session-lifetime 2h
  pbx-login-server --database postgres://pbx@db.example.com/pbx
  pbx-login-server tenant create pbx.example.com
  pbx-login-server user create alice --domain pbx.example.com

A setting can be a flag (--session-lifetime 2h), an environment variable (PBX_LOGIN_SESSION_LIFETIME=2h) or a
line of a TOML file (session.lifetime = \"2h\"). Flags override the environment, which overrides the file.
PBX_LOGIN_ADMIN_PASSWORD_FILE names a file with the password of the first administrator."
)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API until SIGTERM or SIGINT
    #[command(after_help = "\
Examples:
  pbx-login-server serve
  pbx-login-server serve --listen 127.0.0.1:9000 --session-lifetime 2h
  pbx-login-server serve --listen 0.0.0.0:8887 --tls-terminated")]
    Serve,
    #[command(flatten)]
    Manage(Manage),
    /// Copy the database to a file, even while a server uses it
    #[command(after_help = backup::EXAMPLES)]
    Backup(backup::Arguments),
    /// Copy a database to a new one, between SQLite and PostgreSQL in either direction
    #[command(after_help = copy::EXAMPLES)]
    Copy(copy::Arguments),
    /// Create the database, or migrate its schema to this version
    #[command(after_help = migrate::EXAMPLES)]
    Migrate(migrate::Arguments),
    /// Check the integrity of the database, and list weak passwords and invalid names of roles
    #[command(after_help = check::EXAMPLES)]
    Check(check::Arguments),
    /// Check whether the server of this machine is ready, for health checks of containers
    #[command(after_help = ready::EXAMPLES)]
    Ready,
    /// Print the contract (OpenAPI document) that this program was built from
    #[command(after_help = openapi::EXAMPLES)]
    Openapi(openapi::Arguments),
}

#[derive(Debug, Subcommand)]
enum Manage {
    /// Manage tenants
    #[command(subcommand, after_help = tenant::EXAMPLES)]
    Tenant(tenant::Command),
    /// Manage users
    #[command(subcommand, after_help = user::EXAMPLES)]
    User(user::Command),
    /// Manage the custom roles of tenants
    #[command(subcommand, after_help = role::EXAMPLES)]
    Role(role::Command),
    /// List and end sessions
    #[command(subcommand, after_help = session::EXAMPLES)]
    Session(session::Command),
    /// List rate-limited accounts and networks, and clear their failures
    #[command(subcommand, after_help = throttle::EXAMPLES)]
    Throttle(throttle::Command),
    /// Show the audit log: logins, refused logins, logouts and changes
    #[command(subcommand, after_help = audit::EXAMPLES)]
    Audit(audit::Command),
}

/// An invalid command line; the exit code is 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

impl Cli {
    /// Parses the command line; ends the process if clap refuses it.
    fn parse_flags() -> Result<Self> {
        let mut program = flags::add_to_commands(Self::command());
        let mut matches = program.get_matches_mut();
        flags::reject_unused(&matches)?;
        let parsed = Self::from_arg_matches_mut(&mut matches);
        Ok(parsed.unwrap_or_else(|error| error.format(&mut program).exit()))
    }
}

/// Runs the program and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let Err(error) = Cli::parse_flags().and_then(run) else {
        return ExitCode::SUCCESS;
    };
    let pipe = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<io::Error>());
    if pipe.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        // The reader closed the pipe, as `head` does: not a failure.
        return ExitCode::SUCCESS;
    }
    let (kind, code) = if error.is::<UsageError>() {
        ("error", 2)
    } else if error.is::<copy::OutdatedCopy>() {
        ("warning", 3)
    } else {
        ("error", 1)
    };
    output::print_message(kind, &format!("{error:#}"));
    ExitCode::from(code)
}

fn run(Cli { flags, command }: Cli) -> Result<()> {
    limits::forbid_dumps();
    match command.unwrap_or(Command::Serve) {
        Command::Serve => {
            let settings = settings(flags)?;
            runtime::build()?.block_on(serve::run(settings))
        }
        Command::Manage(command) => {
            let settings = settings(flags)?;
            command_runtime()?.block_on(manage(command, &settings))
        }
        Command::Backup(arguments) => backup::run(&arguments, &settings(flags)?),
        Command::Copy(arguments) => {
            let settings = settings(flags)?;
            command_runtime()?.block_on(copy::run(&arguments, &settings))
        }
        Command::Migrate(arguments) => {
            let settings = settings(flags)?;
            command_runtime()?.block_on(migrate::run(&arguments, &settings))
        }
        Command::Check(arguments) => {
            let settings = settings(flags)?;
            command_runtime()?.block_on(check::run(&arguments, &settings))
        }
        Command::Ready => ready::run(&settings(flags)?),
        Command::Openapi(arguments) => openapi::run(&arguments),
    }
}

/// Builds a runtime for one command, which needs no threads.
fn command_runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

fn settings(flags: Flags) -> Result<Settings> {
    let sources = Sources {
        config: flags.config,
        flags: flags.settings,
        environment: std::env::vars_os().collect(),
    };
    let settings = Settings::load(&sources).map_err(|error| match error.is_usage_error() {
        true => anyhow::Error::new(UsageError(error.to_string())),
        false => anyhow::Error::new(error),
    })?;
    for warning in &settings.warnings {
        output::print_message("warning", warning);
    }
    Ok(settings)
}

async fn manage(command: Manage, settings: &Settings) -> Result<()> {
    let database = Database(settings);
    let result = match command {
        Manage::Tenant(command) => tenant::run(command, database).await,
        Manage::User(command) => user::run(command, database).await,
        Manage::Role(command) => role::run(command, database).await,
        Manage::Session(command) => session::run(command, database).await,
        Manage::Audit(command) => audit::run(command, database).await,
        Manage::Throttle(command) => throttle::run(command, database, settings).await,
    };
    result.map_err(|error| match error.downcast::<ManageError>() {
        Ok(error) => with_next_step(&error),
        Err(error) => error,
    })
}

/// Opened after the arguments are parsed, so that an invalid command line creates no file.
struct Database<'a>(&'a Settings);

impl Database<'_> {
    async fn open(&self) -> Result<Context> {
        self.context(IfMissing::Fail).await
    }

    async fn open_or_create(&self) -> Result<Context> {
        self.context(IfMissing::Create).await
    }

    async fn context(&self, missing: IfMissing) -> Result<Context> {
        let Self(settings) = self;
        let audit = stream::start_for_command(settings)?;
        let observer = Observer {
            audit: audit.map(|stream| stream as Arc<dyn AuditSink>),
            ..Observer::default()
        };
        let metrics = Arc::clone(&observer.metrics);
        let options = OpenOptions {
            missing: settings.if_missing(missing),
            postgres: settings.postgres_command_options(),
            observer,
        };
        let database = store::open(&settings.database, options).await?;
        let hasher = Hasher::new(settings.password_cost(), cores())?;
        Ok(Context::new(settings, database, hasher, metrics))
    }
}

/// Appends the next step to the message of an error.
fn with_next_step(error: &ManageError) -> anyhow::Error {
    let next = match error {
        ManageError::Rule(rule) => match rule {
            RuleViolation::ReservedName(_) => {
                "choose another name, or the role SystemAdmin".to_owned()
            }
            RuleViolation::SystemRoleInTenant(..) => {
                "choose a role of the tenant, or omit --domain".to_owned()
            }
            RuleViolation::TenantRoleInSystem(_) => {
                "specify the tenant with --domain, or choose SystemAdmin, Replicator or Dealer"
                    .to_owned()
            }
        },
        // The message states what to do.
        ManageError::WeakPassword(weak) => return anyhow!("{weak}"),
        ManageError::Conflict(conflict) => match conflict {
            Conflict::NoSuchTenant(_) => "list the tenants with `tenant list`".to_owned(),
            Conflict::NoSuchUser(UserKey {
                scope: Scope::System,
                ..
            }) => "list all users with `user list`; specify the tenant of a user with --domain"
                .to_owned(),
            Conflict::NoSuchUser(UserKey {
                scope: Scope::Tenant(domain),
                ..
            }) => format!("list the users with `user list --domain {domain}`"),
            Conflict::NoSuchRole(_, domain) => {
                format!("list the roles with `role list --domain {domain}`")
            }
            Conflict::NoSuchSession(_) => {
                "no session was ended; list the sessions with `session list`".to_owned()
            }
            Conflict::TenantExists(_) | Conflict::UserExists(_) | Conflict::RoleExists(..) => {
                "choose another name".to_owned()
            }
            Conflict::RoleInUse(..) => {
                "assign another role to these users with `user set-role`".to_owned()
            }
            Conflict::LastSystemAdmin(_) => "create or enable another one first".to_owned(),
        },
        ManageError::Internal(_) => "check the database with `check`, then try again".to_owned(),
    };
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    anyhow!("{}; {next}", causes.join(": "))
}

/// Returns the tenant that `--domain` names, or the system if it is omitted.
fn scope(domain: Option<&str>) -> Result<Scope> {
    Ok(match domain {
        Some(domain) => Scope::Tenant(domain.parse()?),
        None => Scope::System,
    })
}

fn tenant_domain(domain: Option<&str>) -> Result<Option<Domain>> {
    Ok(domain.map(str::parse).transpose()?)
}
