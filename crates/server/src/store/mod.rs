//! Where tenants, users, roles and sessions are kept.
//!
//! [`Store`] is what a database must do; [`open`] chooses one by its URL. Each method is one step that happens as a whole
//! or not at all, and is on disk when it returns: rules that span several rows are kept inside such a step, where no other
//! process can come between. `contract_test` is what every database must pass.

mod cache;
pub mod sqlite;

#[cfg(test)]
mod contract_test;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::attempt::{AttemptFilter, FailureCount, NewAttempt, Reservation};
use crate::domain::audit::{AuditContext, AuditEntry, AuditFilter};
use crate::domain::change::Change;
use crate::domain::conflict::Conflict;
use crate::domain::password::PasswordHash;
use crate::domain::rate_limit::{RateLimited, Rules, Sweep};
use crate::domain::refusal::Refusal;
use crate::domain::role::{CustomRole, RoleName};
use crate::domain::session::{
    FoundSession, NewSession, Opening, Session, SessionFilter, SessionId,
};
use crate::domain::tenant::{DeletedTenant, Domain, Tenant};
use crate::domain::user::{LoginRecord, Membership, NewUser, User, UserId, UserKey, Username};
use crate::metrics::Metrics;
use crate::token::TokenHash;

/// What a database must do.
///
/// Each step that changes something tells of it, for the audit, as part of the step. Times that are kept are whole seconds;
/// a fraction is cut off. A session is live at `now` when its expiry is after
/// `now`; sessions that have expired count nowhere and may be swept at any time.
#[async_trait]
pub trait Store: Send + Sync {
    /// Finds what a login is checked against: one look-up that costs the same whether or not the domain exists.
    /// `username` and `domain` are keys ([`Username::key`], [`Domain::key`]); any text is safe.
    async fn find_login(
        &self,
        username: &str,
        domain: Option<&str>,
    ) -> Result<Option<LoginRecord>, StoreFailure>;

    /// Whether the rules allow an attempt to be looked at. Writes nothing.
    async fn check_attempt(
        &self,
        attempt: &NewAttempt,
        rules: &Rules,
    ) -> Result<Result<(), RateLimited>, StoreFailure>;

    /// Counts an attempt as a failure, if the rules allow it to be looked at: of attempts that are made at once, in
    /// whichever processes, no more than the rules allow. What is counted outlives the process, but not always a power
    /// failure: it is the one step that does not wait for the disk.
    async fn reserve_attempt(
        &self,
        attempt: &NewAttempt,
        rules: &Rules,
    ) -> Result<Result<Reservation, RateLimited>, StoreFailure>;

    /// Uncounts an attempt that could not be looked at.
    async fn release_attempt(&self, attempt: &Reservation) -> Result<(), StoreFailure>;

    /// Lists what counts at present, without the attempts that reached no limit and are in no streak.
    async fn list_attempts(
        &self,
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<FailureCount>, StoreFailure>;

    /// Uncounts attempts. How many it were.
    async fn clear_attempts(
        &self,
        which: &AttemptFilter,
        act: &AuditContext,
    ) -> Result<u64, StoreFailure>;

    /// Deletes what no longer counts or is too much, and returns how many rows that were.
    async fn sweep_attempts(&self, sweep: &Sweep) -> Result<u64, StoreFailure>;

    /// Tells that logins were refused. Like the counting of attempts it does not wait for the disk.
    async fn record_refusals(&self, refusals: Vec<Refusal>) -> Result<(), StoreFailure>;

    /// Lists what happened, oldest first: of what the filter lets through the latest.
    async fn list_audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreFailure>;

    /// Deletes at most `most` of what is told from `before` or earlier, and as many of each kind of rows, refusals and the
    /// rest, of which there are more than `rows`: the oldest. How many it were.
    async fn sweep_audit(
        &self,
        before: DateTime<Utc>,
        rows: u32,
        most: u32,
    ) -> Result<u64, StoreFailure>;

    /// Opens a session, if the user may still log in with the password that was verified. The one it replaces ends, and
    /// so do the user's oldest where there are too many.
    /// The attempt is uncounted then, the streak that it was in ends, and the user is known in its network.
    async fn open_session(&self, session: NewSession) -> Result<Opening, StoreFailure>;

    /// Finds the session of a token: the hottest path there is.
    async fn find_session(&self, token: &TokenHash) -> Result<Option<FoundSession>, StoreFailure>;

    /// Lets a live session expire later; never earlier. When it expires now: none where it is not live.
    async fn extend_session(
        &self,
        token: &TokenHash,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreFailure>;

    /// Ends the session of a token. Whether one was live.
    async fn close_session(
        &self,
        token: &TokenHash,
        act: &AuditContext,
    ) -> Result<bool, StoreFailure>;

    /// Lists live sessions, oldest first.
    async fn list_sessions(
        &self,
        which: &SessionFilter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Session>, StoreError>;

    /// Ends sessions. How many were live.
    async fn revoke_sessions(
        &self,
        which: &SessionFilter,
        act: &AuditContext,
    ) -> Result<u64, StoreError>;

    /// Ends these live sessions: all of them, or none when one of them is not live.
    async fn revoke_session_ids(
        &self,
        ids: &[SessionId],
        act: &AuditContext,
    ) -> Result<u64, StoreError>;

    /// Counts live sessions. It may take a second where there are many millions; nothing else waits for it.
    async fn count_live_sessions(&self, now: DateTime<Utc>) -> Result<u64, StoreFailure>;

    /// Whether the database can be written to and has the form that this version needs. It writes.
    async fn ready(&self) -> Result<(), StoreFailure>;

    /// Deletes at most `most` sessions that have expired. How many it were.
    async fn sweep_sessions(&self, now: DateTime<Utc>, most: u32) -> Result<u64, StoreFailure>;

    /// Creates a tenant, enabled.
    async fn create_tenant(&self, domain: &Domain, act: &AuditContext) -> Result<(), StoreError>;

    /// Lists all tenants, by domain.
    async fn list_tenants(&self) -> Result<Vec<Tenant>, StoreFailure>;

    /// Enables or disables a tenant. Disabling ends the sessions of its users.
    async fn set_tenant_enabled(
        &self,
        domain: &Domain,
        enabled: bool,
        act: &AuditContext,
    ) -> Result<Change, StoreError>;

    /// Deletes a tenant with its users, roles and sessions.
    async fn delete_tenant(
        &self,
        domain: &Domain,
        act: &AuditContext,
    ) -> Result<DeletedTenant, StoreError>;

    /// Creates a user, enabled.
    async fn create_user(&self, user: NewUser, act: &AuditContext) -> Result<(), StoreError>;

    /// Lists the users of a tenant, or all: those of the system first, then by domain; by name.
    async fn list_users(&self, domain: Option<&Domain>) -> Result<Vec<User>, StoreError>;

    /// Whether there is a system administrator.
    async fn has_system_admin(&self) -> Result<bool, StoreFailure>;

    /// Enables or disables a user. Disabling ends the user's sessions.
    async fn set_user_enabled(
        &self,
        user: &UserKey,
        enabled: bool,
        act: &AuditContext,
    ) -> Result<Change, StoreError>;

    /// Deletes a user, and ends the user's sessions. How many were live.
    async fn delete_user(&self, user: &UserKey, act: &AuditContext) -> Result<u64, StoreError>;

    /// Changes a user's password, and ends the user's sessions. How many were live.
    async fn set_password(
        &self,
        user: &UserKey,
        password_hash: PasswordHash,
        act: &AuditContext,
    ) -> Result<u64, StoreError>;

    /// Puts another hash of the same password in the place of `old`; sessions live on. Whether `old` was still the user's.
    async fn renew_hash(
        &self,
        user: UserId,
        old: &PasswordHash,
        renewed: &PasswordHash,
    ) -> Result<bool, StoreFailure>;

    /// Changes a user's role, and ends the user's sessions. The scope in `membership` says which user is meant.
    async fn set_role(
        &self,
        username: &Username,
        membership: &Membership,
        act: &AuditContext,
    ) -> Result<Change, StoreError>;

    /// Creates a custom role of a tenant.
    async fn create_role(
        &self,
        domain: &Domain,
        name: &RoleName,
        act: &AuditContext,
    ) -> Result<(), StoreError>;

    /// Lists the custom roles of a tenant, or of all, by domain and name.
    async fn list_roles(&self, domain: Option<&Domain>) -> Result<Vec<CustomRole>, StoreError>;

    /// Deletes a custom role that nobody holds.
    async fn delete_role(
        &self,
        domain: &Domain,
        name: &RoleName,
        act: &AuditContext,
    ) -> Result<(), StoreError>;
}

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What is there does not allow it; nothing was changed.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The database failed.
    #[error(transparent)]
    Failure(#[from] StoreFailure),
}

/// The database failed. The source says more.
#[derive(Debug, thiserror::Error)]
#[error("the database failed")]
pub struct StoreFailure {
    source: Box<dyn std::error::Error + Send + Sync>,
    is_outage: bool,
}

impl StoreFailure {
    /// Takes what went wrong inside: what was asked of the database, or what is kept there, is not as it must be.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
            is_outage: false,
        }
    }

    /// Takes why the database is not available: it is out of reach, full, damaged, or stayed locked. Once that is over,
    /// the same may be asked again.
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
            is_outage: true,
        }
    }

    /// Whether it will pass without a change of what is asked or kept.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.is_outage
    }
}

/// An error that may be, or hold, a [`StoreFailure`].
trait Fallible {
    /// Whether the database failed.
    fn is_failure(&self) -> bool;
}

impl Fallible for StoreFailure {
    fn is_failure(&self) -> bool {
        true
    }
}

impl Fallible for StoreError {
    fn is_failure(&self) -> bool {
        match self {
            Self::Conflict(_) => false,
            Self::Failure(_) => true,
        }
    }
}

/// Is told what happens to a database: how long its steps take, when it fails and when it is back. By default nobody
/// looks at it.
#[derive(Debug, Clone)]
pub struct Observer {
    /// Measures steps.
    pub metrics: Arc<Metrics>,
    /// Tells faults and their ends.
    pub log: slog::Logger,
}

impl Default for Observer {
    fn default() -> Self {
        Self {
            metrics: Arc::default(),
            log: slog::Logger::root(slog::Discard, slog::o!()),
        }
    }
}

/// Which database: the URL `sqlite:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file of SQLite.
    Sqlite(PathBuf),
}

/// A text is no URL of a database that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// It names PostgreSQL.
    #[error("PostgreSQL cannot be used yet; write sqlite:PATH, such as sqlite:pbx-login.db")]
    Postgres,
    /// It names SQLite, but no file.
    #[error("sqlite: needs the path of a file; write sqlite:PATH, such as sqlite:pbx-login.db")]
    NoFile,
    /// It is written with slashes, as URLs of servers are.
    #[error(
        "a path does not start with //; write sqlite:PATH, such as sqlite:/var/lib/pbx-login.db"
    )]
    Slashes,
    /// It names something else. It is not repeated: there may be a password in it.
    #[error("it is no URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db")]
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

/// What to do when the database is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// Create it.
    Create,
    /// Fail: what was asked for needs something that is there.
    Fail,
}

/// Opens a database, and brings it to the form that this version needs. `observer` is told what happens to it from then on.
///
/// # Errors
///
/// [`OpenError`](sqlite::OpenError) says what stands in the way.
pub async fn open(
    url: &DatabaseUrl,
    missing: IfMissing,
    observer: Observer,
) -> Result<Arc<dyn Store>, sqlite::OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => Ok(Arc::new(sqlite::Sqlite::open_cached(
            path, missing, observer, 0,
        )?)),
    }
}

/// Like [`open`], for a server: keeps about `sessions` of the sessions in memory, so that looking one up seldom reads.
/// Those that this process ends are ended at once; what other processes change shows within a second.
///
/// # Errors
///
/// [`OpenError`](sqlite::OpenError) says what stands in the way.
pub async fn open_cached(
    url: &DatabaseUrl,
    missing: IfMissing,
    observer: Observer,
    sessions: usize,
) -> Result<Arc<dyn Store>, sqlite::OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let store = sqlite::Sqlite::open_cached(path, missing, observer, sessions)?;
            Ok(Arc::new(store))
        }
    }
}

/// Copies a database to a file, also while others write to it, and gives the copy's size in bytes. A file that is there
/// is only replaced where `replace` says so.
///
/// # Errors
///
/// [`BackupError`](sqlite::BackupError) says what stands in the way; there is no half of a copy then.
pub fn backup(url: &DatabaseUrl, to: &Path, replace: bool) -> Result<u64, sqlite::BackupError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::backup(path, to, replace),
    }
}

/// What is wrong with a database, a sentence each: nothing, if it is sound. It is only read.
///
/// # Errors
///
/// [`OpenError`](sqlite::OpenError) when it is not there or none of ours.
pub fn check(url: &DatabaseUrl) -> Result<Vec<String>, sqlite::OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => sqlite::check(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_by_a_sqlite_url() {
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
        PostgreSQL cannot be used yet; write sqlite:PATH, such as sqlite:pbx-login.db
        PostgreSQL cannot be used yet; write sqlite:PATH, such as sqlite:pbx-login.db
        sqlite: needs the path of a file; write sqlite:PATH, such as sqlite:pbx-login.db
        sqlite: needs the path of a file; write sqlite:PATH, such as sqlite:pbx-login.db
        a path does not start with //; write sqlite:PATH, such as sqlite:/var/lib/pbx-login.db
        it is no URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db
        it is no URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db
        it is no URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db
        it is no URL of a database; write sqlite:PATH, such as sqlite:pbx-login.db
        ");
    }
}
