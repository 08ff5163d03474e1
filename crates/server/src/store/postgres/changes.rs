//! Reports changes of all processes to the session cache.
//!
//! Triggers write each change with the id of its transaction. A poll reads the changes of all transactions that had not
//! ended at the previous poll, because a transaction can commit long after a later one. Polling by a sequence number
//! would miss its changes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio_postgres::{Error, Row, Statement};

use super::clock::DatabaseClock;
use super::connect::Connector;
use super::connection::Connection;
use super::options::PostgresOptions;
use super::retry::ConnectionReplaced;
use super::step::Step;
use super::value::{get, get_bytes};
use crate::metrics::Metrics;
use crate::store::cached::{ChangeToken, Changes, Invalidated};
use crate::store::error::StoreFailure;
use crate::store::observer::Observer;
use crate::token::TokenHash;

/// Reads the changes since the position `$1` in one statement, and therefore in one snapshot.
///
/// The columns are the new position (the oldest transaction that has not ended), whether the database is a standby,
/// whether changes since `$1` were deleted, the transaction of the change in this row, the changed session, the time
/// and the start of the server, both in microseconds since 1970, and the age of the change in seconds. The start
/// identifies the server, because a pooler can connect to another one without a reconnect of its clients.
const POLL: &str = "
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text, pg_is_in_recovery(),
        d.up_to >= $1::text::xid8, c.xid::text::bigint, c.token_hash,
        (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
        (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint,
        extract(epoch FROM clock_timestamp() - c.at)::float8
    FROM changes_deleted d
    LEFT JOIN (SELECT xid, at, token_hash FROM changes WHERE xid >= $1::text::xid8 LIMIT 10001) c ON true";

/// If a poll reads more changes than this, all sessions are invalidated. The statement reads one more.
const MAX_CHANGES: usize = 10_000;

/// Deletes changes that are old enough for every process to have polled them.
///
/// Changes since the oldest transaction that has not ended are kept, because the next polls read them again. In a
/// restored backup, ids can be higher than any of the server; these changes are deleted as well.
const DELETE_OLD: &str = "
    WITH deleted AS (
        DELETE FROM changes WHERE at < now() - interval '1 minute'
            AND (xid < pg_snapshot_xmin(pg_current_snapshot()) OR xid > pg_snapshot_xmax(pg_current_snapshot()))
        RETURNING xid)
    UPDATE changes_deleted SET up_to =
        least(greatest(up_to, (SELECT max(xid) FROM deleted)), pg_snapshot_xmax(pg_current_snapshot()))
    WHERE EXISTS (SELECT FROM deleted) OR up_to > pg_snapshot_xmax(pg_current_snapshot())";

pub(super) async fn delete_old(step: &Step<'_>) -> Result<(), StoreFailure> {
    step.execute(DELETE_OLD, &[]).await?;
    Ok(())
}

/// Polls on a separate connection, so that no other operation delays a poll.
pub(super) struct ChangePoller {
    connector: Connector,
    timeout: Duration,
    prepares: bool,
    clock: Arc<DatabaseClock>,
    observer: Observer,
    connection: Mutex<Option<PollConnection>>,
}

struct PollConnection {
    connection: Connection,
    statement: Option<Statement>,
    /// The start of the server that answered the previous poll.
    server: Option<i64>,
    delays: PropagationDelays,
}

impl ChangePoller {
    pub(super) fn new(
        connector: Connector,
        options: &PostgresOptions,
        clock: Arc<DatabaseClock>,
        observer: Observer,
    ) -> Self {
        Self {
            connector,
            timeout: options.poll_timeout,
            prepares: options.prepare_statements,
            clock,
            observer,
            connection: Mutex::default(),
        }
    }

    /// Returns the changes since a position.
    ///
    /// After a reconnect, which may be to another server, anything may have changed.
    pub(super) async fn poll(&self, since: Option<ChangeToken>) -> Result<Changes, StoreFailure> {
        let mut slot = self.connection.lock().await;
        // Taken out of the slot, so that the connection is closed if the poll fails or is dropped.
        let (mut connection, since) = match slot.take() {
            Some(connection) if self.is_usable(&connection) => (connection, since),
            Some(_) | None => (self.connect().await?, None),
        };
        let sent = Instant::now();
        let is_reconnected = connection.server.is_none();
        let (changes, time) = self.in_time(connection.poll(since)).await?;
        self.clock.record(sent, time, &self.observer.log);
        let difference = self.clock.difference();
        self.observer.metrics.set_clock_difference(difference);
        if is_reconnected {
            // The previous connection was lost, perhaps with others. Reported before the changes are applied: no later
            // look-up may answer from an older connection.
            let last_loss = self.connector.last_loss();
            if !last_loss.report_others(&mut connection.connection) {
                return Err(StoreFailure::unavailable(ConnectionReplaced));
            }
        }
        *slot = Some(connection);
        Ok(changes)
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreFailure>>,
    ) -> Result<T, StoreFailure> {
        let timed_out = |_| StoreFailure::unavailable("the database did not answer a poll in time");
        let answer = tokio::time::timeout(self.timeout, answer).await;
        answer.map_err(timed_out)?
    }

    fn is_usable(&self, PollConnection { connection, .. }: &PollConnection) -> bool {
        !connection.is_closed() && self.connector.last_loss().is_current(connection)
    }

    async fn connect(&self) -> Result<PollConnection, StoreFailure> {
        let opened = self.connector.open().await;
        let connection = opened.map_err(StoreFailure::unavailable)?;
        let statement = match self.prepares {
            true => {
                let preparing = connection.prepare(POLL);
                let preparing = async { preparing.await.map_err(StoreFailure::unavailable) };
                Some(self.in_time(preparing).await?)
            }
            false => None,
        };
        Ok(PollConnection {
            connection,
            statement,
            server: None,
            delays: PropagationDelays::new(Arc::clone(&self.observer.metrics)),
        })
    }
}

impl PollConnection {
    /// Returns the changes and the time of the database.
    async fn poll(&mut self, since: Option<ChangeToken>) -> Result<(Changes, i64), StoreFailure> {
        // Without a position everything is invalidated; this one is too high to select any row.
        let began = Instant::now();
        let position = since.map_or(u64::MAX >> 1, |ChangeToken(position)| position);
        let rows = self.query(&position.to_string()).await?;
        let row = rows.first();
        let row = row.ok_or_else(|| StoreFailure::new("the table changes_deleted is empty"))?;
        if get(row, 1)? {
            return Err(StoreFailure::unavailable("the database is a standby"));
        }
        let token = get::<&str>(row, 0)?.parse().map_err(StoreFailure::new)?;
        let server = get(row, 6)?;
        let is_same_server = self.server.replace(server) == Some(server);
        let invalidated = match since.filter(|_| is_same_server) {
            // The ids of a server that was restored or promoted may be lower than before.
            Some(ChangeToken(since)) if token >= since && !get::<bool>(row, 2)? => {
                read_changes(&rows)?
            }
            Some(_) | None => Invalidated::All,
        };
        self.delays.record(&rows, began)?;
        let changes = Changes {
            token: ChangeToken(token),
            invalidated,
        };
        Ok((changes, get(row, 5)?))
    }

    async fn query(&self, position: &str) -> Result<Vec<Row>, Error> {
        use tokio_postgres::types::Type;
        let client = &self.connection;
        match &self.statement {
            Some(statement) => client.query(statement, &[&position]).await,
            None => client.query_typed(POLL, &[(&position, Type::TEXT)]).await,
        }
    }
}

/// Measures how old each change is when this process reads it.
///
/// The age is measured by the clock of the database, from the write of the change, shortly before its commit. A change
/// is read by several polls if an older transaction has not ended; only the first one counts.
struct PropagationDelays {
    metrics: Arc<Metrics>,
    /// Earlier changes were invalidated by the first poll of the connection.
    since: Instant,
    /// The transactions whose changes the previous poll read.
    read: HashSet<i64>,
}

impl PropagationDelays {
    fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            since: Instant::now(),
            read: HashSet::new(),
        }
    }

    /// Records the changes that a poll, which began at `began`, read for the first time.
    fn record(&mut self, rows: &[Row], began: Instant) -> Result<(), StoreFailure> {
        let mut read = HashSet::new();
        for row in rows {
            let Some(xid) = read_xid(row)? else { continue };
            read.insert(xid);
            // An upper bound: the age was read after the poll began.
            let age = Duration::try_from_secs_f64(get(row, 7)?).unwrap_or_default();
            let delay = age + began.elapsed();
            if !self.read.contains(&xid) && delay < self.since.elapsed() {
                self.metrics.postgres.record_propagation(delay);
            }
        }
        self.read = read;
        Ok(())
    }
}

/// Returns the transaction of a change; `None` if the row is not one.
fn read_xid(row: &Row) -> Result<Option<i64>, StoreFailure> {
    get(row, 3)
}

fn read_changes(rows: &[Row]) -> Result<Invalidated, StoreFailure> {
    if rows.len() > MAX_CHANGES {
        return Ok(Invalidated::All);
    }
    let mut sessions = Vec::new();
    for row in rows {
        match get::<Option<&[u8]>>(row, 4)? {
            _ if read_xid(row)?.is_none() => {}
            Some(_) => sessions.push(TokenHash::from_store(get_bytes(row, 4)?)),
            None => return Ok(Invalidated::All),
        }
    }
    Ok(Invalidated::Sessions(sessions))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::store::postgres::credentials::Environment;
    use crate::store::postgres::{TEST_OPTIONS, migrated};
    use crate::store::url::DatabaseUrl;

    #[tokio::test]
    async fn poll_of_another_server_through_a_pooler_invalidates_everything() {
        let Some(database) = migrated().await else {
            return;
        };
        let DatabaseUrl::Postgres(url) = database.url.parse().unwrap() else {
            panic!("{}", database.url)
        };
        let connector = Connector::new(&url, &TEST_OPTIONS, &Environment::default()).unwrap();
        let client = connector.open().await.unwrap();
        let clock = DatabaseClock::read(&client, Arc::new(SystemClock))
            .await
            .unwrap();
        let observer = Observer::default();
        let poller = ChangePoller::new(connector, &TEST_OPTIONS, Arc::new(clock), observer);
        let first = poller.poll(None).await.unwrap();
        assert_eq!(first.invalidated, Invalidated::All);
        let second = poller.poll(Some(first.token)).await.unwrap();
        assert_eq!(second.invalidated, Invalidated::Sessions(Vec::new()));
        // The connection to the pooler remains open while the pooler connects to another server.
        let mut slot = poller.connection.lock().await;
        slot.as_mut().unwrap().server = Some(0);
        drop(slot);
        let third = poller.poll(Some(second.token)).await.unwrap();
        assert_eq!(third.invalidated, Invalidated::All);
        let fourth = poller.poll(Some(third.token)).await.unwrap();
        assert_eq!(fourth.invalidated, Invalidated::Sessions(Vec::new()));
    }
}
