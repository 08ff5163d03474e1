//! Attempts to log in, as far as guessers are held back by counting them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{Scope, UserId, UserKey};

/// What an account is counted by, whether or not there is one: a hash of the keys it would be looked up by.
///
/// A hash, because what is typed as a user name may be a password in the wrong field, or a stranger's name. It is cut to
/// 128 bits: nobody gains by finding two names that are counted as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountKey([u8; 16]);

impl AccountKey {
    /// Of a user's name and a domain, as they are looked up: both are keys, or any text.
    #[must_use]
    pub fn new(username: &str, domain: Option<&str>) -> Self {
        let mut hash = Sha256::new();
        // A byte that tells whether there is a domain, and a length: no two pairs read as the same bytes.
        hash.update([u8::from(domain.is_some())]);
        let domain = domain.unwrap_or_default();
        hash.update((domain.len() as u64).to_be_bytes());
        hash.update(domain);
        hash.update(username);
        let hash: [u8; 32] = hash.finalize().into();
        let mut key = [0; 16];
        key.copy_from_slice(&hash[..16]);
        Self(key)
    }

    /// Of a user.
    #[must_use]
    pub fn of(user: &UserKey) -> Self {
        let domain = match &user.scope {
            Scope::System => None,
            Scope::Tenant(domain) => Some(domain.key()),
        };
        Self::new(&user.username.key(), domain)
    }

    /// The 16 bytes, for the store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Takes back what the store has kept.
    #[must_use]
    pub const fn from_store(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// Where an attempt comes from, as it is counted: an IPv4 address, or the /64 of an IPv6 one.
///
/// A /64 is what one customer or one local network has (RFC 6177, RFC 7421); within it, whoever has it can choose any
/// address. An IPv4 address written as an IPv6 one (`::ffff:192.0.2.1`) is that IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let prefix = address.to_bits() >> 64 << 64;
                IpAddr::V6(Ipv6Addr::from_bits(prefix))
            }
        })
    }
}

impl Network {
    /// 4 bytes, or the first 8 of an IPv6 address, for the store.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        match self.0 {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets()[..8].to_vec(),
        }
    }

    /// Takes back what the store has kept. None of another length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
            return Some(Self(Ipv4Addr::from(bytes).into()));
        }
        let prefix = u64::from_be_bytes(bytes.try_into().ok()?);
        Some(Self(Ipv6Addr::from_bits(u128::from(prefix) << 64).into()))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

/// An attempt that asks to be looked at.
#[derive(Debug, Clone)]
pub struct NewAttempt {
    /// What account it is made on.
    pub account: AccountKey,
    /// Where it comes from.
    pub network: Network,
    /// The user, where there is one: somebody who has logged in from this network before.
    pub user: Option<UserId>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// An attempt that is being looked at. It counts as a failure until the login succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    pub(in crate::store) id: i64,
    pub(in crate::store) account: AccountKey,
    pub(in crate::store) network: Network,
}

/// What is known of the attempts that an attempt is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Failures in a row on this account from this network.
    pub streak: Option<Streak>,
    /// Of the network; none where its limit is not reached.
    pub network_full: Option<Full>,
    /// Of the account; none as well where its user has logged in from this network before.
    pub account_full: Option<Full>,
}

/// Failures in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streak {
    /// How many, with those that are being looked at.
    pub failures: u32,
    /// How many of them are being looked at.
    pub under_way: u32,
    /// When the last one was.
    pub last_at: DateTime<Utc>,
}

/// A limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// When the attempt was made that keeps it reached.
    pub since: DateTime<Utc>,
    /// Whether it is also reached without those attempts that are being looked at.
    pub failed: bool,
}

/// Which attempts are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempts {
    /// Those on the account of this user alone, who need not be there.
    pub user: Option<UserKey>,
    /// Those from this network alone.
    pub network: Option<Network>,
}

/// Failures that count at present: of an account from a network, of a network alone, or of an account alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failures {
    /// The account; none where they are over all accounts.
    pub account: Option<AccountKey>,
    /// The network; none where they are over all networks.
    pub network: Option<Network>,
    /// How many.
    pub failures: u32,
    /// When the last one was.
    pub last_at: DateTime<Utc>,
    /// What of it an attempt is judged by.
    pub tally: Tally,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn a_network_is_an_ipv4_address_or_an_ipv6_64() {
        let shown = |text: &str| network(text).to_string();
        assert_eq!(shown("192.0.2.1"), "192.0.2.1");
        assert_eq!(shown("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(shown("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(Network::from_bytes(&[1, 2, 3]), None);
    }

    #[test]
    fn accounts_that_differ_are_counted_apart() {
        let keys = [
            AccountKey::new("alice", None),
            AccountKey::new("alice", Some("")),
            AccountKey::new("alice", Some("a.example")),
            AccountKey::new("", Some("alice")),
            AccountKey::new("alicea.example", Some("")),
            AccountKey::new("example", Some("alicea.")),
        ];
        for (index, one) in keys.iter().enumerate() {
            for other in &keys[index + 1..] {
                assert_ne!(one, other);
            }
        }
    }

    proptest! {
        #[test]
        fn a_network_comes_back_from_its_bytes(v4: [u8; 4], v6: [u8; 16]) {
            for network in [Network::from(IpAddr::from(v4)), Network::from(IpAddr::from(v6))] {
                prop_assert_eq!(Network::from_bytes(&network.to_bytes()), Some(network));
            }
        }
    }
}
