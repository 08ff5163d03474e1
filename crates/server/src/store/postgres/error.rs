use std::path::PathBuf;

use tokio_postgres::Error;

use super::connection::ConnectError;

/// The reason why a PostgreSQL database cannot be opened. `database` is its URL without a password.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum PostgresOpenError {
    #[error(
        "cannot connect to {database} ({cause}); check the URL, and that PostgreSQL is running"
    )]
    Connect { database: String, cause: String },
    #[error("the database {database} cannot be opened ({cause}); check the privileges of its user")]
    Statement { database: String, cause: String },
    #[error(
        "the database {database} has no tables of pbx-login-server; start the server once to create them, or choose another with --database"
    )]
    Missing { database: String },
    #[error(
        "the database {database} has no tables of pbx-login-server, and `migrate` is `never`; run `pbx-login-server migrate` with a role that may create tables, or choose another with --database"
    )]
    NotCreated { database: String },
    #[error(
        "the database {database} has schema version {found}, this program needs {needed}, and `migrate` is `never`; run `pbx-login-server migrate` with the role that owns the tables"
    )]
    NotMigrated {
        database: String,
        found: usize,
        needed: usize,
    },
    #[error(
        "the schema of {database} is newer than this version of pbx-login-server and not compatible with it; upgrade pbx-login-server or restore a backup"
    )]
    Newer { database: String },
    #[error(
        "{database} is a pooler that gives each transaction another connection (PgBouncer: pool_mode = transaction); set postgres.prepare_statements to false"
    )]
    Pooler { database: String },
    #[error("{database} runs PostgreSQL {version}; upgrade it to 14 or later")]
    TooOld { database: String, version: String },
    #[error("{database} has the encoding {encoding}; create the database with the encoding UTF8")]
    Encoding { database: String, encoding: String },
    #[error("cannot read {path} ({cause}); check the path and its permissions")]
    File {
        path: PathBuf,
        cause: std::io::Error,
    },
    #[error("{0} can be read by other users; run chmod 0600 on it")]
    ExposedPasswords(PathBuf),
    #[error(
        "{path} belongs to {owner}, and other users can read or change it; as root, run chown {user} and chmod 0600 on it, or only chmod 0640 if user {user} is in its group"
    )]
    ExposedPasswordsOf {
        path: PathBuf,
        owner: String,
        user: u32,
    },
    #[error("{0} contains no usable PEM certificate or key; check its content")]
    Pem(PathBuf),
    #[error(
        "the certificates of the operating system cannot be read ({0}); set sslrootcert to a file"
    )]
    SystemRoots(String),
    #[error(
        "the TLS files of {database} cannot be used ({cause}); check that the key belongs to the certificate"
    )]
    Tls {
        database: String,
        cause: rustls::Error,
    },
}

impl PostgresOpenError {
    pub(super) fn connect(database: &impl ToString, cause: &ConnectError) -> Self {
        Self::Connect {
            database: database.to_string(),
            cause: match cause {
                ConnectError::Database(error) => describe(error),
                ConnectError::Timeout | ConnectError::OldPrimary | ConnectError::OtherSystem => {
                    cause.to_string()
                }
            },
        }
    }

    pub(super) fn statement(database: &impl ToString, cause: &Error) -> Self {
        Self::Statement {
            database: database.to_string(),
            cause: describe(cause),
        }
    }
}

/// Returns an error with its causes on one line, or the message of the server.
pub(super) fn describe(error: &Error) -> String {
    match error.as_db_error() {
        Some(error) => error.message().to_owned(),
        None => {
            let first = error as &dyn std::error::Error;
            let causes = std::iter::successors(Some(first), |error| error.source());
            let causes: Vec<String> = causes.map(ToString::to_string).collect();
            causes.join(": ")
        }
    }
}
