//! Logins that are under way at once.
//!
//! An attempt counts as a failure while it is looked at, so that of many logins which are all right and come at once, some
//! would be held back. So no more of them are under way than may fail: the others wait their turn, some hash's time long.
//! That is fairness within one process. What holds across processes, exactly, is the store's count.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Held, Rules};
use crate::store::model::{AccountKey, Network};

/// How many counters there are of each kind. Those that share one by chance take turns, and notice it only under load.
const SLOTS: usize = 1024;

/// Lets as many logins through at once as may fail.
#[derive(Debug)]
pub struct Gates {
    streaks: Vec<Semaphore>,
    networks: Vec<Semaphore>,
}

/// A login that is under way. Dropping it lets the next one through.
#[derive(Debug)]
pub struct Passed<'a> {
    _streak: SemaphorePermit<'a>,
    _network: SemaphorePermit<'a>,
}

impl Gates {
    pub(super) fn new(rules: &Rules) -> Self {
        let slots = |permits: u32| {
            let permits = usize::try_from(permits).unwrap_or(Semaphore::MAX_PERMITS);
            let permits = permits.min(Semaphore::MAX_PERMITS);
            (0..SLOTS).map(|_| Semaphore::new(permits)).collect()
        };
        Self {
            streaks: slots(rules.free),
            networks: slots(rules.network.most),
        }
    }

    /// Waits for a turn, for so long.
    ///
    /// # Errors
    ///
    /// When it does not come in time.
    pub async fn pass(
        &self,
        account: &AccountKey,
        network: Network,
        patience: Duration,
    ) -> Result<Passed<'_>, Held> {
        // Everybody waits in this order, so that nobody waits for one who waits for him.
        let turns = async {
            let streak = slot(&self.streaks, account, network).acquire().await.ok()?;
            let anyone = AccountKey::from_store([0; 16]);
            let network = slot(&self.networks, &anyone, network)
                .acquire()
                .await
                .ok()?;
            Some(Passed {
                _streak: streak,
                _network: network,
            })
        };
        match tokio::time::timeout(patience, turns).await {
            Ok(Some(passed)) => Ok(passed),
            // The gates are never closed.
            Ok(None) | Err(_) => Err(Held::UNDER_WAY),
        }
    }
}

fn slot<'a>(slots: &'a [Semaphore], account: &AccountKey, network: Network) -> &'a Semaphore {
    // FNV-1a: spread evenly is all that it must be. Who steers into another's slot gains nothing but his turns, and has
    // few attempts to do it with.
    let mut hash: u64 = 0xCBF2_9CE4_8422_2325;
    for byte in account.as_bytes().iter().chain(&network.to_bytes()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
    }
    let index = usize::try_from(hash >> 32).unwrap_or_default() % slots.len();
    &slots[index]
}
