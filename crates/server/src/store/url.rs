use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The URL of a database, `sqlite:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// An SQLite file.
    Sqlite(PathBuf),
}

/// The reason that a text is not a usable database URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// The URL is for PostgreSQL.
    #[error("PostgreSQL is not supported yet; write sqlite:PATH, such as sqlite:pbx-login.db")]
    Postgres,
    /// The path of the file is missing.
    #[error("the path of the file is missing; write sqlite:PATH, such as sqlite:pbx-login.db")]
    NoFile,
    /// The path begins with two slashes, as in the URL of a server.
    #[error(
        "the path must not begin with //; write sqlite:PATH, such as sqlite:/var/lib/pbx-login.db"
    )]
    Slashes,
    /// The text is something else. The message does not repeat it, because it may contain a password.
    #[error("not the URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db")]
    Unknown,
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        match text.split_once(':') {
            Some(("sqlite", "" | ":memory:")) => Err(DatabaseUrlError::NoFile),
            Some(("sqlite", path)) if path.starts_with("//") => Err(DatabaseUrlError::Slashes),
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.into())),
            Some(("postgres" | "postgresql", _)) => Err(DatabaseUrlError::Postgres),
            Some(_) | None => Err(DatabaseUrlError::Unknown),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

/// What to do if the database does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// Create it.
    Create,
    /// Fail.
    Fail,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_url_is_parsed_or_refused_with_a_remedy() {
        let urls = [
            "sqlite:pbx-login.db",
            "sqlite:/var/lib/pbx.db",
            "sqlite:a b?c#d:e",
        ];
        for url in urls {
            assert_eq!(url.parse::<DatabaseUrl>().unwrap().to_string(), url);
        }
        let refusals = [
            "postgres://user:hunter2@db/pbx",
            "postgresql:pbx",
            "sqlite:",
            "sqlite::memory:",
            "sqlite:///var/lib/pbx.db",
            "mysql://user:hunter2@db/pbx",
            "pbx-login.db",
            "",
            "SQLite:x",
        ]
        .map(|url| url.parse::<DatabaseUrl>().unwrap_err().to_string());
        insta::assert_snapshot!(refusals.join("\n"), @"
        PostgreSQL is not supported yet; write sqlite:PATH, such as sqlite:pbx-login.db
        PostgreSQL is not supported yet; write sqlite:PATH, such as sqlite:pbx-login.db
        the path of the file is missing; write sqlite:PATH, such as sqlite:pbx-login.db
        the path of the file is missing; write sqlite:PATH, such as sqlite:pbx-login.db
        the path must not begin with //; write sqlite:PATH, such as sqlite:/var/lib/pbx-login.db
        not the URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db
        not the URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db
        not the URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db
        not the URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db
        ");
    }
}
