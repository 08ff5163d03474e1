//! The concurrency limiter, which limits the logins of one account or network that are in flight.
//!
//! An attempt counts as a failure while its password is verified, so concurrent logins with the correct password could
//! exceed a limit. Therefore, no more logins are in flight than may fail; the others wait in a queue, for about the
//! time of a hash. Each network has its own queue, so that a login knows how many are ahead of it, and a busy network
//! delays no other.
//!
//! This provides fairness within one process. Across processes, the count in the store is exact.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::domain::attempt::AccountKey;
use crate::domain::network::Network;
use crate::domain::rate_limit::{RateLimited, Rules};

/// The number of slots of each kind.
///
/// Logins that share one by chance wait for each other, which matters only under load.
const SLOT_COUNT: usize = 1024;

/// The key of counters that cover all accounts of a network.
const ANY_ACCOUNT: AccountKey = AccountKey::from_store([0; 16]);

/// Limits the logins in flight of an account or network to the number that may fail.
#[derive(Debug)]
pub struct ConcurrencyLimiter {
    /// Random in each process, so that a client cannot choose a network that shares another's slot.
    key: RandomState,
    accounts: Vec<Semaphore>,
    networks: Vec<Semaphore>,
    /// The number of waiting logins, by network.
    queues: Vec<AtomicUsize>,
}

/// The position of a login in the queue of its network. Dropping it leaves the queue.
#[derive(Debug)]
pub struct QueueTicket<'a> {
    length: &'a AtomicUsize,
    ahead: usize,
}

impl QueueTicket<'_> {
    /// Returns the number of logins ahead in the queue.
    #[must_use]
    pub fn ahead(&self) -> usize {
        self.ahead
    }
}

impl Drop for QueueTicket<'_> {
    fn drop(&mut self) {
        self.length.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A permit for a login to be in flight. Dropping it admits the next login.
#[derive(Debug)]
pub struct Permit<'a> {
    _account: SemaphorePermit<'a>,
    _network: SemaphorePermit<'a>,
}

impl ConcurrencyLimiter {
    /// Creates a limiter that admits as many logins as may fail by these rules.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        let slots = |permits: u32| {
            let permits = usize::try_from(permits).unwrap_or(Semaphore::MAX_PERMITS);
            let permits = permits.min(Semaphore::MAX_PERMITS);
            (0..SLOT_COUNT).map(|_| Semaphore::new(permits)).collect()
        };
        Self {
            key: RandomState::new(),
            accounts: slots(rules.free_failures),
            networks: slots(rules.network.max_failures),
            queues: (0..SLOT_COUNT).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    /// Joins the queue of a network. Drop the ticket once the login waits for its hash instead.
    #[must_use]
    pub fn enqueue(&self, network: Network) -> QueueTicket<'_> {
        let length = self.slot(&self.queues, &ANY_ACCOUNT, network);
        let ahead = length.fetch_add(1, Ordering::Relaxed);
        QueueTicket { length, ahead }
    }

    /// Waits up to `timeout` for a permit; then fails with [`RateLimited::IN_FLIGHT`].
    pub async fn acquire(
        &self,
        account: &AccountKey,
        network: Network,
        timeout: Duration,
    ) -> Result<Permit<'_>, RateLimited> {
        // Every login acquires in this order, so that no deadlock is possible.
        let permit = async {
            let account = self
                .slot(&self.accounts, account, network)
                .acquire()
                .await
                .ok()?;
            let network = self
                .slot(&self.networks, &ANY_ACCOUNT, network)
                .acquire()
                .await
                .ok()?;
            Some(Permit {
                _account: account,
                _network: network,
            })
        };
        match tokio::time::timeout(timeout, permit).await {
            Ok(Some(permit)) => Ok(permit),
            // The semaphores are never closed.
            Ok(None) | Err(_) => Err(RateLimited::IN_FLIGHT),
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
    fn slot_of_a_network_is_unpredictable() {
        let slots = || {
            let limiter = ConcurrencyLimiter::new(&Rules::DEFAULT);
            let networks = (0..64_u128).map(|number| Ipv6Addr::from_bits(number << 64));
            let account = AccountKey::new("bob", None);
            let slots = networks.map(|network| {
                let network = Network::from(std::net::IpAddr::from(network));
                let slot = limiter.slot(&limiter.accounts, &account, network);
                limiter
                    .accounts
                    .iter()
                    .position(|other| std::ptr::eq(other, slot))
            });
            slots.collect::<Vec<_>>()
        };
        assert_ne!(slots(), slots());
    }

    #[test]
    fn queue_counts_the_logins_of_its_network_alone() {
        let limiter = ConcurrencyLimiter::new(&Rules::DEFAULT);
        let network = |text: &str| Network::from(text.parse::<std::net::IpAddr>().unwrap());
        let first = limiter.enqueue(network("2001:db8::1"));
        let second = limiter.enqueue(network("2001:db8::2"));
        assert_eq!((first.ahead(), second.ahead()), (0, 1));
        // A network may share the slot by chance, but four networks do not all share it.
        let other_networks =
            (0..4_u8).map(|number| limiter.enqueue(network(&format!("192.0.2.{number}"))));
        let min_ahead = other_networks.map(|ticket| ticket.ahead()).min();
        assert_eq!(min_ahead, Some(0));
        drop(first);
        assert_eq!(limiter.enqueue(network("2001:db8::3")).ahead(), 1);
    }
}
