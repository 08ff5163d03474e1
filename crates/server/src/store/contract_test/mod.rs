//! What every database must pass: [`contract!`] runs the whole of it against one.

mod attempt;
mod audit;
mod health;
mod login;
mod manage;
mod session;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Store, StoreError};
use crate::domain::audit::{AuditContext, Source};
use crate::domain::password::PasswordHash;
use crate::domain::role::AnyRole;
use crate::domain::session::{NewSession, Opening, Session, SessionFilter};
use crate::domain::tenant::Domain;
use crate::domain::user::{LoginRecord, Membership, NewUser, Scope, UserKey};
use crate::token::{Token, TokenHash};

/// Makes a module of tests: each gets an empty store of its own. `$open` gives one, with what keeps it alive.
macro_rules! contract {
    ($database:ident, $open:expr) => {
        contract! { $database, $open,
            login: a_login_is_found_in_its_scope_alone
            login: a_login_says_whether_user_and_tenant_are_enabled
            login: any_text_is_safe_to_look_up
            login: a_session_opens_only_while_the_login_holds
            login: a_session_ends_the_one_it_replaces
            login: sessions_that_open_at_once_all_open
            session: a_session_is_found_by_its_token
            session: a_session_is_extended_while_it_lives_and_never_shortened
            session: of_too_many_sessions_of_a_user_the_oldest_end
            session: a_session_closes_once_and_not_after_its_expiry
            session: a_sweep_takes_expired_sessions_alone_and_no_more_than_asked
            session: sessions_are_listed_and_revoked_by_whose_they_are
            session: sessions_are_revoked_by_number_all_or_none
            login: password_hash_is_replaced_while_it_is_the_expected_one
            session: live_sessions_are_counted
            health: open_database_is_ready
            attempt: attempt_counts_until_it_succeeds
            attempt: failed_attempt_and_its_refusal_are_recorded_together
            attempt: attempt_in_flight_counts_until_its_outcome_is_known
            attempt: success_ends_its_streak_and_no_other
            attempt: network_is_limited_while_its_window_is_full
            attempt: account_is_limited_except_in_known_networks_of_its_user
            attempt: released_attempt_does_not_count
            attempt: quiet_streak_starts_again
            attempt: concurrent_attempts_are_reserved_up_to_the_limit
            attempt: cleared_attempts_do_not_count
            attempt: sweep_deletes_what_no_longer_counts
            attempt: clock_that_is_set_back_lengthens_no_limit
            attempt: counted_failures_are_listed
            audit: changes_are_audited
            audit: logins_and_logouts_are_audited_with_their_client
            audit: refusals_with_one_key_within_a_minute_are_one_row
            audit: entries_are_found_by_subject_event_and_time
            audit: sweep_deletes_old_and_excess_entries
            manage: names_are_taken_once_in_any_spelling
            manage: what_is_not_there_is_said
            manage: what_is_there_is_listed_in_order
            manage: disabling_ends_sessions_and_enabling_revives_none
            manage: a_new_password_or_role_ends_sessions
            manage: what_is_deleted_is_gone_with_all_that_belongs_to_it
            manage: a_custom_role_is_of_its_tenant_and_stays_while_it_is_held
            manage: the_last_enabled_system_administrator_stays
        }
    };
    ($database:ident, $open:expr, $($module:ident: $test:ident)*) => {
        mod $database {
            $(#[test]
            fn $test() {
                let runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = { runtime }.enable_all().build().unwrap();
                // Another database passes the same snapshots.
                insta::allow_duplicates! {
                    runtime.block_on(async {
                        let (store, _alive) = $open;
                        super::$module::$test(&store).await;
                    });
                }
            })*
        }
    };
}

contract!(sqlite, {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("contract.db");
    let store = crate::store::sqlite::Sqlite::open(&path, crate::store::IfMissing::Create);
    (store.unwrap(), directory)
});

contract!(sqlite_cached, {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("contract.db");
    let (missing, observer) = (
        crate::store::IfMissing::Create,
        crate::store::Observer::default(),
    );
    let store = crate::store::sqlite::Sqlite::open_cached(&path, missing, observer, 1000);
    (store.unwrap(), directory)
});

#[test]
fn every_storage_method_has_a_contract_test() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let sources = |folder: &std::path::Path| {
        let entries = std::fs::read_dir(folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let files =
            paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
        let texts = files.map(|path| std::fs::read_to_string(path).unwrap());
        texts.collect::<Vec<_>>()
    };
    let suite = sources(&folder.join("contract_test")).concat();
    // Calls may be broken over lines.
    let suite: String = suite.split_whitespace().collect();
    let mut methods = 0;
    for text in sources(&folder) {
        // What is indented is in a trait.
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

/// So many seconds after the tests' beginning.
fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_800_000_000 + seconds)
}

/// What a test does at that time.
fn act(seconds: i64) -> AuditContext {
    AuditContext {
        at: at(seconds),
        source: Source::Command,
    }
}

fn domain(typed: &str) -> Domain {
    typed.parse().unwrap()
}

/// A user as commands name them: `alice@a.example`, or `bob` of the system.
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

fn role(user: &str, role: &str) -> Membership {
    Membership::new(key(user).scope, role.parse::<AnyRole>().unwrap()).unwrap()
}

fn hash(of: &str) -> PasswordHash {
    PasswordHash::from_store(format!("hash of {of}"))
}

fn token(number: u128) -> TokenHash {
    Token::parse(&format!("{number:032X}")).unwrap().hash()
}

async fn add_tenant(store: &dyn Store, typed: &str) {
    store.create_tenant(&domain(typed), &act(0)).await.unwrap();
}

async fn try_add(store: &dyn Store, user: &str, in_role: &str) -> Result<(), StoreError> {
    let user = NewUser {
        username: key(user).username,
        membership: role(user, in_role),
        password_hash: hash("secret"),
    };
    store.create_user(user, &act(0)).await
}

async fn add_user(store: &dyn Store, user: &str, role: &str) {
    try_add(store, user, role).await.unwrap();
}

async fn find(store: &dyn Store, user: &str) -> Option<LoginRecord> {
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
        created_at: at(0),
        expires_at: at(seconds),
        replaces: None,
        reservation: None,
        max_sessions: 1000,
        source: Source::Command,
    }
}

/// Opens a session of a user, who is there, from 0 for so many seconds.
async fn open(store: &dyn Store, user: &str, number: u128, seconds: i64) {
    let login = find(store, user).await.unwrap();
    let session = new_session(&login, number, seconds);
    assert_opened(store.open_session(session).await.unwrap());
}

fn assert_opened(opening: Opening) {
    assert!(matches!(opening, Opening::Opened { .. }), "{opening:?}");
}

/// Who has live sessions at a time, in the order they were opened.
async fn live(store: &dyn Store, seconds: i64) -> Vec<String> {
    let sessions = store.list_sessions(&SessionFilter::All, at(seconds)).await;
    sessions.unwrap().iter().map(whose).collect()
}

fn whose(session: &Session) -> String {
    match &session.user.scope {
        Scope::System => session.user.username.to_string(),
        Scope::Tenant(domain) => format!("{}@{domain}", session.user.username),
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Conflict(conflict)) => conflict.to_string(),
        Err(StoreError::Failure(failure)) => panic!("{failure:?}"),
        Ok(value) => format!("not refused: {value:?}"),
    }
}
