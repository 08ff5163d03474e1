//! The buffer of refused logins, and the limits of the audit log.
//!
//! Changes and successful logins are recorded in the transaction that makes them. Any client can cause refused logins,
//! so those with the same [`CoalesceKey`] within a minute share one row. A refusal whose password was verified is
//! written immediately: the hash cost a thousand times as much. Of the refusals by rate limiting, the first is written
//! immediately and the rest once a second, so that a flood costs almost nothing.

pub mod line;
mod output;
pub mod stream;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;

use crate::domain::audit::AuditEvent;
use crate::domain::refusal::{CoalesceKey, Refusal};

/// A buffer of refused logins, and the limits of the audit log.
#[derive(Debug)]
pub struct AuditBuffer {
    /// How long entries are kept.
    pub retention: TimeDelta,
    /// The maximum number of rows of refusals, and of other rows; see [`AuditBuffer::MAX_ROWS`].
    pub max_rows: u32,
    pending: Mutex<HashMap<CoalesceKey, Refusal>>,
}

impl AuditBuffer {
    /// 90 days, as long as PCI DSS 4.0 (10.5.1) requires entries to be immediately available.
    pub const RETENTION: TimeDelta = TimeDelta::days(90);

    /// A million rows take some 200 MB: 11,000 logins a day for 90 days.
    ///
    /// If each login replaces a session, which adds a second row, they are enough for half as many logins.
    pub const MAX_ROWS: u32 = 1_000_000;

    /// A hundred thousand rows take some 20 MB: the refusals of a thousand accounts a day for 90 days.
    pub const MAX_REFUSAL_DAYS: u32 = 100_000;

    /// The maximum number of pending keys; refusals with further keys are written immediately.
    const MAX_PENDING: usize = 10_000;

    /// Creates an empty buffer.
    #[must_use]
    pub fn new(retention: TimeDelta, max_rows: u32) -> Self {
        Self {
            retention,
            max_rows,
            pending: Mutex::default(),
        }
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<CoalesceKey, Refusal>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a refusal to the pending one with its key, or returns it to be written immediately.
    pub fn coalesce(&self, refusal: Refusal) -> Option<Refusal> {
        if refusal.cause.event() != AuditEvent::LoginThrottled {
            return Some(refusal);
        }
        let mut pending = self.pending();
        if let Some(waiting) = pending.get_mut(&refusal.coalesce_key()) {
            waiting.count = waiting.count.saturating_add(refusal.count);
            waiting.at = refusal.at;
            return None;
        }
        if pending.len() < Self::MAX_PENDING {
            let first = Refusal {
                count: 0,
                ..refusal.clone()
            };
            pending.insert(refusal.coalesce_key(), first);
        }
        Some(refusal)
    }

    /// Adds refusals that could not be written, or that no caller can wait for.
    pub fn enqueue(&self, refusals: impl IntoIterator<Item = Refusal>) {
        let mut pending = self.pending();
        for refusal in refusals {
            if let Some(waiting) = pending.get_mut(&refusal.coalesce_key()) {
                waiting.count = waiting.count.saturating_add(refusal.count);
            } else if pending.len() < Self::MAX_PENDING {
                // Further refusals are lost. This needs a flood during a long outage of the database.
                pending.insert(refusal.coalesce_key(), refusal);
            }
        }
    }

    /// Removes and returns the pending refusals, in order of time.
    pub fn drain(&self) -> Vec<Refusal> {
        let pending = std::mem::take(&mut *self.pending());
        let mut refusals: Vec<Refusal> = pending.into_values().collect();
        refusals.retain(|refusal| refusal.count > 0);
        refusals.sort_by_key(|refusal| refusal.at);
        refusals
    }
}

impl Default for AuditBuffer {
    fn default() -> Self {
        Self::new(Self::RETENTION, Self::MAX_ROWS)
    }
}
