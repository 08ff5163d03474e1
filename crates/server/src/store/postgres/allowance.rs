//! Known networks, and attempts from the allowance of their users. The rules are in [`crate::domain::allowance`].

use chrono::{DateTime, Utc};

use super::lookup::Lock;
use super::step::{Statement, Step};
use super::tally::saturate;
use super::value::{get, get_time_millis, values};
use crate::domain::allowance::{ALLOWANCE, AllowanceUse, MAX_KNOWN_NETWORKS, changes_seen_at};
use crate::domain::attempt::{NewAllowanceAttempt, Reservation};
use crate::domain::network::Network;
use crate::domain::user::UserId;
use crate::store::error::StoreFailure;

const USER: &str = "SELECT id FROM users WHERE id = $1";

const SEEN_AT: &str = "SELECT seen_at FROM known_networks WHERE user_id = $1 AND network = $2";

const COUNT: &str = "
    SELECT count(*) FROM allowance_attempts WHERE user_id = $1 AND network = $2 AND at > $3";

const INSERT: &str = "
    INSERT INTO allowance_attempts (user_id, network, at) VALUES ($1, $2, $3) RETURNING id";

const RELEASE: &str = "DELETE FROM allowance_attempts WHERE id = $1";

const RECORD_NETWORK: &str = "
    INSERT INTO known_networks (user_id, network, seen_at) VALUES ($1, $2, $3)
    ON CONFLICT (user_id, network)
        DO UPDATE SET seen_at = greatest(known_networks.seen_at, excluded.seen_at)";

const TRIM_NETWORKS: &str = "
    DELETE FROM known_networks WHERE user_id = $1 AND network IN
        (SELECT network FROM known_networks WHERE user_id = $1 ORDER BY seen_at DESC OFFSET $2)";

const FORGET_NETWORKS: &str = "DELETE FROM known_networks WHERE user_id = $1";

/// Reads the use of an allowance; `lock` applies to the known network.
pub(super) async fn read_use(
    step: &Step<'_>,
    attempt: &NewAllowanceAttempt,
    lock: Lock,
) -> Result<AllowanceUse, StoreFailure> {
    let (user, network) = (attempt.user.0, attempt.network.to_bytes());
    let seen = step
        .query_opt(&lock.with(SEEN_AT), values![user, &network])
        .await?;
    // Counted after the lock is acquired, so that everything that its earlier holders committed is included.
    let since = (attempt.at - ALLOWANCE.window).timestamp_millis();
    let counted = step.query(COUNT, values![user, &network, since]).await?;
    Ok(AllowanceUse {
        network_seen_at: seen.map(|row| get_time_millis(&row, 0)).transpose()?,
        failures: saturate(get(&counted[0], 0)?),
    })
}

/// Reserves an attempt if the rule permits it.
pub(super) async fn reserve(
    step: &Step<'_>,
    attempt: &NewAllowanceAttempt,
) -> Result<Option<Reservation>, StoreFailure> {
    let user = attempt.user.0;
    // The new row references the user. As in every change, the user is locked before the network.
    let lock_user = Lock::Existence.with(USER);
    if step.query_opt(&lock_user, values![user]).await?.is_none() {
        return Ok(None);
    }
    let used = read_use(step, attempt, Lock::Exclusive).await?;
    if !used.permits_attempt(attempt.at) {
        return Ok(None);
    }
    let row = values![
        user,
        attempt.network.to_bytes(),
        attempt.at.timestamp_millis(),
    ];
    let inserted = step.query(INSERT, row).await?;
    Ok(Some(Reservation::Allowance {
        id: get(&inserted[0], 0)?,
        network: attempt.network,
    }))
}

pub(super) async fn release(step: &Step<'_>, id: i64) -> Result<(), StoreFailure> {
    step.execute(RELEASE, values![id]).await?;
    Ok(())
}

/// Records that a user has logged in from a network that was seen last at `seen_at`.
pub(super) fn record_network(
    step: &Step<'_>,
    user: UserId,
    network: Network,
    seen_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) {
    if !changes_seen_at(seen_at, now) {
        return;
    }
    let row = values![user.0, network.to_bytes(), now.timestamp_millis()];
    step.send_with_commit(Statement::new(RECORD_NETWORK, row));
    if seen_at.is_none() {
        let row = values![user.0, MAX_KNOWN_NETWORKS];
        step.send_with_commit(Statement::new(TRIM_NETWORKS, row));
    }
}

pub(super) async fn forget_networks(step: &Step<'_>, user: UserId) -> Result<(), StoreFailure> {
    step.execute(FORGET_NETWORKS, values![user.0]).await?;
    Ok(())
}
