//! Contract tests of storage, which every backend must pass. Each file lists its tests at its end.

mod allowance;
mod attempt;
mod attempt_maintenance;
mod audit;
mod audit_retention;
mod audit_sink;
mod health;
mod login;
mod manage;
mod role;
mod session;
mod tenant;
mod user;

use std::ops::Deref;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;

use super::postgres::testing::TestDatabase;
use super::{
    AuditSink, DatabaseUrl, IfMissing, Observer, OpenOptions, Store, StoreError, StoreFailure,
};
use crate::domain::audit::{AuditContext, AuditEntry, Operator, Source};
use crate::domain::password::PasswordHash;
use crate::domain::public_id::PublicId;
use crate::domain::role::{AnyRole, RoleName};
use crate::domain::session::{
    FoundSession, NewSession, OpenOutcome, Session, SessionFilter, SessionId,
};
use crate::domain::tenant::Domain;
use crate::domain::user::{LoginRecord, Membership, NewUser, Scope, UserKey};
use crate::random::OsRandom;
use crate::token::{Token, TokenHash};

/// Runs the tests of a module against every backend, each on an empty store.
macro_rules! contract_tests {
    ($($test:ident)+) => {
        contract_tests! { sqlite: $($test)+ }
        contract_tests! { sqlite_cached: $($test)+ }
        contract_tests! { postgres: $($test)+ }
        contract_tests! { postgres_cached: $($test)+ }
    };
    ($backend:ident: $($test:ident)+) => {
        mod $backend {
            $(
                #[test]
                fn $test() {
                    let runtime = tokio::runtime::Builder::new_current_thread();
                    let runtime = { runtime }.enable_all().build().unwrap();
                    // Every backend passes the same snapshots.
                    insta::allow_duplicates! {
                        runtime.block_on(async {
                            // Without a server, the tests of a backend are skipped, which is reported once.
                            if let Some((store, _guard)) = super::super::$backend().await {
                                super::$test(&store).await;
                            }
                        });
                    }
                }
            )+
        }
    };
}
use contract_tests;

/// Collects the audit entries that a store publishes.
#[derive(Debug, Default)]
struct Published(Mutex<Vec<AuditEntry>>);

impl AuditSink for Published {
    fn publish(&self, entry: AuditEntry) {
        self.0.lock().unwrap().push(entry);
    }
}

struct Database {
    opened: super::Database,
    published: Arc<Published>,
}

impl Database {
    async fn find_session(&self, token: &TokenHash) -> Result<Option<FoundSession>, StoreFailure> {
        self.opened.session_lookup.find_session(token).await
    }

    /// Returns the audit entries that were published since the last call.
    fn take_published(&self) -> Vec<AuditEntry> {
        std::mem::take(&mut *self.published.0.lock().unwrap())
    }
}

impl Deref for Database {
    type Target = dyn Store;

    fn deref(&self) -> &(dyn Store + 'static) {
        &*self.opened.store
    }
}

async fn sqlite() -> Option<(Database, TempDir)> {
    Some(open_sqlite(0).await)
}

async fn sqlite_cached() -> Option<(Database, TempDir)> {
    Some(open_sqlite(1000).await)
}

async fn open_sqlite(cached_sessions: usize) -> (Database, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(directory.path().join("contract.db"));
    (open_store(&url, cached_sessions).await, directory)
}

async fn postgres() -> Option<(Database, TestDatabase)> {
    open_postgres(0).await
}

async fn postgres_cached() -> Option<(Database, TestDatabase)> {
    open_postgres(1000).await
}

async fn open_postgres(cached_sessions: usize) -> Option<(Database, TestDatabase)> {
    let database = super::postgres::migrated().await?;
    let url = database.url.parse().unwrap();
    Some((open_store(&url, cached_sessions).await, database))
}

async fn open_store(url: &DatabaseUrl, cached_sessions: usize) -> Database {
    let published = Arc::<Published>::default();
    let options = OpenOptions {
        postgres: super::postgres::TEST_OPTIONS,
        observer: Observer {
            audit: Some(Arc::clone(&published) as Arc<dyn AuditSink>),
            ..Observer::default()
        },
        ..OpenOptions::new(IfMissing::Create)
    };
    let opened = super::open_cached(url, options, cached_sessions).await;
    Database {
        opened: opened.unwrap(),
        published,
    }
}

#[test]
fn every_storage_method_has_a_contract_test() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let sources = |folder: &std::path::Path| {
        let entries = std::fs::read_dir(folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let files = paths
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            // These files have only what the decorator and the copy require of a backend, with tests of their own.
            .filter(|path| !path.ends_with("cached.rs") && !path.ends_with("copy.rs"));
        let texts = files.map(|path| std::fs::read_to_string(path).unwrap());
        texts.collect::<Vec<_>>()
    };
    let suite = sources(&folder.join("contract_test")).concat();
    let suite: String = suite.split_whitespace().collect();
    let mut methods = 0;
    for text in sources(&folder) {
        // Indented functions are trait methods.
        for method in text.split("\n    async fn ").skip(1) {
            let (name, _) = method.split_once('(').unwrap();
            methods += 1;
            assert!(
                suite.contains(&format!(".{name}(")),
                "{name}: call it in a test of store/contract_test, which every backend runs"
            );
        }
    }
    assert!(methods >= 35, "only {methods} methods were found");
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_800_000_000 + seconds)
}

fn command() -> Source {
    Source::Command(Operator::new(b"root", Some(b"alice")))
}

fn context(seconds: i64) -> AuditContext {
    AuditContext {
        at: at(seconds),
        source: command(),
    }
}

fn domain(typed: &str) -> Domain {
    typed.parse().unwrap()
}

/// Parses `alice@a.example`, or `bob` for a system user.
fn key(typed: &str) -> UserKey {
    match typed.split_once('@') {
        Some((name, of)) => UserKey {
            scope: Scope::Tenant(domain(of)),
            username: name.parse().unwrap(),
        },
        None => UserKey {
            scope: Scope::System,
            username: typed.parse().unwrap(),
        },
    }
}

fn role_name(typed: &str) -> RoleName {
    typed.parse().unwrap()
}

fn membership(user: &str, role: &str) -> Membership {
    Membership::new(key(user).scope, role.parse::<AnyRole>().unwrap()).unwrap()
}

fn password_hash(password: &str) -> PasswordHash {
    PasswordHash::from_store(format!("hash of {password}"))
}

fn token(number: u128) -> TokenHash {
    Token::parse(&format!("{number:032X}")).unwrap().hash()
}

fn new_id() -> PublicId {
    PublicId::generate(at(0), &OsRandom).unwrap()
}

async fn add_tenant(store: &Database, typed: &str) {
    store
        .create_tenant(new_id(), &domain(typed), &context(0))
        .await
        .unwrap();
}

async fn try_add_user(store: &Database, user: &str, role: &str) -> Result<(), StoreError> {
    let user = NewUser {
        public_id: new_id(),
        username: key(user).username,
        membership: membership(user, role),
        password_hash: password_hash("secret"),
    };
    store.create_user(user, &context(0)).await
}

async fn add_user(store: &Database, user: &str, role: &str) {
    try_add_user(store, user, role).await.unwrap();
}

async fn find(store: &Database, user: &str) -> Option<LoginRecord> {
    let key = key(user);
    let domain = match &key.scope {
        Scope::System => None,
        Scope::Tenant(domain) => Some(domain.key()),
    };
    store.find_login(&key.username.key(), domain).await.unwrap()
}

fn new_session(login: &LoginRecord, number: u128, seconds: i64) -> NewSession {
    NewSession {
        token: token(number),
        user: login.user,
        password_hash: login.password_hash.clone(),
        password_weakness: None,
        created_at: at(0),
        expires_at: at(seconds),
        replaces: None,
        reservation: None,
        max_sessions: 1000,
        source: command(),
    }
}

/// Opens a session of an existing user that expires after `seconds`.
async fn open(store: &Database, user: &str, number: u128, seconds: i64) {
    let login = find(store, user).await.unwrap();
    let session = new_session(&login, number, seconds);
    assert_opened(store.open_session(session).await.unwrap());
}

fn assert_opened(opening: OpenOutcome) {
    assert!(matches!(opening, OpenOutcome::Opened { .. }), "{opening:?}");
}

/// Returns the users of live sessions, in the order in which these were opened.
async fn live(store: &Database, seconds: i64) -> Vec<String> {
    let sessions = store.list_sessions(&SessionFilter::All, at(seconds)).await;
    sessions.unwrap().iter().map(owner).collect()
}

fn owner(session: &Session) -> String {
    match &session.user.scope {
        Scope::System => session.user.username.to_string(),
        Scope::Tenant(domain) => format!("{}@{domain}", session.user.username),
    }
}

fn conflict<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Conflict(conflict)) => conflict.to_string(),
        Err(StoreError::Failure(failure)) => panic!("{failure:?}"),
        Ok(value) => format!("not refused: {value:?}"),
    }
}
