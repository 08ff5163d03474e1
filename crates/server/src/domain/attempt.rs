//! Login attempts, as rate limiting counts them.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::network::{Network, Prefix};
use super::rate_limit::{RateLimited, Tally};
use super::user::{Scope, UserId, UserKey};

/// The key by which an account is counted, whether or not it exists.
///
/// It is a hash of user name and domain, because a typed user name may be a password in the wrong field. 128 bits are
/// enough: an attacker gains nothing from two names that are counted as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountKey([u8; 16]);

impl AccountKey {
    /// Hashes a user name and a domain, given as look-up keys or as any other text.
    #[must_use]
    pub fn new(username: &str, domain: Option<&str>) -> Self {
        let mut hash = Sha256::new();
        // The flag and the length make the encoding unambiguous.
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

    /// Returns the key of a user's account.
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

    /// Wraps bytes from the store.
    #[must_use]
    pub const fn from_store(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// An attempt to be reserved.
///
/// It has no user, so that the limits cannot depend on whether the account exists.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct NewAttempt {
    pub account: AccountKey,
    pub network: Network,
    pub at: DateTime<Utc>,
}

/// An attempt to be reserved from the allowance of a user on a known network.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct NewAllowanceAttempt {
    pub user: UserId,
    pub network: Network,
    pub at: DateTime<Utc>,
}

/// An attempt that was counted before its password is verified.
///
/// It counts as a failure until it succeeds or is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub enum Reservation {
    /// The attempt counts towards the limits.
    Counted {
        /// The store's id of the attempt.
        id: i64,
        account: AccountKey,
        network: Network,
    },
    /// The attempt counts only towards the allowance of its user on its network.
    Allowance {
        /// The store's id of the attempt.
        id: i64,
        network: Network,
    },
}

impl Reservation {
    /// Returns the network of the attempt.
    #[must_use]
    pub fn network(&self) -> Network {
        match *self {
            Self::Counted { network, .. } | Self::Allowance { network, .. } => network,
        }
    }
}

/// The outcome of a request for a reservation.
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
    /// Only attempts on this user's account; the user need not exist.
    pub user: Option<UserKey>,
    /// Only attempts from this network, or from the networks in this prefix.
    pub network: Option<Prefix>,
}

/// The failures that count now, of an account, a network, or an account from one network.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct FailureCount {
    /// The account; `None` if over all accounts.
    pub account: Option<AccountKey>,
    /// The network or the prefix; `None` if over all networks.
    pub network: Option<Prefix>,
    pub failures: u32,
    pub last_at: DateTime<Utc>,
    /// The counts that decide about the next attempt.
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
