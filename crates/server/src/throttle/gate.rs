//! Logins that are under way at once.
//!
//! An attempt counts as a failure while it is looked at, so that of many logins which are all right and come at once, some
//! would be held back. So no more of them are under way than may fail: the others wait their turn, some hash's time long.
//! They stand in line by their network, so that each knows how many are to be hashed before it, and a crowd in one network
//! keeps nobody waiting in another.
//!
//! That is fairness within one process. What holds across processes, exactly, is the store's count.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Held, Rules};
use crate::store::model::{AccountKey, Network};

/// How many counters there are of each kind. Those that share one by chance take turns, and notice it only under load.
const SLOTS: usize = 1024;

/// Stands for every account of a network.
const ANYONE: AccountKey = AccountKey::from_store([0; 16]);

/// Lets as many logins through at once as may fail.
#[derive(Debug)]
pub struct Gates {
    /// Of this process alone: nobody can choose a network that shares a counter with another's, and take its turns.
    key: RandomState,
    streaks: Vec<Semaphore>,
    networks: Vec<Semaphore>,
    /// How many stand in line, by network.
    lines: Vec<AtomicUsize>,
}

/// A login's place in the line of its network. Dropping it leaves the line.
#[derive(Debug)]
pub struct Line<'a> {
    length: &'a AtomicUsize,
    ahead: usize,
}

impl Line<'_> {
    /// How many stood in it before.
    #[must_use]
    pub fn ahead(&self) -> usize {
        self.ahead
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.length.fetch_sub(1, Ordering::Relaxed);
    }
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
            key: RandomState::new(),
            streaks: slots(rules.free),
            networks: slots(rules.network.most),
            lines: (0..SLOTS).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    /// Gets in line. It is left as soon as the login waits elsewhere: for its hash.
    #[must_use]
    pub fn line_up(&self, network: Network) -> Line<'_> {
        let length = self.slot(&self.lines, &ANYONE, network);
        let ahead = length.fetch_add(1, Ordering::Relaxed);
        Line { length, ahead }
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
            let streak = self
                .slot(&self.streaks, account, network)
                .acquire()
                .await
                .ok()?;
            let network = self
                .slot(&self.networks, &ANYONE, network)
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

    fn slot<'a, T>(&self, slots: &'a [T], account: &AccountKey, network: Network) -> &'a T {
        let hash = self.key.hash_one((account, network));
        let index = usize::try_from(hash >> 32).unwrap_or_default() % slots.len();
        &slots[index]
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn nobody_can_tell_beforehand_who_shares_a_counter() {
        let slots = || {
            let gates = Gates::new(&Rules::DEFAULT);
            let networks = (0..64_u128).map(|number| Ipv6Addr::from_bits(number << 64));
            let account = AccountKey::new("bob", None);
            let slots = networks.map(|network| {
                let network = Network::from(std::net::IpAddr::from(network));
                let slot = gates.slot(&gates.streaks, &account, network);
                gates
                    .streaks
                    .iter()
                    .position(|other| std::ptr::eq(other, slot))
            });
            slots.collect::<Vec<_>>()
        };
        assert_ne!(slots(), slots());
    }

    #[test]
    fn a_line_is_as_long_as_those_of_the_network_who_stand_in_it() {
        let gates = Gates::new(&Rules::DEFAULT);
        let network = |text: &str| Network::from(text.parse::<std::net::IpAddr>().unwrap());
        let first = gates.line_up(network("2001:db8::1"));
        let second = gates.line_up(network("2001:db8::2"));
        assert_eq!((first.ahead(), second.ahead()), (0, 1));
        // It may share the counter of any one network, but not of all.
        let elsewhere =
            (0..4_u8).map(|number| gates.line_up(network(&format!("192.0.2.{number}"))));
        let alone = elsewhere.map(|line| line.ahead()).min();
        assert_eq!(alone, Some(0));
        drop(first);
        assert_eq!(gates.line_up(network("2001:db8::3")).ahead(), 1);
    }
}
