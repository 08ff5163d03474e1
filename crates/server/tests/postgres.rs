//! Servers and commands on one PostgreSQL database.

#[path = "common/program.rs"]
mod program;
#[expect(dead_code, reason = "tests of the store use more of it")]
#[path = "../src/store/postgres/testing.rs"]
mod testing;

use std::process::Command;
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
    while refused.contains(&None) {
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
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
