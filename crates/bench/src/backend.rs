//! The backends that are measured, and a database of one of them.

use std::path::Path;
use std::str::FromStr;

use anstream::eprintln;
use anyhow::{Context as _, Result, anyhow};
use tempfile::TempDir;

use crate::affinity::Separation;
use crate::fill;
use crate::postgres::{self, Cluster};

/// A value of the option `--database`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BackendChoice {
    Sqlite,
    /// The server in `TEST_DATABASE_URL`, or a new one.
    Postgres,
    /// The server at a URL.
    PostgresAt(String),
}

impl FromStr for BackendChoice {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            _ if text.starts_with("postgres://") || text.starts_with("postgresql://") => {
                Ok(Self::PostgresAt(text.to_owned()))
            }
            _ => Err("expected sqlite, postgres or the URL of a PostgreSQL server"),
        }
    }
}

#[derive(Debug)]
pub(crate) enum Backend {
    Sqlite,
    Postgres(Cluster),
}

const NO_POSTGRES: &str = "the programs of PostgreSQL are missing; install Debian's package postgresql, or set TEST_DATABASE_URL";

impl Backend {
    /// Returns the chosen backends; by default SQLite, and PostgreSQL if there is a server or its programs.
    pub(crate) fn choose(choices: &[BackendChoice]) -> Result<Vec<Self>> {
        if choices.is_empty() {
            let postgres = Self::find_postgres()?;
            if postgres.is_none() {
                eprintln!("skipped: the measurements on PostgreSQL, because {NO_POSTGRES}");
            }
            return Ok([Self::Sqlite].into_iter().chain(postgres).collect());
        }
        let backends = choices.iter().map(|choice| match choice {
            BackendChoice::Sqlite => Ok(Self::Sqlite),
            BackendChoice::Postgres => {
                Self::find_postgres()?.ok_or_else(|| anyhow!("{NO_POSTGRES}"))
            }
            BackendChoice::PostgresAt(url) => Ok(Self::Postgres(Cluster::at(url.clone()))),
        });
        backends.collect()
    }

    fn find_postgres() -> Result<Option<Self>> {
        if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
            return Ok(Some(Self::Postgres(Cluster::at(url))));
        }
        let started = postgres::find_programs().map(|programs| Cluster::start(&programs));
        Ok(started.transpose()?.map(Self::Postgres))
    }

    /// Returns the part of a measure's name that identifies the backend: nothing for SQLite, the default.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres(_) => " on PostgreSQL",
        }
    }

    /// Creates an empty database; `number` differs for each database of a run.
    pub(crate) async fn create_database(&self, number: usize) -> Result<Database<'_>> {
        let folder = tempfile::tempdir()?;
        let name = format!("pbx_login_bench_{}_{number}", std::process::id());
        let url = match self {
            Self::Sqlite => format!("sqlite:{}", folder.path().join(SQLITE_FILE).display()),
            Self::Postgres(cluster) => cluster.create_database(&name).await?,
        };
        Ok(Database {
            backend: self,
            folder,
            name,
            url,
        })
    }
}

const SQLITE_FILE: &str = "pbx-login.db";

/// A database of the measured servers.
#[derive(Debug)]
pub(crate) struct Database<'a> {
    pub(crate) backend: &'a Backend,
    folder: TempDir,
    name: String,
    url: String,
}

impl Database<'_> {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the working directory of the servers.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds live sessions; a server must have created the schema and the administrator.
    pub(crate) async fn fill(&self, sessions: u64) -> Result<()> {
        let filled = match self.backend {
            Backend::Sqlite => fill::sqlite::fill(&self.folder().join(SQLITE_FILE), sessions),
            Backend::Postgres(_) => {
                fill::postgres::fill(&postgres::connect(&self.url).await?, sessions).await
            }
        };
        filled
            .context("cannot fill the database; has its schema changed? See crates/bench/src/fill")
    }

    /// Returns the processor time of the database server in nanoseconds.
    ///
    /// `None` if it has no process, or if the benchmark did not start it.
    pub(crate) fn server_processor_time(&self) -> Result<Option<f64>> {
        match self.backend {
            Backend::Sqlite => Ok(None),
            Backend::Postgres(cluster) => cluster.processor_time(),
        }
    }

    /// Gives the database server a processor of its own, as long as the result exists.
    ///
    /// Returns `None` if it has no process, if the benchmark did not start it, or if there is only one processor.
    pub(crate) fn separate_server(&self) -> Result<Option<Separation>> {
        match self.backend {
            Backend::Sqlite => Ok(None),
            Backend::Postgres(cluster) => cluster.separate(),
        }
    }

    /// Returns whether the database server is known to use the processors of the measured servers.
    pub(crate) fn shares_processors(&self) -> bool {
        match self.backend {
            Backend::Sqlite => false,
            Backend::Postgres(cluster) => cluster.is_local(),
        }
    }

    pub(crate) async fn remove(self) -> Result<()> {
        match self.backend {
            Backend::Sqlite => Ok(()),
            Backend::Postgres(cluster) => cluster.drop_database(&self.name).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choice_is_a_name_or_the_url_of_a_server() {
        assert_eq!("sqlite".parse(), Ok(BackendChoice::Sqlite));
        assert_eq!("postgres".parse(), Ok(BackendChoice::Postgres));
        for url in ["postgres://u@h/d", "postgresql://h/d"] {
            assert_eq!(url.parse(), Ok(BackendChoice::PostgresAt(url.to_owned())));
        }
        assert!("mysql://h/d".parse::<BackendChoice>().is_err());
    }
}
