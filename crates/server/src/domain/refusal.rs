//! Refused logins: their causes, and which of them share an audit entry.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::attempt::AccountKey;
use super::audit::{AuditEvent, Caller};
use super::network::{Network, NetworkTier, Prefix};
use super::rate_limit::LimitKind;
use super::user::UserId;

/// The cause of a refused login, which the response does not contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalCause {
    /// The user or the tenant does not exist.
    UnknownAccount,
    /// The password is wrong.
    WrongPassword,
    /// The password is correct, but the user or the tenant is disabled.
    Disabled,
    /// During verification, the password was changed, or the user or tenant was disabled or deleted.
    Changed,
    /// The client disconnected before the outcome was known.
    Abandoned,
    /// A limit was reached, and the password was not verified.
    RateLimited(LimitKind),
}

impl RefusalCause {
    /// Returns the name in the audit log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownAccount => "unknown-account",
            Self::WrongPassword => "wrong-password",
            Self::Disabled => "disabled",
            Self::Changed => "changed",
            Self::Abandoned => "abandoned",
            Self::RateLimited(limit) => limit.name(),
        }
    }

    /// Returns the event of this cause.
    #[must_use]
    pub fn event(self) -> AuditEvent {
        match self {
            Self::UnknownAccount
            | Self::WrongPassword
            | Self::Disabled
            | Self::Changed
            | Self::Abandoned => AuditEvent::LoginRefused,
            Self::RateLimited(_) => AuditEvent::LoginThrottled,
        }
    }
}

/// Refused logins that have the same [`CoalesceKey`].
///
/// The typed user name is omitted, because it may be a password in the wrong field. The store knows the name of an
/// existing user.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct Refusal {
    pub cause: RefusalCause,
    pub account: AccountKey,
    /// The user, if the account exists.
    pub user: Option<UserId>,
    /// The key of the requested domain, which is recorded if its tenant exists.
    pub domain: Option<String>,
    /// The time of the last refusal.
    pub at: DateTime<Utc>,
    pub caller: Caller,
    pub count: u32,
}

/// The properties that coalesced refusals share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CoalesceKey {
    cause: RefusalCause,
    account: Option<AccountKey>,
    network: Option<Prefix>,
}

impl Refusal {
    /// Returns the key by which refusals are coalesced.
    ///
    /// The key for a limited network has no account, and the key for a limited account has no network: clients can
    /// invent any number of either. The key for a limited prefix has the prefix instead of the network.
    #[must_use]
    pub fn coalesce_key(&self) -> CoalesceKey {
        const NETWORK: Option<NetworkTier> = Some(NetworkTier::Network);
        let (account, tier) = match self.cause {
            RefusalCause::UnknownAccount
            | RefusalCause::WrongPassword
            | RefusalCause::Disabled
            | RefusalCause::Changed
            | RefusalCause::Abandoned
            | RefusalCause::RateLimited(LimitKind::AccountFromNetwork) => (true, NETWORK),
            RefusalCause::RateLimited(LimitKind::Network | LimitKind::Concurrency) => {
                (false, NETWORK)
            }
            RefusalCause::RateLimited(LimitKind::Network56) => (false, Some(NetworkTier::Slash56)),
            RefusalCause::RateLimited(LimitKind::Network48) => (false, Some(NetworkTier::Slash48)),
            RefusalCause::RateLimited(LimitKind::Account | LimitKind::AccountDay) => (true, None),
        };
        let network = Network::from(self.caller.address);
        CoalesceKey {
            cause: self.cause,
            account: account.then_some(self.account),
            network: tier.and_then(|tier| network.prefix(tier)),
        }
    }
}

impl CoalesceKey {
    /// Returns whether the refusals are of one account.
    #[must_use]
    pub fn has_account(&self) -> bool {
        self.account.is_some()
    }

    /// Returns the key of the audit entry: the hash of this key and the minute.
    #[must_use]
    pub fn bucket(&self, at: DateTime<Utc>) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update(at.timestamp().div_euclid(60).to_be_bytes());
        hash.update(self.cause.name());
        // The flag makes the encoding unambiguous.
        hash.update([u8::from(self.account.is_some())]);
        if let Some(account) = &self.account {
            hash.update(account.as_bytes());
        }
        if let Some(network) = self.network {
            hash.update(network.to_bytes());
        }
        let hash: [u8; 32] = hash.finalize().into();
        let mut bucket = [0; 16];
        bucket.copy_from_slice(&hash[..16]);
        bucket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_at_a_limit_share_a_key_whatever_accounts_or_networks_a_client_uses() {
        let key = |limit, name: &str, address: &str| {
            let refusal = Refusal {
                cause: RefusalCause::RateLimited(limit),
                account: AccountKey::new(name, None),
                user: None,
                domain: None,
                at: DateTime::UNIX_EPOCH,
                caller: Caller {
                    address: address.parse().unwrap(),
                    user_agent: None,
                    request_id: "r".to_owned(),
                },
                count: 1,
            };
            refusal.coalesce_key()
        };
        for (limit, same, other) in [
            (LimitKind::Network, "2001:db8::2", "2001:db8:0:1::1"),
            (LimitKind::Network56, "2001:db8:0:1::1", "2001:db8:0:100::1"),
            (LimitKind::Network48, "2001:db8:0:100::1", "2001:db8:1::1"),
        ] {
            let first = key(limit, "bob", "2001:db8::1");
            assert_eq!(key(limit, "carol", same), first, "{limit:?}");
            assert_ne!(key(limit, "bob", other), first, "{limit:?}");
        }
        for limit in [LimitKind::Account, LimitKind::AccountDay] {
            let first = key(limit, "bob", "2001:db8::1");
            assert_eq!(key(limit, "bob", "192.0.2.1"), first, "{limit:?}");
            assert_ne!(key(limit, "carol", "2001:db8::1"), first, "{limit:?}");
        }
    }
}
