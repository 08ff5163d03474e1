//! Plans of the queries.

use super::*;

/// Queries without a plan in `queries_are_answered_by_an_index`: file, beginning and reason.
const WITHOUT_PLAN: &[(&str, &str, &str)] = &[
    (
        "attempt.rs",
        "SELECT {column}, count(*)",
        "an administrator's list of everything",
    ),
    ("check.rs", "", "an offline check reads everything"),
    (
        "open.rs",
        "SELECT count(*) FROM sqlite_schema",
        "the schema",
    ),
    (
        "session.rs",
        "SELECT count(*) FROM sessions WHERE {condition}",
        "the number of what is then deleted",
    ),
    (
        "session.rs",
        "SELECT s.id, t.domain",
        "an administrator's list",
    ),
];

#[test]
fn every_query_has_a_plan() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sqlite");
    let planned = include_str!("plans.rs");
    let mut queries = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        if !path.is_file() || file == "tests.rs" {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        // Every other piece is a string.
        let pieces: Vec<&str> = text.split('"').collect();
        for at in (1..pieces.len()).step_by(2) {
            let query = pieces[at].trim_start();
            let exempt = |(name, beginning, _): &(&str, &str, &str)| {
                *name == file && query.starts_with(beginning)
            };
            if !query.starts_with("SELECT") || WITHOUT_PLAN.iter().any(exempt) {
                continue;
            }
            queries += 1;
            let name = pieces[at - 1].rsplit_once("const ").and_then(|(_, rest)| {
                rest.strip_suffix(": &str = ")
                    .or_else(|| rest.split_once(": &str =").map(|parts| parts.0))
            });
            let module = file.trim_end_matches(".rs");
            let has_plan = name.is_some_and(|name| {
                let planned_as = |end| planned.contains(&format!("{module}::{name}{end}"));
                planned_as(")") || planned_as(",")
            });
            assert!(
                has_plan,
                "{file}: make {query:.60} a constant and add it to queries_are_answered_by_an_index, or list it in WITHOUT_PLAN"
            );
        }
    }
    assert!(queries > 20, "only {queries} queries were found");
}

#[test]
fn queries_are_answered_by_an_index() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let plans = [
        ("find_session", session::FIND),
        ("find_login", user::FIND_LOGIN),
        ("open_session", session::OPEN),
        ("open_session, trim", session::TRIM),
        ("extend_session", session::EXTEND),
        ("close_session", session::CLOSE),
        ("preload", preload::NEWEST),
        ("preload, count", preload::COUNT),
        ("count_live_sessions", session::COUNT_LIVE),
        ("sweep_sessions", session::SWEEP),
        ("check_attempt, streak", attempt::STREAK),
        ("check_attempt, network", attempt::NETWORK_LIMIT),
        ("check_attempt, account", attempt::ACCOUNT_LIMIT),
        ("check_attempt, under way", attempt::IN_FLIGHT),
        ("check_attempt, network failed", attempt::NETWORK_FAILED),
        ("check_attempt, account failed", attempt::ACCOUNT_FAILED),
        ("reserve_attempt, attempts", attempt::EXPIRE_ATTEMPTS),
        ("reserve_attempt, streaks", attempt::EXPIRE_STREAKS),
        (
            "sweep_attempts, attempts ahead",
            attempt::CLAMP_FUTURE_ATTEMPTS,
        ),
        (
            "sweep_attempts, streaks ahead",
            attempt::CLAMP_FUTURE_STREAKS,
        ),
        ("reserve_attempt, newest", attempt::NEWEST),
        ("reserve_attempt, reserved since", attempt::RESERVED_SINCE),
        ("list_attempts, streaks", attempt::LIST_STREAKS),
        ("sweep_attempts, excess attempt", attempt::EXCESS_ATTEMPT),
        ("sweep_attempts, excess streak", attempt::EXCESS_STREAK),
        ("record_refusals, user", audit::USER_NAMES),
        ("record_refusals, tenant", audit::TENANT_NAMES),
        ("list_audit", audit::LIST),
        ("sweep_audit, overflow", audit::OVERFLOW),
        ("tenant by domain", lookup::TENANT),
        ("role by name", lookup::ROLE),
        ("user by name", lookup::USER),
        ("change of a user", user::FIND),
        ("list_users", user::LIST),
        ("list_tenants", tenant::LIST),
        ("list_roles", role::LIST),
        ("delete_role, users", role::COUNT_USERS),
        ("has_system_admin", user::HAS_SYSTEM_ADMIN),
        (
            "count_enabled_system_admins",
            user::COUNT_ENABLED_SYSTEM_ADMINS,
        ),
    ]
    .map(|(name, sql)| {
        store
            .read(|connection| {
                let mut plan = connection
                    .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                    .unwrap();
                let parameters = plan.parameter_count();
                let nulls = rusqlite::params_from_iter(std::iter::repeat_n(
                    rusqlite::types::Null,
                    parameters,
                ));
                let steps = plan
                    .query_map(nulls, |row| row.get::<_, String>(3))
                    .unwrap();
                let steps: Vec<String> = steps.map(Result::unwrap).collect();
                Ok::<_, StoreFailure>(format!("{name}: {}", steps.join(" / ")))
            })
            .unwrap()
    });
    insta::assert_snapshot!(plans.join("\n"), @"
    find_session: SEARCH s USING INDEX sqlite_autoindex_sessions_1 (token_hash=?) / SEARCH u USING INTEGER PRIMARY KEY (rowid=?) / SEARCH t USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN / SEARCH r USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
    find_login: SEARCH u USING INDEX users_by_name (<expr>=? AND username_key=?) / SCALAR SUBQUERY 1 / SEARCH tenants USING COVERING INDEX sqlite_autoindex_tenants_1 (domain_key=?) / SEARCH t USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
    open_session: SEARCH u USING INTEGER PRIMARY KEY (rowid=?) / SEARCH t USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
    open_session, trim: SEARCH sessions USING INTEGER PRIMARY KEY (rowid=?) / LIST SUBQUERY 1 / SEARCH sessions USING INDEX sessions_by_user (user_id=?)
    extend_session: SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (token_hash=?)
    close_session: SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (token_hash=?)
    preload: SEARCH s USING INTEGER PRIMARY KEY (rowid<?) / SEARCH u USING INTEGER PRIMARY KEY (rowid=?) / SEARCH t USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN / SEARCH r USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
    preload, count: CO-ROUTINE (subquery-1) / SCAN sessions USING COVERING INDEX sessions_by_expiry / SCAN (subquery-1)
    count_live_sessions: SEARCH sessions USING COVERING INDEX sessions_by_expiry (expires_at>?)
    sweep_sessions: SEARCH sessions USING INTEGER PRIMARY KEY (rowid=?) / LIST SUBQUERY 1 / SEARCH sessions USING COVERING INDEX sessions_by_expiry (expires_at<?)
    check_attempt, streak: SEARCH streaks USING PRIMARY KEY (account=? AND network=?)
    check_attempt, network: SEARCH attempts USING COVERING INDEX attempts_by_network (network=? AND at>?)
    check_attempt, account: SEARCH attempts USING COVERING INDEX attempts_by_account (account=? AND at>?) / SCALAR SUBQUERY 1 / SEARCH known_networks USING PRIMARY KEY (user_id=? AND network=?)
    check_attempt, under way: SEARCH attempts USING INDEX attempts_by_network (network=? AND at>?)
    check_attempt, network failed: SEARCH attempts USING INDEX attempts_by_network (network=? AND at>?)
    check_attempt, account failed: SEARCH attempts USING INDEX attempts_by_account (account=? AND at>?)
    reserve_attempt, attempts: SEARCH attempts USING INTEGER PRIMARY KEY (rowid=?) / LIST SUBQUERY 1 / SEARCH attempts USING COVERING INDEX attempts_by_time (at<?)
    reserve_attempt, streaks: SEARCH streaks USING PRIMARY KEY (account=? AND network=?) / LIST SUBQUERY 2 / SEARCH streaks USING COVERING INDEX streaks_by_time (last_at<?)
    sweep_attempts, attempts ahead: SEARCH attempts USING INTEGER PRIMARY KEY (rowid=?) / LIST SUBQUERY 1 / SEARCH attempts USING COVERING INDEX attempts_by_time (at>?)
    sweep_attempts, streaks ahead: SEARCH streaks USING PRIMARY KEY (account=? AND network=?) / LIST SUBQUERY 2 / SEARCH streaks USING COVERING INDEX streaks_by_time (last_at>?)
    reserve_attempt, newest: SEARCH attempts
    reserve_attempt, reserved since: SCAN CONSTANT ROW / SCALAR SUBQUERY 1 / SEARCH attempts USING INTEGER PRIMARY KEY (rowid>?)
    list_attempts, streaks: SEARCH streaks USING INDEX streaks_by_time (last_at>?)
    sweep_attempts, excess attempt: SCAN attempts USING COVERING INDEX attempts_by_time
    sweep_attempts, excess streak: SCAN streaks USING COVERING INDEX streaks_by_time
    record_refusals, user: SEARCH u USING INTEGER PRIMARY KEY (rowid=?) / SEARCH t USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN
    record_refusals, tenant: SEARCH tenants USING INDEX sqlite_autoindex_tenants_1 (domain_key=?)
    list_audit: SCAN audit
    sweep_audit, overflow: SEARCH audit USING COVERING INDEX audit_by_refused (refused=?)
    tenant by domain: SEARCH tenants USING COVERING INDEX sqlite_autoindex_tenants_1 (domain_key=?)
    role by name: SEARCH roles USING COVERING INDEX sqlite_autoindex_roles_1 (tenant_id=? AND name_key=?)
    user by name: SEARCH users USING INDEX users_by_name (<expr>=? AND username_key=?)
    change of a user: SEARCH users USING INDEX users_by_name (<expr>=? AND username_key=?)
    list_users: SCAN u / SEARCH t USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN / SEARCH r USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN / USE TEMP B-TREE FOR ORDER BY
    list_tenants: SCAN t USING INDEX sqlite_autoindex_tenants_1 / CORRELATED SCALAR SUBQUERY 1 / SEARCH u USING COVERING INDEX users_by_role (tenant_id=?)
    list_roles: SCAN t USING INDEX sqlite_autoindex_tenants_1 / SEARCH r USING INDEX sqlite_autoindex_roles_1 (tenant_id=?) / CORRELATED SCALAR SUBQUERY 1 / SEARCH u USING COVERING INDEX users_by_role (tenant_id=? AND custom_role_id=?)
    delete_role, users: SEARCH users USING COVERING INDEX users_by_role (tenant_id=? AND custom_role_id=?)
    has_system_admin: SCAN CONSTANT ROW / SCALAR SUBQUERY 1 / SCAN users USING COVERING INDEX users_system_admins
    count_enabled_system_admins: SEARCH users USING COVERING INDEX users_system_admins (enabled=?)
    ");
}

#[test]
fn no_statement_is_parsed_twice_whatever_it_is_asked_for() {
    let scratch = scratch();
    let connection = open::writer(&scratch.path, IfMissing::Create).unwrap();
    for number in 0..10_u8 {
        let mut find = connection.prepare_cached(session::FIND).unwrap();
        assert!(!find.exists([[number; 32]]).unwrap());
        // https://sqlite.org/c3ref/c_stmtstatus_counter.html
        assert_eq!(find.get_status(rusqlite::StatementStatus::RePrepare), 0);
    }
}
