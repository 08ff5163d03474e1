//! Recognizes an old primary: after a failover that does not stop it, two servers accept writes.
//!
//! Each promotion begins a new timeline with a higher number. Changes that an old primary acknowledges are lost, so
//! that connections to it are refused and replaced as soon as this process has seen a higher timeline.

use std::cmp::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// Reads the database system and the timeline of a primary.
///
/// The timeline is the first part of the name of a file of the write-ahead log. The timeline of the control file would
/// be that of the last checkpoint, which can end minutes after a promotion.
const READ: &str = "
    SELECT system_identifier, CASE WHEN NOT pg_is_in_recovery()
        THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END
    FROM pg_control_system()";

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
    pub(super) async fn read(host: &str, client: &Client) -> Result<Option<Self>, Error> {
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

/// How a primary compares with the newest one that this process has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PrimaryStatus {
    /// It is the newest one.
    Newest,
    /// It was promoted after the newest one, which it replaces.
    Promoted,
    /// Another one was promoted after it.
    Old,
    /// It has another database system, whose timelines cannot be compared.
    OtherSystem,
}

/// The newest primary that this process has seen.
///
/// All of them have the database system of the first one. Another system is another database: its sessions are
/// different, and it does not have the sessions that were ended.
#[derive(Debug, Default)]
pub(super) struct NewestPrimary(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    newest: Option<Primary>,
    /// The hosts with another system, in the order in which they were seen.
    other_systems: Vec<String>,
}

impl NewestPrimary {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self) -> Option<Primary> {
        self.seen().newest.clone()
    }

    /// Returns the hosts of other systems except for the first `known` ones.
    pub(super) fn other_systems(&self, known: usize) -> Vec<String> {
        self.seen().other_systems[known..].to_owned()
    }

    /// Compares a primary with the newest one, and remembers it if it was promoted later.
    pub(super) fn observe(&self, primary: Primary) -> PrimaryStatus {
        let mut seen = self.seen();
        let Some(newest) = &seen.newest else {
            seen.newest = Some(primary);
            return PrimaryStatus::Newest;
        };
        if primary.system != newest.system {
            if !seen.other_systems.contains(&primary.host) {
                seen.other_systems.push(primary.host);
            }
            return PrimaryStatus::OtherSystem;
        }
        match primary.timeline.cmp(&newest.timeline) {
            Ordering::Less => PrimaryStatus::Old,
            Ordering::Equal => PrimaryStatus::Newest,
            Ordering::Greater => {
                seen.newest = Some(primary);
                PrimaryStatus::Promoted
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn primary(host: &str, system: &str, timeline: u32) -> Primary {
        Primary {
            host: host.to_owned(),
            system: system.to_owned(),
            timeline,
        }
    }

    #[test]
    fn primary_with_a_lower_timeline_is_old() {
        let newest = NewestPrimary::default();
        let observed = [1, 1, 2, 1, 2].map(|number| newest.observe(primary("db1", "a", number)));
        use PrimaryStatus::{Newest, Old, Promoted};
        assert_eq!(observed, [Newest, Newest, Promoted, Old, Newest]);
        assert_eq!(newest.get(), Some(primary("db1", "a", 2)));
    }

    #[test]
    fn primary_of_another_system_is_listed_once_and_does_not_replace_the_first() {
        let newest = NewestPrimary::default();
        let first = primary("db1", "a", 2);
        assert_eq!(newest.observe(first.clone()), PrimaryStatus::Newest);
        for _ in 0..2 {
            let other = newest.observe(primary("db2", "b", 3));
            assert_eq!(other, PrimaryStatus::OtherSystem);
            assert_eq!(newest.observe(first.clone()), PrimaryStatus::Newest);
            assert_eq!(newest.other_systems(0), ["db2"]);
        }
        assert!(newest.other_systems(1).is_empty());
        assert_eq!(newest.get(), Some(first));
    }
}
