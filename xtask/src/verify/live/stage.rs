//! The stage that scenarios play on: a scratch database with people in it, and servers on it.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::report::Problem;
use crate::verify::server;

use super::process::Running;

/// The file of the scratch database.
const DATABASE: &str = "verify.db";

/// The domains of the tenants on the scratch database.
const DOMAIN: &str = "verify.example.com";
const OTHER_DOMAIN: &str = "other.example.com";

/// Someone who can log in.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) domain: Option<String>,
    pub(crate) role: String,
}

/// Who is there on the scratch database, and the servers on it.
pub(crate) struct World {
    /// The administrator that the server made at its first start.
    pub(crate) administrator: Account,
    /// A user of a tenant.
    pub(crate) user: Account,
    /// A user of the same name in another tenant, with another password and another role.
    pub(crate) namesake: Account,
    site: Site,
}

/// A folder with a database, and the server that uses it.
struct Site {
    binary: PathBuf,
    folder: TempDir,
}

/// A world with a server in it.
pub(crate) struct Stage {
    pub(crate) world: World,
    /// The server that the scenarios drive. Its settings are the defaults.
    pub(crate) server: Running,
}

impl Stage {
    /// Makes the database and starts the server.
    ///
    /// # Errors
    ///
    /// The outer error: there is no room for a scratch folder. The inner one: the server does not do its part.
    pub(crate) fn set(binary: &Path) -> Result<Result<Self, Problem>> {
        let site = Site {
            binary: binary.to_owned(),
            folder: tempfile::tempdir().context("cannot make a temporary folder")?,
        };
        let user = |domain: Option<&str>, role: &str| Account {
            username: if domain.is_some() { "alice" } else { "admin" }.to_owned(),
            password: scratch_password(),
            domain: domain.map(str::to_owned),
            role: role.to_owned(),
        };
        let world = World {
            administrator: user(None, "SystemAdmin"),
            user: user(Some(DOMAIN), "StandardUser"),
            namesake: user(Some(OTHER_DOMAIN), "QueueManager"),
            site,
        };
        Ok(world.populated().map(|server| Self { world, server }))
    }
}

impl World {
    /// The first server, once everybody is there.
    fn populated(&self) -> Result<Running, Problem> {
        let server = self.start(&[])?;
        for account in [&self.user, &self.namesake] {
            let domain = account.domain.as_deref().unwrap_or_default();
            self.run(&["tenant", "create", domain], "")?;
            let user = [
                "user",
                "create",
                &account.username,
                "--domain",
                domain,
                "--role",
                &account.role,
                "--password-stdin",
            ];
            self.run(&user, &account.password)?;
        }
        Ok(server)
    }

    /// A further server on the database, on a port of its own choice, with settings by their variables, such as
    /// `("PBX_LOGIN_SESSION_LIFETIME", "1s")`.
    ///
    /// # Errors
    ///
    /// It does not start; with what it wrote to stderr.
    pub(crate) fn start(&self, settings: &[(&str, &str)]) -> Result<Running, Problem> {
        let mut command = self.command();
        command
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--ops-listen",
                "127.0.0.1:0",
            ])
            .env("PBX_LOGIN_ADMIN_PASSWORD", &self.administrator.password)
            .envs(settings.iter().copied());
        Running::start(&mut command)
    }

    /// Runs a command of the server on the database, with `input` on its stdin.
    ///
    /// # Errors
    ///
    /// It cannot be run, or ends with another status than 0; with what it wrote to stderr.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Result<(), Problem> {
        let name = format!("`pbx-login-server {}`", arguments.join(" "));
        let run = || {
            let mut command = self.command();
            command
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut child = command.spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(input.as_bytes())?;
            }
            child.wait_with_output()
        };
        let output =
            run().map_err(|error| Problem::new(format!("{name} cannot be run: {error}")))?;
        if output.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(Problem::new(format!("{name} ended with {}", output.status))
            .detail("stderr", stderr.trim_end()))
    }

    /// The file of the database.
    pub(crate) fn database(&self) -> PathBuf {
        self.site.folder.path().join(DATABASE)
    }

    fn command(&self) -> Command {
        let mut command = server::command(&self.site.binary, self.site.folder.path());
        command
            .env("PBX_LOGIN_DATABASE", format!("sqlite:{DATABASE}"))
            .env("PBX_LOGIN_LOG_FORMAT", "json");
        command
    }
}

/// A password that nobody can guess, for a database that lives for seconds: two outputs of a SipHash whose keys the
/// standard library seeds from the operating system.
pub(super) fn scratch_password() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}
