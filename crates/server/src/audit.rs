//! How long is told what happened, and what becomes of a flood.
//!
//! What succeeds is told in the step that it happens in, and so is what is changed. Refused logins are told as well, with
//! the cause that the answer hides; anybody can cause them, so they are counted together: those that are alike (see
//! [`Refusal::alike`]) within a minute are one row. A refusal whose password was looked at is written at once: its hash
//! cost a thousand times as much. Of those that were held back the first is written at once and the rest once a second,
//! so that a flood of them costs next to nothing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;

use crate::store::model::{Alike, Event, Refusal};

/// How long and how much is kept, and what waits to be written.
#[derive(Debug)]
pub struct Audit {
    /// How long.
    pub retention: TimeDelta,
    /// How many rows of refusals, and how many of the rest, at most: see [`Audit::ROWS`].
    pub rows: u32,
    waiting: Mutex<HashMap<Alike, Refusal>>,
}

impl Audit {
    /// 90 days: what PCI DSS 4.0 (10.5.1) wants at hand at once.
    pub const RETENTION: TimeDelta = TimeDelta::days(90);

    /// A million rows take some 200 MB, and are eleven thousand logins a day for 90 days.
    pub const ROWS: u32 = 1_000_000;

    /// How many kinds of refusals may wait. Past this they are written at once.
    const WAITING: usize = 10_000;

    /// With nothing waiting.
    #[must_use]
    pub fn new(retention: TimeDelta, rows: u32) -> Self {
        Self {
            retention,
            rows,
            waiting: Mutex::default(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Alike, Refusal>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a refusal. What comes back is to be written at once; what does not is written with the next
    /// [`Audit::take`].
    pub fn count(&self, refusal: Refusal) -> Option<Refusal> {
        if refusal.cause.event() != Event::LoginThrottled {
            return Some(refusal);
        }
        let mut waiting = self.waiting();
        if let Some(alike) = waiting.get_mut(&refusal.alike()) {
            alike.count = alike.count.saturating_add(refusal.count);
            alike.at = refusal.at;
            return None;
        }
        if waiting.len() < Self::WAITING {
            let first = Refusal {
                count: 0,
                ..refusal.clone()
            };
            waiting.insert(refusal.alike(), first);
        }
        Some(refusal)
    }

    /// Takes what is written with the next [`Audit::take`]: it could not be at once, or nobody can wait for it.
    pub fn later(&self, refusals: impl IntoIterator<Item = Refusal>) {
        let mut waiting = self.waiting();
        for refusal in refusals {
            if let Some(alike) = waiting.get_mut(&refusal.alike()) {
                alike.count = alike.count.saturating_add(refusal.count);
            } else if waiting.len() < Self::WAITING {
                // Past that the database has been out of reach for long, in a flood.
                waiting.insert(refusal.alike(), refusal);
            }
        }
    }

    /// What waits to be written.
    pub fn take(&self) -> Vec<Refusal> {
        let waiting = std::mem::take(&mut *self.waiting());
        let mut refusals: Vec<Refusal> = waiting.into_values().collect();
        refusals.retain(|refusal| refusal.count > 0);
        refusals.sort_by_key(|refusal| refusal.at);
        refusals
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self::new(Self::RETENTION, Self::ROWS)
    }
}
