//! Checks of a database: those of SQLite, and rules that the schema cannot express.

use std::path::Path;
use std::str::FromStr;

use argon2::password_hash::phc::PasswordHash;
use rusqlite::{Connection, Row};

use super::open::{self, OpenError};
use crate::domain::role::RoleName;
use crate::domain::tenant::Domain;
use crate::domain::user::Username;

/// The maximum number of findings of one check, as in SQLite's `integrity_check`.
const MAX_FINDINGS: usize = 100;

pub(in crate::store) fn check(path: &Path) -> Result<Vec<String>, OpenError> {
    let connection = open::open_existing(path)?;
    if open::is_older(&connection).unwrap_or(false) {
        let next = "the schema is older than this version; start the server to migrate it, then check again";
        return Ok(vec![next.to_owned()]);
    }
    let mut found = Vec::new();
    for (subject, sql, judge) in CHECKS {
        match run_check(&connection, sql, *judge) {
            Ok(findings) => found.extend(findings),
            Err(error) => found.push(format!("{subject} cannot be read: {error}")),
        }
    }
    Ok(found)
}

type Judge = fn(&Row<'_>) -> rusqlite::Result<Option<String>>;

/// The subject of each check, its query, and the function that judges a row.
const CHECKS: &[(&str, &str, Judge)] = &[
    ("the file", "PRAGMA integrity_check", |row| {
        let result: String = row.get(0)?;
        Ok((result != "ok").then(|| format!("the file: {result}")))
    }),
    ("the references", "PRAGMA foreign_key_check", |row| {
        let (table, id, parent) = (
            row.get::<_, String>(0)?,
            row.get::<_, Option<i64>>(1)?,
            row.get::<_, String>(2)?,
        );
        let id = id.map_or_else(|| "a row".to_owned(), |id| format!("row {id}"));
        Ok(Some(format!(
            "{table}, {id}: the referenced row of {parent} is missing"
        )))
    }),
    (
        "the tenants",
        "SELECT id, domain, domain_key FROM tenants ORDER BY id",
        |row| check_name::<Domain>(row, "tenant", |domain| domain.key().to_owned()),
    ),
    (
        "the roles",
        "SELECT id, name, name_key FROM roles ORDER BY id",
        |row| check_name::<RoleName>(row, "role", RoleName::key),
    ),
    (
        "the users",
        "SELECT id, username, username_key FROM users ORDER BY id",
        |row| check_name::<Username>(row, "user", Username::key),
    ),
    (
        "the passwords",
        "SELECT id, password_hash FROM users ORDER BY id",
        |row| {
            let (id, hash): (i64, String) = (row.get(0)?, row.get(1)?);
            let unusable = PasswordHash::new(&hash).is_err();
            let problem =
                || format!("user {id}: the password hash cannot be used; set a new password");
            Ok(unusable.then(problem))
        },
    ),
    (
        "the sessions",
        "SELECT s.id FROM sessions s
        JOIN users u ON u.id = s.user_id LEFT JOIN tenants t ON t.id = u.tenant_id
        WHERE NOT (u.enabled AND coalesce(t.enabled, 1)) ORDER BY s.id",
        |row| {
            let id: i64 = row.get(0)?;
            Ok(Some(format!(
                "session {id}: its user or tenant is disabled"
            )))
        },
    ),
    (
        "the administrators",
        "SELECT EXISTS (SELECT 1 FROM users WHERE built_in_role = 'SystemAdmin' AND enabled = 1)",
        |row| {
            let exists: bool = row.get(0)?;
            let problem = "there is no enabled system administrator; create or enable one";
            Ok((!exists).then(|| problem.to_owned()))
        },
    ),
];

fn run_check(connection: &Connection, sql: &str, judge: Judge) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        match judge(row)? {
            Some(_) if found.len() == MAX_FINDINGS => {
                found.push("more problems of this kind are not listed".to_owned());
                break;
            }
            Some(finding) => found.push(finding),
            None => {}
        }
    }
    Ok(found)
}

fn check_name<T: FromStr>(
    row: &Row<'_>,
    noun: &str,
    key: fn(&T) -> String,
) -> rusqlite::Result<Option<String>> {
    let (id, typed, stored): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(match typed.parse::<T>() {
        Ok(name) if key(&name) == stored => None,
        Ok(_) => Some(format!(
            "{noun} {id}: {typed:?} is stored with the key {stored:?}"
        )),
        Err(_) => Some(format!("{noun} {id}: {typed:?} is not a valid name")),
    })
}
