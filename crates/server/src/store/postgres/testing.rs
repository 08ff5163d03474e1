//! A PostgreSQL server for tests, and a database for each test.
//!
//! `TEST_DATABASE_URL` names a server whose user may create databases. Without it, each test process starts a server of
//! its own with the programs of PostgreSQL, in the directory `POSTGRES_BIN` if it is set. If there are none, a test
//! reports that it is skipped; with `REQUIRE_POSTGRES=1` it fails instead.

// Explicit, because an integration test includes this file from another directory.
#[path = "testing/cluster.rs"]
pub(crate) mod cluster;

use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use tokio_postgres::{Client, NoTls};

/// Starts a server in a new directory, and prints the directory.
///
/// `$1` is the directory of the programs, `$2` the server of which it is a standby or empty, `$3` its settings.
///
/// The server ends with the test process, which closes the pipe. It runs without `fsync`, because nothing survives the
/// tests.
const SERVER: &str = r#"
set -e
directory=$(mktemp -d /tmp/pbx-login-postgres.XXXXXX)
cd "$directory"
finish() {
    [ ! -e data/postmaster.pid ] || "$1/pg_ctl" stop --pgdata=data --mode=immediate --silent >&2 || true
    cd / && rm -rf "$directory"
}
trap 'finish "$1"' EXIT
trap '' INT HUP TERM
if [ -n "$2" ]; then
    "$1/pg_basebackup" --pgdata=data --dbname="$2" --write-recovery-conf --checkpoint=fast --no-sync
else
    "$1/initdb" --pgdata=data --username=postgres --auth=trust --encoding=UTF8 --no-locale --no-sync
fi >log 2>&1 || { cat log >&2; exit 1; }
"$1/pg_ctl" start --pgdata=data --wait --silent --log=log --options="-k $directory -c listen_addresses= -c fsync=off \
    -c max_connections=300 -c shared_buffers=32MB -c autovacuum=off -c log_min_messages=fatal $3" </dev/null >&2 ||
    { cat log >&2; exit 1; }
echo "$directory"
cat >/dev/null
"#;

const SKIPPED: &str = "skipped: the tests of PostgreSQL, because its programs are missing; install Debian's package postgresql, \
    or set TEST_DATABASE_URL\n";

struct Server {
    url: String,
    /// Its standard input keeps the server running; `None` if the tests did not start it.
    process: Option<Mutex<Child>>,
}

/// A database that is dropped with this value.
#[derive(Debug)]
pub(crate) struct TestDatabase {
    /// The URL of the database.
    pub(crate) url: String,
    server: &'static str,
    name: String,
}

/// Returns the server of this process; `None` if tests are skipped.
fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(find_server).as_ref()
}

fn find_server() -> Option<Server> {
    if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
        return Some(Server { url, process: None });
    }
    let programs = require_programs()?;
    let (process, directory) = start(&programs, "", "");
    Some(Server {
        url: url_of(&directory),
        process: Some(Mutex::new(process)),
    })
}

/// Returns the directory of the programs; `None` if tests are skipped.
fn require_programs() -> Option<PathBuf> {
    match find_programs() {
        Some(programs) => Some(programs),
        None if std::env::var_os("REQUIRE_POSTGRES").is_some() => {
            panic!("the programs of PostgreSQL are missing; install Debian's package postgresql")
        }
        None => {
            // `eprintln` is not used, because its output is hidden if the test passes.
            let _ = std::io::stderr().write_all(SKIPPED.as_bytes());
            None
        }
    }
}

/// Finds the directory of `initdb`: `POSTGRES_BIN`, one in `PATH`, or the newest of Debian.
fn find_programs() -> Option<PathBuf> {
    if let Some(directory) = std::env::var_os("POSTGRES_BIN") {
        return Some(directory.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
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
    let candidates = std::env::split_paths(&path).chain(installed);
    // `PATH` may contain links to some of the programs.
    let directories = candidates.filter_map(|directory| {
        let initdb = directory.join("initdb").canonicalize().ok()?;
        initdb.parent().map(Path::to_owned)
    });
    let mut complete = directories.filter(|directory| directory.join("pg_basebackup").exists());
    complete.next()
}

/// Starts a server; returns the process that keeps it running, and its directory.
fn start(programs: &Path, primary: &str, settings: &str) -> (Child, PathBuf) {
    let mut command = unprivileged("sh");
    let command = command.args(["-c", SERVER, "sh"]).arg(programs);
    let command = command.args([primary, settings]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().expect("the server of the tests is started");
    let mut directory = String::new();
    let output = process.stdout.take().expect("a pipe");
    BufReader::new(output.take(4096))
        .read_line(&mut directory)
        .expect("the directory of the server");
    let directory = directory.trim();
    assert!(!directory.is_empty(), "PostgreSQL does not start");
    (process, directory.into())
}

/// Returns the URL of the server whose socket is in a directory.
fn url_of(directory: &Path) -> String {
    let host = directory.display().to_string().replace('/', "%2F");
    format!("postgres://postgres@{host}/postgres")
}

/// Returns a command for a program that refuses to run as root.
pub(crate) fn unprivileged(program: &str) -> Command {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        return Command::new(program);
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let has_postgres = users.lines().any(|line| line.starts_with("postgres:"));
    let user = if has_postgres { "postgres" } else { "daemon" };
    let mut command = Command::new("setpriv");
    command.args([
        format!("--reuid={user}"),
        "--clear-groups".to_owned(),
        program.to_owned(),
    ]);
    command.current_dir("/").env_remove("HOME");
    command
}

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("the server of the tests accepts connections");
    tokio::spawn(connection);
    client
}

/// Returns a URL with another database.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let base = base.rsplit_once('/').map_or(base, |(base, _)| base);
    match query {
        "" => format!("{base}/{name}"),
        _ => format!("{base}/{name}?{query}"),
    }
}

impl TestDatabase {
    /// Creates an empty database; `None` if the test is skipped.
    pub(crate) async fn empty() -> Option<Self> {
        Self::create("template0").await
    }

    /// Creates a copy of a database that `prepare` has filled once; `None` if the test is skipped.
    pub(crate) async fn copy_of_template(prepare: impl AsyncFnOnce(&str)) -> Option<Self> {
        static TEMPLATE: tokio::sync::OnceCell<TestDatabase> = tokio::sync::OnceCell::const_new();
        if server()?.process.is_none() {
            // A template would remain on a server that does not end with the tests.
            let database = Self::empty().await?;
            prepare(&database.url).await;
            return Some(database);
        }
        let template = TEMPLATE
            .get_or_init(|| async {
                let template = Self::empty().await.expect("there is a server");
                prepare(&template.url).await;
                template
            })
            .await;
        Self::create(&template.name).await
    }

    async fn create(template: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = server()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("pbx_login_test_{}_{number}", std::process::id());
        let sql = format!("CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8' LOCALE 'C'");
        connect(&server.url)
            .await
            .batch_execute(&sql)
            .await
            .expect("the user of the tests may create a database");
        Some(Self {
            url: with_database(&server.url, &name),
            server: &server.url,
            name,
        })
    }

    /// Connects to the database, as an administrator would.
    pub(crate) async fn client(&self) -> Client {
        connect(&self.url).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, sql) = (
            self.server,
            format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        );
        // Drops the database in another thread, because the runtime of the test cannot wait here.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                let _ = connect(server).await.batch_execute(&sql).await;
            });
        });
        let _ = dropping.join();
    }
}
