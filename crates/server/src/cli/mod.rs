//! The command line: `serve`, which is also what no command means, and the commands that manage the database.
//!
//! Those work on the database itself, through the same rules as the server, also while one runs. What they say goes to
//! standard output, one line for each change; errors go to standard error in one line. The exit code is 0 when all went
//! well, 1 when it did not, and 2 when the command line cannot be understood.

mod audit;
mod backup;
mod check;
mod openapi;
mod output;
mod role;
mod serve;
mod session;
mod tenant;
mod throttle;
mod user;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use clap::{Args, Parser, Subcommand};

use crate::app::{ManageError, Rule};
use crate::audit::Audit;
use crate::config::{Key, Place, Settings, Sources};
use crate::context::{Context, OsRandom, SystemClock};
use crate::password::{Hasher, cores};
use crate::store::model::{Domain, Scope, UserKey};
use crate::store::{self, Conflict, Missing, Observer};
use crate::throttle::Throttle;

/// The login server of a multi-tenant PBX.
///
/// Without a command it serves. The other commands manage tenants, users, roles and sessions in the database itself, also
/// while a server runs.
#[derive(Debug, Parser)]
#[command(
    name = "pbx-login-server",
    version,
    after_help = "\
Examples:
  pbx-login-server
  pbx-login-server --database sqlite:/var/lib/pbx-login.db serve --session-lifetime 2h
  pbx-login-server tenant create pbx.example.com
  pbx-login-server user create alice --domain pbx.example.com

Settings also come from the environment (--session-lifetime is PBX_LOGIN_SESSION_LIFETIME) and from a file
in TOML (session.lifetime = \"2h\"); flags come first, then the environment, then the file.
PBX_LOGIN_ADMIN_PASSWORD, or admin_password in the file, is the first administrator's password."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(flatten, next_help_heading = "Options of serve")]
    serve: ServeFlags,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command takes, before or after its name.
#[derive(Debug, Args)]
struct Global {
    /// The database [default: sqlite:pbx-login.db]
    #[arg(long, value_name = "URL", global = true)]
    database: Option<String>,
    /// A file with settings, in TOML
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

/// The settings of a server that have a flag.
#[derive(Debug, Default, Args)]
struct ServeFlags {
    /// Address to listen on [default: 127.0.0.1:8887]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Address of health checks and metrics, or off [default: 127.0.0.1:8888]
    #[arg(long, value_name = "ADDRESS")]
    ops_listen: Option<String>,
    /// How long a session lives, such as 90s, 30m or 2h [default: 30m]
    #[arg(long, value_name = "DURATION")]
    session_lifetime: Option<String>,
    /// How long use can make a session live; longer than its lifetime lets it slide [default: as its lifetime]
    #[arg(long, value_name = "DURATION")]
    session_max_lifetime: Option<String>,
    /// How many live sessions a user may have; with one more the oldest ends [default: 100]
    #[arg(long, value_name = "NUMBER")]
    session_per_user: Option<String>,
    /// How many sessions are kept in memory, so that looking them up reads no disk [default: 8000000]
    #[arg(long, value_name = "NUMBER")]
    cache_sessions: Option<String>,
    /// How many passwords may wait to be hashed; logins past that are turned away [default: 1000]
    #[arg(long, value_name = "NUMBER", hide_short_help = true)]
    login_queue: Option<String>,
    /// How long a login may have to wait; one that would wait longer is turned away [default: 2s]
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    login_max_wait: Option<String>,
    /// Memory that a password's hash takes, in KiB [default: 19456]
    #[arg(long, value_name = "NUMBER", hide_short_help = true)]
    password_memory: Option<String>,
    /// Passes over that memory [default: 2]
    #[arg(long, value_name = "NUMBER", hide_short_help = true)]
    password_passes: Option<String>,
    /// Whether failed logins are counted, and guessers held back [default: true]
    #[arg(long, value_name = "TRUTH", hide_short_help = true)]
    throttle_enabled: Option<String>,
    /// Failures in a row that are free, for an account from one address [default: 5]
    #[arg(long, value_name = "NUMBER", hide_short_help = true)]
    throttle_free_failures: Option<String>,
    /// The wait after these, which doubles with each failure [default: 1s]
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    throttle_first_wait: Option<String>,
    /// The longest such wait [default: 15m]
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    throttle_longest_wait: Option<String>,
    /// Failures that one address may have within its window, over all accounts [default: 50]
    #[arg(long, value_name = "NUMBER", hide_short_help = true)]
    throttle_address_failures: Option<String>,
    /// The window of an address [default: 15m]
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    throttle_address_window: Option<String>,
    /// Failures that one account may have within its window, from all addresses that are new to it [default: 100]
    #[arg(long, value_name = "NUMBER", hide_short_help = true)]
    throttle_account_failures: Option<String>,
    /// The window of an account [default: 1h]
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    throttle_account_window: Option<String>,
    /// How long is told what happened [default: 90d]
    #[arg(long, value_name = "DURATION")]
    audit_retention: Option<String>,
    /// How many rows that takes at most, of refused logins and of the rest each [default: 1000000]
    #[arg(long, value_name = "NUMBER", hide_short_help = true)]
    audit_rows: Option<String>,
    /// What is logged: info, warn or error [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// How it is logged: auto (text on a terminal, else JSON), text or json [default: auto]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Speak TLS with this certificate: a chain in PEM, read again on SIGHUP
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<String>,
    /// The certificate's private key, in PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// TLS ends in a proxy in front: any address may be listened on, and cookies are Secure
    #[arg(long, value_name = "TRUTH", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    tls_terminated: Option<String>,
    /// Proxies whose Forwarded or X-Forwarded-For tells the client's address, with commas between them [default: none]
    #[arg(long, value_name = "NETWORKS")]
    trusted_proxies: Option<String>,
}

impl ServeFlags {
    fn settings(self) -> Vec<(Key, String)> {
        let Self {
            listen,
            ops_listen,
            session_lifetime,
            session_max_lifetime,
            session_per_user,
            cache_sessions,
            login_queue,
            login_max_wait,
            password_memory,
            password_passes,
            throttle_enabled,
            throttle_free_failures,
            throttle_first_wait,
            throttle_longest_wait,
            throttle_address_failures,
            throttle_address_window,
            throttle_account_failures,
            throttle_account_window,
            audit_retention,
            audit_rows,
            log_level,
            log_format,
            tls_certificate,
            tls_key,
            tls_terminated,
            trusted_proxies,
        } = self;
        let flags = [
            (Key::Listen, listen),
            (Key::OpsListen, ops_listen),
            (Key::SessionLifetime, session_lifetime),
            (Key::SessionMaxLifetime, session_max_lifetime),
            (Key::SessionPerUser, session_per_user),
            (Key::CacheSessions, cache_sessions),
            (Key::LoginQueue, login_queue),
            (Key::LoginMaxWait, login_max_wait),
            (Key::PasswordMemory, password_memory),
            (Key::PasswordPasses, password_passes),
            (Key::ThrottleEnabled, throttle_enabled),
            (Key::ThrottleFreeFailures, throttle_free_failures),
            (Key::ThrottleFirstWait, throttle_first_wait),
            (Key::ThrottleLongestWait, throttle_longest_wait),
            (Key::ThrottleAddressFailures, throttle_address_failures),
            (Key::ThrottleAddressWindow, throttle_address_window),
            (Key::ThrottleAccountFailures, throttle_account_failures),
            (Key::ThrottleAccountWindow, throttle_account_window),
            (Key::AuditRetention, audit_retention),
            (Key::AuditRows, audit_rows),
            (Key::LogLevel, log_level),
            (Key::LogFormat, log_format),
            (Key::TlsCertificate, tls_certificate),
            (Key::TlsKey, tls_key),
            (Key::TlsTerminated, tls_terminated),
            (Key::TrustedProxies, trusted_proxies),
        ];
        let given = flags.into_iter();
        given.filter_map(|(key, text)| Some((key, text?))).collect()
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API until told to stop
    #[command(after_help = "\
Examples:
  pbx-login-server serve
  pbx-login-server serve --listen 127.0.0.1:9000 --session-lifetime 2h
  pbx-login-server serve --listen 0.0.0.0:8887 --tls-terminated")]
    Serve(Box<ServeFlags>),
    #[command(flatten)]
    Manage(Manage),
    /// Copy the database to a file, also while a server runs on it
    #[command(after_help = backup::EXAMPLES)]
    Backup(backup::Arguments),
    /// Check whether the database is sound
    #[command(after_help = check::EXAMPLES)]
    Check(check::Arguments),
    /// Print the contract that this program was built from
    #[command(after_help = openapi::EXAMPLES)]
    Openapi(openapi::Arguments),
}

/// The commands that work on the database.
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
    /// Show who fails to log in and is held back, and forget failures
    #[command(subcommand, after_help = throttle::EXAMPLES)]
    Throttle(throttle::Command),
    /// Tell what happened: logins, refusals, logouts and changes
    #[command(subcommand, after_help = audit::EXAMPLES)]
    Audit(audit::Command),
}

/// The command line cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

/// Runs the program, and says with which code it ends.
#[must_use]
pub fn main() -> ExitCode {
    let Err(error) = run(Cli::parse()) else {
        return ExitCode::SUCCESS;
    };
    let pipe = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<io::Error>());
    if pipe.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        // Whoever read the output has read enough.
        return ExitCode::SUCCESS;
    }
    output::tell("error", &format!("{error:#}"));
    match error.is::<UsageError>() {
        true => ExitCode::from(2),
        false => ExitCode::FAILURE,
    }
}

fn run(cli: Cli) -> Result<()> {
    let before = cli.serve.settings();
    match cli.command.unwrap_or(Command::Serve(Box::default())) {
        Command::Serve(after) => {
            // Of two values for one setting the first counts: the one that stands nearer.
            let flags = after.settings().into_iter().chain(before);
            let settings = settings(cli.global, flags)?;
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()?;
            runtime.block_on(serve::run(settings))
        }
        Command::Manage(command) => {
            only_for_serve(&before)?;
            let settings = settings(cli.global, [])?;
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            runtime.block_on(manage(command, &settings))
        }
        Command::Backup(arguments) => {
            only_for_serve(&before)?;
            backup::run(&arguments, &settings(cli.global, [])?)
        }
        Command::Check(arguments) => {
            only_for_serve(&before)?;
            check::run(&arguments, &settings(cli.global, [])?)
        }
        Command::Openapi(arguments) => {
            only_for_serve(&before)?;
            openapi::run(&arguments)
        }
    }
}

fn only_for_serve(flags: &[(Key, String)]) -> Result<(), UsageError> {
    match flags.first() {
        Some((key, _)) => Err(UsageError(format!(
            "{} is for serve; leave it out",
            key.flag()
        ))),
        None => Ok(()),
    }
}

fn settings(global: Global, flags: impl IntoIterator<Item = (Key, String)>) -> Result<Settings> {
    let database = global.database.map(|url| (Key::Database, url));
    let sources = Sources {
        config: global.config,
        flags: database.into_iter().chain(flags).collect(),
        environment: std::env::vars_os().collect(),
    };
    let settings = Settings::load(&sources).map_err(|error| match error.place {
        Place::Flag(_) => anyhow::Error::new(UsageError(error.to_string())),
        Place::Variable(_) | Place::Key(..) | Place::File(_) => anyhow::Error::new(error),
    })?;
    for warning in &settings.warnings {
        output::tell("warning", warning);
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
        Ok(error) => explain(&error),
        Err(error) => error,
    })
}

/// The database of a command, which opens it when it has understood its arguments: what is mistyped leaves no file
/// behind.
struct Database<'a>(&'a Settings);

impl Database<'_> {
    /// For what needs something that is there.
    async fn open(&self) -> Result<Context> {
        self.context(Missing::Fail).await
    }

    /// For what may come before the first start of the server.
    async fn open_or_create(&self) -> Result<Context> {
        self.context(Missing::Create).await
    }

    async fn context(&self, missing: Missing) -> Result<Context> {
        let Self(settings) = self;
        let observer = Observer::default();
        Ok(Context {
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            metrics: Arc::clone(&observer.metrics),
            store: store::open(&settings.database, missing, observer).await?,
            hasher: Hasher::new(self.0.password, cores())?,
            audit: Audit::new(settings.audit_retention, settings.audit_rows),
            throttle: settings.throttle.map(Throttle::new),
            session_lifetime: settings.session_lifetime,
            session_max_lifetime: settings.session_max_lifetime,
            sessions_per_user: settings.sessions_per_user,
            secure_cookie: settings.is_encrypted(),
            trusted_proxies: settings.trusted_proxies.clone(),
        })
    }
}

/// Adds what to do next.
fn explain(error: &ManageError) -> anyhow::Error {
    let next = match error {
        ManageError::Rule(rule) => match rule {
            Rule::ReservedName(_) => "choose another name, or the role SystemAdmin".to_owned(),
            Rule::SystemRoleInTenant(..) => {
                "choose a role of the tenant, or leave --domain out".to_owned()
            }
            Rule::TenantRoleInSystem(_) => {
                "name the tenant with --domain, or choose SystemAdmin, Replicator or Dealer"
                    .to_owned()
            }
        },
        ManageError::Conflict(conflict) => match conflict {
            Conflict::NoSuchTenant(_) => "list them with `tenant list`".to_owned(),
            Conflict::NoSuchUser(UserKey {
                scope: Scope::System,
                ..
            }) => "list all with `user list`; --domain names the tenant of a user".to_owned(),
            Conflict::NoSuchUser(UserKey {
                scope: Scope::Tenant(domain),
                ..
            }) => format!("list them with `user list --domain {domain}`"),
            Conflict::NoSuchRole(_, domain) => {
                format!("list them with `role list --domain {domain}`")
            }
            Conflict::NoSuchSession(_) => {
                "no session was ended; list them with `session list`".to_owned()
            }
            Conflict::TenantExists(_) | Conflict::UserExists(_) | Conflict::RoleExists(..) => {
                "choose another name".to_owned()
            }
            Conflict::RoleHeld(..) => "give them another role with `user set-role`".to_owned(),
            Conflict::LastSystemAdmin(_) => "create or enable another one first".to_owned(),
        },
        ManageError::Internal(_) => "look at the database and try again".to_owned(),
    };
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    anyhow!("{}; {next}", causes.join(": "))
}

/// The scope that `--domain` names, or the system's.
fn scope(domain: Option<&str>) -> Result<Scope> {
    Ok(match domain {
        Some(domain) => Scope::Tenant(domain.parse()?),
        None => Scope::System,
    })
}

/// The tenant that `--domain` names, if it is given.
fn tenant_of(domain: Option<&str>) -> Result<Option<Domain>> {
    Ok(domain.map(str::parse).transpose()?)
}
