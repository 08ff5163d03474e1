//! The hook with which a service shapes the refusals of its extractors.

use dropshot::HttpError;

/// Shapes refusals of credentials, parameters and bodies.
///
/// A service that needs its own error codes, messages or headers in these responses implements this trait for a type,
/// and names that type in the generator's settings. A refused websocket always gets dropshot's error.
pub trait Refusals: 'static {
    /// Returns the response to a request that an extractor refuses.
    fn shape(refusal: HttpError) -> HttpError;
}

/// Sends dropshot's refusals unchanged.
#[derive(Debug)]
pub enum DropshotRefusals {}

impl Refusals for DropshotRefusals {
    fn shape(refusal: HttpError) -> HttpError {
        refusal
    }
}
