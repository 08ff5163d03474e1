//! Preloads live sessions into the cache, so that a restart causes no burst of reads.

use std::sync::{Arc, Weak};

use tokio::task::JoinHandle;

use super::core::{Core, Mode};
use super::session;
use super::step::Step;
use super::value::{get, get_token, values};
use crate::domain::session::FoundSession;
use crate::store::error::StoreFailure;
use crate::token::TokenHash;

/// Finds the newest sessions before an id, with the columns of `session::FIND`.
const NEWEST: &str = "
    SELECT s.created_at, s.expires_at,
        t.domain, coalesce(u.built_in_role, r.name), u.id, u.username, u.public_id, t.public_id, u.created_at,
        s.id, s.token_hash
    FROM (SELECT * FROM sessions WHERE id < $1 ORDER BY id DESC LIMIT $2) s
    JOIN users u ON u.id = s.user_id
    LEFT JOIN tenants t ON t.id = u.tenant_id
    LEFT JOIN roles r ON r.id = u.custom_role_id
    WHERE u.enabled AND coalesce(t.enabled, true)
    ORDER BY s.id DESC";

/// The size of a batch, which takes a few milliseconds. An invalidation during this time discards it.
const BATCH_SIZE: u32 = 1000;

/// Starts to load sessions.
///
/// Those that cannot be loaded are read at their first look-up, which reports errors.
pub(super) fn start(core: &Arc<Core>) -> JoinHandle<()> {
    let core = Arc::downgrade(core);
    tokio::spawn(async move {
        let _ = preload(&core).await;
    })
}

/// Loads all batches. Holds the core only during a batch, so that dropping the store closes it.
async fn preload(core: &Weak<Core>) -> Result<(), StoreFailure> {
    let mut before = i64::MAX;
    let (mut epoch, mut remaining) = (None, u32::MAX);
    while remaining > 0 {
        let Some(core) = core.upgrade() else {
            return Ok(());
        };
        let Some(cache) = core.cache() else {
            return Ok(());
        };
        let capacity = u32::try_from(cache.capacity()).unwrap_or(u32::MAX);
        remaining = remaining.min(capacity);
        let Some(batch) = cache.begin_batch(*epoch.get_or_insert_with(|| cache.epoch())) else {
            return Ok(());
        };
        let size = BATCH_SIZE.min(remaining);
        let arguments = (before, size);
        let read = core.run(Mode::Read, &arguments, |step, (before, size)| {
            Box::pin(read_newest(step, *before, *size))
        });
        let read = read.await?;
        let Some(oldest) = read.oldest else {
            return Ok(());
        };
        before = oldest;
        remaining -= u32::try_from(read.sessions.len()).unwrap_or(size);
        cache.insert_batch(batch, &read.sessions);
    }
    Ok(())
}

/// A batch of sessions for the cache, newest first.
struct Batch {
    sessions: Vec<(TokenHash, FoundSession)>,
    /// The lowest id; `None` if there are no older sessions.
    oldest: Option<i64>,
}

async fn read_newest(step: &Step<'_>, before: i64, limit: u32) -> Result<Batch, StoreFailure> {
    let rows = step.query(NEWEST, values![before, limit]).await?;
    let oldest = rows.last().map(|row| get(row, 9)).transpose()?;
    let sessions = rows
        .iter()
        .map(|row| Ok((get_token(row, 10)?, session::read_session(row)?)));
    Ok(Batch {
        sessions: sessions.collect::<Result<_, StoreFailure>>()?,
        oldest,
    })
}
