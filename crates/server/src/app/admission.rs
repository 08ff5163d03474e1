//! Admission of a login: its queue ticket, its reservation and its hash permit.
//!
//! An [`Admission`] ends with [`Admission::commit`], [`Admission::refuse`] or [`Admission::release`]. Each records the
//! outcome in a separate task, so that a client cannot prevent it by disconnecting. If the client disconnects before
//! the outcome is known, the [`AbandonGuard`] audits that.

use std::panic::resume_unwind;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{LoginError, attempt};
use crate::audit::AuditBuffer;
use crate::clock::Clock;
use crate::context::Context;
use crate::domain::attempt::{AccountKey, NewAllowanceAttempt, NewAttempt, Reservation};
use crate::domain::audit::Caller;
use crate::domain::network::Network;
use crate::domain::rate_limit::Rules;
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

impl Subject {
    /// Returns a refusal of the login.
    pub(super) fn refusal(&self, cause: RefusalCause, at: DateTime<Utc>) -> Refusal {
        Refusal {
            cause,
            account: self.account,
            user: self.user,
            domain: self.domain.clone(),
            at,
            caller: self.caller.clone(),
            count: 1,
        }
    }
}

impl<'a> Admission<'a> {
    /// Reserves an attempt and acquires a hash permit.
    pub(super) async fn request(
        context: &'a Context,
        ticket: Option<QueueTicket<'_>>,
        subject: &Subject,
    ) -> Result<(Self, HashPermit), LoginError> {
        let attempt = NewAttempt {
            account: subject.account,
            network: subject.caller.address.into(),
            at: context.clock.now(),
        };
        let (reservation, permit) = attempt::reserve(context, attempt).await?.unzip();
        let admission = Self::new(context, subject, reservation, permit);
        let hash_permit = admission.acquire_hash_permit(context).await;
        // From here on, the hash permit counts instead of the ticket.
        drop(ticket);
        hash_permit
    }

    /// Reserves an attempt from the user's allowance and acquires a hash permit, if possible.
    ///
    /// The attempt needs no concurrency permit: the allowance itself bounds the attempts in flight, and it must not
    /// delay other logins of the account and the network.
    pub(super) async fn request_allowance(
        context: &'a Context,
        subject: &Subject,
    ) -> Option<(Self, HashPermit)> {
        let attempt = NewAllowanceAttempt {
            user: subject.user?,
            network: subject.caller.address.into(),
            at: context.clock.now(),
        };
        let reserved = context.store.reserve_allowance(&attempt).await.ok()?;
        let admission = Self::new(context, subject, Some(reserved?), None);
        admission.acquire_hash_permit(context).await.ok()
    }

    fn new(
        context: &Context,
        subject: &Subject,
        reservation: Option<Reservation>,
        permit: Option<Permit<'a>>,
    ) -> Self {
        let refusal = subject.refusal(RefusalCause::Abandoned, context.clock.now());
        let rules = context.rate_limiter.as_ref().map(|limiter| limiter.rules);
        Self {
            guard: AbandonGuard {
                store: Arc::clone(&context.store),
                buffer: Arc::clone(&context.audit),
                clock: Arc::clone(&context.clock),
                reservation: reservation.zip(rules),
                refusal: Some(refusal),
            },
            _permit: permit,
        }
    }

    async fn acquire_hash_permit(
        self,
        context: &Context,
    ) -> Result<(Self, HashPermit), LoginError> {
        match context.hasher.try_acquire() {
            Ok(hash_permit) => Ok((self, hash_permit)),
            Err(overloaded) => {
                self.release().await;
                Err(overloaded.into())
            }
        }
    }

    /// Opens the session and commits the reservation as successful.
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
    /// The reservation, and the rules by which its failure is counted.
    reservation: Option<(Reservation, Rules)>,
    refusal: Option<Refusal>,
}

impl AbandonGuard {
    async fn open(mut self, session: NewSession) -> Result<(), LoginError> {
        let session = NewSession {
            reservation: self.reservation.map(|(reservation, _)| reservation),
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
            Some((reservation, rules)) => {
                self.store.fail_attempt(reservation, &refusal, rules).await
            }
            None => self.store.record_refusals(vec![refusal.clone()]).await,
        };
        self.disarm();
        if recorded.is_err() {
            // The audit entry is written later; without an outcome the attempt counts as failed.
            self.buffer.enqueue([refusal]);
        }
    }

    async fn release(mut self) {
        if let Some((reservation, _)) = &self.reservation {
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
pub(super) async fn run_to_end<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> T {
    match tokio::spawn(future).await {
        Ok(value) => value,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The runtime is shutting down, and drops this future as well.
        Err(_) => std::future::pending().await,
    }
}
