//! Refused logins: why, and which of them the audit log counts together.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::attempt::AccountKey;
use super::audit::{AuditEvent, Caller};
use super::network::Network;
use super::rate_limit::LimitKind;
use super::user::UserId;

/// Why a login opened no session: what the answer hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalCause {
    /// There is no such user, or no such tenant.
    UnknownAccount,
    /// The password is wrong.
    WrongPassword,
    /// The password is right, but the user or the tenant is disabled.
    Disabled,
    /// While the password was verified, it was changed, or the user or the tenant was disabled or deleted.
    Changed,
    /// The client disconnected before or while the password was verified: no one learned whether it is right.
    Abandoned,
    /// A limit was reached: the password was not verified.
    RateLimited(LimitKind),
}

impl RefusalCause {
    /// Returns its name in the audit log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownAccount => "unknown-account",
            Self::WrongPassword => "wrong-password",
            Self::Disabled => "disabled",
            Self::Changed => "changed",
            Self::Abandoned => "abandoned",
            Self::RateLimited(LimitKind::AccountFromNetwork) => "account-from-address",
            Self::RateLimited(LimitKind::Network) => "address",
            Self::RateLimited(LimitKind::Account) => "account",
            Self::RateLimited(LimitKind::Concurrency) => "busy",
        }
    }

    /// Returns the event that it is a cause of.
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
/// The typed user name is not here: it may be a password in the wrong field. If there is such a user, the store knows the
/// name.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Why.
    pub cause: RefusalCause,
    /// On which account.
    pub account: AccountKey,
    /// The user, if the account exists.
    pub user: Option<UserId>,
    /// The key of the domain that was given. It is recorded if there is such a tenant.
    pub domain: Option<String>,
    /// When; of several the last.
    pub at: DateTime<Utc>,
    /// Who sent it.
    pub caller: Caller,
    /// How many.
    pub count: u32,
}

/// What refusals that are counted together have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CoalesceKey {
    cause: RefusalCause,
    account: Option<AccountKey>,
    network: Option<Network>,
}

impl Refusal {
    /// Returns what it has in common with the refusals that it is counted with.
    ///
    /// If a whole network is limited, its accounts are counted together, and if an account is, its networks are: either
    /// could be made up without end.
    #[must_use]
    pub fn coalesce_key(&self) -> CoalesceKey {
        let (account, network) = match self.cause {
            RefusalCause::UnknownAccount
            | RefusalCause::WrongPassword
            | RefusalCause::Disabled
            | RefusalCause::Changed
            | RefusalCause::Abandoned
            | RefusalCause::RateLimited(LimitKind::AccountFromNetwork) => (true, true),
            RefusalCause::RateLimited(LimitKind::Network | LimitKind::Concurrency) => (false, true),
            RefusalCause::RateLimited(LimitKind::Account) => (true, false),
        };
        CoalesceKey {
            cause: self.cause,
            account: account.then_some(self.account),
            network: network.then(|| self.caller.address.into()),
        }
    }
}

impl CoalesceKey {
    /// Returns whether it is about one account.
    #[must_use]
    pub fn has_account(&self) -> bool {
        self.account.is_some()
    }

    /// Returns what the store counts together by: the key within one minute.
    #[must_use]
    pub fn bucket(&self, at: DateTime<Utc>) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update(at.timestamp().div_euclid(60).to_be_bytes());
        hash.update(self.cause.name());
        // A byte for whether there is one: no two keys have the same bytes.
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
