//! The admission of a login: its queue ticket, its reservation and its hash permit.
//!
//! An [`Admission`] ends in one of three ways: [`Admission::commit`], [`Admission::refuse`] or [`Admission::release`]. Each
//! records the outcome of the reservation in a task of its own, so that a client that disconnects cannot prevent it. If the
//! client disconnects before the outcome is known, the [`AbandonGuard`] audits that.

use std::panic::resume_unwind;
use std::sync::Arc;

use super::{LoginError, attempt, audit};
use crate::audit::AuditBuffer;
use crate::clock::Clock;
use crate::context::Context;
use crate::domain::attempt::{AccountKey, NewAttempt, Reservation};
use crate::domain::audit::Caller;
use crate::domain::network::Network;
use crate::domain::refusal::{Refusal, RefusalCause};
use crate::domain::session::{NewSession, Opening};
use crate::domain::user::UserId;
use crate::password::{HashPermit, HasherError};
use crate::rate_limiter::{Permit, QueueTicket};
use crate::store::Store;

/// Joins the queue of a network, unless the login would wait too long.
///
/// This comes first, so that shedding a login costs nothing else. No hash permit is taken yet: a flood of guesses, most of
/// which the rate limiter refuses, must not take them from others.
///
/// # Errors
///
/// [`HasherError::Overloaded`] if the login would wait too long.
pub(super) async fn enqueue(
    context: &Context,
    network: Network,
) -> Result<Option<QueueTicket<'_>>, HasherError> {
    let limiter = context.rate_limiter.as_ref();
    let ticket = limiter.map(|limiter| limiter.concurrency.enqueue(network));
    let ahead = ticket.as_ref().map_or(0, QueueTicket::ahead);
    if let Err(overloaded) = context.hasher.check_capacity(ahead) {
        drop(ticket);
        context.hasher.delay_rejection().await;
        return Err(overloaded);
    }
    Ok(ticket)
}

/// The account that a login is for and the client that makes it.
pub(super) struct Subject {
    /// The key that the account is counted by.
    pub(super) account: AccountKey,
    /// The user, if the account exists.
    pub(super) user: Option<UserId>,
    /// The key of the domain that was given.
    pub(super) domain: Option<String>,
    /// The client.
    pub(super) caller: Caller,
}

/// A login that may have its password verified.
pub(super) struct Admission<'a> {
    guard: AbandonGuard,
    _permit: Option<Permit<'a>>,
}

impl<'a> Admission<'a> {
    /// Reserves an attempt and acquires a hash permit.
    ///
    /// # Errors
    ///
    /// [`LoginError::TooManyAttempts`] if a limit is reached, which is audited; else what failed.
    pub(super) async fn request(
        context: &'a Context,
        ticket: Option<QueueTicket<'_>>,
        subject: Subject,
    ) -> Result<(Self, HashPermit), LoginError> {
        let attempt = NewAttempt {
            account: subject.account,
            network: subject.caller.address.into(),
            user: subject.user,
            at: context.clock.now(),
        };
        let refusal = Refusal {
            cause: RefusalCause::Abandoned,
            account: subject.account,
            user: subject.user,
            domain: subject.domain,
            at: attempt.at,
            caller: subject.caller,
            count: 1,
        };
        let (reservation, permit) = match attempt::reserve(context, attempt).await {
            Ok(reserved) => reserved.unzip(),
            Err(LoginError::TooManyAttempts(limited)) => {
                let refusal = Refusal {
                    cause: RefusalCause::RateLimited(limited.limit),
                    at: context.clock.now(),
                    ..refusal
                };
                audit::record_refusal(context, refusal).await;
                return Err(LoginError::TooManyAttempts(limited));
            }
            Err(error) => return Err(error),
        };
        let admission = Self {
            guard: AbandonGuard {
                store: Arc::clone(&context.store),
                buffer: Arc::clone(&context.audit),
                clock: Arc::clone(&context.clock),
                reservation,
                refusal: Some(refusal),
            },
            _permit: permit,
        };
        let hash_permit = context.hasher.try_acquire();
        // From now on the hash permit counts.
        drop(ticket);
        match hash_permit {
            Ok(hash_permit) => Ok((admission, hash_permit)),
            Err(overloaded) => {
                admission.release().await;
                Err(overloaded.into())
            }
        }
    }

    /// Opens the session and commits the reservation as succeeded, unless the login no longer holds.
    ///
    /// # Errors
    ///
    /// [`LoginError::InvalidCredentials`] if the user or the tenant was disabled or deleted, or the password was changed;
    /// the reservation is committed as failed then. If the store fails, it is released.
    pub(super) async fn commit(self, session: NewSession) -> Result<(), LoginError> {
        run_to_end(self.guard.open(session)).await
    }

    /// Commits the reservation as failed, and audits it. Returns the error of the login.
    pub(super) async fn refuse(self, cause: RefusalCause) -> LoginError {
        run_to_end(self.guard.fail(cause)).await;
        LoginError::InvalidCredentials
    }

    /// Releases the reservation: a client must not be limited for what fails in the server.
    pub(super) async fn release(self) {
        run_to_end(self.guard.release()).await;
    }
}

/// Drop guard: audits an abandoned login unless its outcome was recorded.
///
/// A client that guesses and does not wait for the answer must not leave less of a trace. It is armed only if there is a
/// reservation, of which there are as few as the rules allow: without, the client has not guessed.
struct AbandonGuard {
    store: Arc<dyn Store>,
    buffer: Arc<AuditBuffer>,
    clock: Arc<dyn Clock>,
    reservation: Option<Reservation>,
    /// `None` once it is disarmed.
    refusal: Option<Refusal>,
}

impl AbandonGuard {
    async fn open(mut self, session: NewSession) -> Result<(), LoginError> {
        let session = NewSession {
            reservation: self.reservation,
            ..session
        };
        match self.store.open_session(session).await {
            Ok(Opening::Opened { .. }) => {
                self.disarm();
                Ok(())
            }
            Ok(Opening::Refused) => {
                self.fail(RefusalCause::Changed).await;
                Err(LoginError::InvalidCredentials)
            }
            Err(failure) => {
                self.release().await;
                Err(failure.into())
            }
        }
    }

    async fn fail(mut self, cause: RefusalCause) {
        let Some(mut refusal) = self.refusal.take() else {
            return;
        };
        refusal.at = self.clock.now();
        refusal.cause = cause;
        // Armed with the true cause, until it is recorded.
        self.refusal = Some(refusal.clone());
        let recorded = match &self.reservation {
            Some(reservation) => self.store.fail_attempt(reservation, &refusal).await,
            None => self.store.record_refusals(vec![refusal.clone()]).await,
        };
        self.disarm();
        if recorded.is_err() {
            // It is written later. Without an outcome the attempt counts as failed all the same.
            self.buffer.enqueue([refusal]);
        }
    }

    async fn release(mut self) {
        if let Some(reservation) = &self.reservation {
            // That this fails as well is not reported before the failure it is for.
            let _ = self.store.release_attempt(reservation).await;
        }
        self.disarm();
    }

    fn disarm(&mut self) {
        self.refusal = None;
    }
}

impl Drop for AbandonGuard {
    fn drop(&mut self) {
        if self.reservation.is_some() {
            self.buffer.enqueue(self.refusal.take());
        }
    }
}

/// Runs a future in a task of its own, so that it ends even if its caller is dropped.
async fn run_to_end<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(future).await {
        Ok(value) => value,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The runtime is shutting down, and drops this future as well.
        Err(_) => std::future::pending().await,
    }
}
