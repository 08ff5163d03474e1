//! Logins that a limit refuses: the allowance of known networks, and the time of the response.
//!
//! A client can observe a difference only if the password is correct. All other logins at a shared limit get the same
//! response, after the same time ([`ResponseDelay`]), whether or not the account exists, the network is known and the
//! password was verified. A verification that takes longer is abandoned.
//!
//! [`ResponseDelay`]: crate::rate_limiter::ResponseDelay

use tokio::time::Instant;

use super::admission::{Admission, Subject, run_to_end};
use super::audit;
use super::verification::{self, VerifiedUser};
use crate::context::Context;
use crate::domain::rate_limit::RateLimited;
use crate::domain::refusal::RefusalCause;
use crate::domain::user::LoginRecord;
use crate::rate_limiter::DelayedResponse;

/// A login that a limit refuses.
pub(super) struct LimitedLogin<'a> {
    pub(super) limited: RateLimited,
    pub(super) began: Instant,
    pub(super) subject: &'a Subject,
    pub(super) password: &'a str,
    pub(super) record: Option<LoginRecord>,
}

/// Verifies the password if the allowance permits it; returns `None` when the refusal may be sent.
pub(super) async fn verify<'a>(
    context: &'a Context,
    login: LimitedLogin<'_>,
) -> Option<(Admission<'a>, VerifiedUser)> {
    let Some(response) = delay_response(context, &login) else {
        record_refusal(context, &login).await;
        return None;
    };
    tokio::select! {
        biased;
        // Any other result is sent only at the time of the response.
        Some(verified) = verify_from_allowance(context, login) => Some(verified),
        () = response.wait() => None,
    }
}

fn delay_response<'a>(
    context: &'a Context,
    login: &LimitedLogin<'_>,
) -> Option<DelayedResponse<'a>> {
    let limiter = context.rate_limiter.as_ref()?;
    if !login.limited.limit.is_shared() {
        return None;
    }
    limiter.responses.delay(login.began)
}

async fn verify_from_allowance<'a>(
    context: &'a Context,
    login: LimitedLogin<'_>,
) -> Option<(Admission<'a>, VerifiedUser)> {
    let admitted = match login.limited.permits_allowance {
        true => Admission::request_allowance(context, login.subject).await,
        false => None,
    };
    let Some(admitted) = admitted else {
        record_refusal(context, &login).await;
        return None;
    };
    let verified = verification::verify(context, admitted, login.password, login.record);
    verified.await.ok()
}

async fn record_refusal(context: &Context, login: &LimitedLogin<'_>) {
    let cause = RefusalCause::RateLimited(login.limited.limit);
    let refusal = login.subject.refusal(cause, context.clock.now());
    // Recorded in a separate task, because the response does not wait for it.
    run_to_end(audit::record_refusal(context, refusal)).await;
}

#[cfg(test)]
mod tests;
