//! Failures in each stage, after which nothing is copied, and changes of the source.

use insta::assert_snapshot;

use super::*;
use crate::store::postgres::testing::TestDatabase;
use crate::store::sqlite::{SqliteSource, SqliteTarget};

/// Runs statements as an administrator.
async fn execute(database: &TestDatabase, sql: &str) {
    database.client().await.batch_execute(sql).await.unwrap();
}

/// Runs statements while a copy does not return to the runtime.
fn execute_in_thread(database: &TestDatabase, sql: &str) {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(execute(database, sql));
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap());
}

const BEFORE: &str = "TRIGGER fault BEFORE INSERT ON";
const AT_COMMIT: &str = "CONSTRAINT TRIGGER fault AFTER INSERT ON";

/// Lets the target run `body` for each row of a table.
async fn set_fault(database: &TestDatabase, kind: &str, table: &str, body: &str) {
    let deferrable = match kind {
        AT_COMMIT => "DEFERRABLE INITIALLY DEFERRED",
        _ => "",
    };
    let sql = format!(
        "CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;
        CREATE {kind} {table} {deferrable} FOR EACH ROW EXECUTE FUNCTION fault()"
    );
    execute(database, &sql).await;
}

async fn clear_fault(database: &TestDatabase, table: &str) {
    execute(database, &format!("DROP TRIGGER fault ON {table}")).await;
}

const CUT: &str = "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW;";
const REFUSE: &str = "RAISE 'refused'; RETURN NEW;";
const DROP: &str = "RETURN NULL;";

#[tokio::test]
async fn failure_in_any_table_leaves_the_target_empty() {
    let scratch = Scratch::filled();
    let Some(database) = postgres::migrated().await else {
        return;
    };
    let source = scratch.url("source.db");
    for fault in [CUT, REFUSE, DROP] {
        for table in TABLES {
            set_fault(&database, BEFORE, table.name, fault).await;
            let error = run(&source, &url(&database)).await.unwrap_err();
            let names_table = match error {
                // The row that refers to a missing one is refused.
                CopyError::Write { .. } if fault == DROP => true,
                CopyError::Write { table: name, .. } | CopyError::Differs { table: name, .. } => {
                    name == table.name
                }
                _ => false,
            };
            assert!(names_table, "{fault} {}: {error:?}", table.name);
            assert_eq!(count_rows(&database).await, 0, "{fault} {}", table.name);
            clear_fault(&database, table.name).await;
        }
    }
    run_unchanged(&source, &url(&database)).await;
}

#[tokio::test]
async fn row_with_other_content_is_found_before_the_commit() {
    let scratch = Scratch::filled();
    let Some(database) = postgres::migrated().await else {
        return;
    };
    let (source, target) = (scratch.url("source.db"), url(&database));
    let mut errors = Vec::new();
    for (table, fault) in [
        (
            "sessions",
            "NEW.expires_at = NEW.expires_at - 1; NEW.created_at = NEW.created_at - 1; RETURN NEW;",
        ),
        ("users", "NEW.password_weakness = NULL; RETURN NEW;"),
        ("streaks", DROP),
    ] {
        set_fault(&database, BEFORE, table, fault).await;
        errors.push(scratch.refusal(&source, &target).await);
        assert_eq!(count_rows(&database).await, 0, "{table}");
        clear_fault(&database, table).await;
    }
    let errors = errors.join("\n").replace(&target.to_string(), "DATABASE");
    assert_snapshot!(errors, @"
    sessions differs between source and copy (3 rows read, 3 rows written, compared by checksum); the copy was undone; look for triggers on the table in the target
    users differs between source and copy (3 rows read, 3 rows written, compared by checksum); the copy was undone; look for triggers on the table in the target
    streaks differs between source and copy (4 rows read, 0 rows written, compared by checksum); the copy was undone; look for triggers on the table in the target
    ");
}

#[tokio::test]
async fn failure_of_the_commit_leaves_the_target_empty() {
    let scratch = Scratch::filled();
    let Some(database) = postgres::migrated().await else {
        return;
    };
    let (source, target) = (scratch.url("source.db"), url(&database));
    let mut errors = Vec::new();
    for fault in [REFUSE, CUT] {
        set_fault(&database, AT_COMMIT, "audit", fault).await;
        errors.push(scratch.refusal(&source, &target).await);
        assert_eq!(count_rows(&database).await, 0, "{fault}");
        clear_fault(&database, "audit").await;
    }
    let errors = errors.join("\n").replace(&target.to_string(), "DATABASE");
    assert_snapshot!(errors, @"
    DATABASE cannot be used (refused); check that the database is available, and the privileges of its user
    the connection to DATABASE failed during the commit (terminating connection due to administrator command); copy again: if the target is then not empty, this copy is complete
    ");
}

#[tokio::test]
async fn damaged_source_leaves_no_file() {
    let scratch = Scratch::filled();
    let (source, target) = (scratch.url("source.db"), scratch.url("target.db"));
    let mut refusals = Vec::new();
    for damage in [
        "UPDATE sessions SET token_hash = zeroblob(31) WHERE id = 8",
        "DELETE FROM sessions; DELETE FROM users WHERE id = 8",
        "UPDATE tenants SET domain = CAST(x'FF' AS TEXT)",
    ] {
        let unchecked = "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;";
        let sql = format!("{unchecked} {damage}");
        scratch.source().execute_batch(&sql).unwrap();
        refusals.push(scratch.refusal(&source, &target).await);
    }
    assert_snapshot!(refusals.join("\n"), @"
    cannot write sessions to sqlite:DIRECTORY/target.db (CHECK constraint failed: length(token_hash) = 32); check the source with `check`, and the free disk space of the target
    cannot write known_networks to sqlite:DIRECTORY/target.db (FOREIGN KEY constraint failed); check the source with `check`, and the free disk space of the target
    cannot read tenants of sqlite:DIRECTORY/source.db (invalid utf-8 sequence of 1 bytes from index 0 at index 2); check the database with `check`
    ");
    assert_eq!(scratch.names(), names(["source.db"]));
}

/// A target that changes the last number of each row of a table.
struct Faulty<T>(T, &'static str);

struct FaultyWriter<W>(W, bool);

impl<W: AcceptRow> AcceptRow for FaultyWriter<W> {
    async fn accept(&mut self, row: &[Value]) -> Result<(), CopyError> {
        let mut row = row.to_vec();
        if let (true, Some(Value::Integer(Some(number)))) = (self.1, row.last_mut()) {
            *number ^= 2;
        }
        self.0.accept(&row).await
    }
}

impl<W: TableWriter> TableWriter for FaultyWriter<W> {
    async fn finish(self) -> Result<(), CopyError> {
        self.0.finish().await
    }
}

impl<T: CopyTarget> CopyTarget for Faulty<T> {
    type Writer<'t>
        = FaultyWriter<T::Writer<'t>>
    where
        Self: 't;

    fn tables(&self) -> &impl Tables {
        self.0.tables()
    }

    async fn write<'t>(&'t self, table: &'static Table) -> Result<Self::Writer<'t>, CopyError> {
        let is_faulty = table.name == self.1;
        Ok(FaultyWriter(self.0.write(table).await?, is_faulty))
    }

    async fn set_last_id(&self, table: &Table, id: i64) -> Result<(), CopyError> {
        self.0.set_last_id(table, id).await
    }

    async fn commit(self) -> Result<(), CopyError> {
        self.0.commit().await
    }
}

#[tokio::test]
async fn file_with_another_checksum_is_deleted() {
    let scratch = Scratch::filled();
    for table in ["roles", "account_days", "known_networks"] {
        let source = SqliteSource::open(&scratch.path("source.db")).unwrap();
        let target = SqliteTarget::create(&scratch.path("target.db")).await;
        let target = Faulty(target.unwrap(), table);
        let error = copy_tables(source, target, &mut |_| {}).await.unwrap_err();
        let is_named = matches!(error, CopyError::Differs { table: name, .. } if name == table);
        assert!(is_named, "{table}: {error:?}");
        assert_eq!(scratch.names(), names(["source.db"]));
    }
}

#[tokio::test]
async fn file_that_appears_meanwhile_is_not_replaced() {
    let scratch = Scratch::filled();
    let mut report = |_| std::fs::write(scratch.path("target.db"), "text").unwrap();
    let (source, target) = (scratch.url("source.db"), scratch.url("target.db"));
    let copied = copy(&source, &target, &TEST_OPTIONS, &mut report).await;
    assert!(matches!(copied.unwrap_err(), CopyError::Exists(_)));
    let text = std::fs::read(scratch.path("target.db")).unwrap();
    assert_eq!(text, b"text");
    assert_eq!(scratch.names(), names(["source.db", "target.db"]));
}

/// Copies, and changes the source between its snapshot and the end of the copy.
async fn run_and_change(
    from: &DatabaseUrl,
    to: &DatabaseUrl,
    change: impl Fn(),
) -> Vec<&'static str> {
    let mut report = |progress: CopyProgress| {
        if (progress.step, progress.rows) == (CopyStep::Copy, 0) {
            change();
        }
    };
    let copied = copy(from, to, &TEST_OPTIONS, &mut report).await;
    match copied.unwrap().source {
        SourceState::Changed(tables) => tables,
        state => panic!("{state:?}"),
    }
}

const CHANGE: &str =
    "UPDATE sessions SET expires_at = expires_at - 1, created_at = created_at - 1 WHERE id = 1;
    DELETE FROM audit WHERE id = 1";

#[tokio::test]
async fn changes_of_the_source_are_reported_and_not_copied() {
    let scratch = Scratch::filled();
    let before = dump(&scratch.path("source.db"));
    let change = || scratch.source().execute_batch(CHANGE).unwrap();
    let (source, target) = (scratch.url("source.db"), scratch.url("target.db"));
    let changed = run_and_change(&source, &target, change).await;
    assert_eq!(changed, ["sessions", "audit"]);
    assert_eq!(dump(&scratch.path("target.db")), before);

    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    run_unchanged(&target, &url(&database)).await;
    let change = || execute_in_thread(&database, CHANGE);
    let back = scratch.url("back.db");
    let changed = run_and_change(&url(&database), &back, change).await;
    assert_eq!(changed, ["sessions", "audit"]);
    assert_eq!(dump(&scratch.path("back.db")), before);
}

#[tokio::test]
async fn source_that_cannot_be_read_again_is_reported() {
    let scratch = Scratch::filled();
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    run_unchanged(&scratch.url("source.db"), &url(&database)).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let mut report = |progress: CopyProgress| {
        if progress.step == CopyStep::Compare {
            execute_in_thread(&database, cut);
        }
    };
    let back = scratch.url("back.db");
    let copied = copy(&url(&database), &back, &TEST_OPTIONS, &mut report).await;
    let source = copied.unwrap().source;
    assert!(matches!(source, SourceState::Unknown(_)), "{source:?}");
    let (source, back) = (scratch.path("source.db"), scratch.path("back.db"));
    assert_eq!(dump(&source), dump(&back));
}
