//! Logging in.
//!
//! Every refusal takes the same path: one look-up, one turn, one verification, whether or not there is such a domain or
//! user, and whether or not they are enabled. Only then is it decided. Who has guessed too often gets no turn, and learns
//! no more by that: accounts that do not exist are counted as well. A session is opened in one step of the store that looks once
//! more whether the user is enabled and the password is still the one that was verified: a change that is made while a
//! password is hashed is not overtaken.

use std::fmt;

use chrono::{DateTime, Utc};

use super::attempt::Turn;
use super::{Internal, attempt as attempts, audit};
use crate::audit::AuditBuffer;
use crate::context::Context;
use crate::domain::attempt::{AccountKey, NewAttempt, Reservation};
use crate::domain::audit::{Caller, Source};
use crate::domain::password::{Password, PasswordHash, Secret};
use crate::domain::rate_limit::RateLimited;
use crate::domain::refusal::{Refusal, RefusalCause};
use crate::domain::session::{NewSession, Opening};
use crate::domain::tenant::Domain;
use crate::domain::user::{LoginRecord, UserId};
use crate::metrics::LoginOutcome;
use crate::password::{HasherError, Place};
use crate::rate_limiter::QueueTicket;
use crate::token::Token;

/// What somebody presents to log in. Any text is safe; one that cannot be a name or a domain is just unknown.
pub struct Attempt<'a> {
    /// The user's name, in any case.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
    /// The domain of the user's tenant, in any spelling; none for a system user.
    pub domain: Option<&'a str>,
    /// The token of the session that the login came with; it ends if the login succeeds.
    pub previous: Option<Token>,
    /// Who makes it.
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
    /// What it is recognised by from now on. Nobody else knows it.
    pub token: Token,
    /// From when it is no longer live; a whole second.
    pub expires_at: DateTime<Utc>,
    /// The seconds until then: the whole lifetime.
    pub expires_in: i32,
}

/// Why no session was opened.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The domain, the user or the password is wrong, or the user or the tenant is disabled: nobody may learn which.
    #[error("these are not the credentials of a user who may log in")]
    InvalidCredentials,
    /// Too many attempts failed: this one was not looked at.
    #[error("too many attempts failed")]
    TooManyAttempts(RateLimited),
    /// Something failed.
    #[error("the login could not be decided")]
    Internal(#[source] Internal),
}

impl LoginError {
    /// What it counts as.
    fn outcome(&self) -> LoginOutcome {
        match self {
            Self::InvalidCredentials => LoginOutcome::Refused,
            Self::TooManyAttempts(_) => LoginOutcome::Throttled,
            Self::Internal(Internal::Store(failure)) if failure.is_outage() => {
                LoginOutcome::Unavailable
            }
            Self::Internal(Internal::Hasher(HasherError::Overloaded { .. })) => {
                LoginOutcome::Overloaded
            }
            Self::Internal(_) => LoginOutcome::Failed,
        }
    }
}

impl<E: Into<Internal>> From<E> for LoginError {
    fn from(error: E) -> Self {
        Self::Internal(error.into())
    }
}

/// Checks a user's credentials and opens a session.
///
/// # Errors
///
/// [`LoginError::InvalidCredentials`] when the login is refused, [`LoginError::TooManyAttempts`] when it was not looked at;
/// the session it came with lives on then.
pub async fn login(context: &Context, attempt: Attempt<'_>) -> Result<Opened, LoginError> {
    let result = decide(context, attempt).await;
    let outcome = match &result {
        Ok(_) => LoginOutcome::Opened,
        Err(error) => error.outcome(),
    };
    context.metrics.login(outcome);
    if let Err(LoginError::TooManyAttempts(held)) = &result {
        context.metrics.throttled(held.limit);
    }
    result
}

async fn decide(context: &Context, attempt: Attempt<'_>) -> Result<Opened, LoginError> {
    let network = attempt.caller.address.into();
    let limiter = context
        .rate_limiter
        .as_ref()
        .map(|limiter| &limiter.concurrency);
    let line = limiter.map(|limiter| limiter.enqueue(network));
    // First: in a flood, who is turned away costs nothing else. No place is taken yet: a flood of guesses, most of which the
    // throttle refuses, must not take them from others.
    if let Err(no_room) = context
        .hasher
        .room(line.as_ref().map_or(0, QueueTicket::ahead))
    {
        drop(line);
        context.hasher.turn_away().await;
        return Err(no_room.into());
    }
    let username = attempt.username.to_ascii_lowercase();
    let domain = attempt.domain.map(domain_key);
    let found = context
        .store
        .find_login(&username, domain.as_deref())
        .await?;
    let account = AccountKey::new(&username, domain.as_deref());
    let user = found.as_ref().map(|login| login.user);
    let refusal = |cause, attempt_made: Option<Reservation>| Refusal {
        cause,
        account,
        user,
        domain: domain.clone(),
        at: context.clock.now(),
        caller: attempt.caller.clone(),
        count: 1,
        attempt: attempt_made,
    };
    let refuse = async |cause, attempt_made| {
        audit::refuse(context, refusal(cause, attempt_made)).await;
    };
    let turn = attempts::take_turn(
        context,
        NewAttempt {
            account,
            network,
            user,
            at: context.clock.now(),
        },
    );
    let turn = match turn.await? {
        Ok(turn) => turn,
        Err(held) => {
            let cause = RefusalCause::RateLimited(held.limit);
            refuse(cause, None).await;
            return Err(LoginError::TooManyAttempts(held));
        }
    };
    let reserved = turn.as_ref().map(|turn| turn.reserved);
    // Only of those who have a turn, which are as few as the rules allow: whoever leaves before has not guessed.
    let given_up = reserved.map(|_| GivenUp {
        audit: &context.audit,
        refusal: Some(refusal(RefusalCause::Abandoned, None)),
    });
    let seen = look_at(context, line, attempt.password, found).await;
    if let Some(given_up) = given_up {
        given_up.not();
    }
    let (user, hash) = match seen {
        Ok(Ok(right)) => right,
        Ok(Err(cause)) => {
            refuse(cause, reserved).await;
            return Err(LoginError::InvalidCredentials);
        }
        Err(error) => {
            give_back(context, turn).await;
            return Err(error.into());
        }
    };
    match open(context, &attempt, user, hash, reserved).await {
        Ok(Some(opened)) => Ok(opened),
        Ok(None) => {
            refuse(RefusalCause::Changed, reserved).await;
            Err(LoginError::InvalidCredentials)
        }
        Err(error) => {
            give_back(context, turn).await;
            Err(error.into())
        }
    }
}

/// Gives a turn back that came to no end: a client must not be held back for what fails here. That this fails as well is
/// not told before it.
async fn give_back(context: &Context, turn: Option<Turn<'_>>) {
    if let Some(turn) = turn {
        let _ = turn.give_back(context).await;
    }
}

/// Opens a session for a user whose password was verified against this hash. None where that holds no more.
async fn open(
    context: &Context,
    attempt: &Attempt<'_>,
    user: UserId,
    password_hash: PasswordHash,
    reserved: Option<Reservation>,
) -> Result<Option<Opened>, Internal> {
    let token = Token::generate(&*context.random)?;
    // Not before the password was hashed: the session's time starts when it does.
    let created_at = context.clock.now();
    let expires_at = context.session_lifetime.from(created_at);
    let opening = context.store.open_session(NewSession {
        token: token.hash(),
        user,
        password_hash,
        created_at,
        expires_at,
        replaces: attempt.previous.as_ref().map(Token::hash),
        attempt: reserved,
        max_sessions: context.sessions_per_user,
        source: Source::Request(attempt.caller.clone()),
    });
    Ok(match opening.await? {
        Opening::Opened { .. } => Some(Opened {
            token,
            expires_at,
            expires_in: context.session_lifetime.seconds(),
        }),
        Opening::Refused => None,
    })
}

/// Tells that a login was given up, unless it is told that it was not: by being dropped, which is what becomes of a login
/// whose client goes away. Who guesses and does not wait for the answer must not leave less of a trace.
struct GivenUp<'a> {
    audit: &'a AuditBuffer,
    refusal: Option<Refusal>,
}

impl GivenUp<'_> {
    fn not(mut self) {
        self.refusal = None;
    }
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        self.audit.enqueue(self.refusal.take());
    }
}

/// Looks at a password: who may log in by it, and the hash that it was verified against or has now. Else the cause.
async fn look_at(
    context: &Context,
    line: Option<QueueTicket<'_>>,
    password: &str,
    found: Option<LoginRecord>,
) -> Result<Result<(UserId, PasswordHash), RefusalCause>, HasherError> {
    let place = context.hasher.place()?;
    drop(line);
    let hash = found.as_ref().map(|login| &login.password_hash);
    let verified = context.hasher.verify(&place, password, hash).await?;
    let login = match found {
        None => return Ok(Err(RefusalCause::UnknownAccount)),
        Some(_) if !verified.matches => return Ok(Err(RefusalCause::WrongPassword)),
        Some(login) if !login.enabled => return Ok(Err(RefusalCause::Disabled)),
        Some(login) => login,
    };
    let renewed = if verified.outdated {
        renew(context, &place, password, &login).await
    } else {
        None
    };
    Ok(Ok((login.user, renewed.unwrap_or(login.password_hash))))
}

/// Hashes a password that was verified anew, at today's cost, in the place of the old hash. None where that fails or the
/// hash has been changed meanwhile: the next login tries again, and whether this one still holds is looked at once more.
async fn renew(
    context: &Context,
    place: &Place,
    password: &str,
    login: &LoginRecord,
) -> Option<PasswordHash> {
    let password = Password::new(Secret::new(password.to_owned())).ok()?;
    let hashed = context.hasher.hash(place, &password, &*context.random);
    let renewed = hashed.await.ok()?;
    let replaced = context
        .store
        .renew_hash(login.user, &login.password_hash, &renewed);
    replaced.await.ok()?.then_some(renewed)
}

/// What a domain is looked up by. One that cannot be a domain is looked up as well, in vain: every key is a domain.
fn domain_key(typed: &str) -> String {
    match typed.parse::<Domain>() {
        Ok(domain) => domain.key().to_owned(),
        Err(_) => typed.to_owned(),
    }
}

#[cfg(test)]
mod tests;
