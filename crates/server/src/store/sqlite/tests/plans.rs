//! Query plans of all SQL texts of this backend, which a test finds in the source files.

use rusqlite::types::Null;

use super::*;
use crate::store::sql_texts::{SqlText, assert_exceptions, sql_texts};

/// Exceptions of this backend, in addition to those of every backend.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "audit::sweep",
        "reads the oldest rows by primary key, with a limit",
    ),
    ("copy::last_id", "a table with a row for each table"),
    ("copy::set_last_id", "a table with a row for each table"),
    ("copy::write", "inserts the rows of a copy, of any table"),
    ("open::read_schema", "reads the schema"),
    (
        "refusal_day::COUNT",
        "on a reader, only if refusals are deleted; the number of rows has a maximum",
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
    assert_exceptions(exceptions, EXCEPTIONS);
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
