//! Recovery from a panic in a handler: dropshot would close the connection without a response.

use std::panic::AssertUnwindSafe;

use dropshot::HttpError;
use futures::FutureExt;
use pbx_login_api::refusal;

/// Returns 500 if a handler panics. Handlers share only locks and channels, which survive a panic.
pub(super) fn catch_panic<T>(
    handler: impl Future<Output = Result<T, HttpError>>,
) -> impl Future<Output = Result<T, HttpError>> {
    // An `async fn` would store the handler twice and move it once more.
    let response = AssertUnwindSafe(handler).catch_unwind();
    response.map(|response| {
        response.unwrap_or_else(|_| Err(refusal::internal("the handler panicked".to_owned())))
    })
}
