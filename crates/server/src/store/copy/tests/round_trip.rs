//! Whole databases that are copied to the other backend and back.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rusqlite::params;

use super::*;

/// Values from which rows are made.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    texts: Vec<String>,
    numbers: Vec<i64>,
    bytes: Vec<Vec<u8>>,
}

const AWKWARD_TEXTS: [&str; 9] = [
    "",
    "\\N",
    "\\.",
    "a\tb\r\nc",
    "'; --",
    "\"{}\"",
    "Ä\u{301}ſK",
    "\u{1F4DE}\u{10FFFF}",
    "\u{7F}\u{1} ",
];

impl Default for Pool {
    fn default() -> Self {
        Self {
            texts: AWKWARD_TEXTS.map(ToOwned::to_owned).into(),
            numbers: vec![0, -1, i64::MAX, i64::MIN, 1_800_000_000],
            bytes: vec![Vec::new(), vec![0, b'\\', b'\n', 0xFF], vec![b'\t'; 9]],
        }
    }
}

fn any_pool() -> impl Strategy<Value = Pool> {
    // U+0000 is replaced, which another test covers.
    let character = any::<char>().prop_filter("not U+0000", |it| *it != '\0');
    let text = prop::collection::vec(character, 0..64).prop_map(String::from_iter);
    let texts = prop::collection::vec(text, 1..20);
    let numbers = prop::collection::vec(any::<i64>(), 1..20);
    let bytes = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 1..20);
    (texts, numbers, bytes).prop_map(|(texts, numbers, bytes)| Pool {
        texts,
        numbers,
        bytes,
    })
}

impl Pool {
    fn text(&self, number: usize) -> &str {
        &self.texts[number % self.texts.len()]
    }

    /// Returns a text, or nothing in every third row.
    fn optional(&self, number: usize) -> Option<&str> {
        (!number.is_multiple_of(3)).then(|| self.text(number))
    }

    /// Returns a different name for each number, which is as long as possible.
    fn name(&self, number: usize, length: usize) -> String {
        let text = format!("{number}-{}", self.text(number).repeat(length));
        text.chars().take(length).collect()
    }

    fn number(&self, number: usize) -> i64 {
        self.numbers[number % self.numbers.len()]
    }

    fn positive(&self, number: usize) -> i64 {
        self.number(number).saturating_abs().max(1)
    }

    /// Returns different bytes for each number.
    fn bytes<const N: usize>(&self, number: usize) -> [u8; N] {
        let content = &self.bytes[number % self.bytes.len()];
        let mut bytes = [0; N];
        bytes
            .iter_mut()
            .zip(content)
            .for_each(|(to, from)| *to = *from);
        bytes[N - 1] = u8::try_from(number).unwrap();
        bytes
    }

    fn network(&self, number: usize) -> Vec<u8> {
        match number % 2 {
            0 => self.bytes::<4>(number).into(),
            _ => self.bytes::<8>(number).into(),
        }
    }
}

/// Adds this number of rows to each table, after rows with higher ids were deleted.
pub(super) fn fill(connection: &Connection, pool: &Pool, rows: usize) {
    connection.execute_batch("BEGIN").unwrap();
    // The last one is deleted again.
    for number in 0..=rows {
        let id = i64::try_from(number).unwrap() * 7 + 1;
        insert_identities(connection, pool, number, id);
        insert_attempts(connection, pool, number, id);
        insert_audit(connection, pool, number, id);
    }
    for table in TABLES.iter().rev().filter(|table| table.has_ids()) {
        let name = table.name;
        let sql = format!("DELETE FROM {name} WHERE id = (SELECT max(id) FROM {name})");
        connection.execute(&sql, []).unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
}

fn insert(connection: &Connection, sql: &str, values: &[&dyn rusqlite::ToSql]) {
    let inserted = connection.execute(sql, values);
    inserted.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn insert_identities(connection: &Connection, pool: &Pool, number: usize, id: i64) {
    let (domain, name) = (pool.name(number, 280), pool.name(number, 64));
    let (tenant, built_in, custom) = match number % 3 {
        0 => (None, Some("SystemAdmin"), None),
        1 => (Some(id), Some("StandardUser"), None),
        _ => (Some(id), None, Some(id)),
    };
    let created = pool.number(number).min(i64::MAX - 1);
    insert(
        connection,
        "INSERT INTO tenants (id, public_id, domain, domain_key, enabled, created_at)
            VALUES (?, ?, ?, ?, ?, ?)",
        params![
            id,
            pool.bytes::<16>(number),
            domain,
            domain.to_ascii_lowercase(),
            number % 2,
            created
        ],
    );
    insert(
        connection,
        "INSERT INTO roles VALUES (?, ?, ?, ?, ?)",
        params![id, id, name, name.to_ascii_lowercase(), created],
    );
    insert(
        connection,
        "INSERT INTO users (id, tenant_id, username, username_key, built_in_role, custom_role_id, password_hash, enabled,
            created_at, public_id, password_weakness) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            id,
            tenant,
            name,
            name.to_ascii_lowercase(),
            built_in,
            custom,
            pool.text(number),
            (number + 1) % 2,
            created,
            pool.bytes::<16>(number),
            number.is_multiple_of(2).then_some("common")
        ],
    );
    insert(
        connection,
        "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)",
        params![id, pool.bytes::<32>(number), id, created, created + 1],
    );
}

fn insert_attempts(connection: &Connection, pool: &Pool, number: usize, id: i64) {
    let (account, network) = (pool.bytes::<16>(number), pool.network(number));
    let (at, failures) = (pool.number(number), pool.positive(number));
    for (sql, values) in [
        (
            "INSERT INTO attempts VALUES (?, ?, ?, ?, ?)",
            params![id, account, network, at, number % 2],
        ),
        (
            "INSERT INTO streaks VALUES (?, ?, ?, ?)",
            params![account, network, failures, at],
        ),
        (
            "INSERT INTO account_days VALUES (?, ?, ?, ?)",
            params![account, failures, at, pool.number(number + 1)],
        ),
        (
            "INSERT INTO known_networks VALUES (?, ?, ?)",
            params![id, network, at],
        ),
        (
            "INSERT INTO allowance_attempts VALUES (?, ?, ?, ?)",
            params![id, id, network, at],
        ),
    ] {
        insert(connection, sql, values);
    }
}

fn insert_audit(connection: &Connection, pool: &Pool, number: usize, id: i64) {
    let is_refused = number.is_multiple_of(2);
    let (at, count) = (pool.number(number), pool.positive(number));
    insert(
        connection,
        "INSERT INTO audit (id, at, last_at, count, event, cause, refused, bucket, username, username_key, domain,
            domain_key, source, address, user_agent, request_id, detail, operator)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            id,
            at,
            pool.number(number + 1),
            count,
            pool.text(number),
            pool.optional(number),
            is_refused,
            is_refused.then(|| pool.bytes::<32>(number)),
            pool.optional(number + 1),
            pool.optional(number + 1),
            pool.optional(number + 2),
            pool.optional(number + 2),
            if is_refused { "request" } else { "command" },
            pool.optional(number + 3),
            pool.optional(number + 4),
            pool.optional(number + 5),
            pool.optional(number + 6),
            (!is_refused).then(|| pool.text(number))
        ],
    );
    insert(
        connection,
        "INSERT INTO refusal_days VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            at,
            pool.name(number, 64),
            pool.text(number + 1),
            pool.optional(number + 2),
            pool.optional(number + 2),
            pool.optional(number + 3),
            pool.optional(number + 3),
            count
        ],
    );
}

async fn round_trip(scratch: &Scratch, database: &TestDatabase) {
    let to_postgres = run_unchanged(&scratch.url("source.db"), &url(database)).await;
    let back = run_unchanged(&url(database), &scratch.url("back.db")).await;
    assert_eq!(to_postgres, back);
    let (source, back) = (scratch.path("source.db"), scratch.path("back.db"));
    assert_eq!(dump(&source), dump(&back));
}

#[test]
fn any_database_is_the_same_after_a_round_trip() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // Each case needs a database of PostgreSQL, so that there are few, with many rows.
    let mut runner = TestRunner::new(Config::with_cases(8));
    let property = |pool: Pool| {
        let scratch = Scratch::new();
        fill(&scratch.source(), &pool, 40);
        runtime.block_on(async {
            if let Some(database) = TestDatabase::empty().await {
                round_trip(&scratch, &database).await;
            }
        });
        Ok(())
    };
    runner.run(&any_pool(), property).unwrap();
}

#[tokio::test]
async fn awkward_values_and_empty_tables_are_the_same_after_a_round_trip() {
    // Its tables have assigned ids, but have no rows.
    let emptied = Scratch::new();
    fill(&emptied.source(), &Pool::default(), 0);
    for scratch in [Scratch::filled(), Scratch::new(), emptied] {
        let Some(database) = postgres::migrated().await else {
            return;
        };
        round_trip(&scratch, &database).await;
    }
}

#[tokio::test]
async fn copy_within_a_backend_is_the_same() {
    let scratch = Scratch::filled();
    let source = scratch.url("source.db");
    let in_sqlite = run_unchanged(&source, &scratch.url("copy.db")).await;
    let (original, copied) = (scratch.path("source.db"), scratch.path("copy.db"));
    assert_eq!(dump(&original), dump(&copied));
    let (Some(one), Some(other)) = (TestDatabase::empty().await, TestDatabase::empty().await)
    else {
        return;
    };
    assert_eq!(run_unchanged(&source, &url(&one)).await, in_sqlite);
    assert_eq!(run_unchanged(&url(&one), &url(&other)).await, in_sqlite);
}

#[tokio::test]
async fn copy_has_no_timeouts_of_other_operations() {
    let scratch = Scratch::filled();
    // A migration has these timeouts.
    let (Some(one), Some(other)) = (postgres::migrated().await, postgres::migrated().await) else {
        return;
    };
    let options = postgres::PostgresOptions {
        idle_in_transaction_timeout: std::time::Duration::from_millis(1),
        ..TEST_OPTIONS
    };
    let (source, one, other) = (scratch.url("source.db"), url(&one), url(&other));
    for (from, to) in [(&source, &one), (&one, &other)] {
        copy(from, to, &options, &mut |_| {}).await.unwrap();
    }
}

#[tokio::test]
async fn next_ids_follow_those_of_deleted_rows() {
    let insert_role = "INSERT INTO roles (tenant_id, name, name_key, created_at)
        VALUES (1, 'Next', 'next', 0) RETURNING id";
    let scratch = Scratch::filled();
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    run_unchanged(&scratch.url("source.db"), &url(&database)).await;
    let row = database.client().await.query_one(insert_role, &[]).await;
    // Rows 1, 8 and 15 were copied, and 22 was deleted before.
    assert_eq!(row.unwrap().get::<_, i64>(0), 23);
    let client = database.client().await;
    let delete = "DELETE FROM roles WHERE id = 23";
    client.execute(delete, &[]).await.unwrap();
    run_unchanged(&url(&database), &scratch.url("back.db")).await;
    let back = Connection::open(scratch.path("back.db")).unwrap();
    let id = back.query_row(insert_role, [], |row| row.get::<_, i64>(0));
    assert_eq!(id.unwrap(), 24);
}

#[tokio::test]
async fn character_that_postgres_cannot_store_is_replaced() {
    let scratch = Scratch::filled();
    let update = "UPDATE audit SET user_agent = 'a' || char(0) || 'b'";
    scratch.source().execute(update, []).unwrap();
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    run_unchanged(&scratch.url("source.db"), &url(&database)).await;
    let select = "SELECT DISTINCT user_agent FROM audit";
    let row = database.client().await.query_one(select, &[]).await;
    assert_eq!(row.unwrap().get::<_, &str>(0), "a\u{FFFD}b");
}

#[tokio::test]
async fn copy_writes_no_changes_for_session_caches() {
    let scratch = Scratch::filled();
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    run_unchanged(&scratch.url("source.db"), &url(&database)).await;
    let client = database.client().await;
    let changes = client.query("SELECT FROM changes", &[]).await.unwrap();
    assert_eq!(changes.len(), 0);
}
