//! A step: the statements of one operation on one connection.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use deadpool_postgres::ClientWrapper;
use futures::TryStreamExt as _;
use futures::future::{BoxFuture, maybe_done};
use futures::poll;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Row, Statement as Prepared};

use super::retry::{Cause, UnknownCommit};
use super::value::Value;
use crate::domain::audit::AuditEntry;
use crate::store::cached::SessionCache;
use crate::store::error::StoreFailure;
use crate::token::TokenHash;

/// Runs the statements of an operation. It only borrows its arguments, because it may run again.
pub(super) type StepFn<A, T, E> = for<'s> fn(&'s Step<'s>, &'s A) -> BoxFuture<'s, Result<T, E>>;

/// A connection, within a transaction if the step writes.
pub(super) struct Step<'a> {
    client: &'a ClientWrapper,
    prepares: bool,
    /// Whether anything receives the audit entries.
    publishes: bool,
    /// The statements that begin the transaction; `None` without one.
    begin: Option<&'a str>,
    has_begun: AtomicBool,
    effects: Mutex<Effects>,
}

/// What a step does when it ends.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// The sessions to invalidate, even if the outcome of the commit is unknown.
    pub(super) ended: Ended,
    /// The audit entries to publish after the commit.
    pub(super) entries: Vec<AuditEntry>,
    /// The statements to send with the commit.
    pub(super) last: Vec<Statement<'static>>,
    /// Whether to roll the changes back instead of committing them.
    pub(super) are_discarded: bool,
}

/// The sessions that a step ended or changed.
#[derive(Debug, Default)]
pub(super) struct Ended {
    sessions: Vec<TokenHash>,
    all: bool,
}

impl Ended {
    pub(super) fn invalidate(&self, cache: &SessionCache) {
        if self.all {
            cache.invalidate_all();
            return;
        }
        for session in &self.sessions {
            cache.invalidate(session);
        }
    }
}

impl<'a> Step<'a> {
    /// Creates a step that prepares each statement once, or sends its text each time.
    ///
    /// `begin` begins its transaction, if it has one. It is sent with the first statements.
    pub(super) fn new(
        client: &'a ClientWrapper,
        prepares: bool,
        publishes: bool,
        begin: Option<&'a str>,
    ) -> Self {
        Self {
            client,
            prepares,
            publishes,
            begin,
            has_begun: AtomicBool::new(false),
            effects: Mutex::default(),
        }
    }

    /// Notes a session that the step ends or changes, so that this process no longer serves it from memory.
    pub(super) fn invalidate(&self, session: TokenHash) {
        self.effects().ended.sessions.push(session);
    }

    /// Notes that the step ends or changes sessions that it does not list.
    pub(super) fn invalidate_all(&self) {
        self.effects().ended.all = true;
    }

    /// Returns whether audit entries need to be read in order to publish them.
    pub(super) fn publishes(&self) -> bool {
        self.publishes
    }

    /// Publishes an audit entry if the transaction is committed.
    pub(super) fn publish(&self, entry: AuditEntry) {
        self.effects().entries.push(entry);
    }

    /// Sends a statement whose answer is not needed together with the commit.
    pub(super) fn send_with_commit(&self, statement: Statement<'static>) {
        self.effects().last.push(statement);
    }

    /// Discards the changes of the step, although it succeeds.
    pub(super) fn discard_changes(&self) {
        self.effects().are_discarded = true;
    }

    fn effects(&self) -> MutexGuard<'_, Effects> {
        self.effects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_effects(&self) -> Effects {
        std::mem::take(&mut *self.effects())
    }

    pub(super) async fn query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        Ok(self.run(sql, values).await?.rows)
    }

    /// Returns the first row.
    pub(super) async fn query_opt(
        &self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, Error> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    /// Returns the number of rows that the statement changed.
    pub(super) async fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64, Error> {
        Ok(self.run(sql, values).await?.changed)
    }

    async fn run(&self, sql: &str, values: &[Value<'_>]) -> Result<Answer, Error> {
        let [answer] = self.pipeline([Statement::new(sql, values)]).await?;
        Ok(answer)
    }

    /// Sends all statements before it waits for the first answer.
    ///
    /// They run one after the other, in this order. Each statement has its own snapshot, and sees what earlier ones
    /// have waited for and done. If one fails, the transaction is aborted, so that the following ones are not executed.
    pub(super) async fn pipeline<const N: usize>(
        &self,
        statements: [Statement<'_>; N],
    ) -> Result<[Answer; N], Error> {
        let answers = self.pipeline_all(&statements).await?;
        Ok(answers.try_into().expect("one answer to each statement"))
    }

    /// Like [`Step::pipeline`], for a number of statements that is not constant.
    pub(super) async fn pipeline_all(
        &self,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Answer>, Error> {
        // Prepared first, so that nothing but the statements themselves is sent in between.
        let prepared = self.prepare_all(statements).await?;
        self.send_all(statements, &prepared).await
    }

    /// Sends the last statements and the commit. `is_committing` is set until they are answered.
    pub(super) async fn commit(
        &self,
        last: &[Statement<'_>],
        is_committing: &AtomicBool,
    ) -> Result<(), StoreFailure> {
        let prepared = self.prepare_all(last).await?;
        is_committing.store(true, Ordering::Relaxed);
        let (answers, committed) = tokio::join!(
            biased; // in this order
            self.send_all(last, &prepared),
            self.client.batch_execute("COMMIT"),
        );
        is_committing.store(false, Ordering::Relaxed);
        match answers.and(committed) {
            Ok(()) => Ok(()),
            Err(error) if Cause::of(&error) == Cause::Connection => {
                Err(StoreFailure::unavailable(UnknownCommit(Some(error))))
            }
            // The server has rolled the transaction back, for example because of a serialization failure.
            Err(error) => Err(error.into()),
        }
    }

    /// Rolls the transaction back.
    pub(super) async fn roll_back(&self) -> Result<(), Error> {
        self.client.batch_execute("ROLLBACK").await
    }

    /// Begins the transaction, unless that was done.
    async fn begin(&self) -> Result<(), Error> {
        match self.begin {
            Some(sql) if !self.has_begun.swap(true, Ordering::Relaxed) => {
                self.client.batch_execute(sql).await
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn prepare_all(
        &self,
        statements: &[Statement<'_>],
    ) -> Result<Vec<Option<Prepared>>, Error> {
        let mut prepared = Vec::with_capacity(statements.len());
        for Statement { sql, values } in statements {
            prepared.push(self.prepare(sql, values).await?);
        }
        Ok(prepared)
    }

    /// Sends all statements, and then waits for the answers.
    ///
    /// `BEGIN` is sent first, if that was not done. If it fails on a connection that remains, because the server has
    /// no memory or an administrator cancels it, these statements run in transactions of their own. The operation
    /// fails, and sends no other statements. A session that was opened like this has a token that is never sent.
    async fn send_all(
        &self,
        statements: &[Statement<'_>],
        prepared: &[Option<Prepared>],
    ) -> Result<Vec<Answer>, Error> {
        // The first poll sends.
        let mut begun = pin!(maybe_done(self.begin()));
        let _ = poll!(&mut begun);
        let mut answers = Vec::with_capacity(statements.len());
        for (Statement { sql, values }, prepared) in statements.iter().zip(prepared) {
            let mut answer = Box::pin(maybe_done(self.send(sql, values, prepared.as_ref())));
            let _ = poll!(&mut answer);
            answers.push(answer);
        }
        begun.as_mut().await;
        begun.take_output().expect("it is done")?;
        let mut received = Vec::with_capacity(answers.len());
        for mut answer in answers {
            answer.as_mut().await;
            received.push(answer.as_mut().take_output().expect("it is done")?);
        }
        Ok(received)
    }
    /// Returns `None` if statements are not prepared.
    async fn prepare(&self, sql: &str, values: &[Value<'_>]) -> Result<Option<Prepared>, Error> {
        if !self.prepares {
            return Ok(None);
        }
        let types: Vec<Type> = values.iter().map(Value::sql_type).collect();
        self.client
            .prepare_typed_cached(sql, &types)
            .await
            .map(Some)
    }

    async fn send(
        &self,
        sql: &str,
        values: &[Value<'_>],
        prepared: Option<&Prepared>,
    ) -> Result<Answer, Error> {
        let rows = match prepared {
            Some(prepared) => self.client.query_raw(prepared, values).await?,
            None => {
                let typed = values.iter().map(|value| (value, value.sql_type()));
                self.client.query_typed_raw(sql, typed).await?
            }
        };
        let mut stream = pin!(rows);
        let mut rows = Vec::new();
        while let Some(row) = stream.as_mut().try_next().await? {
            rows.push(row);
        }
        let changed = stream.rows_affected().unwrap_or_default();
        Ok(Answer { rows, changed })
    }
}

/// A statement with its parameters, for [`Step::pipeline`].
#[derive(Debug)]
pub(super) struct Statement<'a> {
    sql: &'a str,
    values: Vec<Value<'a>>,
}

impl<'a> Statement<'a> {
    pub(super) fn new(sql: &'a str, values: &[Value<'a>]) -> Self {
        Self {
            sql,
            values: values.to_vec(),
        }
    }
}

/// The answer to a statement.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) rows: Vec<Row>,
    /// The number of rows that the statement changed.
    pub(super) changed: u64,
}
