//! Query plans of all SQL texts of this backend, which a test finds in the source files.

use serde_json::Value as Json;

use tokio_postgres::Client;

use super::*;
use crate::store::sql_texts::{SqlText, assert_exceptions, sql_texts};

/// Exceptions of this backend, in addition to those of every backend.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "audit::SWEEP_OLD",
        "reads the oldest rows by primary key, with a limit",
    ),
    ("migrate::apply", "sets the version of the schema"),
    (
        "refusal_day::COUNT",
        "the table has a maximum number of rows, and only a sweep counts them",
    ),
];

/// Requires plans that are valid for any values, and that scan a table only if no index can be used.
const SETTINGS: &str = "
    SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off";

/// Tables with one row.
const SINGLE_ROWS: [&str; 3] = ["schema_version", "readiness", "changes_deleted"];

/// Returns the number of parameters, `$1` to `$N`.
fn parameters(sql: &str) -> usize {
    let numbers = sql.split('$').skip(1).filter_map(|rest| {
        let digits = rest.find(|c: char| !c.is_ascii_digit());
        rest[..digits.unwrap_or(rest.len())].parse().ok()
    });
    numbers.max().unwrap_or(0)
}

async fn plan(client: &Client, sql: &str) -> Result<Json, tokio_postgres::Error> {
    let nulls = vec!["NULL"; parameters(sql)].join(", ");
    let arguments = if nulls.is_empty() {
        nulls
    } else {
        format!("({nulls})")
    };
    client
        .batch_execute(&format!("PREPARE explained AS {sql}"))
        .await?;
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE explained{arguments}");
    let answer = client.simple_query(&explain).await;
    client.batch_execute("DEALLOCATE explained").await?;
    let text = answer?.into_iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
        _ => None,
    });
    Ok(serde_json::from_str(&text.unwrap()).unwrap())
}

/// Returns the scans of whole tables.
fn full_scans(plan: &Json) -> Vec<String> {
    let mut found = Vec::new();
    if let Json::Array(plans) = plan {
        found.extend(plans.iter().flat_map(full_scans));
    }
    for part in ["Plan", "Plans"] {
        found.extend(plan.get(part).iter().flat_map(|plan| full_scans(plan)));
    }
    let table = plan.get("Relation Name").and_then(Json::as_str);
    let reads_all = plan.get("Index Cond").is_none() && plan["Node Type"] != "ModifyTable";
    // How the catalog is read depends on the version of PostgreSQL.
    let is_ours = |table: &&str| !table.starts_with("pg_") && !SINGLE_ROWS.contains(table);
    if let Some(table) = table.filter(|table| reads_all && is_ours(table)) {
        found.push(table.to_owned());
    }
    found
}

/// Fills the tables of rate limiting, so that reading one as a whole is slow.
const MANY_FAILURES: &str = "
    INSERT INTO attempts (account, network, at, failed)
        SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), decode(lpad(to_hex(n), 8, '0'), 'hex'), n, true
        FROM generate_series(1, 20000) AS n;
    INSERT INTO streaks (account, network, failures, last_at) SELECT account, network, 1, at FROM attempts;
    INSERT INTO account_days (account, failures, since, last_at) SELECT account, 1, at, at FROM attempts;
    ANALYZE attempts, streaks, account_days";

/// Without their parameters, PostgreSQL estimates that many of the rows match.
#[tokio::test]
async fn counting_an_attempt_reads_large_tables_by_index() {
    let Some(database) = migrated().await else {
        return;
    };
    let client = database.client().await;
    client.batch_execute(MANY_FAILURES).await.unwrap();
    // A scan of a bitmap has its condition in another node.
    let settings = "SET plan_cache_mode = force_generic_plan; SET enable_bitmapscan = off";
    client.batch_execute(settings).await.unwrap();
    let mut explained = Vec::new();
    for (name, text) in sql_texts("postgres") {
        let module = name.split("::").next().unwrap();
        let (SqlText::Whole(sql), "attempt" | "account_day" | "tally") = (text, module) else {
            continue;
        };
        let plan = plan(&client, &sql).await.unwrap();
        assert_eq!(full_scans(&plan), Vec::<String>::new(), "{name}");
        explained.push(name);
    }
    for name in [
        "attempt::FAIL_TIMED_OUT",
        "account_day::LOCK",
        "tally::FACTS",
    ] {
        assert!(
            explained.iter().any(|it| it == name),
            "{name} was not found"
        );
    }
}

#[tokio::test]
async fn every_query_uses_an_index_or_is_an_exception() {
    let Some(database) = migrated().await else {
        return;
    };
    let client = database.client().await;
    client.batch_execute(SETTINGS).await.unwrap();
    let mut exceptions = Vec::new();
    let mut explained = 0;
    for (name, text) in sql_texts("postgres") {
        let reads_all = match &text {
            SqlText::Part => true,
            SqlText::Whole(sql) => {
                explained += 1;
                let plan = plan(&client, sql).await;
                !full_scans(&plan.unwrap_or_else(|error| panic!("{name}: {error:?}"))).is_empty()
            }
        };
        if reads_all {
            exceptions.push(name);
        }
    }
    assert!(explained > 50, "only {explained} statements were found");
    assert_exceptions(exceptions, EXCEPTIONS);
}
