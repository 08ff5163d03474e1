//! Login.
//!
//! Every login takes the same path, with one look-up, one reservation and one verification, whether or not the user
//! exists and is enabled; the decision follows. Rate limiting reveals nothing either, because unknown accounts are
//! counted too. The transaction that opens the session checks again that the user is enabled and the password is
//! unchanged, so that a change takes effect even while a password is hashed.

use std::fmt;

use chrono::{DateTime, Utc};

use super::LoginError;
use super::admission::{self, Admission, Subject};
use crate::context::Context;
use crate::domain::attempt::AccountKey;
use crate::domain::audit::{Caller, Source};
use crate::domain::password::{Password, PasswordHash, Secret};
use crate::domain::refusal::RefusalCause;
use crate::domain::session::NewSession;
use crate::domain::tenant::Domain;
use crate::domain::user::{LoginRecord, UserId};
use crate::metrics::LoginOutcome;
use crate::password::{HashPermit, HasherError};
use crate::token::Token;

/// The credentials of a login. Text that is not a valid name or domain matches no user.
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct Attempt<'a> {
    /// The user name, in any case.
    pub username: &'a str,
    pub password: &'a str,
    /// The domain of the user's tenant, in any spelling; `None` for a system user.
    pub domain: Option<&'a str>,
    /// The session token sent with the login; its session ends if the login succeeds.
    pub previous: Option<Token>,
    pub caller: Caller,
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("username", &self.username)
            .field("domain", &self.domain)
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

/// An opened session.
#[derive(Debug)]
pub struct OpenedSession {
    /// The token, which only the client may know.
    pub token: Token,
    /// When the session expires; a whole second.
    pub expires_at: DateTime<Utc>,
    /// The lifetime in seconds.
    pub expires_in: i32,
}

/// Verifies a user's credentials and opens a session. If it fails, the previous session stays live.
pub async fn login(context: &Context, attempt: Attempt<'_>) -> Result<OpenedSession, LoginError> {
    let result = authenticate(context, attempt).await;
    let outcome = match &result {
        Ok(_) => LoginOutcome::Opened,
        Err(error) => error.outcome(),
    };
    context.metrics.record_login(outcome);
    if let Err(LoginError::TooManyAttempts(limited)) = &result {
        context.metrics.record_rate_limited(limited.limit);
    }
    result
}

async fn authenticate(
    context: &Context,
    attempt: Attempt<'_>,
) -> Result<OpenedSession, LoginError> {
    let ticket = admission::enqueue(context, attempt.caller.address.into()).await?;
    let username = attempt.username.to_ascii_lowercase();
    let domain = attempt.domain.map(domain_key);
    let record = context
        .store
        .find_login(&username, domain.as_deref())
        .await?;
    let subject = Subject {
        account: AccountKey::new(&username, domain.as_deref()),
        user: record.as_ref().map(|record| record.user),
        domain,
        caller: attempt.caller.clone(),
    };
    let (admission, hash_permit) = Admission::request(context, ticket, subject).await?;
    let verified = match verify_password(context, hash_permit, attempt.password, record).await {
        Ok(Verification::Accepted(verified)) => verified,
        Ok(Verification::Refused(cause)) => return Err(admission.refuse(cause).await),
        Err(error) => {
            admission.release().await;
            return Err(error.into());
        }
    };
    let token = match Token::generate(&*context.random) {
        Ok(token) => token,
        Err(error) => {
            admission.release().await;
            return Err(error.into());
        }
    };
    // Hashing does not shorten the lifetime of the session.
    let created_at = context.clock.now();
    let expires_at = context.session_lifetime.from(created_at);
    let session = NewSession {
        token: token.hash(),
        user: verified.user,
        password_hash: verified.password_hash,
        created_at,
        expires_at,
        replaces: attempt.previous.as_ref().map(Token::hash),
        reservation: None,
        max_sessions: context.sessions_per_user,
        source: Source::Request(attempt.caller),
    };
    admission.commit(session).await?;
    Ok(OpenedSession {
        token,
        expires_at,
        expires_in: context.session_lifetime.seconds(),
    })
}

enum Verification {
    Accepted(VerifiedUser),
    Refused(RefusalCause),
}

/// `password_hash` is the hash that was verified, or the one that replaced it.
struct VerifiedUser {
    user: UserId,
    password_hash: PasswordHash,
}

/// Verifies a password, with the same work whether or not the user exists.
async fn verify_password(
    context: &Context,
    permit: HashPermit,
    password: &str,
    record: Option<LoginRecord>,
) -> Result<Verification, HasherError> {
    let hash = record.as_ref().map(|record| &record.password_hash);
    let verified = context.hasher.verify(&permit, password, hash).await?;
    let record = match record {
        None => return Ok(Verification::Refused(RefusalCause::UnknownAccount)),
        Some(_) if !verified.matches => {
            return Ok(Verification::Refused(RefusalCause::WrongPassword));
        }
        Some(record) if !record.enabled => {
            return Ok(Verification::Refused(RefusalCause::Disabled));
        }
        Some(record) => record,
    };
    let rehashed = if verified.outdated {
        rehash(context, &permit, password, &record).await
    } else {
        None
    };
    Ok(Verification::Accepted(VerifiedUser {
        user: record.user,
        password_hash: rehashed.unwrap_or(record.password_hash),
    }))
}

/// Replaces the hash of a verified password with one of the current cost.
///
/// Returns `None` if that fails or the hash was changed meanwhile: the next login tries again, and the store checks the
/// hash before it opens the session.
async fn rehash(
    context: &Context,
    permit: &HashPermit,
    password: &str,
    record: &LoginRecord,
) -> Option<PasswordHash> {
    let password = Password::new(Secret::new(password.to_owned())).ok()?;
    let hashed = context.hasher.hash(permit, &password, &*context.random);
    let rehashed = hashed.await.ok()?;
    let replaced =
        context
            .store
            .replace_password_hash(record.user, &record.password_hash, &rehashed);
    replaced.await.ok()?.then_some(rehashed)
}

/// Returns the look-up key of a domain; text that is not a domain is returned unchanged.
fn domain_key(typed: &str) -> String {
    match typed.parse::<Domain>() {
        Ok(domain) => domain.key().to_owned(),
        Err(_) => typed.to_owned(),
    }
}

#[cfg(test)]
mod tests;
