//! Fills an SQLite file.

use std::path::Path;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, params};

use super::{DOMAIN, LIFETIME_SECONDS, username, users};

/// The users share the password hash of the administrator, whose password must be [`super::PASSWORD`].
pub(crate) fn fill(database: &Path, sessions: u64) -> Result<()> {
    let mut connection = Connection::open(database)?;
    // The database need not survive a power loss.
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "journal_mode", "OFF")?;
    let transaction = connection.transaction()?;
    add_users(&transaction, users(sessions)).context("cannot insert the users")?;
    add_sessions(&transaction, sessions).context("cannot insert the sessions")?;
    transaction.commit()?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    Ok(())
}

fn add_users(transaction: &Connection, users: u64) -> Result<()> {
    transaction.execute(
        "INSERT INTO tenants (domain, domain_key, created_at, public_id)
        VALUES (?1, ?1, unixepoch(), randomblob(16))",
        [DOMAIN],
    )?;
    let tenant = transaction.last_insert_rowid();
    // Queried once, because user names have no index across tenants.
    let hash: String = transaction.query_row(
        "SELECT password_hash FROM users WHERE username_key = 'admin'",
        [],
        |row| row.get(0),
    )?;
    let mut insert = transaction.prepare(
        "INSERT INTO users
            (tenant_id, username, username_key, built_in_role, password_hash, created_at, public_id)
        VALUES (?1, ?2, ?2, 'StandardUser', ?3, unixepoch(), randomblob(16))",
    )?;
    for user in 0..users {
        insert.execute(params![tenant, username(user), hash])?;
    }
    Ok(())
}

fn add_sessions(transaction: &Connection, sessions: u64) -> Result<()> {
    // Building an index over all rows is much faster than updating it for each row.
    let indexes = transaction
        .prepare(
            "SELECT name, sql FROM sqlite_schema
            WHERE type = 'index' AND tbl_name = 'sessions' AND sql IS NOT NULL",
        )?
        .query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    for (name, _) in &indexes {
        transaction.execute(&format!("DROP INDEX {name}"), [])?;
    }
    let first: i64 = transaction.query_row(
        "SELECT min(id) FROM users WHERE tenant_id = (SELECT id FROM tenants WHERE domain_key = ?1)",
        [DOMAIN],
        |row| row.get(0),
    )?;
    let mut insert = transaction.prepare(
        "INSERT INTO sessions (token_hash, user_id, created_at, expires_at)
        VALUES (?1, ?2, unixepoch(), unixepoch() + ?3)",
    )?;
    for (hash, user) in super::sessions(sessions, first) {
        insert.execute(params![hash, user, LIFETIME_SECONDS])?;
    }
    for (_, sql) in &indexes {
        transaction.execute(sql, [])?;
    }
    Ok(())
}
