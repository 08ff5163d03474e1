//! Tests of copies: what is copied, what is refused, and what a failure leaves.

mod faults;
mod refusals;
mod round_trip;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::*;
use crate::store::postgres::testing::TestDatabase;
use crate::store::postgres::{self, TEST_OPTIONS};
use crate::store::sqlite::Sqlite;
use crate::store::{DatabaseUrl, IfMissing, copy};

/// A folder with the file that is copied.
struct Scratch {
    directory: tempfile::TempDir,
}

impl Scratch {
    /// Creates a database without rows.
    fn new() -> Self {
        let scratch = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        Sqlite::open(&scratch.path("source.db"), IfMissing::Create).unwrap();
        scratch
    }

    /// Creates a database with at least one row in each table.
    fn filled() -> Self {
        let scratch = Self::new();
        round_trip::fill(&scratch.source(), &round_trip::Pool::default(), 3);
        scratch
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn url(&self, name: &str) -> DatabaseUrl {
        DatabaseUrl::Sqlite(self.path(name))
    }

    fn source(&self) -> Connection {
        Connection::open(self.path("source.db")).unwrap()
    }

    fn names(&self) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    /// Copies, and returns the error with placeholders for paths.
    async fn refusal(&self, from: &DatabaseUrl, to: &DatabaseUrl) -> String {
        let error = run(from, to).await.unwrap_err().to_string();
        let directory = self.directory.path().display().to_string();
        error.replace(&directory, "DIRECTORY")
    }
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(ToOwned::to_owned).into()
}

fn url(database: &TestDatabase) -> DatabaseUrl {
    database.url.parse().unwrap()
}

async fn run(from: &DatabaseUrl, to: &DatabaseUrl) -> Result<CopyReport, CopyError> {
    copy(from, to, &TEST_OPTIONS, &mut |_| {}).await
}

/// Copies a source that does not change.
async fn run_unchanged(from: &DatabaseUrl, to: &DatabaseUrl) -> Vec<CopiedTable> {
    let report = run(from, to).await.unwrap();
    assert!(
        matches!(report.source, SourceState::Unchanged),
        "{report:?}"
    );
    report.tables
}

/// Returns all rows of a file as SQL literals, with the highest ids.
fn dump(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut lines = Vec::new();
    let sequences = "SELECT name || ' ' || seq FROM sqlite_sequence ORDER BY name";
    let rows = TABLES.iter().map(|table| {
        let columns = table
            .columns
            .iter()
            .map(|(name, _)| format!("quote({name})"));
        let columns: Vec<String> = columns.collect();
        let Table { name, key, .. } = table;
        format!(
            "SELECT '{name}: ' || concat_ws(', ', {}) FROM {name} ORDER BY {key}",
            columns.join(", ")
        )
    });
    for sql in rows.chain([sequences.to_owned()]) {
        let mut statement = connection.prepare(&sql).unwrap();
        let found = statement.query_map([], |row| row.get(0)).unwrap();
        lines.extend(found.map(Result::<String, _>::unwrap));
    }
    lines
}

async fn count_rows(database: &TestDatabase) -> i64 {
    let client = database.client().await;
    let mut rows = 0;
    for table in TABLES {
        let counted = client.query_one(&table.count(), &[]).await.unwrap();
        rows += counted.get::<_, i64>(0);
    }
    rows
}

/// Returns the columns that are copied, each as `TABLE.COLUMN TYPE`.
fn copied_columns(type_name: fn(Type) -> &'static str) -> BTreeSet<String> {
    let tables = TABLES.iter();
    let columns = tables.flat_map(|table| table.columns.iter().map(move |it| (table.name, it)));
    columns
        .map(|(table, (name, kind))| format!("{table}.{name} {}", type_name(*kind)))
        .collect()
}

#[test]
fn every_column_of_sqlite_is_copied() {
    let scratch = Scratch::new();
    let connection = scratch.source();
    let sql = "SELECT t.name || '.' || c.name || ' ' || c.type
        FROM sqlite_schema t, pragma_table_info(t.name) c
        WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let mut statement = connection.prepare(sql).unwrap();
    let found = statement.query_map([], |row| row.get(0)).unwrap();
    let found: BTreeSet<String> = found.map(Result::unwrap).collect();
    let copied = copied_columns(|kind| match kind {
        Type::Integer | Type::Boolean => "INTEGER",
        Type::Text => "TEXT",
        Type::Bytes => "BLOB",
    });
    assert_eq!(found, copied, "list new columns in store/copy/table.rs");
}

#[tokio::test]
async fn every_column_of_postgres_is_copied() {
    let Some(database) = postgres::migrated().await else {
        return;
    };
    let sql = "SELECT table_name || '.' || column_name || ' ' || data_type
        FROM information_schema.columns WHERE table_schema = 'public'
        AND table_name NOT IN ('schema_version', 'readiness', 'changes', 'changes_deleted')";
    let rows = database.client().await.query(sql, &[]).await.unwrap();
    let mut found: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(found.remove("refusal_days.id bigint"));
    let copied = copied_columns(|kind| match kind {
        Type::Integer => "bigint",
        Type::Boolean => "boolean",
        Type::Text => "text",
        Type::Bytes => "bytea",
    });
    assert_eq!(found, copied, "list new columns in store/copy/table.rs");
}

#[test]
fn every_filled_table_has_rows() {
    let scratch = Scratch::filled();
    let connection = scratch.source();
    for table in TABLES {
        let rows: u64 = connection
            .query_row(&table.count(), [], |row| row.get(0))
            .unwrap();
        assert!(rows > 1, "{}", table.name);
    }
}

#[test]
fn checksum_depends_on_type_length_and_content() {
    let text = |text: &str| Value::Text(Some(text.to_owned()));
    let rows = [
        vec![text("a"), text("")],
        vec![text(""), text("a")],
        vec![text("a"), Value::Text(None)],
        vec![text("a"), Value::Bytes(Some(Vec::new()))],
        vec![text("b"), text("")],
        vec![text("at"), text("b")],
        vec![text("a"), text("tb")],
        vec![Value::Integer(Some(1)), Value::Integer(None)],
        vec![Value::Integer(Some(-1)), Value::Integer(None)],
        vec![Value::Boolean(true), Value::Boolean(false)],
        vec![Value::Boolean(false), Value::Boolean(true)],
    ];
    let sums = rows.iter().map(|row| {
        let mut hash = Sha256::new();
        row.iter().for_each(|value| add_to_hash(&mut hash, value));
        hash.finalize().to_vec()
    });
    assert_eq!(sums.collect::<BTreeSet<_>>().len(), rows.len());
}
