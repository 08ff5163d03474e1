//! Servers and commands on one PostgreSQL database.

#[path = "postgres/document.rs"]
mod document;
#[path = "postgres/pgbouncer.rs"]
mod pgbouncer;
#[path = "common/program.rs"]
mod program;
#[path = "postgres/roles.rs"]
mod roles;
#[expect(dead_code, reason = "tests of the store use more of it")]
#[path = "../src/store/postgres/testing.rs"]
mod testing;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use pbx_login_client::{Error, Session};
use pbx_login_server::app::login::{Attempt, login};
use pbx_login_server::app::session::{self, SessionError};
use pbx_login_server::app::user::ensure_administrator;
use pbx_login_server::clock::{Clock, SystemClock};
use pbx_login_server::config::{Settings, Sources};
use pbx_login_server::context::Context;
use pbx_login_server::domain::audit::Caller;
use pbx_login_server::domain::password::{Password, Secret};
use pbx_login_server::password::Hasher;
use pbx_login_server::store::{self, IfMissing, Observer, OpenOptions};
use program::{PASSWORD, Server, folder, program, with_password};
use testing::TestDatabase;
use testing::cluster::Cluster;

fn run(database: &TestDatabase, arguments: &[&str]) -> (String, bool) {
    let folder = folder();
    let mut command = program(folder.path());
    let output = on(&mut command, database)
        .args(arguments)
        .output()
        .expect("a process");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("text");
    let text = text.replace(database.url.rsplit_once('/').expect("a name").1, "DATABASE");
    let server = database.url.rsplit_once('/').expect("a server").0;
    (
        text.replace(server, "postgres://SERVER"),
        output.status.success(),
    )
}

fn on<'c>(command: &'c mut Command, database: &TestDatabase) -> &'c mut Command {
    command.env("PBX_LOGIN_DATABASE", &database.url)
}

#[tokio::test]
async fn servers_share_sessions_and_end_them_within_a_second() {
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    let folder = folder();
    let start = || {
        Server::start(folder.path(), |command| {
            with_password(on(command, &database));
        })
    };
    let (one, other) = (start(), start());
    let session = one.login("admin", PASSWORD).await.expect("a session");
    let at_other = Session::resume(&other.url(), session.access_token().expose());
    let at_other = at_other.expect("a session");
    // After two checks at each server, the session is in both caches.
    for session in [&session, &at_other, &session, &at_other] {
        assert_eq!(session.status().await.expect("live").role, "SystemAdmin");
    }
    session.log_out().await.expect("logged out");
    let ended = Instant::now();
    while at_other.status().await.is_ok() {
        assert!(ended.elapsed() < Duration::from_secs(1), "still accepted");
    }
    assert!(matches!(at_other.status().await, Err(Error::Expired)));

    let session = other.login("admin", PASSWORD).await.expect("a session");
    let (text, succeeded) = run(&database, &["session", "revoke", "--all"]);
    assert!(succeeded, "{text}");
    let ended = Instant::now();
    while session.status().await.is_ok() {
        assert!(ended.elapsed() < Duration::from_secs(1), "still accepted");
    }
}

#[tokio::test]
async fn server_that_must_not_migrate_needs_a_migrated_database() {
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    let mut transcript = Vec::new();
    for line in [
        "serve --migrate never",
        "tenant create a.example --migrate never",
        "migrate",
        "migrate --format json",
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let (text, _) = run(&database, &arguments);
        transcript.push(format!("$ {line}\n{text}"));
    }
    insta::assert_snapshot!(transcript.concat(), @r#"
    $ serve --migrate never
    error: the database postgres://SERVER:5432/DATABASE has no tables of pbx-login-server, and `migrate` is `never`; run `pbx-login-server migrate` with a role that may create tables, or choose another with --database
    $ tenant create a.example --migrate never
    error: the database postgres://SERVER:5432/DATABASE has no tables of pbx-login-server, and `migrate` is `never`; run `pbx-login-server migrate` with a role that may create tables, or choose another with --database
    $ migrate
    migrated postgres://SERVER:5432/DATABASE from schema version 0 to 2
    $ migrate --format json
    {
      "database": "postgres://SERVER:5432/DATABASE",
      "from": 2,
      "to": 2
    }
    "#);
    let folder = folder();
    let server = Server::start(folder.path(), |command| {
        command.env("PBX_LOGIN_MIGRATE", "never");
        with_password(on(command, &database));
    });
    let session = server.login("admin", PASSWORD).await.expect("a session");
    assert_eq!(session.status().await.expect("live").role, "SystemAdmin");
}

#[tokio::test]
async fn commands_manage_and_check_a_postgres_database() {
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    let (missing, succeeded) = run(&database, &["tenant", "list"]);
    assert!(!succeeded);
    let mut transcript = vec![missing];
    for line in [
        "tenant create a.example",
        "role create Night --domain a.example",
        "tenant disable a.example",
        "check",
        "backup /tmp/x.dump",
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let (text, _) = run(&database, &arguments);
        transcript.push(format!("$ {line}\n{text}"));
    }
    insta::assert_snapshot!(transcript.concat(), @r#"
    error: the database postgres://SERVER:5432/DATABASE has no tables of pbx-login-server; start the server once to create them, or choose another with --database
    $ tenant create a.example
    created tenant a.example
    $ role create Night --domain a.example
    created role Night of a.example
    $ tenant disable a.example
    disabled tenant a.example and ended 0 sessions
    $ check
    there is no enabled system administrator; create or enable one
    error: postgres://SERVER:5432/DATABASE has 1 problem; restore a backup, or repair the database
    $ backup /tmp/x.dump
    error: PostgreSQL makes its own backups; run: pg_dump --format=custom --file=/tmp/x.dump 'postgres://SERVER:5432/DATABASE'
    "#);
}

/// The clock of a machine that is not synchronized.
#[derive(Debug)]
struct ShiftedClock(TimeDelta);

impl Clock for ShiftedClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.0
    }
}

/// Opens a database as a server does whose clock is ahead.
async fn open_with_clock(database: &TestDatabase, ahead: TimeDelta) -> Context {
    let variable = |name: &str, value: &str| (name.into(), value.into());
    let sources = Sources {
        environment: vec![
            variable("PBX_LOGIN_DATABASE", &database.url),
            variable("PBX_LOGIN_SESSION_LIFETIME", "2s"),
        ],
        ..Sources::default()
    };
    let settings = Settings::load(&sources).expect("settings");
    let options = OpenOptions {
        observer: Observer {
            clock: Arc::new(ShiftedClock(ahead)),
            ..Observer::default()
        },
        ..OpenOptions::new(IfMissing::Create)
    };
    let opened = store::open_cached(&settings.database, options, 100).await;
    let hasher = Hasher::for_this_machine();
    Context::new(
        &settings,
        opened.expect("a database"),
        hasher,
        Arc::default(),
    )
}

#[tokio::test]
async fn session_expires_at_the_same_time_on_servers_whose_clocks_differ() {
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    let behind = open_with_clock(&database, TimeDelta::seconds(-5)).await;
    let ahead = open_with_clock(&database, TimeDelta::seconds(5)).await;
    let password = Password::new(Secret::new(PASSWORD.to_owned())).expect("a password");
    ensure_administrator(&behind, Some(password))
        .await
        .expect("an administrator");
    let attempt = Attempt {
        username: "admin",
        password: PASSWORD,
        domain: None,
        previous: None,
        caller: Caller {
            address: [127, 0, 0, 1].into(),
            user_agent: None,
            request_id: "a test".to_owned(),
        },
    };
    let opened = login(&behind, attempt).await.expect("a session");
    // When each server first refused the session.
    let mut refused = [None, None];
    let since = Instant::now();
    while refused.contains(&None) {
        assert!(since.elapsed() < Duration::from_secs(60), "{refused:?}");
        for (number, context) in [&behind, &ahead].into_iter().enumerate() {
            let began = Instant::now();
            match session::authenticate(context, &opened.token, false).await {
                Ok(_) => assert!(
                    refused
                        .iter()
                        .flatten()
                        .all(|ended| began.duration_since(*ended) < Duration::from_secs(1)),
                    "the servers differ by more than a second"
                ),
                Err(SessionError::NoSession) => {
                    refused[number].get_or_insert(Instant::now());
                }
                Err(error) => panic!("{error}"),
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Runs `copy` in a folder, and returns its output and its exit code.
fn copy(folder: &Path, from: &str, to: &str) -> (String, Option<i32>) {
    let mut command = program(folder);
    let command = command.args(["copy", "--from", from, "--to", to]);
    let output = command.output().expect("a process");
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).expect("text"), output.status.code())
}

fn list_users(folder: &Path, database: &str) -> String {
    let mut command = program(folder);
    command.args(["user", "list", "--format", "json", "--database", database]);
    let output = command.output().expect("a process");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn sessions_stay_valid_after_a_copy_to_postgres_and_back() {
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    let folder = folder();
    let folder = folder.path();
    let original = Server::start(folder, |command| {
        with_password(command.args(["--database", "sqlite:source.db"]));
    });
    let session = original.login("admin", PASSWORD).await.expect("a session");
    let token = session.access_token().expose().to_owned();
    let expires_at = session.status().await.expect("live").expires_at;
    original.signal("TERM");
    original.end();
    let users = list_users(folder, "sqlite:source.db");

    let urls = ["sqlite:source.db", &database.url, "sqlite:back.db"];
    for copied in urls.windows(2) {
        let (text, code) = copy(folder, copied[0], copied[1]);
        assert_eq!(code, Some(0), "{text}");
        let server = Server::start(folder, |command| {
            command.args(["--database", copied[1]]);
        });
        let resumed = Session::resume(&server.url(), &token).expect("a session");
        let status = resumed.status().await.expect("live");
        assert_eq!(
            (&*status.role, status.expires_at),
            ("SystemAdmin", expires_at)
        );
        server.signal("TERM");
        server.end();
        // It created no first administrator.
        assert_eq!(list_users(folder, copied[1]), users);
    }
}

#[tokio::test]
async fn copy_of_a_database_that_changes_meanwhile_exits_with_3() {
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    let folder = folder();
    let folder = folder.path();
    let create_tenant = |domain| {
        let mut command = program(folder);
        let command = command.args(["tenant", "create", domain]);
        assert!(command.output().expect("a process").status.success());
    };
    create_tenant("a.example");
    let source = "sqlite:pbx-login.db";
    assert_eq!(copy(folder, source, &database.url).1, Some(0));
    let client = database.client().await;
    // The next copy waits in the middle, until this lock is released.
    let wait = "TRUNCATE tenants, audit CASCADE;
        CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            SET LOCAL lock_timeout = 0; PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END $$;
        CREATE TRIGGER wait BEFORE INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION wait();
        SELECT pg_advisory_lock(1)";
    client.batch_execute(wait).await.expect("locked");
    let mut copying = program(folder);
    copying.args(["copy", "--from", source, "--to", &database.url]);
    copying.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut copying = copying.spawn().expect("a process");
    let waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    while client.query(waiting, &[]).await.expect("rows").is_empty() {
        assert!(copying.try_wait().expect("a process").is_none());
    }
    create_tenant("b.example");
    let unlock = "SELECT pg_advisory_unlock(1)";
    client.batch_execute(unlock).await.expect("unlocked");
    let output = copying.wait_with_output().expect("a process");
    let warning = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(3), "{warning}");
    let (server, name) = database.url.rsplit_once('/').expect("a name");
    let warning = warning.replace(name, "DATABASE").replace(server, "SERVER");
    insta::assert_snapshot!(warning, @"warning: sqlite:pbx-login.db changed while it was copied (tenants, audit), and the changes are not in SERVER:5432/DATABASE; to copy them, stop all servers, delete the new database, and copy again");
    let tenants = client.query("SELECT FROM tenants", &[]).await;
    assert_eq!(tenants.expect("rows").len(), 1);
}

#[tokio::test]
async fn server_reports_an_asynchronous_standby_and_follows_it_when_it_is_promoted() {
    let Some(old) = Cluster::primary() else {
        return;
    };
    let new = old.standby("one");
    old.wait_until("SELECT count(replay_lsn) = 1 FROM pg_stat_replication")
        .await;
    let hosts = [&old, &new].map(|server| server.directory().display().to_string());
    let url = format!(
        "postgres:///postgres?user=postgres&host={}",
        hosts.join(",")
    );
    let folder = folder();
    let mut server = Server::start(folder.path(), |command| {
        with_password(command.env("PBX_LOGIN_DATABASE", url));
    });
    let has_user = "SELECT count(*) = 1 FROM users";
    new.wait_until(has_user).await;

    new.promote();
    let client = new.client().await;
    let promoted = Instant::now();
    loop {
        server.login("admin", PASSWORD).await.expect("a session");
        let sessions = "SELECT count(*) FROM sessions";
        let row = client.query_one(sessions, &[]).await.expect("a row");
        if row.get::<_, i64>(0) > 0 {
            break;
        }
        assert!(promoted.elapsed() < Duration::from_secs(60), "still used");
    }
    // The change is logged after it is detected.
    let is_change = |line: &serde_json::Value| {
        let message = line["msg"].as_str().unwrap_or_default();
        message.starts_with("another server is the primary now")
    };
    while let Some(line) = server.line()
        && !is_change(&line)
    {}
    server.signal("TERM");
    let (lines, _, _) = server.end();
    let log = lines.concat();
    for message in [
        "a failover can lose acknowledged logins and logouts",
        "another server is the primary now",
    ] {
        assert!(log.contains(message), "{log}");
    }
}

/// Waits until the readiness probe has a result, because a result is reused for a second.
async fn wait_for_readiness(server: &Server, status: u16, body: &str) {
    let (url, since) = (format!("http://{}/readyz", server.ops), Instant::now());
    loop {
        let response = reqwest::get(&url).await.expect("a response");
        let found = response.status().as_u16();
        let text = response.text().await.expect("text");
        if found == status && text == body {
            return;
        }
        let waited = since.elapsed();
        assert!(waited < Duration::from_secs(60), "still {found} {text}");
    }
}

#[tokio::test]
async fn readiness_probe_reports_why_postgres_cannot_be_used_until_it_can() {
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    let folder = folder();
    let server = Server::start(folder.path(), |command| {
        with_password(on(command, &database));
    });
    wait_for_readiness(&server, 200, "ready\n").await;

    let mut admin = database.client().await;
    let blocking = admin.transaction().await.expect("a transaction");
    let lock = "LOCK TABLE readiness";
    blocking.batch_execute(lock).await.expect("locked");
    let blocked = "not ready: the database failed: the database did not answer in time\n";
    wait_for_readiness(&server, 503, blocked).await;
    blocking.rollback().await.expect("unlocked");
    wait_for_readiness(&server, 200, "ready\n").await;

    let name = database.url.rsplit('/').next().expect("a name");
    let set_read_only = async |value: &str| {
        let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}");
        let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        for sql in [&*set, terminate] {
            admin.batch_execute(sql).await.expect("changed");
        }
    };
    set_read_only("on").await;
    let read_only = "not ready: the database failed: the database is a standby or read-only\n";
    wait_for_readiness(&server, 503, read_only).await;
    set_read_only("off").await;
    wait_for_readiness(&server, 200, "ready\n").await;
}
