//! The PostgreSQL backend: one database for any number of servers.
//!
//! A change is one READ COMMITTED transaction. It locks the rows that its decision depends on, in the order that
//! `lookup` describes, so that the decision is still valid at the commit.

mod account_day;
mod allowance;
mod attempt;
mod attempt_maintenance;
mod audit;
mod changes;
mod check;
mod clock;
mod connect;
mod connection;
mod copy;
mod core;
mod credentials;
mod error;
mod health;
mod lookup;
mod migrate;
mod monitor;
mod options;
mod pending;
mod pooler;
mod preload;
mod primary;
mod refusal_day;
mod retry;
mod role;
mod session;
mod session_rows;
mod standby;
mod step;
mod tally;
mod tenant;
mod tls;
mod user;
mod value;

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use self::tests::{OPTIONS as TEST_OPTIONS, migrated};

use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use tokio::task::JoinHandle;
use tokio_postgres::{Error, Row};

use self::changes::ChangePoller;
use self::clock::DatabaseClock;
use self::connect::Connector;
use self::connection::Connection;
pub(super) use self::copy::{PostgresSource, PostgresTarget};
use self::core::{Core, Mode};
use self::credentials::Environment;
pub use self::error::PostgresOpenError;
use self::migrate::{MIGRATIONS, Schema};
use self::monitor::Monitor;
pub use self::options::PostgresOptions;
use self::retry::Repeat;
use self::step::StepFn;
use crate::clock::Clock;
use crate::store::cached::{CachedBackend, ChangeToken, Changes, SessionCache};
use crate::store::check::CheckReport;
use crate::store::error::{Fallible, StoreFailure};
use crate::store::migrated::Migrated;
use crate::store::observer::Observer;
use crate::store::url::{IfMissing, PostgresUrl};

/// The oldest version that the PostgreSQL project supports. The type `xid8` needs only version 13.
const MIN_VERSION: i32 = 140_000;

/// An open PostgreSQL database.
pub struct Postgres {
    core: Arc<Core>,
    connector: Connector,
    clock: Arc<DatabaseClock>,
    poller: Arc<ChangePoller>,
    monitor: OnceLock<JoinHandle<()>>,
    preload: OnceLock<JoinHandle<()>>,
}

impl Postgres {
    /// Connects, migrates the schema, and reports metrics and faults to `observer`.
    ///
    /// Sessions that this process changes are invalidated in `cache`.
    pub async fn open_with(
        url: &PostgresUrl,
        missing: IfMissing,
        options: PostgresOptions,
        observer: Observer,
        cache: Option<Arc<SessionCache>>,
    ) -> Result<Self, PostgresOpenError> {
        let connector = Connector::new(url, &options, &Environment::of_process())?;
        let mut client = connect(url, &connector).await?;
        let database = url.to_string();
        if options.prepare_statements && pooler::is_transaction_pooler(&connector, &client).await {
            return Err(PostgresOpenError::Pooler { database });
        }
        migrate::migrate(&mut client, MIGRATIONS, missing, &database).await?;
        let clock = DatabaseClock::read(&client, Arc::clone(&observer.clock)).await;
        let clock = clock.map_err(|cause| PostgresOpenError::statement(url, &cause))?;
        clock.warn_of_difference(&observer.log);
        observer.metrics.set_clock_difference(clock.difference());
        let clock = Arc::new(clock);
        drop(client);
        let connector = connector.for_server(&options, Arc::clone(&observer.metrics));
        let poller = ChangePoller::new(
            connector.clone(),
            &options,
            Arc::clone(&clock),
            observer.clone(),
        );
        Ok(Self {
            core: Arc::new(Core::new(connector.clone(), options, observer, cache)),
            connector,
            clock,
            poller: Arc::new(poller),
            monitor: OnceLock::new(),
            preload: OnceLock::new(),
        })
    }

    /// Returns the clock of the database, which all times in it are compared with.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as _
    }

    /// Runs the checks of the monitor once, then in the background until the store is dropped.
    pub async fn start_monitor(&self) {
        let mut monitor = self.monitor();
        monitor.check(&self.core).await;
        let running = monitor.run(Arc::downgrade(&self.core));
        let _ = self.monitor.set(tokio::spawn(running));
    }

    fn monitor(&self) -> Monitor {
        Monitor::new(self.connector.clone(), Arc::clone(&self.poller))
    }

    async fn read<A, T, E>(&self, arguments: A, step: StepFn<A, T, E>) -> Result<T, E>
    where
        A: Sync,
        E: From<StoreFailure> + Fallible,
    {
        self.core.run(Mode::Read, &arguments, step).await
    }

    /// Runs a change. It is not repeated if the outcome of its commit is unknown.
    async fn write<A, T, E>(&self, arguments: A, step: StepFn<A, T, E>) -> Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: From<StoreFailure> + Fallible + Send + 'static,
    {
        self.spawn(Mode::Write(Repeat::Unsafe), arguments, step)
            .await
    }

    /// Runs an idempotent change. It is repeated if the outcome of its commit is unknown.
    async fn write_repeatable<A, T, E>(&self, arguments: A, step: StepFn<A, T, E>) -> Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: From<StoreFailure> + Fallible + Send + 'static,
    {
        self.spawn(Mode::Write(Repeat::Safe), arguments, step).await
    }

    /// Runs a change that does not wait for the disk.
    async fn write_soon<A, T, E>(&self, arguments: A, step: StepFn<A, T, E>) -> Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: From<StoreFailure> + Fallible + Send + 'static,
    {
        self.spawn(Mode::WriteSoon, arguments, step).await
    }

    /// Runs a step in its own task, so that a logout completes even if its client disconnects.
    async fn spawn<A, T, E>(&self, mode: Mode, arguments: A, step: StepFn<A, T, E>) -> Result<T, E>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
        E: From<StoreFailure> + Fallible + Send + 'static,
    {
        let core = Arc::clone(&self.core);
        let running = tokio::spawn(async move { core.run(mode, &arguments, step).await });
        let panicked = |_| StoreFailure::new("a step panicked");
        running.await.map_err(panicked)?
    }
}

/// Creates or migrates the schema; returns its version before and after.
pub(super) async fn migrate(
    url: &PostgresUrl,
    options: &PostgresOptions,
) -> Result<Migrated, PostgresOpenError> {
    let connector = Connector::new(url, options, &Environment::of_process())?;
    let mut client = connect(url, &connector).await?;
    migrate::migrate(&mut client, MIGRATIONS, IfMissing::Create, &url.to_string()).await
}

/// Checks a database without changing it.
pub(super) async fn check(
    url: &PostgresUrl,
    options: &PostgresOptions,
) -> Result<CheckReport, PostgresOpenError> {
    let connector = Connector::new(url, options, &Environment::of_process())?;
    let mut client = connect(url, &connector).await?;
    let database = url.to_string();
    let found = migrate::find_schema(&client).await;
    let found = found.map_err(|cause| PostgresOpenError::statement(url, &cause))?;
    if let Schema::Older(_) = found {
        let next = "the schema is older than this version; run `pbx-login-server migrate`, then check again";
        return Ok(CheckReport {
            problems: vec![next.to_owned()],
            ..CheckReport::default()
        });
    }
    // With `IfMissing::Fail`, this creates nothing and only refuses a database that is missing or newer.
    migrate::migrate(&mut client, MIGRATIONS, IfMissing::Fail, &database).await?;
    Ok(check::check(&client).await)
}

/// Connects, and checks the version of the server and the encoding of the database.
async fn connect(
    url: &PostgresUrl,
    connector: &Connector,
) -> Result<Connection, PostgresOpenError> {
    monitor::find_primary(connector).await;
    let opened = connector.open().await;
    let client = opened.map_err(|cause| PostgresOpenError::connect(url, &cause))?;
    let sql =
        "SELECT current_setting('server_version_num')::int, current_setting('server_version'),
        current_setting('server_encoding')";
    let read = async {
        // Needs no prepared statement, which would be lost through a pooler of connections.
        let rows = client.query_typed(sql, &[]).await?;
        let read = |row: &Row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        rows.first().map(read).transpose()
    };
    let read: Result<Option<(i32, String, String)>, Error> = read.await;
    let read = read.map_err(|cause| PostgresOpenError::statement(url, &cause))?;
    let (number, version, encoding) = read.expect("a SELECT without FROM returns one row");
    let database = url.to_string();
    if number < MIN_VERSION {
        return Err(PostgresOpenError::TooOld { database, version });
    }
    if encoding != "UTF8" {
        return Err(PostgresOpenError::Encoding { database, encoding });
    }
    Ok(client)
}

#[async_trait]
impl CachedBackend for Postgres {
    async fn poll_changes(&self, since: Option<ChangeToken>) -> Result<Changes, StoreFailure> {
        self.poller.poll(since).await
    }

    fn start_preload(&self) {
        let _ = self.preload.set(preload::start(&self.core));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        for task in [self.preload.get(), self.monitor.get()] {
            task.inspect(|task| task.abort());
        }
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Postgres")
    }
}
