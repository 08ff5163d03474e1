//! Preloads live sessions into the cache, so that a restart causes no burst of reads.

use std::sync::{Arc, Weak};

use tokio::task::JoinHandle;

use super::core::{Core, Mode};
use super::session;
use crate::store::error::StoreFailure;

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
            Box::pin(session::read_newest(step, *before, *size))
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
