//! Servers behind PgBouncer in transaction mode, with the settings of `docs/postgresql.md`.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use pbx_login_client::{Error, Session};
use tempfile::TempDir;
use tokio_postgres::SimpleQueryMessage;

use crate::document::blocks;
use crate::program::{PASSWORD, Server, folder, program, with_password};
use crate::testing::{TestDatabase, connect, unprivileged};

/// Runs PgBouncer until the test process ends, which closes the pipe.
const RUN: &str = r#"
"$1" "$2" 2>&1 </dev/null &
pid=$!
trap 'kill $pid; wait $pid' EXIT
trap '' INT HUP
cat >/dev/null
"#;

const SKIPPED: &str =
    "skipped: the test of PgBouncer, which is missing; install Debian's package pgbouncer\n";

struct PgBouncer {
    process: Child,
    directory: TempDir,
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Finds the program, which Debian installs in a directory that is in the `PATH` of root only.
fn find_program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let programs = directories.map(|directory| directory.join("pgbouncer"));
    let found = programs.into_iter().find(|program| program.exists());
    assert!(
        found.is_some() || std::env::var_os("REQUIRE_POSTGRES").is_none(),
        "PgBouncer is missing; install Debian's package pgbouncer"
    );
    found
}

/// Returns the host and the port of a URL, and what is before and after them.
fn split(url: &str) -> (String, &str, &str, &str) {
    let (before, rest) = url.split_once('@').expect("a user");
    let (host, after) = rest.split_once('/').expect("a database");
    let (host, port) = host.split_once(':').unwrap_or((host, "5432"));
    (host.replace("%2F", "/"), port, before, after)
}

impl PgBouncer {
    fn start(program: &Path, database: &TestDatabase) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        // Its user differs from that of the test if the test runs as root.
        let writable = fs::Permissions::from_mode(0o777);
        fs::set_permissions(directory.path(), writable).expect("permissions");
        let (host, port, _, name) = split(&database.url);
        let settings = blocks("### PgBouncer", "ini").concat();
        let path = directory.path().display();
        let lines = settings.lines().map(|line| match line.split_once(" = ") {
            Some(("pbx", _)) => format!("{name} = host={host} port={port}"),
            Some(("listen_addr", _)) => format!("unix_socket_dir = {path}"),
            Some(("auth_type", _)) => "auth_type = trust".to_owned(),
            Some(("auth_file", _)) => format!("auth_file = {path}/users"),
            _ => line.to_owned(),
        });
        let lines: Vec<String> = lines.collect();
        let file = directory.path().join("pgbouncer.ini");
        fs::write(&file, lines.join("\n")).expect("a file");
        fs::write(directory.path().join("users"), "\"postgres\" \"\"\n").expect("a file");
        let mut command = unprivileged("sh");
        command.args(["-c", RUN, "sh"]).arg(program).arg(&file);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("a process");
        let mut log = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let mut seen = Vec::new();
        loop {
            let line = log.next().and_then(Result::ok);
            let line = line.unwrap_or_else(|| panic!("PgBouncer does not start: {seen:#?}"));
            if line.contains("process up") {
                break;
            }
            seen.push(line);
        }
        // A full pipe would block it.
        std::thread::spawn(move || log.for_each(drop));
        Self { process, directory }
    }

    fn url(&self, database: &TestDatabase) -> String {
        let (_, _, before, after) = split(&database.url);
        let socket = self.directory.path().display().to_string();
        let socket = socket.replace('/', "%2F");
        format!("{before}@{socket}:6432/{after}")
    }
}

/// Checks the settings that other clients of PgBouncer get with a connection.
async fn assert_default_settings(url: &str) {
    let mut clients = Vec::new();
    // Each transaction has another connection: together, they have all.
    for _ in 0..10 {
        let client = connect(url).await;
        client.batch_execute("BEGIN").await.expect("a transaction");
        let sql = "SELECT current_setting('lock_timeout') || current_setting('statement_timeout')";
        let read = client.simple_query(sql).await.expect("settings");
        let value = read.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        assert_eq!(value, Some("00"));
        clients.push(client);
    }
}

#[tokio::test]
async fn servers_behind_pgbouncer_share_sessions_and_end_them_within_a_second() {
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    let Some(pgbouncer) = find_program() else {
        // Not with `eprintln`, whose output is hidden if the test passes.
        let _ = std::io::stderr().write_all(SKIPPED.as_bytes());
        return;
    };
    let pgbouncer = PgBouncer::start(&pgbouncer, &database);
    let url = pgbouncer.url(&database);
    let folder = folder();
    let command = || {
        let mut command = program(folder.path());
        command.env("PBX_LOGIN_DATABASE", &url);
        command
    };
    let refused = command().arg("serve").output().expect("a process");
    let text = String::from_utf8(refused.stderr).expect("text");
    let text = text.replace(&url, "URL");
    insta::assert_snapshot!(text, @"error: URL is a pooler that gives each transaction another connection (PgBouncer: pool_mode = transaction); set postgres.prepare_statements to false");
    assert!(!refused.status.success());

    let start = || {
        Server::start_by(command(), |command| {
            command.env("PBX_LOGIN_POSTGRES_PREPARE_STATEMENTS", "false");
            with_password(command);
        })
    };
    let (one, other) = (start(), start());
    for _ in 0..5 {
        let session = one.login("admin", PASSWORD).await.expect("a session");
        let at_other = Session::resume(&other.url(), session.access_token().expose());
        let at_other = at_other.expect("a session");
        // The session is then in both caches.
        for session in [&session, &at_other, &session, &at_other] {
            assert_eq!(session.status().await.expect("live").role, "SystemAdmin");
        }
        session.log_out().await.expect("logged out");
        let ended = Instant::now();
        while at_other.status().await.is_ok() {
            assert!(ended.elapsed() < Duration::from_secs(1), "still accepted");
        }
        assert!(matches!(at_other.status().await, Err(Error::Expired)));
    }
    let commands = [
        ("migrate", "false"),
        ("tenant create a.example", "false"),
        ("check", "false"),
        // They need no settings of their sessions.
        ("migrate", "true"),
        ("check", "true"),
    ];
    for (line, prepares) in commands {
        let mut command = command();
        command.env("PBX_LOGIN_POSTGRES_PREPARE_STATEMENTS", prepares);
        let output = command.args(line.split(' ')).output().expect("a process");
        assert!(output.status.success(), "{line}: {output:?}");
    }
    assert_default_settings(&url).await;
}
