//! Reads live sessions into the cache after the start, so that a restart is not followed by a rush on the database.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rusqlite::{Connection, params};

use super::{open, session};
use crate::store::cached::SessionCache;
use crate::token::TokenHash;

/// As [`super::session::FIND`], for the newest sessions of those older than the one numbered `?1`. `CROSS JOIN` keeps
/// SQLite from starting with the users.
const NEWEST: &str = "
    SELECT s.id, s.token_hash, s.created_at, s.expires_at,
        t.domain, coalesce(u.built_in_role, r.name), u.id, u.username, u.tenant_id, u.created_at
    FROM sessions s
    CROSS JOIN users u ON u.id = s.user_id
    LEFT JOIN tenants t ON t.id = u.tenant_id
    LEFT JOIN roles r ON r.id = u.custom_role_id
    WHERE s.id < ?1 AND u.enabled AND coalesce(t.enabled, 1)
    ORDER BY s.id DESC LIMIT ?2";

/// How many sessions are read at once: some milliseconds' worth, in which a logout makes the rest of them be passed over.
const AT_ONCE: usize = 1000;

/// Reads for as long as there is something to read and it lives.
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
                // Requests come first; where the system refuses, they share. On Linux this is the thread's alone.
                let _ = rustix::process::setpriority_process(None, 19);
                // What cannot be read now is read when it is asked for, and fails then.
                let _ =
                    open::reader(&path).map(|connection| preload(&connection, &cache, &stopped));
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
    let mut left = cache.capacity();
    while left > 0 && !stop.load(Ordering::Relaxed) {
        let number = AT_ONCE.min(left);
        let mut numbers = Vec::with_capacity(number);
        let on = cache.preload(epoch, || {
            let mut statement = connection.prepare_cached(NEWEST)?;
            let rows = statement.query_map(params![oldest, number], |row| {
                numbers.push(row.get::<_, i64>(0)?);
                let session = session::found(row, 2)?;
                Ok((TokenHash::from_store(row.get(1)?), session))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let read = numbers.len();
        oldest = numbers.pop().unwrap_or_default();
        if !on || read < number {
            return Ok(());
        }
        left -= read;
    }
    Ok(())
}

impl Drop for Preload {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Whether it panicked makes no difference any more.
            let _ = thread.join();
        }
    }
}
