//! Admission of a login: its queue ticket, its reservation and its hash permit.
//!
//! An [`Admission`] ends with [`Admission::commit`], [`Admission::refuse`] or [`Admission::release`]. Each records the
//! outcome in a separate task, so that a client cannot prevent it by disconnecting. If the client disconnects before
//! the outcome is known, the [`AbandonGuard`] audits that.

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
use crate::domain::session::{NewSession, OpenOutcome};
use crate::domain::user::UserId;
use crate::password::{HashPermit, HasherError};
use crate::rate_limiter::{Permit, QueueTicket};
use crate::store::Store;

/// Joins the queue of a network, or sheds the login if it would wait too long.
///
/// This is the first step, so that a shed login costs almost nothing. It acquires no hash permit yet: the rate limiter
/// refuses most guesses of a flood, which must not take permits from other logins.
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

/// The account and the client of a login.
pub(super) struct Subject {
    pub(super) account: AccountKey,
    pub(super) user: Option<UserId>,
    /// The key of the requested domain.
    pub(super) domain: Option<String>,
    pub(super) caller: Caller,
}

/// An admitted login: its password may be verified.
pub(super) struct Admission<'a> {
    guard: AbandonGuard,
    _permit: Option<Permit<'a>>,
}

impl<'a> Admission<'a> {
    /// Reserves an attempt and acquires a hash permit; audits a login that a limit refuses.
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
        // From here on, the hash permit counts instead of the ticket.
        drop(ticket);
        match hash_permit {
            Ok(hash_permit) => Ok((admission, hash_permit)),
            Err(overloaded) => {
                admission.release().await;
                Err(overloaded.into())
            }
        }
    }

    /// Opens the session and commits the reservation as succeeded.
    ///
    /// # Errors
    ///
    /// [`LoginError::InvalidCredentials`] if the user or tenant was disabled or deleted, or the password was changed:
    /// the reservation is committed as failed. If the store fails, it is released.
    pub(super) async fn commit(self, session: NewSession) -> Result<(), LoginError> {
        run_to_end(self.guard.open(session)).await
    }

    /// Commits the reservation as failed, audits the refusal and returns the login's error.
    pub(super) async fn refuse(self, cause: RefusalCause) -> LoginError {
        run_to_end(self.guard.fail(cause)).await;
        LoginError::InvalidCredentials
    }

    /// Releases the reservation: a failure of the server does not count against the client.
    pub(super) async fn release(self) {
        run_to_end(self.guard.release()).await;
    }
}

/// Drop guard: audits an abandoned login unless its outcome was recorded.
///
/// A client must not be able to hide a guess by disconnecting. The guard acts only if there is a reservation, because
/// rate limiting bounds the number of these audit entries.
struct AbandonGuard {
    store: Arc<dyn Store>,
    buffer: Arc<AuditBuffer>,
    clock: Arc<dyn Clock>,
    reservation: Option<Reservation>,
    refusal: Option<Refusal>,
}

impl AbandonGuard {
    async fn open(mut self, session: NewSession) -> Result<(), LoginError> {
        let session = NewSession {
            reservation: self.reservation,
            ..session
        };
        match self.store.open_session(session).await {
            Ok(OpenOutcome::Opened { .. }) => {
                self.disarm();
                Ok(())
            }
            Ok(OpenOutcome::Refused) => {
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
        // The guard keeps the actual cause until it is recorded.
        self.refusal = Some(refusal.clone());
        let recorded = match &self.reservation {
            Some(reservation) => self.store.fail_attempt(reservation, &refusal).await,
            None => self.store.record_refusals(vec![refusal.clone()]).await,
        };
        self.disarm();
        if recorded.is_err() {
            // The audit entry is written later; without an outcome the attempt counts as failed.
            self.buffer.enqueue([refusal]);
        }
    }

    async fn release(mut self) {
        if let Some(reservation) = &self.reservation {
            // The caller already returns the failure that led here.
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

/// Runs a future in a separate task, so that it completes even if its caller is dropped.
async fn run_to_end<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(future).await {
        Ok(value) => value,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The runtime is shutting down, and drops this future as well.
        Err(_) => std::future::pending().await,
    }
}
