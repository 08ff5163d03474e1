//! A PostgreSQL server of one test, which can have standbys, be promoted, stopped, killed and frozen.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio_postgres::Client;

use super::{connect, require_programs, start, unprivileged, url_of, with_database};

/// A condition that does not hold after this time fails the test.
const DEADLINE: Duration = Duration::from_secs(60);

const CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// The settings of a server: a standby looks for its primary often, and subscriptions are possible.
const SETTINGS: &str = "-c wal_retrieve_retry_interval=100ms -c wal_level=logical";

/// Archives the write-ahead log, as a backup system does.
const ARCHIVE: &str = r#"mkdir archive && exec "$1/pg_receivewal" --directory=archive --host="$PWD" --username=postgres"#;

/// A server with its own directory. It ends when this value is dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    programs: PathBuf,
    directory: PathBuf,
    /// Its standard input keeps the server running.
    keeper: Child,
}

impl Cluster {
    /// Starts a primary; `None` if the test is skipped.
    pub(crate) fn primary() -> Option<Self> {
        Some(Self::start(require_programs()?, ""))
    }

    /// Starts a standby of this server, asynchronous until [`Cluster::configure`] changes it.
    ///
    /// `name` is its `application_name`, which `synchronous_standby_names` refers to.
    pub(crate) fn standby(&self, name: &str) -> Self {
        let host = self.directory.display();
        let primary = format!("host={host} user=postgres application_name='{name}'");
        Self::start(self.programs.clone(), &primary)
    }

    fn start(programs: PathBuf, primary: &str) -> Self {
        let (keeper, directory) = start(&programs, primary, SETTINGS);
        Self {
            programs,
            directory,
            keeper,
        }
    }

    /// Returns the directory of the Unix socket, whose port is 5432.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        with_database(&url_of(&self.directory), database)
    }

    /// Connects to the database `postgres` as the superuser.
    pub(crate) async fn client(&self) -> Client {
        connect(&self.url("postgres")).await
    }

    /// Changes a setting, for example `synchronous_standby_names = 'one'`, and waits until it is in effect.
    pub(crate) async fn configure(&self, setting: &str) {
        let client = self.client().await;
        let loaded = "SELECT pg_conf_load_time()::text";
        let before: String = client.query_one(loaded, &[]).await.expect("a row").get(0);
        let change = format!("ALTER SYSTEM SET {setting}");
        client.batch_execute(&change).await.expect("a setting");
        let reload = "SELECT pg_reload_conf()";
        client.batch_execute(reload).await.expect("a reload");
        let is_loaded = format!("SELECT pg_conf_load_time()::text <> '{before}'");
        self.wait_until(&is_loaded).await;
    }

    /// Waits until a query returns `true`.
    pub(crate) async fn wait_until(&self, condition: &str) {
        let client = self.client().await;
        let since = Instant::now();
        while !client
            .query_one(condition, &[])
            .await
            .is_ok_and(|row| row.get::<_, Option<bool>>(0) == Some(true))
        {
            assert!(since.elapsed() < DEADLINE, "never true: {condition}");
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }

    /// Waits until a standby streams from this server in a mode: `async`, `sync` or `quorum`.
    pub(crate) async fn wait_for_standby(&self, name: &str, mode: &str) {
        self.wait_until(&format!(
            "SELECT count(*) > 0 FROM pg_stat_replication
            WHERE application_name = '{name}' AND state = 'streaming' AND sync_state = '{mode}'"
        ))
        .await;
    }

    /// Starts `pg_receivewal`, which streams as a standby does, but replays nothing.
    pub(crate) fn archiver(&self) -> Archiver {
        let mut command = unprivileged("sh");
        command.current_dir(&self.directory);
        command.args(["-c", ARCHIVE, "sh"]).arg(&self.programs);
        let command = command.stdin(Stdio::null()).stderr(Stdio::null());
        Archiver(command.spawn().expect("a process"))
    }

    /// Makes a primary of a standby, and waits until it accepts writes.
    pub(crate) fn promote(&self) {
        self.control(&["promote", "--wait"]);
    }

    /// Stops the server: `smart`, `fast` or `immediate`, which is a crash.
    pub(crate) fn stop(&self, mode: &str) {
        self.control(&["stop", "--wait", "--mode", mode]);
    }

    /// Starts a server that was stopped or killed, with the same settings.
    pub(crate) fn restart(&self) {
        self.control(&["restart", "--wait", "--log", "log"]);
    }

    fn control(&self, arguments: &[&str]) {
        let program = self.programs.join("pg_ctl");
        let mut command = unprivileged(&program.display().to_string());
        // A restart uses the options of the start, of which the directory is relative.
        command.current_dir(&self.directory).arg("--pgdata=data");
        // The server inherits the streams, and a test that reads them would wait for it.
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        let command = command.stderr(Stdio::null());
        let status = command.args(arguments).status().expect("pg_ctl runs");
        assert!(status.success(), "pg_ctl {arguments:?}: {status}");
    }

    /// Kills every process of the server, as a loss of power does.
    pub(crate) fn kill(&self) {
        let processes = self.signal(Signal::KILL);
        let since = Instant::now();
        while processes.iter().any(|process| is_running(*process)) {
            assert!(since.elapsed() < DEADLINE, "{processes:?} still run");
            std::thread::sleep(CHECK_INTERVAL);
        }
        // A process that no parent has reaped would look like a running server.
        for file in ["data/postmaster.pid", ".s.PGSQL.5432.lock"] {
            let _ = std::fs::remove_file(self.directory.join(file));
        }
    }

    /// Stops every process of the server until [`Cluster::resume`]; connections remain open.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Continues the processes of a frozen server.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Sends a signal to the postmaster, then to its children; returns them.
    fn signal(&self, signal: Signal) -> Vec<Pid> {
        let Some(postmaster) = self.postmaster() else {
            return Vec::new();
        };
        // First stopped, so that it starts no other process meanwhile.
        let _ = kill_process(postmaster, Signal::STOP);
        let children = children(postmaster);
        let processes: Vec<Pid> = std::iter::once(postmaster).chain(children).collect();
        for process in &processes {
            let _ = kill_process(*process, signal);
        }
        processes
    }

    fn postmaster(&self) -> Option<Pid> {
        let file = std::fs::read_to_string(self.directory.join("data/postmaster.pid")).ok()?;
        Pid::from_raw(file.lines().next()?.trim().parse().ok()?)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.resume();
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A running `pg_receivewal`, which ends when this value is dropped.
#[derive(Debug)]
pub(crate) struct Archiver(Child);

impl Drop for Archiver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn children(parent: Pid) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten();
    let processes = processes.filter_map(|entry| {
        let process = entry.ok()?.file_name().to_str()?.parse().ok()?;
        Pid::from_raw(process)
    });
    let is_child = |process: &Pid| {
        let parent_of = stat(*process).and_then(|stat| stat.get(1)?.parse().ok());
        parent_of == Some(parent.as_raw_nonzero().get())
    };
    processes.filter(is_child).collect()
}

fn is_running(process: Pid) -> bool {
    stat(process).is_some_and(|stat| stat.first().is_some_and(|state| state != "Z"))
}

/// Returns the fields of `/proc/PID/stat` after the name: state, parent and others.
fn stat(process: Pid) -> Option<Vec<String>> {
    let path = format!("/proc/{}/stat", process.as_raw_nonzero());
    let stat = std::fs::read_to_string(path).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}
