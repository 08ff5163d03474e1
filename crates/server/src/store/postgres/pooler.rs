//! Detection of a pooler, such as PgBouncer, that gives each transaction another connection.
//!
//! Through it, prepared statements and the settings of a session are lost: an operation fails at random, or without its
//! timeouts. Without prepared statements, each transaction begins with the settings, and needs nothing else of its
//! session.

use std::time::Duration;

use tokio_postgres::{Client, Error};

use super::connect::Connector;
use super::connection::ConnectError;

/// The number of attempts: a pooler that is in use may assign the same connection again by chance.
const ROUNDS: u32 = 3;

/// Bounds the detection, because a pooler may delay the second connection to the database.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Returns whether two clients that are both connected were seen to share a connection.
///
/// A failure counts as `false`: the operation that needs a second connection reports it.
pub(super) async fn is_transaction_pooler(connector: &Connector, client: &Client) -> bool {
    let detecting = tokio::time::timeout(TIMEOUT, detect(connector, client));
    matches!(detecting.await, Ok(Ok(true)))
}

async fn detect(connector: &Connector, client: &Client) -> Result<bool, ConnectError> {
    let other = connector.open().await?;
    for _ in 0..ROUNDS {
        let before = backend(client).await?;
        // Keeps its connection until the end of the transaction.
        other.batch_execute("BEGIN").await?;
        let other_backend = backend(&other).await?;
        let is_shared = other_backend == before || backend(client).await? != before;
        other.batch_execute("ROLLBACK").await?;
        if is_shared {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the process of the database that serves the statement.
async fn backend(client: &Client) -> Result<Option<i32>, Error> {
    let rows = client.query_typed("SELECT pg_backend_pid()", &[]).await?;
    rows.first().map(|row| row.try_get(0)).transpose()
}
