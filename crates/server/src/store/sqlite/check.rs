//! Checks of a database: those of SQLite, and rules that the schema cannot express.

use std::path::Path;
use std::str::FromStr;

use rusqlite::{Connection, Row};

use super::open::{self, OpenError};
use super::{read_optional, read_parsed};
use crate::domain::role::RoleName;
use crate::domain::tenant::Domain;
use crate::domain::user::{Scope, UserKey, Username};
use crate::store::check::{
    CheckReport, Warning, add_problem, check_password_hash, check_stored_name,
};

pub(in crate::store) fn check(path: &Path) -> Result<CheckReport, OpenError> {
    let connection = open::open_existing(path)?;
    if open::is_older(&connection).unwrap_or(false) {
        let next = "the schema is older than this version; run `pbx-login-server migrate`, then check again";
        return Ok(CheckReport {
            problems: vec![next.to_owned()],
            ..CheckReport::default()
        });
    }
    let mut report = CheckReport::default();
    for (subject, sql, judge) in CHECKS {
        match find_problems(&connection, sql, *judge) {
            Ok(problems) => report.problems.extend(problems),
            Err(error) => report.problems.push(unreadable(subject, &error)),
        }
    }
    for (subject, sql, judge) in WARNINGS {
        match find_warnings(&connection, sql, *judge) {
            Ok(warnings) => report.warnings.extend(warnings),
            Err(error) => report.problems.push(unreadable(subject, &error)),
        }
    }
    Ok(report)
}

fn unreadable(subject: &str, error: &rusqlite::Error) -> String {
    format!("{subject} cannot be read: {error}")
}

type Judge<T> = fn(&Row<'_>) -> rusqlite::Result<Option<T>>;

/// The subject of each check, its query, and the function that judges a row.
const CHECKS: &[(&str, &str, Judge<String>)] = &[
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
            let hash = row.get_ref(1)?.as_str()?;
            Ok(check_password_hash(row.get(0)?, hash))
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

/// Like [`CHECKS`], for warnings.
const WARNINGS: &[(&str, &str, Judge<Warning>)] = &[
    (
        "the weak passwords",
        "SELECT t.domain, u.username, u.password_weakness
        FROM users u LEFT JOIN tenants t ON t.id = u.tenant_id
        WHERE u.password_weakness IS NOT NULL ORDER BY u.id",
        |row| {
            let user = UserKey {
                scope: read_optional(row, 0)?.map_or(Scope::System, Scope::Tenant),
                username: read_parsed(row, 1)?,
            };
            Ok(Some(Warning::WeakPassword(user, read_parsed(row, 2)?)))
        },
    ),
    (
        "the names of roles",
        "SELECT t.domain, r.name FROM roles r JOIN tenants t ON t.id = r.tenant_id ORDER BY r.id",
        |row| {
            let (domain, name) = (read_parsed(row, 0)?, row.get_ref(1)?.as_str()?);
            // A name that is invalid in every version is a problem.
            Ok((name.parse().ok()).and_then(|name| Warning::of_role(domain, name)))
        },
    ),
];

fn find_problems(
    connection: &Connection,
    sql: &str,
    judge: Judge<String>,
) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut problems = Vec::new();
    while let Some(row) = rows.next()? {
        if !add_problem(&mut problems, judge(row)?) {
            break;
        }
    }
    Ok(problems)
}

/// Finds all warnings, because no other list shows what an operator should change.
fn find_warnings(
    connection: &Connection,
    sql: &str,
    judge: Judge<Warning>,
) -> rusqlite::Result<Vec<Warning>> {
    let mut statement = connection.prepare(sql)?;
    let warnings = statement.query_map([], judge)?;
    warnings.filter_map(Result::transpose).collect()
}

fn check_name<T: FromStr>(
    row: &Row<'_>,
    noun: &str,
    key: fn(&T) -> String,
) -> rusqlite::Result<Option<String>> {
    let typed = row.get_ref(1)?.as_str()?;
    let stored = row.get_ref(2)?.as_str()?;
    Ok(check_stored_name((row.get(0)?, typed, stored), noun, key))
}
