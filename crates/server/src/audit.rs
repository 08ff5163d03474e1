//! Refused logins that wait to be written to the audit log, and how much of the log is kept.
//!
//! Changes and successful logins are recorded in their own transaction. Refused logins are recorded as well, with the cause
//! that the answer hides; any client can cause them, so those with the same [`CoalesceKey`] within a minute are one row. A
//! refusal whose password was verified is written at once: its hash cost a thousand times as much. Of those that rate
//! limiting refused the first is written at once and the rest once a second, so that a flood of them costs next to nothing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;

use crate::domain::audit::AuditEvent;
use crate::domain::refusal::{CoalesceKey, Refusal};

/// A buffer of refused logins, and the limits of the audit log.
#[derive(Debug)]
pub struct AuditBuffer {
    /// For how long entries are kept.
    pub retention: TimeDelta,
    /// How many rows of refusals, and how many of the rest, are kept at most: see [`AuditBuffer::MAX_ROWS`].
    pub max_rows: u32,
    pending: Mutex<HashMap<CoalesceKey, Refusal>>,
}

impl AuditBuffer {
    /// 90 days, which PCI DSS 4.0 (10.5.1) demands to be immediately available.
    pub const RETENTION: TimeDelta = TimeDelta::days(90);

    /// A million rows take some 200 MB, and are eleven thousand logins a day for 90 days.
    pub const MAX_ROWS: u32 = 1_000_000;

    /// How many kinds of refusals may wait. Past this they are written at once.
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

    /// Counts a refusal with those that wait, or returns it if it is to be written at once.
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

    /// Adds refusals that could not be written at once, or whose writing no one can wait for.
    pub fn enqueue(&self, refusals: impl IntoIterator<Item = Refusal>) {
        let mut pending = self.pending();
        for refusal in refusals {
            if let Some(waiting) = pending.get_mut(&refusal.coalesce_key()) {
                waiting.count = waiting.count.saturating_add(refusal.count);
            } else if pending.len() < Self::MAX_PENDING {
                // Past that the database has been out of reach for long, in a flood.
                pending.insert(refusal.coalesce_key(), refusal);
            }
        }
    }

    /// Takes everything that waits, in order of time.
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
