//! Preloads live sessions into the cache, so that a restart causes no burst of reads.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rusqlite::{Connection, params};

use super::{open, session};
use crate::store::cached::SessionCache;
use crate::token::TokenHash;

/// Like [`super::session::FIND`]. `CROSS JOIN` prevents SQLite from starting with the users.
const NEWEST: &str = "
    SELECT s.id, s.token_hash, s.created_at, s.expires_at,
        t.domain, coalesce(u.built_in_role, r.name), u.id, u.username, u.public_id, t.public_id, u.created_at
    FROM sessions s
    CROSS JOIN users u ON u.id = s.user_id
    LEFT JOIN tenants t ON t.id = u.tenant_id
    LEFT JOIN roles r ON r.id = u.custom_role_id
    WHERE s.id < ?1 AND u.enabled AND coalesce(t.enabled, 1)
    ORDER BY s.id DESC LIMIT ?2";

/// The size of a batch, which takes a few milliseconds. An invalidation during this time discards it.
const BATCH_SIZE: usize = 1000;

#[derive(Debug)]
pub(super) struct Preload {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Preload {
    pub(super) fn start(path: &Path, cache: Arc<SessionCache>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (path, stopped) = (path.to_owned(), Arc::clone(&stop));
        let thread = std::thread::Builder::new()
            .name("store-preload".to_owned())
            .spawn(move || {
                // Best effort: requests have priority. On Linux this affects only the thread.
                let _ = rustix::process::setpriority_process(None, 19);
                // Best effort: others are read at their first look-up, which reports errors.
                let _ = open::open_reader(&path)
                    .map(|connection| preload(&connection, &cache, &stopped));
            })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

pub(super) fn preload(
    connection: &Connection,
    cache: &SessionCache,
    stop: &AtomicBool,
) -> rusqlite::Result<()> {
    let epoch = cache.epoch();
    let mut oldest = i64::MAX;
    let mut remaining = cache.capacity();
    while remaining > 0 && !stop.load(Ordering::Relaxed) {
        let batch = BATCH_SIZE.min(remaining);
        let mut ids = Vec::with_capacity(batch);
        let is_current = cache.preload(epoch, || {
            let mut statement = connection.prepare_cached(NEWEST)?;
            let rows = statement.query_map(params![oldest, batch], |row| {
                ids.push(row.get::<_, i64>(0)?);
                let session = session::read_session(row, 2)?;
                Ok((TokenHash::from_store(row.get(1)?), session))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let read = ids.len();
        oldest = ids.pop().unwrap_or_default();
        if !is_current || read < batch {
            return Ok(());
        }
        remaining -= read;
    }
    Ok(())
}

impl Drop for Preload {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread makes no difference now.
            let _ = thread.join();
        }
    }
}
