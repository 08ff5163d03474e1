//! The order of statements in a pipeline and with the commit, and of locks and decisions in a reservation.

use std::time::Duration;

use super::processes::attempt;
use super::*;
use crate::domain::attempt::ReserveOutcome;
use crate::domain::rate_limit::{LimitKind, Rules};
use crate::store::attempt::Attempts as _;
use crate::store::health::Health as _;
use crate::store::postgres::attempt::lock_keys;
use crate::store::postgres::step::Statement;
use crate::store::postgres::value::{get, values};

const INSERT: &str = "INSERT INTO steps (number) VALUES ($1)";

const INSERT_NEXT: &str =
    "INSERT INTO steps (number) SELECT max(number) + $1 FROM steps RETURNING number";

const DIVIDE: &str = "SELECT 1 / $1";

const CONNECTIONS_IN_TRANSACTION: &str = "
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'";

const STEPS: &str = "SELECT count(*) FROM steps";

/// Opens a store that prepares statements, or does not, and creates the table `steps`.
async fn open_with_steps(database: &TestDatabase, prepare_statements: bool) -> Postgres {
    let options = PostgresOptions {
        prepare_statements,
        ..OPTIONS
    };
    let client = database.client().await;
    let create = "CREATE TABLE IF NOT EXISTS steps (number bigint UNIQUE); TRUNCATE steps";
    client.batch_execute(create).await.unwrap();
    open_observed(database, options, Observer::default(), None).await
}

async fn count_steps(database: &TestDatabase) -> i64 {
    let counted = database.client().await.query_one(STEPS, &[]).await;
    counted.unwrap().get(0)
}

#[tokio::test]
async fn pipelined_statements_run_in_order() {
    let Some(database) = migrated().await else {
        return;
    };
    for prepares in [true, false] {
        let store = open_with_steps(&database, prepares).await;
        let answers =
            store
                .core
                .run::<_, _, StoreFailure>(Mode::Write(Repeat::Unsafe), &(), |step, ()| {
                    Box::pin(async {
                        let mut statements = vec![Statement::new(INSERT, values![0_i64])];
                        let next = || Statement::new(INSERT_NEXT, values![1_i64]);
                        statements.extend(std::iter::repeat_with(next).take(40));
                        Ok(step.pipeline_all(&statements).await?)
                    })
                });
        let answers = answers.await.unwrap();
        assert!(answers.iter().all(|answer| answer.changed == 1));
        let numbers = answers.iter().flat_map(|answer| &answer.rows);
        let numbers: Vec<i64> = numbers.map(|row| get(row, 0).unwrap()).collect();
        assert_eq!(numbers, (1..=40).collect::<Vec<i64>>());
    }
}

#[tokio::test]
async fn pipeline_with_a_failed_statement_reports_it_and_changes_nothing() {
    let Some(database) = migrated().await else {
        return;
    };
    for prepares in [true, false] {
        let store = open_with_steps(&database, prepares).await;
        let failed =
            store
                .core
                .run::<_, _, StoreFailure>(Mode::Write(Repeat::Unsafe), &(), |step, ()| {
                    Box::pin(async {
                        step.pipeline([
                            Statement::new(INSERT, values![0_i64]),
                            Statement::new(DIVIDE, values![0_i64]),
                            Statement::new(INSERT, values![1_i64]),
                        ])
                        .await?;
                        Ok(())
                    })
                });
        let failure = failed.await.unwrap_err();
        assert!(failure.causes().contains("division by zero"), "{failure:?}");
        assert_eq!(count_steps(&database).await, 0);
        store.check_ready().await.unwrap();
    }
}

/// Runs a step that sends a statement, and another one with the commit.
async fn run_with_commit(
    store: &Postgres,
    last: &'static str,
    number: i64,
) -> Result<(), StoreFailure> {
    let (mode, last) = (Mode::Write(Repeat::Unsafe), (last, number));
    let running = store
        .core
        .run::<_, _, StoreFailure>(mode, &last, |step, (last, number)| {
            Box::pin(async {
                step.execute(INSERT, values![0_i64]).await?;
                step.send_with_commit(Statement::new(last, values![*number]));
                Ok(())
            })
        });
    running.await
}

#[tokio::test]
async fn statement_that_is_sent_with_the_commit_is_part_of_the_transaction() {
    let Some(database) = migrated().await else {
        return;
    };
    for prepares in [true, false] {
        let store = open_with_steps(&database, prepares).await;
        run_with_commit(&store, INSERT, 1).await.unwrap();
        let client = database.client().await;
        let numbers = client.query_one("SELECT array_agg(number ORDER BY number) FROM steps", &[]);
        let numbers: Vec<i64> = numbers.await.unwrap().get(0);
        assert_eq!(numbers, [0, 1]);

        let store = open_with_steps(&database, prepares).await;
        let failure = run_with_commit(&store, DIVIDE, 0).await.unwrap_err();
        // The outcome is known: the database could be used, and nothing was committed.
        assert!(failure.causes().contains("division by zero"), "{failure:?}");
        assert!(!failure.is_outage());
        assert_eq!(count_steps(&database).await, 0);
        store.check_ready().await.unwrap();
    }
}

#[tokio::test]
async fn discarded_changes_are_rolled_back() {
    let Some(database) = migrated().await else {
        return;
    };
    let store = open_with_steps(&database, true).await;
    let mode = Mode::Write(Repeat::Unsafe);
    let discarding = store.core.run::<_, _, StoreFailure>(mode, &(), |step, ()| {
        Box::pin(async {
            step.execute(INSERT, values![0_i64]).await?;
            step.discard_changes();
            Ok("discarded")
        })
    });
    assert_eq!(discarding.await.unwrap(), "discarded");
    assert_eq!(count_steps(&database).await, 0);
    // The connection returned to the pool, outside a transaction.
    store.check_ready().await.unwrap();
    let client = database.client().await;
    let row = client.query_one(CONNECTIONS_IN_TRANSACTION, &[]).await;
    assert_eq!(row.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn attempt_at_a_limit_does_not_wait_for_locks() {
    let Some(database) = migrated().await else {
        return;
    };
    let options = PostgresOptions {
        lock_timeout: Duration::from_millis(50),
        ..OPTIONS
    };
    let store = open_observed(&database, options, Observer::default(), None).await;
    let one = attempt("bob", [192, 0, 2, 1]);
    let rules = Rules::DEFAULT;
    for _ in 0..rules.free_failures {
        let reserved = store.reserve_attempt(&one, &rules).await.unwrap();
        assert!(reserved.reservation().is_some());
    }
    let client = database.client().await;
    for key in lock_keys(&one) {
        let lock = "SELECT pg_advisory_lock($1)";
        client.execute(lock, &[&key]).await.unwrap();
    }
    // A wait would end with an error.
    let limited = store.reserve_attempt(&one, &rules).await.unwrap();
    let ReserveOutcome::Limited(limited) = limited else {
        panic!("{limited:?}")
    };
    assert_eq!(limited.limit, LimitKind::Concurrency);
    // Another account from the same network waits for the lock of the network.
    let other = attempt("carol", [192, 0, 2, 1]);
    assert!(store.reserve_attempt(&other, &rules).await.is_err());
}
