//! The clock of the database, which every process follows.
//!
//! A process does not know when the database read its clock, only that it did so between a request and its answer. Each
//! answer therefore yields an interval for the offset between the clocks; the intersection of these intervals is more
//! precise than each of them. Between two answers, the time of the process advances with its monotonic clock, so that
//! setting the clock of its machine has no effect.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use slog::{Logger, warn};
use tokio_postgres::{Client, Error};

use crate::clock::Clock;

/// Reads the clock, in microseconds since 1970.
const READ: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// A larger difference between a machine's clock and the database's is reported.
///
/// At least one of the clocks is then not synchronized. Servers agree on an expiry within a second nevertheless,
/// because they follow the database. A synchronized clock is far more precise; two seconds also tolerate one that is
/// being corrected.
const MAX_DIFFERENCE: TimeDelta = TimeDelta::seconds(2);

/// How far two clocks drift apart per million: each may be corrected by 500, the maximum of `adjtimex`.
const MAX_DRIFT_PER_MILLION: i64 = 1000;

/// A reading of the database's clock, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Reading {
    /// When the request was sent, on the monotonic clock.
    sent: i64,
    /// When the answer was received, on the monotonic clock.
    received: i64,
    /// The time in the answer.
    time: i64,
}

/// The known bounds of the database's clock minus the monotonic clock, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Estimate {
    low: i64,
    high: i64,
    offset: i64,
    /// The time of the last reading, on the monotonic clock.
    at: i64,
}

impl Estimate {
    fn of(reading: Reading) -> Self {
        let (low, high) = reading.bounds();
        Self {
            low,
            high,
            offset: low + (high - low) / 2,
            at: reading.received,
        }
    }

    /// Adds a reading. If it contradicts all previous ones, a clock was set, and only the reading counts.
    ///
    /// The offset changes only if it is outside the new bounds, so that the time seldom goes back, and then by less
    /// than a round trip.
    fn add(self, reading: Reading) -> Self {
        let drift = (reading.received - self.at) * MAX_DRIFT_PER_MILLION / 1_000_000;
        let (low, high) = reading.bounds();
        let (low, high) = (low.max(self.low - drift), high.min(self.high + drift));
        if low > high {
            return Self::of(reading);
        }
        Self {
            low,
            high,
            offset: self.offset.clamp(low, high),
            at: reading.received,
        }
    }
}

impl Reading {
    /// Returns the least and the greatest possible offset.
    fn bounds(self) -> (i64, i64) {
        (self.time - self.received, self.time - self.sent)
    }
}

/// The clock of the database, as this process knows it.
#[derive(Debug)]
pub(super) struct DatabaseClock {
    machine: Arc<dyn Clock>,
    start: Instant,
    /// The offset of the estimate, which is read without its lock.
    offset: AtomicI64,
    estimate: Mutex<Estimate>,
}

impl DatabaseClock {
    /// Reads the clock for the first time. `machine` is only compared with it.
    pub(super) async fn read(client: &Client, machine: Arc<dyn Clock>) -> Result<Self, Error> {
        let start = Instant::now();
        let rows = client.query_typed(READ, &[]).await?;
        let row = rows.first().expect("a SELECT without FROM returns a row");
        let estimate = Estimate::of(Reading {
            sent: 0,
            received: microseconds(start.elapsed()),
            time: row.try_get(0)?,
        });
        Ok(Self {
            machine,
            start,
            offset: AtomicI64::new(estimate.offset),
            estimate: Mutex::new(estimate),
        })
    }

    /// Adds the `time` of an answer that was just received.
    ///
    /// Logs a warning if the database's clock was set.
    pub(super) fn record(&self, sent: Instant, time: i64, log: &Logger) {
        let since_start = |time: Instant| microseconds(time.saturating_duration_since(self.start));
        let reading = Reading {
            sent: since_start(sent),
            received: since_start(Instant::now()),
            time,
        };
        let mut estimate = self.estimate.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = estimate.offset;
        *estimate = estimate.add(reading);
        self.offset.store(estimate.offset, Ordering::Relaxed);
        let change = TimeDelta::microseconds(estimate.offset - previous);
        if change.abs() > MAX_DIFFERENCE {
            warn!(
                log,
                "the clock of the database was set; sessions expire by its new time";
                "change_s" => seconds(change)
            );
        }
    }

    /// Returns by how much the clock of this machine is ahead.
    pub(super) fn difference(&self) -> TimeDelta {
        self.machine.now() - self.now()
    }

    /// Logs a warning if the clock of this machine differs, allowing for the uncertainty of the estimate.
    pub(super) fn warn_of_difference(&self, log: &Logger) {
        let difference = self.difference();
        let estimate = *self.estimate.lock().unwrap_or_else(PoisonError::into_inner);
        let uncertainty = TimeDelta::microseconds(estimate.high - estimate.low);
        if difference.abs() > MAX_DIFFERENCE + uncertainty {
            warn!(
                log,
                "the clock of this machine differs from that of the database; synchronize both, for example with chrony";
                "difference_s" => seconds(difference)
            );
        }
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> DateTime<Utc> {
        let since_start = microseconds(self.start.elapsed());
        let now = self.offset.load(Ordering::Relaxed) + since_start;
        // At a time that cannot be represented, every session has expired.
        DateTime::from_timestamp_micros(now).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn seconds(difference: TimeDelta) -> String {
    format!("{:.1}", difference.as_seconds_f64())
}

#[cfg(test)]
mod tests;
