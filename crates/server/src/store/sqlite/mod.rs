//! The store on SQLite: one file, one connection that writes, several that read.
//!
//! Each step of [`Store`] is a function over a connection, in the file of its noun; the `impl` in this file only says
//! which is which. Only sessions are cached, and only where that is asked for: see `store/cache.rs`.

mod attempt;
mod audit;
mod backup;
mod changes;
mod check;
mod core;
mod file;
mod open;
mod preload;
mod readers;
mod role;
mod session;
mod tenant;
mod user;
mod watch;
mod writer;

#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, Row, Transaction};

pub use self::backup::BackupError;
pub(super) use self::backup::backup;
use self::changes::Changes;
pub(super) use self::check::check;
use self::core::Core;
pub use self::open::OpenError;
use self::preload::Preload;
use self::readers::Readers;
use self::watch::Watch;
use self::writer::{Durability, Writer};
use super::{Fallible, IfMissing, Observer, Store, StoreError, StoreFailure};
use crate::domain::attempt::{AttemptFilter, FailureCount, NewAttempt, Reservation};
use crate::domain::audit::{AuditContext, AuditEntry, AuditFilter};
use crate::domain::change::Change;
use crate::domain::password::PasswordHash;
use crate::domain::rate_limit::{RateLimited, Rules, Sweep};
use crate::domain::refusal::Refusal;
use crate::domain::role::{CustomRole, RoleName};
use crate::domain::session::{
    FoundSession, NewSession, Opening, Session, SessionFilter, SessionId,
};
use crate::domain::tenant::{DeletedTenant, Domain, Tenant};
use crate::domain::user::{LoginRecord, Membership, NewUser, User, UserId, UserKey, Username};
use crate::metrics::Access;
use crate::token::TokenHash;

/// A database file of SQLite, open.
#[derive(Debug)]
pub struct Sqlite {
    _preload: Option<Preload>,
    // Dropped in this order: the writer's thread ends when nobody can hand in a step any more.
    _watch: Watch,
    writer: Writer,
    core: Arc<Core>,
}

impl Sqlite {
    /// Opens a file; what to do when it is not there says `missing`. Blocks while it waits for other processes, for some
    /// seconds at most.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what stands in the way.
    pub fn open(path: &Path, missing: IfMissing) -> Result<Self, OpenError> {
        Self::open_cached(path, missing, Observer::default(), 0)
    }

    /// [`Sqlite::open`], and tells `observer` what happens to the database from then on. About `sessions` of the sessions
    /// are kept in memory.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open_cached(
        path: &Path,
        missing: IfMissing,
        observer: Observer,
        sessions: usize,
    ) -> Result<Self, OpenError> {
        let writer = open::writer(path, missing)?;
        let changes = match sessions {
            0 => None,
            _ => Some(
                Changes::watch(&writer, sessions)
                    .map_err(|cause| open::describe(path, cause))?
                    .ok_or(OpenError::Memory(sessions))?,
            ),
        };
        let cache = changes.as_ref().map(|changes| Arc::clone(changes.cache()));
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let readers = (0..threads.get()).map(|_| open::look_up_reader(path));
        let readers = Readers::new(readers.collect::<Result<_, _>>()?);
        let core = Core::new(path.to_owned(), readers, observer, changes);
        let core = Arc::new(core.map_err(|cause| OpenError::Lost {
            path: path.to_owned(),
            cause,
        })?);
        let writer = Writer::start(writer, Arc::clone(&core)).map_err(OpenError::Thread)?;
        let preload = cache.map(|cache| Preload::start(path, cache));
        Ok(Self {
            _preload: preload.transpose().map_err(OpenError::Thread)?,
            _watch: Watch::start(Arc::clone(&core), writer.steps()).map_err(OpenError::Thread)?,
            writer,
            core,
        })
    }

    fn read<T, E>(&self, read: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StoreFailure> + Fallible,
    {
        let since = Instant::now();
        let closed = || StoreFailure::unavailable("the database is closed").into();
        let result = (self.core.usable().map_err(E::from)).and_then(|()| {
            self.core
                .readers
                .read(read)
                .unwrap_or_else(|| Err(closed()))
        });
        self.observe(Access::Read, since, &result);
        result
    }

    async fn write<T, E>(
        &self,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreFailure> + From<rusqlite::Error> + Fallible + Send + 'static,
    {
        let since = Instant::now();
        let result = self.writer.take(Durability::Full, step).await;
        self.observe(Access::Write, since, &result);
        result
    }

    /// A step that need not wait for the disk.
    async fn write_soon<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Transaction<'_>) -> Result<T, StoreFailure> + Send + 'static,
    ) -> Result<T, StoreFailure> {
        let since = Instant::now();
        let result = self.writer.take(Durability::Soon, step).await;
        self.observe(Access::Write, since, &result);
        result
    }

    fn observe<T, E: Fallible>(&self, access: Access, since: Instant, result: &Result<T, E>) {
        let failed = result.as_ref().is_err_and(Fallible::is_failure);
        let metrics = &self.core.observer.metrics;
        metrics.database(access, since.elapsed(), failed);
    }
}

impl Drop for Sqlite {
    /// The writer's connection closes last: the one that does folds the log back into the file.
    fn drop(&mut self) {
        self.core.readers.close();
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn find_login(
        &self,
        username: &str,
        domain: Option<&str>,
    ) -> Result<Option<LoginRecord>, StoreFailure> {
        self.read(|connection| Ok(user::find_login(connection, username, domain)?))
    }

    async fn check_attempt(
        &self,
        attempt: &NewAttempt,
        rules: &Rules,
    ) -> Result<Result<(), RateLimited>, StoreFailure> {
        let tally = self.read(|connection| {
            Ok::<_, StoreFailure>(attempt::tally(connection, attempt, rules)?)
        })?;
        Ok(rules.judge(&tally, attempt.at))
    }

    async fn reserve_attempt(
        &self,
        attempt: &NewAttempt,
        rules: &Rules,
    ) -> Result<Result<Reservation, RateLimited>, StoreFailure> {
        let (attempt, rules) = (attempt.clone(), *rules);
        self.write_soon(move |step| attempt::reserve(step, &attempt, &rules))
            .await
    }

    async fn release_attempt(&self, attempt: &Reservation) -> Result<(), StoreFailure> {
        let attempt = *attempt;
        self.write_soon(move |step| attempt::release(step, &attempt))
            .await
    }

    async fn list_attempts(
        &self,
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Result<Vec<FailureCount>, StoreFailure> {
        self.read(|connection| attempt::list(connection, rules, now))
    }

    async fn clear_attempts(
        &self,
        which: &AttemptFilter,
        act: &AuditContext,
    ) -> Result<u64, StoreFailure> {
        let which = which.clone();
        let act = act.clone();
        self.write(move |step| attempt::clear(step, &which, &act))
            .await
    }

    async fn sweep_attempts(&self, sweep: &Sweep) -> Result<u64, StoreFailure> {
        let sweep = *sweep;
        self.write(move |step| attempt::sweep(step, &sweep)).await
    }

    async fn record_refusals(&self, refusals: Vec<Refusal>) -> Result<(), StoreFailure> {
        self.write_soon(move |step| audit::record_refusals(step, &refusals))
            .await
    }

    async fn list_audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreFailure> {
        self.read(|connection| audit::list(connection, filter))
    }

    async fn sweep_audit(
        &self,
        before: DateTime<Utc>,
        rows: u32,
        most: u32,
    ) -> Result<u64, StoreFailure> {
        // Counted by a reader: the writer is for those who wait.
        let overflow = |refused| {
            let id = self.read(|connection| audit::overflow(connection, refused, rows))?;
            Ok::<_, StoreFailure>((refused, id))
        };
        let overflow = [overflow(true)?, overflow(false)?];
        self.write(move |step| audit::sweep(step, before, overflow, most))
            .await
    }

    async fn open_session(&self, session: NewSession) -> Result<Opening, StoreFailure> {
        self.write(move |step| session::open(step, &session)).await
    }

    async fn find_session(&self, token: &TokenHash) -> Result<Option<FoundSession>, StoreFailure> {
        let read = || self.read(|connection| Ok(session::find(connection, token)?));
        let Some(changes) = &self.core.changes else {
            return read();
        };
        // What cannot be read is not answered from memory either.
        self.core.usable()?;
        let now = Instant::now();
        if changes.cache().ask(now) {
            self.writer.confirm();
        }
        changes.cache().find(token, now, read)
    }

    async fn extend_session(
        &self,
        token: &TokenHash,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, StoreFailure> {
        let token = *token;
        self.write(move |step| session::extend(step, &token, expires_at, now))
            .await
    }

    async fn close_session(
        &self,
        token: &TokenHash,
        act: &AuditContext,
    ) -> Result<bool, StoreFailure> {
        let token = *token;
        let act = act.clone();
        self.write(move |step| session::close(step, &token, &act))
            .await
    }

    async fn list_sessions(
        &self,
        which: &SessionFilter,
        now: DateTime<Utc>,
    ) -> Result<Vec<Session>, StoreError> {
        self.read(|connection| session::list(connection, which, now))
    }

    async fn revoke_sessions(
        &self,
        which: &SessionFilter,
        act: &AuditContext,
    ) -> Result<u64, StoreError> {
        let which = which.clone();
        let act = act.clone();
        self.write(move |step| session::revoke(step, &which, &act))
            .await
    }

    async fn revoke_session_ids(
        &self,
        ids: &[SessionId],
        act: &AuditContext,
    ) -> Result<u64, StoreError> {
        let ids = ids.to_vec();
        let act = act.clone();
        self.write(move |step| session::revoke_ids(step, &ids, &act))
            .await
    }

    async fn count_live_sessions(&self, now: DateTime<Utc>) -> Result<u64, StoreFailure> {
        // On a connection of its own: over many millions of sessions it takes a second, and nobody must wait for it.
        self.core.usable()?;
        let path = self.core.path().to_owned();
        let count = move || {
            let connection = open::reader(&path).map_err(StoreFailure::unavailable)?;
            Ok(session::count_live(&connection, now)?)
        };
        let counted = tokio::task::spawn_blocking(count).await;
        counted.map_err(StoreFailure::new)?
    }

    async fn ready(&self) -> Result<(), StoreFailure> {
        let path = self.core.path().to_owned();
        self.write(move |step| open::ready(&path, step).map_err(StoreFailure::unavailable))
            .await
    }

    async fn sweep_sessions(&self, now: DateTime<Utc>, most: u32) -> Result<u64, StoreFailure> {
        self.write(move |step| session::sweep(step, now, most))
            .await
    }

    async fn create_tenant(&self, domain: &Domain, act: &AuditContext) -> Result<(), StoreError> {
        let domain = domain.clone();
        let act = act.clone();
        self.write(move |step| tenant::create(step, &domain, &act))
            .await
    }

    async fn list_tenants(&self) -> Result<Vec<Tenant>, StoreFailure> {
        self.read(|connection| Ok(tenant::list(connection)?))
    }

    async fn set_tenant_enabled(
        &self,
        domain: &Domain,
        enabled: bool,
        act: &AuditContext,
    ) -> Result<Change, StoreError> {
        let domain = domain.clone();
        let act = act.clone();
        self.write(move |step| tenant::set_enabled(step, &domain, enabled, &act))
            .await
    }

    async fn delete_tenant(
        &self,
        domain: &Domain,
        act: &AuditContext,
    ) -> Result<DeletedTenant, StoreError> {
        let domain = domain.clone();
        let act = act.clone();
        self.write(move |step| tenant::delete(step, &domain, &act))
            .await
    }

    async fn create_user(&self, user: NewUser, act: &AuditContext) -> Result<(), StoreError> {
        let act = act.clone();
        self.write(move |step| user::create(step, &user, &act))
            .await
    }

    async fn list_users(&self, domain: Option<&Domain>) -> Result<Vec<User>, StoreError> {
        self.read(|connection| user::list(connection, domain))
    }

    async fn has_system_admin(&self) -> Result<bool, StoreFailure> {
        self.read(|connection| Ok(user::has_system_admin(connection)?))
    }

    async fn set_user_enabled(
        &self,
        user: &UserKey,
        enabled: bool,
        act: &AuditContext,
    ) -> Result<Change, StoreError> {
        let user = user.clone();
        let act = act.clone();
        self.write(move |step| user::set_enabled(step, &user, enabled, &act))
            .await
    }

    async fn delete_user(&self, user: &UserKey, act: &AuditContext) -> Result<u64, StoreError> {
        let user = user.clone();
        let act = act.clone();
        self.write(move |step| user::delete(step, &user, &act))
            .await
    }

    async fn set_password(
        &self,
        user: &UserKey,
        password_hash: PasswordHash,
        act: &AuditContext,
    ) -> Result<u64, StoreError> {
        let user = user.clone();
        let act = act.clone();
        self.write(move |step| user::set_password(step, &user, &password_hash, &act))
            .await
    }

    async fn renew_hash(
        &self,
        user: UserId,
        old: &PasswordHash,
        renewed: &PasswordHash,
    ) -> Result<bool, StoreFailure> {
        let (old, renewed) = (old.clone(), renewed.clone());
        self.write(move |step| user::renew_hash(step, user, &old, &renewed))
            .await
    }

    async fn set_role(
        &self,
        username: &Username,
        membership: &Membership,
        act: &AuditContext,
    ) -> Result<Change, StoreError> {
        let user = UserKey {
            scope: membership.scope(),
            username: username.clone(),
        };
        let membership = membership.clone();
        let act = act.clone();
        self.write(move |step| user::set_role(step, &user, &membership, &act))
            .await
    }

    async fn create_role(
        &self,
        domain: &Domain,
        name: &RoleName,
        act: &AuditContext,
    ) -> Result<(), StoreError> {
        let (domain, name) = (domain.clone(), name.clone());
        let act = act.clone();
        self.write(move |step| role::create(step, &domain, &name, &act))
            .await
    }

    async fn list_roles(&self, domain: Option<&Domain>) -> Result<Vec<CustomRole>, StoreError> {
        self.read(|connection| role::list(connection, domain))
    }

    async fn delete_role(
        &self,
        domain: &Domain,
        name: &RoleName,
        act: &AuditContext,
    ) -> Result<(), StoreError> {
        let (domain, name) = (domain.clone(), name.clone());
        let act = act.clone();
        self.write(move |step| role::delete(step, &domain, &name, &act))
            .await
    }
}

impl From<rusqlite::Error> for StoreFailure {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // What is wrong is the file, the disk or another process: it can be mended, and then all is well again.
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::OutOfMemory
                | ErrorCode::NotADatabase
                | ErrorCode::DatabaseCorrupt,
            ) => Self::unavailable(error),
            // What is wrong is what we asked, or what is kept.
            Some(_) | None => Self::new(error),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failure(error.into())
    }
}

/// A column of text, as the type whose rules it keeps.
fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

/// A column of seconds since 1970, as a time.
fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<DateTime<Utc>> {
    let seconds = row.get(column)?;
    DateTime::from_timestamp(seconds, 0)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(column, seconds))
}
