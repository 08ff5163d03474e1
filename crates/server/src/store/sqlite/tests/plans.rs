//! Query plans of all SQL texts of this backend, which a test finds in the source files.

use rusqlite::types::Null;

use super::*;
use crate::store::sql_texts::{SqlText, sql_texts};

/// Queries that read a whole table or are composed at run time: the file with the constant, the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "attempt_maintenance::EXCESS_STREAK",
        "reads no more rows than the table may have, from the index of times",
    ),
    (
        "attempt_maintenance::EXCESS_ATTEMPT",
        "reads no more rows than the table may have, from the index of times",
    ),
    (
        "attempt_maintenance::TRIM_DAYS",
        "reads no more rows than the table may have, from the index of failures",
    ),
    (
        "attempt_maintenance::CLEAR_STREAKS",
        "an administrator's command",
    ),
    (
        "attempt_maintenance::CLEAR_ATTEMPTS",
        "an administrator's command",
    ),
    (
        "attempt_maintenance::CLEAR_ALLOWANCES",
        "an administrator's command",
    ),
    (
        "attempt_maintenance::CLEAR_DAYS",
        "an administrator's command",
    ),
    (
        "attempt_maintenance::list_limited",
        "an administrator's list; an expression and a condition are inserted",
    ),
    (
        "audit::LIST",
        "an administrator's search, newest first, with a limit",
    ),
    (
        "audit::record_sessions",
        "ends the sessions of a user, a tenant or all; the condition is inserted",
    ),
    (
        "audit::sweep",
        "reads the oldest rows by primary key, with a limit",
    ),
    ("check::CHECKS", "an offline check reads everything"),
    ("check::WARNINGS", "an offline check reads everything"),
    ("copy::last_id", "a table with a row for each table"),
    ("copy::set_last_id", "a table with a row for each table"),
    ("copy::write", "inserts the rows of a copy, of any table"),
    ("open::read_schema", "reads the schema"),
    (
        "refusal_day::COUNT",
        "on a reader, only if refusals are deleted; the number of rows has a maximum",
    ),
    ("role::LIST", "an administrator's list of all roles"),
    (
        "session::end",
        "ends the sessions of a user, a tenant or all; the condition is inserted",
    ),
    (
        "session::list",
        "an administrator's list; the condition is inserted",
    ),
    ("tenant::LIST", "an administrator's list of all tenants"),
    ("user::LIST", "an administrator's list of all users"),
    (
        "user::HAS_SYSTEM_ADMIN",
        "stops at the first row of an index of system administrators",
    ),
];

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut plan = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let nulls = std::iter::repeat_n(Null, plan.parameter_count());
    let steps = plan.query_map(rusqlite::params_from_iter(nulls), |row| row.get(3));
    steps.unwrap().map(Result::unwrap).collect()
}

fn is_full_scan(step: &str) -> bool {
    let of_no_table = ["SCAN CONSTANT ROW", "SCAN ("];
    step.starts_with("SCAN ") && !of_no_table.iter().any(|start| step.starts_with(start))
}

/// To update: `INSTA_UPDATE=always cargo test -p pbx-login-server --lib plans`; read the difference.
#[test]
fn every_query_uses_an_index_or_is_an_exception() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let mut plans = Vec::new();
    let mut exceptions = Vec::new();
    for (name, text) in sql_texts("sqlite") {
        let plan = match &text {
            SqlText::Whole(sql) => {
                store.read(|connection| Ok::<_, StoreFailure>(plan(connection, sql)))
            }
            SqlText::Part => Ok(vec!["composed at run time".to_owned()]),
        };
        let plan = plan.unwrap();
        if matches!(text, SqlText::Part) || plan.iter().any(|step| is_full_scan(step)) {
            exceptions.push(name.clone());
        }
        if !plan.is_empty() {
            plans.push(format!("{name}: {}", plan.join(" / ")));
        }
    }
    insta::assert_snapshot!("query_plans", plans.join("\n"));
    exceptions.dedup();
    assert_eq!(
        exceptions,
        EXCEPTIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        "these queries read a whole table, or are composed at run time: name the text in a constant and add an index, or add \
         an exception with its reason"
    );
}

#[test]
fn cached_statement_is_parsed_once_for_all_values() {
    let scratch = scratch();
    let connection = open::open_writer(&scratch.path, IfMissing::Create).unwrap();
    for number in 0..10_u8 {
        let mut find = connection.prepare_cached(session::FIND).unwrap();
        assert!(!find.exists([[number; 32]]).unwrap());
        // https://sqlite.org/c3ref/c_stmtstatus_counter.html
        assert_eq!(find.get_status(rusqlite::StatementStatus::RePrepare), 0);
    }
}
