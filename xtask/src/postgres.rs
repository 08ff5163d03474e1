//! Databases of scratch servers in a running PostgreSQL server, for `verify --database`.
//!
//! PostgreSQL's program `psql` executes the statements, so that xtask needs no driver.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, anyhow};
use dropshot_conformance::report::Problem;

/// The databases that this run created in a PostgreSQL server. They are dropped with this value.
pub(crate) struct ScratchDatabases {
    url: String,
    created: Mutex<Vec<String>>,
}

impl ScratchDatabases {
    /// Checks that statements can be executed.
    pub(crate) fn connect(url: &str) -> Result<Self> {
        if has_password(url) {
            anyhow::bail!(
                "--database contains a password, which other users can see in the list of processes; remove it and set PGPASSWORD"
            );
        }
        let databases = Self {
            url: url.to_owned(),
            created: Mutex::default(),
        };
        databases.execute(&["SELECT 1"]).map_err(|reason| {
            anyhow!(
                "--database cannot be used: {reason}; check the URL, and that psql is installed"
            )
        })?;
        Ok(databases)
    }

    /// Creates the database of a scratch folder and returns its URL.
    pub(crate) fn create(&self, folder: &Path) -> Result<String, Problem> {
        let name = name(folder);
        let sql = format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0");
        self.execute(&[&sql]).map_err(|reason| {
            Problem::new(format!(
                "the database of the server cannot be created: {reason}"
            ))
        })?;
        let url = with_database(&self.url, &name);
        let mut created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        created.push(name);
        Ok(url)
    }

    /// Closes the connections to the database of a folder, and refuses new ones.
    pub(crate) fn suspend(&self, folder: &Path) -> Result<(), Problem> {
        let name = name(folder);
        let refuse = format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false");
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        let suspended = self.execute(&[&refuse, &end]);
        suspended
            .map_err(|reason| Problem::new(format!("the database remains available: {reason}")))
    }

    /// Allows connections again.
    pub(crate) fn resume(&self, folder: &Path) -> Result<(), Problem> {
        let sql = format!(
            "ALTER DATABASE {} WITH ALLOW_CONNECTIONS true",
            name(folder)
        );
        let resumed = self.execute(&[&sql]);
        resumed
            .map_err(|reason| Problem::new(format!("the database remains unavailable: {reason}")))
    }

    fn execute(&self, statements: &[&str]) -> Result<(), String> {
        let mut command = Command::new("psql");
        command.args([
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--output=/dev/null",
        ]);
        for statement in statements {
            command.args(["--command", statement]);
        }
        let output = command.arg(&self.url).stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("psql cannot be run: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr);
        Err(text.trim_end().replace('\n', " "))
    }
}

impl Drop for ScratchDatabases {
    fn drop(&mut self) {
        let created = self
            .created
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        for name in std::mem::take(created) {
            let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            if let Err(reason) = self.execute(&[&sql]) {
                anstream::eprintln!("warning: the database {name} was not dropped: {reason}");
            }
        }
    }
}

/// Returns whether a URL contains a password, before the host or as a parameter.
fn has_password(url: &str) -> bool {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let authority = base.split("://").nth(1).unwrap_or_default();
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    let mut parameters = query.split('&');
    user.contains(':') || parameters.any(|parameter| parameter.starts_with("password="))
}

/// Returns the name of the database of a folder, whose name is random.
fn name(folder: &Path) -> String {
    let folder = folder.file_name().unwrap_or_default().to_string_lossy();
    let hex: String = folder.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("pbx_login_verify_{hex}")
}

/// Returns a URL with another database.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url
        .split_once('?')
        .map_or((url, None), |(base, query)| (base, Some(query)));
    let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
    let authority = rest.split('/').next().unwrap_or_default();
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    format!("{scheme}://{authority}/{name}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_keeps_everything_except_the_database() {
        for (url, expected) in [
            ("postgres://a@b/c", "postgres://a@b/x"),
            (
                "postgresql://a:p@b:1,d:2/c?sslmode=require",
                "postgresql://a:p@b:1,d:2/x?sslmode=require",
            ),
            ("postgres://b", "postgres://b/x"),
            ("postgres:///c?host=/tmp/a", "postgres:///x?host=/tmp/a"),
        ] {
            assert_eq!(with_database(url, "x"), expected);
        }
    }

    #[test]
    fn password_in_a_url_is_refused() {
        for (url, expected) in [
            ("postgres://a:p@b/c", true),
            ("postgres://a@b/c?sslmode=require&password=p", true),
            ("postgres://a@b:1/c?sslmode=require", false),
            ("postgres:///c?host=/tmp/a", false),
        ] {
            assert_eq!(has_password(url), expected, "{url}");
        }
        let refused = ScratchDatabases::connect("postgres://a:p@b/c").err();
        let text = refused.expect("refused").to_string();
        assert!(text.ends_with("remove it and set PGPASSWORD"), "{text}");
    }

    #[test]
    fn name_of_a_database_needs_no_quotes() {
        assert_eq!(
            name(Path::new("/tmp/.tmpA'b")),
            "pbx_login_verify_2e746d70412762"
        );
    }

    #[test]
    fn unusable_url_is_refused_with_the_next_step() {
        let refused = ScratchDatabases::connect("postgres:///x?host=/nowhere").err();
        let text = refused.expect("refused").to_string();
        assert!(text.starts_with("--database cannot be used: "), "{text}");
        assert!(
            text.ends_with("check the URL, and that psql is installed"),
            "{text}"
        );
    }
}
