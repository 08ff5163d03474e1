//! The pool of connections, and the transaction of a step with its retries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError,
    RecyclingMethod, Runtime,
};
use slog::{info, warn};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::{Config, Error};

use super::connect::Connector;
use super::options::PostgresOptions;
use super::retry::{self, Cause, Repeat, UnknownCommit};
use super::step::{Effects, Ended, Step, StepFn};
use crate::metrics::Access;
use crate::store::cached::SessionCache;
use crate::store::error::{Fallible, StoreFailure};
use crate::store::observer::Observer;

/// How a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Each statement is its own transaction.
    Read,
    /// One transaction that is durable when the step returns.
    Write(Repeat),
    /// One transaction that survives a crash of this process, but not always one of the server.
    WriteSoon,
}

pub(super) struct Core {
    pool: Pool,
    options: PostgresOptions,
    pub(super) observer: Observer,
    cache: Option<Arc<SessionCache>>,
    is_up: AtomicBool,
}

impl Core {
    pub(super) fn new(
        connector: Connector,
        options: PostgresOptions,
        observer: Observer,
        cache: Option<Arc<SessionCache>>,
    ) -> Self {
        // Checks only whether a connection is closed before it is used again: a statement that fails is retried.
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_connect(Config::new(), connector.clone(), recycling);
        let replace_outdated =
            Hook::sync_fn(
                move |_, connection| match connector.is_outdated(connection.created) {
                    true => Err(HookError::message("the connection is to an old primary")),
                    false => Ok(()),
                },
            );
        let pool = Pool::builder(manager)
            .max_size(options.pool_size)
            .pre_recycle(replace_outdated)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(options.operation_timeout))
            .build()
            .expect("the pool has a runtime for its timeouts");
        Self {
            pool,
            options,
            observer,
            cache,
            is_up: AtomicBool::new(true),
        }
    }

    pub(super) fn cache(&self) -> Option<&Arc<SessionCache>> {
        self.cache.as_ref()
    }

    /// Runs a step, and retries it after a temporary failure until the operation times out.
    pub(super) async fn run<A, T, E>(
        &self,
        mode: Mode,
        arguments: &A,
        step: StepFn<A, T, E>,
    ) -> Result<T, E>
    where
        E: From<StoreFailure> + Fallible,
    {
        let since = Instant::now();
        let deadline = since + self.options.operation_timeout;
        let mut attempt = 0;
        let result = loop {
            let trying = timeout_at(deadline, self.try_once(mode, arguments, step)).await;
            let Ok(result) = trying else {
                let text = "the database did not answer in time";
                break Err(StoreFailure::unavailable(text).into());
            };
            let delay = result.as_ref().err().and_then(|error| {
                let failure = error.failure()?;
                retry::delay(failure, mode.repeat(), attempt)
            });
            match delay {
                Some(delay) if Instant::now() + delay < deadline => {
                    tokio::time::sleep(delay).await;
                    attempt += 1;
                }
                Some(_) | None => break result,
            }
        };
        self.observe(mode, since.elapsed(), &result);
        result
    }

    async fn try_once<A, T, E>(
        &self,
        mode: Mode,
        arguments: &A,
        step: StepFn<A, T, E>,
    ) -> Result<T, E>
    where
        E: From<StoreFailure> + Fallible,
    {
        let mut lease = self.lease().await?;
        let result = match mode {
            Mode::Read => step(&self.step(lease.client()), arguments).await,
            Mode::Write(_) => self.transact(&mut lease, "BEGIN", arguments, step).await,
            Mode::WriteSoon => {
                let begin = "BEGIN; SET LOCAL synchronous_commit = off";
                self.transact(&mut lease, begin, arguments, step).await
            }
        };
        let cause = result.as_ref().err().and_then(|error| {
            let source = std::error::Error::source(error.failure()?)?;
            source.downcast_ref().map(Cause::of)
        });
        match cause {
            // The other connections lead to the same server, so they are closed as well.
            Some(Cause::Connection) => drop(self.pool.retain(|_, _| false)),
            Some(Cause::Conflict | Cause::Resources | Cause::Internal) | None => lease.release(),
        }
        result
    }

    async fn transact<A, T, E>(
        &self,
        lease: &mut Lease,
        begin: &str,
        arguments: &A,
        step: StepFn<A, T, E>,
    ) -> Result<T, E>
    where
        E: From<StoreFailure>,
    {
        let client = lease.begin(begin).await.map_err(StoreFailure::from)?;
        let running = self.step(client);
        match step(&running, arguments).await {
            Ok(value) => {
                // Dropping the guard invalidates even if the commit fails or the caller is gone: the change may be
                // durable.
                let Effects { ended, entries } = running.into_effects();
                let _invalidation = Invalidation {
                    ended,
                    cache: self.cache.as_deref(),
                };
                lease.commit().await?;
                if let Some(sink) = &self.observer.audit {
                    entries.into_iter().for_each(|entry| sink.publish(entry));
                }
                Ok(value)
            }
            Err(error) => {
                drop(running);
                lease.rollback().await;
                Err(error)
            }
        }
    }

    fn step<'a>(&self, client: &'a ClientWrapper) -> Step<'a> {
        Step::new(client, self.options.prepare_statements)
    }

    async fn lease(&self) -> Result<Lease, StoreFailure> {
        match self.pool.get().await {
            Ok(client) => Ok(Lease {
                client: Some(client),
                in_transaction: false,
            }),
            // A wrong password is an outage too: an administrator can correct it.
            Err(PoolError::Backend(error)) => Err(StoreFailure::unavailable(error)),
            Err(error) => Err(StoreFailure::unavailable(error)),
        }
    }

    fn observe<T, E: Fallible>(&self, mode: Mode, time: Duration, result: &Result<T, E>) {
        let failure = result.as_ref().err().and_then(Fallible::failure);
        let access = match mode {
            Mode::Read => Access::Read,
            Mode::Write(_) | Mode::WriteSoon => Access::Write,
        };
        let metrics = &self.observer.metrics;
        metrics.record_database_access(access, time, failure.is_some());
        match failure {
            None => self.mark_up(),
            Some(failure) if failure.is_outage() => self.mark_down(failure),
            Some(_) => {}
        }
    }

    fn mark_up(&self) {
        if !self.is_up.load(Ordering::Relaxed) && !self.is_up.swap(true, Ordering::Relaxed) {
            info!(self.observer.log, "the database can be used again");
            self.observer.metrics.set_database_up(true);
        }
    }

    fn mark_down(&self, failure: &StoreFailure) {
        if self.is_up.swap(false, Ordering::Relaxed) {
            let cause = std::error::Error::source(failure).map(ToString::to_string);
            warn!(self.observer.log, "the database cannot be used"; "cause" => cause);
            self.observer.metrics.set_database_up(false);
        }
    }
}

impl Mode {
    fn repeat(self) -> Repeat {
        match self {
            Self::Read => Repeat::Safe,
            Self::Write(repeat) => repeat,
            Self::WriteSoon => Repeat::Unsafe,
        }
    }
}

/// Invalidates sessions when it is dropped.
struct Invalidation<'a> {
    ended: Ended,
    cache: Option<&'a SessionCache>,
}

impl Drop for Invalidation<'_> {
    fn drop(&mut self) {
        if let Some(cache) = self.cache {
            self.ended.invalidate(cache);
        }
    }
}

/// A connection of the pool. It is closed when it is dropped, unless it was released.
///
/// A caller may stop waiting at any time, and a connection in the middle of a transaction must not be used again.
struct Lease {
    client: Option<Object>,
    in_transaction: bool,
}

impl Lease {
    fn client(&self) -> &ClientWrapper {
        self.client.as_ref().expect("released only by value")
    }

    async fn begin(&mut self, begin: &str) -> Result<&ClientWrapper, Error> {
        self.in_transaction = true;
        self.client().batch_execute(begin).await?;
        Ok(self.client())
    }

    async fn commit(&mut self) -> Result<(), StoreFailure> {
        match self.client().batch_execute("COMMIT").await {
            Ok(()) => {
                self.in_transaction = false;
                Ok(())
            }
            // The server has rolled the transaction back, for example because of a serialization failure.
            Err(error) if Cause::of(&error) != Cause::Connection => Err(error.into()),
            Err(error) => Err(StoreFailure::unavailable(UnknownCommit(error))),
        }
    }

    async fn rollback(&mut self) {
        // If it fails, the connection is closed.
        self.in_transaction = self.client().batch_execute("ROLLBACK").await.is_err();
    }

    fn release(mut self) {
        if !self.in_transaction {
            // Dropping the object returns the connection to the pool.
            drop(self.client.take());
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}
