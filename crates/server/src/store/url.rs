//! URLs of databases.

mod postgres;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

#[cfg(test)]
use self::postgres::SslSettings;
pub(super) use self::postgres::{PostgresHost, PostgresUrl, RootCertificates, SslMode};

/// The URL of a database: `sqlite:PATH` or `postgres://…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(Box<PostgresUrl>),
}

/// The reason why a text is not a usable database URL.
///
/// No message repeats a part that may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// The path of the file is missing.
    #[error("the path of the file is missing; write sqlite:PATH, such as sqlite:pbx-login.db")]
    NoFile,
    /// The path begins with two slashes, as in the URL of a server.
    #[error(
        "the path must not begin with //; write sqlite:PATH, such as sqlite:/var/lib/pbx-login.db"
    )]
    Slashes,
    /// The URL of PostgreSQL does not have two slashes.
    #[error("write postgres://USER@HOST:PORT/DATABASE, such as postgres://pbx@localhost/pbx")]
    NoSlashes,
    /// The port of a host is invalid, or the closing bracket of an IPv6 address is missing.
    #[error(
        "a host or port is invalid; write HOST, HOST:PORT or [IPV6]:PORT, separated by commas, and encode / : @ ? in a password, such as %40 for @"
    )]
    Host,
    /// A percent sign is not followed by two hexadecimal digits, or the text is not UTF-8.
    #[error("a part of the URL is not encoded correctly; write a percent sign as %25")]
    Encoding,
    /// A parameter has no value, or is unknown to libpq.
    #[error("the parameter {0} is not supported; remove it")]
    UnknownParameter(String),
    /// A parameter has an unusable value.
    #[error("the parameter {name} is invalid: expected {expected}")]
    Parameter {
        /// The name of the parameter.
        name: &'static str,
        /// The values that are allowed.
        expected: &'static str,
    },
    /// The text is something else.
    #[error(
        "not the URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db, or postgres://USER@HOST/DATABASE"
    )]
    Unknown,
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        match text.split_once(':') {
            Some(("sqlite", "" | ":memory:")) => Err(DatabaseUrlError::NoFile),
            Some(("sqlite", path)) if path.starts_with("//") => Err(DatabaseUrlError::Slashes),
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.into())),
            Some(("postgres" | "postgresql", rest)) => match rest.strip_prefix("//") {
                Some(rest) => Ok(Self::Postgres(Box::new(PostgresUrl::parse(rest)?))),
                None => Err(DatabaseUrlError::NoSlashes),
            },
            Some(_) | None => Err(DatabaseUrlError::Unknown),
        }
    }
}

/// Writes the URL without a password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// What to do if the database, or a migration of its schema, is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// The database is created, and an older schema migrated.
    Create,
    /// An error is returned. An older schema is migrated.
    Fail,
    /// An error is returned, also if the schema is older.
    NeverMigrate,
}

#[cfg(test)]
mod tests;
