//! Login.
//!
//! Every login takes the same path, with one look-up, one reservation and one verification, whether or not the user
//! exists and is enabled; the decision follows. Rate limiting reveals nothing either: unknown accounts are counted too,
//! and `limited.rs` answers all logins at a limit alike. The transaction that opens the session checks again that the
//! user is enabled and the password is unchanged, so that a change takes effect even while a password is hashed.

use std::fmt;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::LoginError;
use super::admission::{self, Admission, Subject};
use super::limited::{self, LimitedLogin};
use super::verification::{self, VerifiedUser};
use crate::context::Context;
use crate::domain::attempt::AccountKey;
use crate::domain::audit::{Caller, Source};
use crate::domain::password::{Password, PasswordWeakness, Secret};
use crate::domain::password_policy::PasswordPolicy;
use crate::domain::session::NewSession;
use crate::domain::tenant::Domain;
use crate::domain::user::{Scope, UserKey};
use crate::metrics::LoginOutcome;
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
    let began = Instant::now();
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
    match Admission::request(context, ticket, &subject).await {
        Ok(admitted) => {
            let verified = verification::verify(context, admitted, attempt.password, record);
            let (admission, verified) = verified.await?;
            open_session(context, admission, verified, attempt).await
        }
        Err(LoginError::TooManyAttempts(limited)) => {
            let login = LimitedLogin {
                limited,
                began,
                subject: &subject,
                password: attempt.password,
                record,
            };
            let refused = LoginError::TooManyAttempts(limited);
            match limited::verify(context, login).await {
                Some((admission, verified)) => open_session(context, admission, verified, attempt)
                    .await
                    .map_err(|_| refused),
                None => Err(refused),
            }
        }
        Err(error) => Err(error),
    }
}

async fn open_session(
    context: &Context,
    admission: Admission<'_>,
    verified: VerifiedUser,
    attempt: Attempt<'_>,
) -> Result<OpenedSession, LoginError> {
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
        password_weakness: find_weakness(context.password_policy, &attempt),
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

/// Returns the rule that a verified password breaks, if it was set under other rules.
fn find_weakness(policy: PasswordPolicy, attempt: &Attempt<'_>) -> Option<PasswordWeakness> {
    // The names are valid, because they are those of a user.
    let user = UserKey {
        scope: match attempt.domain {
            Some(domain) => Scope::Tenant(domain.parse().ok()?),
            None => Scope::System,
        },
        username: attempt.username.parse().ok()?,
    };
    let password = Password::new(Secret::new(attempt.password.to_owned())).ok()?;
    policy.find_weakness(&password, &user)
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
