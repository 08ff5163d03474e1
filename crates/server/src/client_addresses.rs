//! The addresses of clients behind trusted proxies, from the head of a request to its line in the log.
//!
//! dropshot logs the address of the proxy, and the headers of the request are no longer available when the line is
//! written.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::proxies::TrustedProxies;

/// Far more than the requests that can be in flight. Bounds the map if an entry is never removed.
const MAX_ENTRIES: usize = 65_536;

/// The client addresses in the headers of requests in flight, by request id.
///
/// An address counts only if the peer is a trusted proxy. This is checked when a line is logged, because reading the
/// peer from dropshot's logger takes longer than everything else that is done for an address.
#[derive(Debug, Default)]
pub struct ClientAddresses {
    trusted_proxies: TrustedProxies,
    /// Whether there was ever an entry. Without proxies, this is all that a request reads.
    is_used: AtomicBool,
    entries: Mutex<HashMap<Uuid, IpAddr>>,
}

impl ClientAddresses {
    pub(crate) fn new(trusted_proxies: TrustedProxies) -> Self {
        Self {
            trusted_proxies,
            ..Self::default()
        }
    }

    pub(crate) fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Relaxed)
    }

    pub(crate) fn insert(&self, request: Uuid, client: IpAddr) {
        self.is_used.store(true, Ordering::Relaxed);
        let mut entries = self.lock();
        if entries.len() < MAX_ENTRIES {
            entries.insert(request, client);
        }
    }

    /// Removes and returns the address in the headers of a request, if there is one.
    pub(crate) fn take(&self, request: &str) -> Option<IpAddr> {
        if !self.is_used() {
            return None;
        }
        self.lock().remove(&Uuid::parse_str(request).ok()?)
    }

    /// Returns whether the headers of a peer are trusted.
    pub(crate) fn is_trusted(&self, peer: &str) -> bool {
        let peer = peer.parse::<SocketAddr>();
        peer.is_ok_and(|peer| self.trusted_proxies.contains(peer.ip()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, IpAddr>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_taken_once() {
        let (addresses, id) = (ClientAddresses::default(), Uuid::from_u128(7));
        let client = IpAddr::from([192, 0, 2, 1]);
        addresses.insert(id, client);
        assert_eq!(addresses.take("no id"), None);
        assert_eq!(addresses.take(&id.to_string()), Some(client));
        assert_eq!(addresses.take(&id.to_string()), None);
    }

    #[test]
    fn peer_is_trusted_if_it_is_a_trusted_proxy() {
        let addresses = ClientAddresses::new("192.0.2.9".parse().unwrap());
        assert!(addresses.is_trusted("192.0.2.9:5"));
        assert!(addresses.is_trusted("[::ffff:192.0.2.9]:5"));
        for peer in ["192.0.2.8:5", "192.0.2.9", ""] {
            assert!(!addresses.is_trusted(peer), "{peer}");
        }
    }

    #[test]
    fn number_of_entries_is_limited() {
        let addresses = ClientAddresses::default();
        for id in 0..=MAX_ENTRIES as u128 {
            addresses.insert(Uuid::from_u128(id), [192, 0, 2, 1].into());
        }
        assert_eq!(addresses.lock().len(), MAX_ENTRIES);
    }
}
