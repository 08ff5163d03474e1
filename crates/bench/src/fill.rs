//! Fills a database of the server with live sessions, because a million logins would take hours.

use std::path::Path;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};

pub(crate) const DOMAIN: &str = "bench.example";

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Sessions per user: half of the default of `session.per_user`, so that logins end none of them.
const SESSIONS_PER_USER: u64 = 50;

const LIFETIME_SECONDS: i64 = 30 * 24 * 60 * 60;

/// Pseudo-random numbers, the same in every run (SplitMix64, Steele et al. 2014).
#[derive(Debug)]
pub(crate) struct RandomNumbers(u64);

impl RandomNumbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

pub(crate) fn token(session: u64) -> String {
    let mut numbers = RandomNumbers::new(session);
    format!("{:016X}{:016X}", numbers.next(), numbers.next())
}

pub(crate) fn username(user: u64) -> String {
    format!("user{user}")
}

pub(crate) fn users(sessions: u64) -> u64 {
    sessions.div_ceil(SESSIONS_PER_USER)
}

/// The users share the password hash of the administrator, whose password must be [`PASSWORD`].
pub(crate) fn fill(database: &Path, sessions: u64) -> Result<()> {
    let mut connection = Connection::open(database)?;
    // The database need not survive a power loss.
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "journal_mode", "OFF")?;
    let transaction = connection.transaction()?;
    add_users(&transaction, users(sessions))
        .context("cannot insert the users; the schema may have changed")?;
    add_sessions(&transaction, sessions)
        .context("cannot insert the sessions; the schema may have changed")?;
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
    // Sorted, because random order would write to every page of the index on the hashes.
    let mut hashes: Vec<([u8; 32], i64)> = (0..sessions)
        .map(|session| {
            let hash = Sha256::digest(token(session).as_bytes()).into();
            let user = i64::try_from(session % users(sessions)).expect("few users");
            (hash, first + user)
        })
        .collect();
    hashes.sort_unstable();
    for (hash, user) in &hashes {
        insert.execute(params![hash, user, LIFETIME_SECONDS])?;
    }
    for (_, sql) in &indexes {
        transaction.execute(sql, [])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn tokens_are_distinct_and_have_32_hexadecimal_digits() {
        let tokens: HashSet<String> = (0..10_000).map(token).collect();
        assert_eq!(tokens.len(), 10_000);
        assert!(tokens.iter().all(|token| {
            token.len() == 32
                && token
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte))
        }));
    }

    #[test]
    fn numbers_below_a_limit_cover_the_range() {
        let mut numbers = RandomNumbers::new(7);
        let seen: HashSet<u64> = (0..200).map(|_| numbers.below(10)).collect();
        assert_eq!(seen, (0..10).collect());
    }
}
