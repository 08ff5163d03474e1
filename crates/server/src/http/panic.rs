//! A handler that panics.

use std::panic::AssertUnwindSafe;

use dropshot::HttpError;
use futures::FutureExt;
use pbx_login_api::refusal;

/// The answer of a handler, or 500 where it panicked: dropshot would close the connection without a word. What the handler
/// shares with others it shares through locks and channels, all of which outlive a panic. The panic itself is in the log
/// ([`crate::panic`]).
pub(super) fn caught<T>(
    handler: impl Future<Output = Result<T, HttpError>>,
) -> impl Future<Output = Result<T, HttpError>> {
    // No `async fn`: it would hold the handler twice, and move it once more.
    let answer = AssertUnwindSafe(handler).catch_unwind();
    answer.map(|answer| {
        answer.unwrap_or_else(|_| Err(refusal::internal("the handler panicked".to_owned())))
    })
}
