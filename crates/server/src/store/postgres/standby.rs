//! Detects standbys to which a failover can lose acknowledged changes.

use super::step::Step;
use super::value::get;
use crate::store::error::StoreFailure;

/// Counts the physical standbys.
///
/// Backups and archivers (`pg_basebackup`, `pg_receivewal`) are not counted, because they replay nothing. A role
/// without the privilege sees the rows, but not their content.
const READ: &str = "
    SELECT current_setting('synchronous_standby_names') <> '', current_setting('synchronous_commit') = 'local',
        count(*) FILTER (WHERE is_standby), count(*) FILTER (WHERE is_hidden),
        string_agg(DISTINCT quote_ident(application_name), ', ') FILTER (WHERE is_standby),
        quote_ident(current_user)
    FROM (
        SELECT application_name, state IS NULL AS is_hidden,
            state IN ('catchup', 'streaming') AND replay_lsn IS NOT NULL
                AND slot_type IS DISTINCT FROM 'logical' AS is_standby
        FROM pg_stat_replication LEFT JOIN pg_replication_slots ON active_pid = pid
    ) AS receivers";

/// Whether a failover to a standby can lose acknowledged changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Replication {
    /// There is no standby, or commits wait for one.
    Safe,
    /// There are standbys, and commits wait for none of them.
    Asynchronous {
        standbys: u32,
        /// The setting of PostgreSQL that prevents the loss.
        setting: String,
    },
    /// The role lacks the privilege to see standbys.
    Unknown {
        /// The statement that grants the privilege.
        grant: String,
    },
}

pub(super) async fn read(step: &Step<'_>) -> Result<Replication, StoreFailure> {
    let row = step.query_opt(READ, &[]).await?;
    let row = row.ok_or_else(|| StoreFailure::new("an aggregate returns a row"))?;
    let (has_names, is_local): (bool, bool) = (get(&row, 0)?, get(&row, 1)?);
    let (standbys, hidden): (i64, i64) = (get(&row, 2)?, get(&row, 3)?);
    let names: Option<&str> = get(&row, 4)?;
    // If the named standbys are away, commits wait for them: nothing can be lost.
    if has_names && !is_local {
        return Ok(Replication::Safe);
    }
    if hidden > 0 {
        let role: &str = get(&row, 5)?;
        let grant = format!("GRANT pg_read_all_stats TO {role}");
        return Ok(Replication::Unknown { grant });
    }
    let Some(names) = names else {
        return Ok(Replication::Safe);
    };
    let setting = match has_names {
        true => "synchronous_commit = on".to_owned(),
        false => format!("synchronous_standby_names = 'ANY 1 ({names})'"),
    };
    Ok(Replication::Asynchronous {
        standbys: u32::try_from(standbys).unwrap_or(u32::MAX),
        setting,
    })
}
