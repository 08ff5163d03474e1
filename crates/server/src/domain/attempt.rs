//! Attempts to log in, as rate limiting counts them.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::network::Network;
use super::rate_limit::{RateLimited, Tally};
use super::user::{Scope, UserId, UserKey};

/// The key that an account is counted by, whether or not it exists: a hash of the keys it would be looked up by.
///
/// A hash, because a typed user name may be a password in the wrong field, or a stranger's name. It is cut to 128 bits:
/// no one gains by finding two names that are counted as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountKey([u8; 16]);

impl AccountKey {
    /// Hashes a user name and a domain as they are looked up: both are keys, or any text.
    #[must_use]
    pub fn new(username: &str, domain: Option<&str>) -> Self {
        let mut hash = Sha256::new();
        // A byte for whether there is a domain, and a length: no two pairs have the same bytes.
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

    /// Hashes the keys of a user.
    #[must_use]
    pub fn of(user: &UserKey) -> Self {
        let domain = match &user.scope {
            Scope::System => None,
            Scope::Tenant(domain) => Some(domain.key()),
        };
        Self::new(&user.username.key(), domain)
    }

    /// Returns the 16 bytes, for the store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads what the store returned.
    #[must_use]
    pub const fn from_store(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// An attempt whose password is to be verified.
#[derive(Debug, Clone)]
pub struct NewAttempt {
    /// The account.
    pub account: AccountKey,
    /// The network that it comes from.
    pub network: Network,
    /// The user, if the account exists.
    pub user: Option<UserId>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// An attempt that was counted before its password is verified. It counts as a failure until it succeeds or is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// The store's number of the attempt.
    pub id: i64,
    /// The account.
    pub account: AccountKey,
    /// The network that it comes from.
    pub network: Network,
}

/// The outcome of asking for a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReserveOutcome {
    /// The password may be verified.
    Reserved(Reservation),
    /// A limit is reached; nothing was written.
    Limited(RateLimited),
}

impl ReserveOutcome {
    /// Returns the reservation, if there is one.
    #[must_use]
    pub fn reservation(self) -> Option<Reservation> {
        match self {
            Self::Reserved(reservation) => Some(reservation),
            Self::Limited(_) => None,
        }
    }
}

/// Selects attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptFilter {
    /// Only those on the account of this user, who need not exist.
    pub user: Option<UserKey>,
    /// Only those from this network.
    pub network: Option<Network>,
}

/// Failures that count at present: of an account from a network, of a network, or of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureCount {
    /// The account; `None` if over all accounts.
    pub account: Option<AccountKey>,
    /// The network; `None` if over all networks.
    pub network: Option<Network>,
    /// How many.
    pub failures: u32,
    /// When the last one was.
    pub last_at: DateTime<Utc>,
    /// The part of it that an attempt is judged by.
    pub tally: Tally,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_keys_of_different_accounts_differ() {
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
}
