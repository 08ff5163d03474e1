//! Logging in.
//!
//! Every refusal takes the same path: one look-up, one reservation, one verification, whether or not there is such a domain
//! or user, and whether or not they are enabled; the decision comes after. A client that has guessed too often gets no
//! reservation, and learns no more by that: accounts that do not exist are counted as well. A session is opened in one
//! transaction that checks once more whether the user is enabled and the password is still the one that was verified: no
//! change that is made while a password is hashed is overtaken.

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

/// The credentials of a login. Any text is safe; one that cannot be a name or a domain is just unknown.
pub struct Attempt<'a> {
    /// The user's name, in any case.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
    /// The domain of the user's tenant, in any spelling; none for a system user.
    pub domain: Option<&'a str>,
    /// The token of the session that the login came with; it ends if the login succeeds.
    pub previous: Option<Token>,
    /// The client that makes it.
    pub caller: Caller,
}

impl fmt::Debug for Attempt<'_> {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("username", &self.username)
            .field("domain", &self.domain)
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

/// A session that was opened.
#[derive(Debug)]
pub struct Opened {
    /// The token that identifies it. No one else knows it.
    pub token: Token,
    /// From when it is no longer live; a whole second.
    pub expires_at: DateTime<Utc>,
    /// The seconds until then: the whole lifetime.
    pub expires_in: i32,
}

/// Verifies a user's credentials and opens a session.
///
/// # Errors
///
/// [`LoginError::InvalidCredentials`] if the login is refused, [`LoginError::TooManyAttempts`] if its password was not
/// verified; the session it came with lives on then.
pub async fn login(context: &Context, attempt: Attempt<'_>) -> Result<Opened, LoginError> {
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

async fn authenticate(context: &Context, attempt: Attempt<'_>) -> Result<Opened, LoginError> {
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
    // The session's lifetime starts after the password was hashed.
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
    Ok(Opened {
        token,
        expires_at,
        expires_in: context.session_lifetime.seconds(),
    })
}

/// The outcome of verifying a password.
enum Verification {
    /// The user may log in.
    Accepted(VerifiedUser),
    /// The user may not.
    Refused(RefusalCause),
}

/// A user who may log in, and the hash that the password was verified against or has now.
struct VerifiedUser {
    user: UserId,
    password_hash: PasswordHash,
}

/// Verifies a password: the same work whether or not the user exists.
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

/// Replaces the hash of a verified password by one of today's cost.
///
/// Returns `None` if that fails or the hash has been changed meanwhile: the next login tries again, and the store checks
/// once more that this one still holds.
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

/// Returns what a domain is looked up by. One that cannot be a domain is looked up as well, in vain: every key is a domain.
fn domain_key(typed: &str) -> String {
    match typed.parse::<Domain>() {
        Ok(domain) => domain.key().to_owned(),
        Err(_) => typed.to_owned(),
    }
}

#[cfg(test)]
mod tests;
