//! Servers and commands on one PostgreSQL database.

#[path = "common/program.rs"]
mod program;
#[expect(dead_code, reason = "tests of the store use more of it")]
#[path = "../src/store/postgres/testing.rs"]
mod testing;

use std::process::Command;
use std::time::{Duration, Instant};

use pbx_login_client::{Error, Session};
use program::{PASSWORD, Server, folder, program, with_password};
use testing::TestDatabase;

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
        assert!(ended.elapsed() < Duration::from_secs(1), "still honoured");
    }
    assert!(matches!(at_other.status().await, Err(Error::Expired)));

    let session = other.login("admin", PASSWORD).await.expect("a session");
    let (text, succeeded) = run(&database, &["session", "revoke", "--all"]);
    assert!(succeeded, "{text}");
    let ended = Instant::now();
    while session.status().await.is_ok() {
        assert!(ended.elapsed() < Duration::from_secs(1), "still honoured");
    }
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
