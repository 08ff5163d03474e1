//! The PostgreSQL server of the measurements: one that is already running, or a new one.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use tokio_postgres::{Client, NoTls};

use crate::affinity::Separation;
use crate::processor;

/// Starts a server in a new directory, and prints the id of its main process and the directory.
///
/// It ends with the benchmark, whose end closes the pipe. `fsync` and `synchronous_commit` have their defaults, because
/// each login waits for the disk. `shared_buffers` contains a million sessions with their indexes.
const SERVER: &str = r#"
set -e
directory=$(mktemp -d "${TMPDIR:-/tmp}/pbx-login-bench.XXXXXX")
cd "$directory"
finish() {
    "$1/pg_ctl" stop --pgdata=data --mode=immediate --silent >&2 || true
    cd / && rm -rf "$directory"
}
trap 'finish "$1"' EXIT
trap '' INT HUP TERM
"$1/initdb" --pgdata=data --username=postgres --auth=trust --encoding=UTF8 --no-locale >log 2>&1 || { cat log >&2; exit 1; }
"$1/pg_ctl" start --pgdata=data --wait --silent --log=log \
    --options="-k $directory -c listen_addresses= -c shared_buffers=512MB -c max_wal_size=4GB" </dev/null >&2 || { cat log >&2; exit 1; }
echo "$(head -n 1 data/postmaster.pid) $directory"
cat >/dev/null
"#;

/// A server with databases of the benchmark.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// The URL of a database; its user may create others.
    url: String,
    /// `None` if the benchmark did not start the server.
    process: Option<ClusterProcess>,
}

/// A server that ends when dropped.
#[derive(Debug)]
struct ClusterProcess {
    shell: Child,
    main_process: u32,
}

impl Drop for ClusterProcess {
    fn drop(&mut self) {
        // The end of its input ends the shell.
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

impl Cluster {
    pub(crate) fn at(url: String) -> Self {
        Self { url, process: None }
    }

    /// Starts a server with the programs in a directory.
    pub(crate) fn start(programs: &Path) -> Result<Self> {
        let mut command = unprivileged("sh")?;
        command.args(["-c", SERVER, "sh"]).arg(programs);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = command.spawn().context("cannot start PostgreSQL")?;
        let mut line = String::new();
        if let Some(output) = shell.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let started = line.trim().split_once(' ');
        let (main_process, directory) = started.context("PostgreSQL does not start")?;
        let process = ClusterProcess {
            shell,
            main_process: main_process.parse()?,
        };
        Ok(Self {
            url: format!(
                "postgres://postgres@{}/postgres",
                directory.replace('/', "%2F")
            ),
            process: Some(process),
        })
    }

    /// Creates a database; returns its URL.
    pub(crate) async fn create_database(&self, name: &str) -> Result<String> {
        let sql = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
        connect(&self.url).await?.batch_execute(&sql).await?;
        Ok(with_database(&self.url, name))
    }

    pub(crate) async fn drop_database(&self, name: &str) -> Result<()> {
        let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        connect(&self.url).await?.batch_execute(&sql).await?;
        Ok(())
    }

    /// Returns the processor time of all processes of the server since its start, in nanoseconds.
    ///
    /// `None` if the benchmark did not start the server, which may then be on another machine.
    pub(crate) fn processor_time(&self) -> Result<Option<f64>> {
        match &self.process {
            Some(process) => {
                processor::processor_time_with_children(process.main_process).map(Some)
            }
            None => Ok(None),
        }
    }

    /// Returns whether the benchmark started the server, which is therefore on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.process.is_some()
    }

    /// Gives the server a processor of its own; `None` if that is not possible.
    pub(crate) fn separate(&self) -> Result<Option<Separation>> {
        match &self.process {
            Some(process) => Separation::of(process.main_process),
            None => Ok(None),
        }
    }
}

pub(crate) async fn connect(url: &str) -> Result<Client> {
    let connecting = tokio_postgres::connect(url, NoTls).await;
    let (client, connection) = connecting.context("cannot connect to PostgreSQL")?;
    tokio::spawn(connection);
    Ok(client)
}

/// Finds the directory of `initdb`.
///
/// It is `POSTGRES_BIN`, one in `PATH`, or the newest that Debian has installed.
pub(crate) fn find_programs() -> Option<PathBuf> {
    if let Some(directory) = std::env::var_os("POSTGRES_BIN") {
        return Some(directory.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_unstable();
    let installed = versions.into_iter().rev().map(|(_, path)| path);
    let mut candidates = std::env::split_paths(&path).chain(installed);
    candidates.find(|directory| directory.join("initdb").exists())
}

/// PostgreSQL refuses to run as root.
fn unprivileged(program: &str) -> Result<Command> {
    let is_root = fs::metadata("/proc/self")?.uid() == 0;
    if !is_root {
        return Ok(Command::new(program));
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let has_postgres = users.lines().any(|line| line.starts_with("postgres:"));
    ensure!(
        has_postgres,
        "PostgreSQL cannot run as root, and there is no user `postgres`; run the benchmark as another user"
    );
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--clear-groups", program]);
    command.current_dir("/").env_remove("HOME");
    Ok(command)
}

/// Returns a URL with another database.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = match url.split_once('?') {
        Some((base, query)) => (base, format!("?{query}")),
        None => (url, String::new()),
    };
    let authority = base.find("//").map_or(0, |at| at + 2);
    let end = base[authority..].find('/').map(|at| authority + at);
    let server = &base[..end.unwrap_or(base.len())];
    format!("{server}/{name}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_with_another_database_keeps_server_and_parameters() {
        let other = |url| with_database(url, "bench");
        assert_eq!(
            other("postgres://u@h:1/postgres?sslmode=disable"),
            "postgres://u@h:1/bench?sslmode=disable"
        );
        assert_eq!(
            other("postgres://u@%2Ftmp%2Fa/x"),
            "postgres://u@%2Ftmp%2Fa/bench"
        );
        assert_eq!(other("postgres://h"), "postgres://h/bench");
    }
}
