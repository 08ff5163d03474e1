//! The pool of connections, and the transaction of a step with its retries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use deadpool::managed::{PoolError, QueueMode};
use deadpool_postgres::ClientWrapper;
use slog::{info, warn};
use tokio::time::{Instant, timeout_at};

use super::connect::{self, Connector};
use super::options::PostgresOptions;
use super::pending::{Admission, CommitPermit, Object, PendingCommits, Pool};
use super::retry::{Cause, ConnectionReplaced, Repeat, Retry, UnknownCommit};
use super::step::{Ended, Step, StepFn};
use crate::metrics::{Access, PoolState};
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
    /// A write that can be repeated, with the timeout of readiness probes.
    Probe,
}

/// The settings of a transaction of [`Mode::WriteSoon`].
///
/// Such a transaction counts attempts. PostgreSQL would plan the statement for that most of the time, because it
/// estimates a higher cost for the same plan without the parameters; planning takes four times as long as executing.
const SOON: &str =
    "SET LOCAL synchronous_commit = off; SET LOCAL plan_cache_mode = force_generic_plan";

pub(super) struct Core {
    pool: Pool,
    options: PostgresOptions,
    /// The statements that begin a transaction.
    begin: String,
    pub(super) observer: Observer,
    cache: Option<Arc<SessionCache>>,
    pending: PendingCommits,
    /// The bits of the modes whose last operation failed because of the database; 0 if it can be used.
    failing: AtomicU8,
}

impl Core {
    pub(super) fn new(
        connector: Connector,
        options: PostgresOptions,
        observer: Observer,
        cache: Option<Arc<SessionCache>>,
    ) -> Self {
        let pool = Pool::builder(connector)
            .max_size(options.pool_size)
            // The connections that were used last have their plans and the data that they need in processor caches.
            .queue_mode(QueueMode::Lifo)
            .build()
            .expect("a pool without timeouts needs no runtime");
        let pending = PendingCommits::new(pool.clone(), observer.log.clone());
        sample_pool(&pool, pending.waiting(), &observer);
        Self {
            pending,
            pool,
            begin: connect::begin(&options),
            options,
            observer,
            cache,
            failing: AtomicU8::new(0),
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
        let deadline = since + self.timeout(mode);
        let retry_deadline = deadline.min(since + self.options.retry_timeout);
        let mut attempt = 0;
        let result = loop {
            let trying = self.try_until_loss(mode, deadline, arguments, step);
            let trying = timeout_at(deadline, trying);
            let Ok(result) = trying.await else {
                if mode == Mode::Read {
                    // Others may be lost as well.
                    self.close_idle();
                }
                let text = "the database did not answer in time";
                break Err(StoreFailure::unavailable(text).into());
            };
            let retry = result.as_ref().err().and_then(|error| {
                let failure = error.failure()?;
                Retry::after(failure, mode.repeat(), attempt)
            });
            match retry {
                Some(retry) if Instant::now() + retry.delay < retry_deadline => {
                    self.observer.metrics.postgres.record_retry(retry.cause);
                    tokio::time::sleep(retry.delay).await;
                    attempt += 1;
                }
                Some(_) | None => break result,
            }
        };
        self.observe(mode, since.elapsed(), &result);
        result
    }

    fn timeout(&self, mode: Mode) -> Duration {
        match mode {
            Mode::Read | Mode::Write(_) | Mode::WriteSoon => self.options.operation_timeout,
            Mode::Probe => self.options.probe_timeout,
        }
    }

    /// Closes the connections of the pool that are not in use.
    fn close_idle(&self) {
        self.pool.retain(|_, _| false);
    }

    /// Tries a step once, until a loss of connections.
    ///
    /// After a loss, the step might wait for an answer that never arrives, or read an old state.
    async fn try_until_loss<A, T, E>(
        &self,
        mode: Mode,
        deadline: Instant,
        arguments: &A,
        step: StepFn<A, T, E>,
    ) -> Result<T, E>
    where
        E: From<StoreFailure> + Fallible,
    {
        let mut losses = self.pool.manager().last_loss().subscribe();
        let is_committing = AtomicBool::new(false);
        tokio::select! {
            biased;
            _ = losses.changed() => Err(match is_committing.load(Ordering::Relaxed) {
                true => StoreFailure::unavailable(UnknownCommit(None)),
                false => StoreFailure::unavailable(ConnectionReplaced),
            }.into()),
            result = self.try_once(mode, deadline, arguments, step, &is_committing) => result,
        }
    }

    async fn try_once<A, T, E>(
        &self,
        mode: Mode,
        deadline: Instant,
        arguments: &A,
        step: StepFn<A, T, E>,
        is_committing: &AtomicBool,
    ) -> Result<T, E>
    where
        E: From<StoreFailure> + Fallible,
    {
        let mut lease = self.lease(mode, deadline, is_committing).await?;
        let result = match mode {
            Mode::Read => step(&self.step(lease.client(), None), arguments).await,
            Mode::Write(_) | Mode::Probe => {
                self.transact(&mut lease, &self.begin, arguments, step)
                    .await
            }
            Mode::WriteSoon => {
                let begin = format!("{}; {SOON}", self.begin);
                self.transact(&mut lease, &begin, arguments, step).await
            }
        };
        let failure = result.as_ref().err().and_then(Fallible::failure);
        let cause = failure.and_then(Cause::of_failure);
        match cause {
            // The other connections lead to the same server, so they are closed as well.
            Some(Cause::Connection) => self.close_idle(),
            Some(Cause::Conflict | Cause::Resources | Cause::Internal) | None => lease.release(),
        }
        result
    }

    async fn transact<A, T, E>(
        &self,
        lease: &mut Lease<'_>,
        begin: &str,
        arguments: &A,
        step: StepFn<A, T, E>,
    ) -> Result<T, E>
    where
        E: From<StoreFailure>,
    {
        lease.in_transaction = true;
        let is_committing = lease.is_committing;
        let running = self.step(lease.client(), Some(begin));
        let result = step(&running, arguments).await;
        let effects = running.take_effects();
        if result.is_err() || effects.are_discarded {
            let rolled_back = running.roll_back().await;
            drop(running);
            // If it failed, the connection is closed.
            lease.in_transaction = rolled_back.is_err();
            return result;
        }
        // Dropping the guard invalidates even if the commit fails or the caller is gone: the change may be durable.
        let _invalidation = Invalidation {
            ended: effects.ended,
            cache: self.cache.as_deref(),
        };
        running.commit(&effects.last, is_committing).await?;
        drop(running);
        lease.in_transaction = false;
        if let Some(sink) = &self.observer.audit {
            effects
                .entries
                .into_iter()
                .for_each(|entry| sink.publish(entry));
        }
        result
    }

    fn step<'a>(&self, client: &'a ClientWrapper, begin: Option<&'a str>) -> Step<'a> {
        let publishes = self.observer.audit.is_some();
        Step::new(client, self.options.prepare_statements, publishes, begin)
    }

    async fn lease<'l>(
        &'l self,
        mode: Mode,
        deadline: Instant,
        is_committing: &'l AtomicBool,
    ) -> Result<Lease<'l>, StoreFailure> {
        let _wait = PoolWait {
            observer: &self.observer,
            since: Instant::now(),
        };
        let leasing = async {
            let permit = match mode {
                Mode::Write(_) => Some(self.pending.admit(Admission::Change).await?),
                Mode::Probe => Some(self.pending.admit(Admission::Probe).await?),
                Mode::Read | Mode::WriteSoon => None,
            };
            // A wrong password is an outage too: an administrator can correct it.
            let client = self.pool.get().await.map_err(|error| match error {
                PoolError::Backend(error) => StoreFailure::unavailable(error),
                error => StoreFailure::unavailable(error),
            })?;
            Ok(Lease {
                client: Some(client),
                in_transaction: false,
                is_committing,
                permit,
                pending: &self.pending,
            })
        };
        let late =
            |_| StoreFailure::unavailable("no connection to the database was available in time");
        timeout_at(deadline, leasing).await.map_err(late)?
    }

    fn observe<T, E: Fallible>(&self, mode: Mode, time: Duration, result: &Result<T, E>) {
        let failure = result.as_ref().err().and_then(Fallible::failure);
        let access = match mode {
            Mode::Read => Access::Read,
            Mode::Write(_) | Mode::WriteSoon | Mode::Probe => Access::Write,
        };
        let metrics = &self.observer.metrics;
        metrics.record_database_access(access, time, failure.is_some());
        match failure {
            None => self.mark_up(mode),
            Some(failure) if failure.is_outage() => self.mark_down(mode, failure),
            Some(_) => {}
        }
    }

    fn mark_up(&self, mode: Mode) {
        let proved = mode.proved();
        if self.failing.load(Ordering::Relaxed) & proved == 0 {
            return;
        }
        let before = self.failing.fetch_and(!proved, Ordering::Relaxed);
        if before & proved != 0 && before & !proved == 0 {
            info!(self.observer.log, "the database can be used again");
            self.observer.metrics.set_database_up(true);
        }
    }

    fn mark_down(&self, mode: Mode, failure: &StoreFailure) {
        if self.failing.fetch_or(mode.bit(), Ordering::Relaxed) == 0 {
            warn!(self.observer.log, "the database cannot be used"; "cause" => failure.causes());
            self.observer.metrics.set_database_up(false);
        }
    }
}

impl Mode {
    /// Returns the bit of the mode in [`Core::failing`].
    fn bit(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::WriteSoon => 2,
            Self::Write(_) | Self::Probe => 4,
        }
    }

    /// Returns the bits of the modes that succeed if this one does.
    ///
    /// Without its synchronous standby, a primary answers reads and writes that do not wait for it, but no other
    /// writes. A standby answers only reads.
    fn proved(self) -> u8 {
        2 * self.bit() - 1
    }

    fn repeat(self) -> Repeat {
        match self {
            Self::Read | Self::Probe => Repeat::Safe,
            Self::Write(repeat) => repeat,
            Self::WriteSoon => Repeat::Unsafe,
        }
    }
}

/// Reads the state of a pool whenever the metrics are encoded.
fn sample_pool(pool: &Pool, waiting_changes: Arc<AtomicUsize>, observer: &Observer) {
    // Weak, because connections hold the metrics, in which they are counted.
    let pool = pool.weak();
    observer.metrics.add_sampler(move |metrics| {
        let Some(pool) = pool.upgrade() else { return };
        let status = pool.status();
        metrics.postgres.set_pool(PoolState {
            max_connections: status.max_size,
            connections: status.size,
            in_use: status.size - status.available,
            waiting: status.waiting + waiting_changes.load(Ordering::Relaxed),
        });
    });
}

/// A guard that records the wait for a connection, also if the operation stops waiting.
struct PoolWait<'a> {
    observer: &'a Observer,
    since: Instant,
}

impl Drop for PoolWait<'_> {
    fn drop(&mut self) {
        let metrics = &self.observer.metrics.postgres;
        metrics.record_pool_wait(self.since.elapsed());
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
struct Lease<'a> {
    client: Option<Object>,
    in_transaction: bool,
    is_committing: &'a AtomicBool,
    /// Held by a change until its commit is answered.
    permit: Option<CommitPermit>,
    pending: &'a PendingCommits,
}

impl Lease<'_> {
    fn client(&self) -> &ClientWrapper {
        self.client.as_ref().expect("released only by value")
    }

    fn release(mut self) {
        if !self.in_transaction {
            // Dropping the object returns the connection to the pool.
            drop(self.client.take());
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else {
            return;
        };
        match (
            self.is_committing.load(Ordering::Relaxed),
            self.permit.take(),
        ) {
            (true, Some(permit)) => self.pending.keep(client, permit),
            (true, None) | (false, _) => drop(Object::take(client)),
        }
    }
}
