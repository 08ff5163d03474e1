//! A step: the statements of one operation on one connection.

use std::sync::{Mutex, MutexGuard, PoisonError};

use deadpool_postgres::ClientWrapper;
use futures::future::BoxFuture;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

use super::value::Value;
use crate::domain::audit::AuditEntry;
use crate::store::cached::SessionCache;
use crate::token::TokenHash;

/// Runs the statements of an operation. It only borrows its arguments, because it may run again.
pub(super) type StepFn<A, T, E> = for<'s> fn(&'s Step<'s>, &'s A) -> BoxFuture<'s, Result<T, E>>;

/// A connection, within a transaction if the step writes.
pub(super) struct Step<'a> {
    client: &'a ClientWrapper,
    prepares: bool,
    effects: Mutex<Effects>,
}

/// The effects that a committed step has outside the database.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// The sessions to invalidate, even if the outcome of the commit is unknown.
    pub(super) ended: Ended,
    /// The audit entries to publish.
    pub(super) entries: Vec<AuditEntry>,
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
    pub(super) fn new(client: &'a ClientWrapper, prepares: bool) -> Self {
        Self {
            client,
            prepares,
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

    /// Publishes an audit entry if the transaction is committed.
    pub(super) fn publish(&self, entry: AuditEntry) {
        self.effects().entries.push(entry);
    }

    fn effects(&self) -> MutexGuard<'_, Effects> {
        self.effects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn into_effects(self) -> Effects {
        let effects = self.effects.into_inner();
        effects.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn query(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        if !self.prepares {
            return self.client.query_typed(sql, &typed(values)).await;
        }
        let statement = self
            .client
            .prepare_typed_cached(sql, &types(values))
            .await?;
        self.client.query(&statement, &untyped(values)).await
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
        if !self.prepares {
            return self.client.execute_typed(sql, &typed(values)).await;
        }
        let statement = self
            .client
            .prepare_typed_cached(sql, &types(values))
            .await?;
        self.client.execute(&statement, &untyped(values)).await
    }
}

fn types(values: &[Value<'_>]) -> Vec<Type> {
    values.iter().map(Value::sql_type).collect()
}

fn untyped<'v>(values: &'v [Value<'_>]) -> Vec<&'v (dyn ToSql + Sync)> {
    let values = values.iter().map(|value| value as &(dyn ToSql + Sync));
    values.collect()
}

fn typed<'v>(values: &'v [Value<'_>]) -> Vec<(&'v (dyn ToSql + Sync), Type)> {
    let values = values.iter();
    let typed = values.map(|value| (value as &(dyn ToSql + Sync), value.sql_type()));
    typed.collect()
}
