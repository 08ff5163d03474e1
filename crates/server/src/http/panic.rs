//! Handlers that panic.

use std::panic::AssertUnwindSafe;

use dropshot::HttpError;
use futures::FutureExt;
use pbx_login_api::refusal;

/// Answers 500 if a handler panics, where dropshot would close the connection without an answer.
///
/// What handlers share are locks and channels, all of which survive a panic. [`crate::panic`] logs it.
pub(super) fn catch_panic<T>(
    handler: impl Future<Output = Result<T, HttpError>>,
) -> impl Future<Output = Result<T, HttpError>> {
    // Not an `async fn`, which would hold the handler twice and move it once more.
    let answer = AssertUnwindSafe(handler).catch_unwind();
    answer.map(|answer| {
        answer.unwrap_or_else(|_| Err(refusal::internal("the handler panicked".to_owned())))
    })
}
