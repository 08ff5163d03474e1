//! Recognizes an old primary: after a failover that does not stop it, two servers accept writes.
//!
//! Each promotion begins a new timeline with a higher number. Changes that an old primary acknowledges are lost, so
//! that connections to it are refused and replaced as soon as this process has seen a higher timeline.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// Reads the database system and the timeline of a primary.
///
/// The timeline is the first part of the name of a file of the write-ahead log. The timeline of the control file would
/// be that of the last checkpoint, which can end minutes after a promotion.
const READ: &str = "
    SELECT system_identifier, CASE WHEN NOT pg_is_in_recovery()
        THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END
    FROM pg_control_system()";

/// Fails as a standby does, with a message for the log.
const REFUSE: &str = "DO $$ BEGIN RAISE SQLSTATE '25006' USING MESSAGE =
    'the server is an old primary; another one was promoted'; END $$";

/// A connection that was opened this long before or after a failover is detected is replaced too.
///
/// Another thread may be about to add a connection to the old primary to the pool.
const OPENING_MARGIN: Duration = Duration::from_millis(100);

/// The identity of a primary, which distinguishes it from its predecessors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Primary {
    /// The host in the URL.
    pub(super) host: String,
    /// The system identifier, which a primary and its standbys share.
    system: String,
    pub(super) timeline: u32,
}

impl Primary {
    /// Returns `None` if the server is a standby, or if the role lacks the privilege.
    async fn read(host: &str, client: &Client) -> Result<Option<Self>, Error> {
        let messages = match client.simple_query(READ).await {
            Ok(messages) => messages,
            Err(error) if error.as_db_error().is_some() => return Ok(None),
            Err(error) => return Err(error),
        };
        let rows = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).zip(row.get(1)),
            _ => None,
        });
        let identity = rows.and_then(|(system, timeline)| {
            let timeline = u32::from_str_radix(timeline, 16).ok()?;
            Some((system.to_owned(), timeline))
        });
        Ok(identity.map(|(system, timeline)| Self {
            host: host.to_owned(),
            system,
            timeline,
        }))
    }
}

/// The newest primary that this process has seen.
#[derive(Debug, Default)]
pub(super) struct NewestPrimary(Mutex<Newest>);

#[derive(Debug, Default)]
struct Newest {
    primary: Option<Primary>,
    /// Connections that were opened before are to an older primary.
    since: Option<Instant>,
}

impl NewestPrimary {
    fn newest(&self) -> MutexGuard<'_, Newest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self) -> Option<Primary> {
        self.newest().primary.clone()
    }

    /// Returns whether a primary is the newest, as far as this process knows.
    fn observe(&self, primary: Primary, now: Instant) -> bool {
        let mut newest = self.newest();
        match &newest.primary {
            Some(known) if known.system == primary.system => {
                if primary.timeline > known.timeline {
                    newest.since = Some(now + OPENING_MARGIN);
                    newest.primary = Some(primary);
                    return true;
                }
                primary.timeline == known.timeline
            }
            // Timelines of different systems cannot be compared: an administrator has replaced the database.
            Some(_) | None => {
                newest.primary = Some(primary);
                true
            }
        }
    }

    /// Returns whether a connection was opened before the newest primary was seen.
    pub(super) fn is_outdated(&self, opened: Instant) -> bool {
        self.newest().since.is_some_and(|since| opened < since)
    }

    /// Reads the timeline of a host, and remembers it if it is the highest one.
    pub(super) async fn observe_host(&self, host: &str, client: &Client) -> Result<(), Error> {
        if let Some(primary) = Primary::read(host, client).await? {
            self.observe(primary, Instant::now());
        }
        Ok(())
    }

    /// Fails if a new connection is to an old primary.
    pub(super) async fn refuse_older(&self, host: &str, client: &Client) -> Result<(), Error> {
        let Some(primary) = Primary::read(host, client).await? else {
            return Ok(());
        };
        if self.observe(primary, Instant::now()) {
            return Ok(());
        }
        client.batch_execute(REFUSE).await?;
        Err(Error::__private_api_timeout())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn primary(system: &str, timeline: u32) -> Primary {
        Primary {
            host: "db1:5432".to_owned(),
            system: system.to_owned(),
            timeline,
        }
    }

    #[test]
    fn connection_that_is_older_than_the_newest_timeline_is_outdated() {
        let newest = NewestPrimary::default();
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert!(newest.observe(primary("a", 1), at(0)));
        assert!(newest.observe(primary("a", 1), at(10)));
        assert!(!newest.is_outdated(start), "the primary is the same");
        assert!(newest.observe(primary("a", 2), at(1000)));
        let outdated = [0, 999, 1000, 1099, 1100].map(|opened| newest.is_outdated(at(opened)));
        assert_eq!(outdated, [true, true, true, true, false]);
        // The old one is refused, and does not count as a failover.
        assert!(!newest.observe(primary("a", 1), at(2000)));
        assert!(!newest.is_outdated(at(1100)));
        assert_eq!(newest.get(), Some(primary("a", 2)));
    }

    #[test]
    fn timelines_of_different_systems_are_not_compared() {
        let newest = NewestPrimary::default();
        let now = Instant::now();
        assert!(newest.observe(primary("a", 2), now));
        assert!(newest.observe(primary("restored", 1), now));
        assert!(!newest.is_outdated(now));
        assert!(newest.observe(primary("restored", 1), now));
    }
}
