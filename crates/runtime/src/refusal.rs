//! The hook through which a service shapes what its extractors refuse.

use dropshot::HttpError;

/// Shapes what the extractors of a service refuse: credentials, parameters and bodies.
///
/// A service that wants its own error codes, texts or headers in these responses implements this for a type of its own and names the type
/// in the generator's settings. What is refused as a websocket stays as dropshot words it.
///
/// ```
/// use dropshot::HttpError;
/// use dropshot_codegen_runtime::Refusals;
///
/// enum Coded {}
///
/// impl Refusals for Coded {
///     fn shape(mut refusal: HttpError) -> HttpError {
///         refusal.error_code = Some("InvalidRequest".to_owned());
///         refusal
///     }
/// }
/// ```
pub trait Refusals: 'static {
    /// Returns the response to a request that an extractor refuses.
    fn shape(refusal: HttpError) -> HttpError;
}

/// Leaves refusals as dropshot words them.
#[derive(Debug)]
pub enum DropshotRefusals {}

impl Refusals for DropshotRefusals {
    fn shape(refusal: HttpError) -> HttpError {
        refusal
    }
}
