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
const MOST: usize = 100;

pub(in crate::store) fn check(path: &Path) -> Result<Vec<String>, OpenError> {
    let connection = open::existing(path)?;
    if open::is_older(&connection).unwrap_or(false) {
        let next =
            "it has an older form; start the server, which brings it up to date, and check again";
        return Ok(vec![next.to_owned()]);
    }
    let mut found = Vec::new();
    for (what, sql, judge) in CHECKS {
        match findings(&connection, sql, *judge) {
            Ok(findings) => found.extend(findings),
            Err(error) => found.push(format!("{what} cannot be read: {error}")),
        }
    }
    Ok(found)
}

type Judge = fn(&Row<'_>) -> rusqlite::Result<Option<String>>;

/// The subject of each check, its query, and the function that judges a row.
const CHECKS: &[(&str, &str, Judge)] = &[
    ("the file", "PRAGMA integrity_check", |row| {
        let said: String = row.get(0)?;
        Ok((said != "ok").then(|| format!("the file: {said}")))
    }),
    ("the references", "PRAGMA foreign_key_check", |row| {
        let (table, id, parent) = (
            row.get::<_, String>(0)?,
            row.get::<_, Option<i64>>(1)?,
            row.get::<_, String>(2)?,
        );
        let id = id.map_or_else(|| "a row".to_owned(), |id| format!("row {id}"));
        Ok(Some(format!(
            "{table}, {id}: its row of {parent} is missing"
        )))
    }),
    (
        "the tenants",
        "SELECT id, domain, domain_key FROM tenants ORDER BY id",
        |row| name::<Domain>(row, "tenant", |domain| domain.key().to_owned()),
    ),
    (
        "the roles",
        "SELECT id, name, name_key FROM roles ORDER BY id",
        |row| name::<RoleName>(row, "role", RoleName::key),
    ),
    (
        "the users",
        "SELECT id, username, username_key FROM users ORDER BY id",
        |row| name::<Username>(row, "user", Username::key),
    ),
    (
        "the passwords",
        "SELECT id, password_hash FROM users ORDER BY id",
        |row| {
            let (id, hash): (i64, String) = (row.get(0)?, row.get(1)?);
            let unusable = PasswordHash::new(&hash).is_err();
            let told =
                || format!("user {id}: the password hash cannot be used; set the password anew");
            Ok(unusable.then(told))
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
            let there: bool = row.get(0)?;
            let none = "there is no enabled system administrator; create or enable one";
            Ok((!there).then(|| none.to_owned()))
        },
    ),
];

fn findings(connection: &Connection, sql: &str, judge: Judge) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        match judge(row)? {
            Some(_) if found.len() == MOST => {
                found.push("and more of these".to_owned());
                break;
            }
            Some(finding) => found.push(finding),
            None => {}
        }
    }
    Ok(found)
}

/// Checks that a name is valid and stored with its key.
fn name<T: FromStr>(
    row: &Row<'_>,
    noun: &str,
    key: fn(&T) -> String,
) -> rusqlite::Result<Option<String>> {
    let (id, typed, kept): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(match typed.parse::<T>() {
        Ok(name) if key(&name) == kept => None,
        Ok(_) => Some(format!("{noun} {id}: {typed:?} is not found by {kept:?}")),
        Err(_) => Some(format!("{noun} {id}: {typed:?} is no name of one")),
    })
}
