//! Checks of a database: rules that the schema cannot express.

use std::str::FromStr;

use tokio_postgres::{Client, Error, Row};

use super::error::describe;
use crate::domain::role::RoleName;
use crate::domain::tenant::Domain;
use crate::domain::user::{Scope, UserKey, Username};
use crate::store::check::{
    CheckReport, Warning, add_problem, check_password_hash, check_stored_name,
};

pub(super) async fn check(client: &Client) -> CheckReport {
    let mut report = CheckReport::default();
    for (subject, sql, judge) in CHECKS {
        match find_problems(client, sql, *judge).await {
            Ok(problems) => report.problems.extend(problems),
            Err(error) => report.problems.push(unreadable(subject, &error)),
        }
    }
    for (subject, sql, judge) in WARNINGS {
        match find_warnings(client, sql, *judge).await {
            Ok(warnings) => report.warnings.extend(warnings),
            Err(error) => report.problems.push(unreadable(subject, &error)),
        }
    }
    report
}

fn unreadable(subject: &str, error: &Error) -> String {
    format!("{subject} cannot be read: {}", describe(error))
}

type Judge<T> = fn(&Row) -> Result<Option<T>, Error>;

/// The subject of each check, its query, and the function that judges a row.
const CHECKS: &[(&str, &str, Judge<String>)] = &[
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
        |row| Ok(check_password_hash(row.try_get(0)?, row.try_get(1)?)),
    ),
    (
        "the sessions",
        "SELECT s.id FROM sessions s
        JOIN users u ON u.id = s.user_id LEFT JOIN tenants t ON t.id = u.tenant_id
        WHERE NOT (u.enabled AND coalesce(t.enabled, true)) ORDER BY s.id LIMIT 101",
        |row| {
            let id: i64 = row.try_get(0)?;
            Ok(Some(format!(
                "session {id}: its user or tenant is disabled"
            )))
        },
    ),
    (
        "the administrators",
        "SELECT EXISTS (SELECT FROM users WHERE built_in_role = 'SystemAdmin' AND enabled)",
        |row| {
            let exists: bool = row.try_get(0)?;
            let problem = "there is no enabled system administrator; create or enable one";
            Ok((!exists).then(|| problem.to_owned()))
        },
    ),
];

/// Like [`CHECKS`], for warnings. A name that is not valid is a problem.
const WARNINGS: &[(&str, &str, Judge<Warning>)] = &[
    (
        "the weak passwords",
        "SELECT t.domain, u.username, u.password_weakness
        FROM users u LEFT JOIN tenants t ON t.id = u.tenant_id
        WHERE u.password_weakness IS NOT NULL ORDER BY u.id",
        |row| {
            let (domain, username, weakness): (Option<&str>, &str, &str) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let scope = match domain {
                Some(domain) => domain.parse().ok().map(Scope::Tenant),
                None => Some(Scope::System),
            };
            let user = scope.zip(username.parse().ok());
            let user = user.map(|(scope, username)| UserKey { scope, username });
            let found = user.zip(weakness.parse().ok());
            Ok(found.map(|(user, weakness)| Warning::WeakPassword(user, weakness)))
        },
    ),
    (
        "the names of roles",
        "SELECT t.domain, r.name FROM roles r JOIN tenants t ON t.id = r.tenant_id ORDER BY r.id",
        |row| {
            let (domain, name): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
            let role = domain.parse().ok().zip(name.parse().ok());
            Ok(role.and_then(|(domain, name)| Warning::of_role(domain, name)))
        },
    ),
];

async fn find_problems(
    client: &Client,
    sql: &str,
    judge: Judge<String>,
) -> Result<Vec<String>, Error> {
    let mut problems = Vec::new();
    for row in client.query_typed(sql, &[]).await? {
        if !add_problem(&mut problems, judge(&row)?) {
            break;
        }
    }
    Ok(problems)
}

async fn find_warnings(
    client: &Client,
    sql: &str,
    judge: Judge<Warning>,
) -> Result<Vec<Warning>, Error> {
    let rows = client.query_typed(sql, &[]).await?;
    rows.iter()
        .map(judge)
        .filter_map(Result::transpose)
        .collect()
}

fn check_name<T: FromStr>(
    row: &Row,
    noun: &str,
    key: fn(&T) -> String,
) -> Result<Option<String>, Error> {
    let names = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(check_stored_name(names, noun, key))
}
