//! Tests of what only PostgreSQL has: several servers, migrations, connections.

mod changes;
mod clock;
mod connections;
mod faults;
mod metrics;
mod migrations;
mod pending;
mod pipeline;
mod plans;
mod processes;
mod standby;

use std::sync::Mutex;

use chrono::{DateTime, Utc};

use super::testing::{self, TestDatabase};
use super::*;
use crate::domain::audit::{AuditContext, Operator, Source};
use crate::domain::password::PasswordHash;
use crate::domain::public_id::PublicId;
use crate::domain::role::SystemRole;
use crate::domain::session::{NewSession, OpenOutcome};
use crate::domain::user::{Membership, NewUser, UserId};
use crate::random::OsRandom;
use crate::store::session::Sessions as _;
use crate::store::url::DatabaseUrl;
use crate::store::user::Users as _;
use crate::token::{Token, TokenHash};

/// Options under which nothing times out, even if many tests share two cores.
pub(in crate::store) const OPTIONS: PostgresOptions = PostgresOptions {
    operation_timeout: std::time::Duration::from_secs(60),
    retry_timeout: std::time::Duration::from_secs(60),
    connect_timeout: std::time::Duration::from_secs(60),
    statement_timeout: std::time::Duration::from_secs(60),
    lock_timeout: std::time::Duration::from_secs(60),
    poll_timeout: std::time::Duration::from_secs(60),
    probe_timeout: std::time::Duration::from_secs(60),
    ..PostgresOptions::DEFAULT
};

fn parse(url: &str) -> PostgresUrl {
    match url.parse().unwrap() {
        DatabaseUrl::Postgres(url) => *url,
        DatabaseUrl::Sqlite(path) => panic!("{}", path.display()),
    }
}

async fn open(database: &TestDatabase) -> Postgres {
    open_cached(database, None).await
}

async fn open_cached(database: &TestDatabase, cache: Option<Arc<SessionCache>>) -> Postgres {
    open_observed(database, OPTIONS, Observer::default(), cache).await
}

async fn open_observed(
    database: &TestDatabase,
    options: PostgresOptions,
    observer: Observer,
    cache: Option<Arc<SessionCache>>,
) -> Postgres {
    let url = parse(&database.url);
    let opened = Postgres::open_with(&url, IfMissing::Create, options, observer, cache);
    opened.await.unwrap()
}

/// Returns the value of a metric, with its labels in the name.
fn metric(observer: &Observer, name: &str) -> f64 {
    let text = observer.metrics.encode();
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no metric {name}"))
        .parse()
        .unwrap()
}

/// Waits until a metric has a value.
async fn wait_for_metric(observer: &Observer, name: &str, value: f64) {
    let waiting = async {
        while metric(observer, name) != value {
            tokio::task::yield_now().await;
        }
    };
    let timeout = std::time::Duration::from_secs(60);
    let waited = tokio::time::timeout(timeout, waiting).await;
    assert!(waited.is_ok(), "{name} is {}", metric(observer, name));
}

/// Returns a database with the current schema; `None` if the test is skipped.
pub(in crate::store) async fn migrated() -> Option<TestDatabase> {
    TestDatabase::copy_of_template(async |url| {
        let url = parse(url);
        let observer = Observer::default();
        drop(
            Postgres::open_with(&url, IfMissing::Create, OPTIONS, observer, None)
                .await
                .unwrap(),
        );
    })
    .await
}

/// The lines of a log, as JSON.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn log(&self) -> slog::Logger {
        let message = slog::PushFnValue(|record, ser| ser.emit(record.msg()));
        let json = slog_json::Json::new(self.clone()).add_key_value(slog::o!("msg" => message));
        slog::Logger::root(slog::Fuse(Mutex::new(json.build())), slog::o!())
    }

    /// Returns the lines since the previous call.
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn context() -> AuditContext {
    AuditContext {
        at: now(),
        source: Source::Command(Operator::new(b"root", None)),
    }
}

fn token(number: u128) -> TokenHash {
    Token::parse(&format!("{number:032X}")).unwrap().hash()
}

async fn add_dealer(store: &Postgres, name: &str) -> UserId {
    let user = NewUser {
        public_id: PublicId::generate(now(), &OsRandom).unwrap(),
        username: name.parse().unwrap(),
        membership: Membership::System(SystemRole::Dealer),
        password_hash: PasswordHash::from_store("hash".to_owned()),
    };
    store.create_user(user, &context()).await.unwrap();
    store.find_login(name, None).await.unwrap().unwrap().user
}

fn new_session(user: UserId, number: u128) -> NewSession {
    NewSession {
        token: token(number),
        user,
        password_hash: PasswordHash::from_store("hash".to_owned()),
        password_weakness: None,
        created_at: now(),
        expires_at: now() + chrono::TimeDelta::minutes(30),
        replaces: None,
        reservation: None,
        max_sessions: 100,
        source: context().source,
    }
}

async fn open_session(store: &Postgres, user: UserId, number: u128) {
    let opened = store.open_session(new_session(user, number)).await.unwrap();
    assert_eq!(opened, OpenOutcome::Opened { ended: Vec::new() });
}
