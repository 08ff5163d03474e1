use dropshot::{ClientErrorStatusCode as Status, HttpError};
use dropshot_codegen_runtime::Refusals;
use http::{HeaderValue, header};

/// Adds the contract's error codes to refusals of the generated extractors.
#[derive(Debug)]
pub enum ErrorCodes {}

impl Refusals for ErrorCodes {
    fn shape(mut refusal: HttpError) -> HttpError {
        if refusal.status_code == Status::UNAUTHORIZED {
            return unauthorized();
        }
        refusal.error_code = Some("InvalidRequest".to_owned());
        refusal
    }
}

pub(crate) fn invalid_page_token() -> HttpError {
    error(
        Status::BAD_REQUEST,
        "InvalidRequest",
        "invalid page_token: expected the next_page of a response",
    )
}

/// Returns the same message for every cause, so that a caller learns nothing about the key.
pub(crate) fn unauthorized() -> HttpError {
    let mut error = error(
        Status::UNAUTHORIZED,
        "Unauthorized",
        "send the API key in the header X-Api-Key",
    );
    let challenge = HeaderValue::from_static("ApiKey");
    error
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, challenge);
    error
}

pub(crate) fn not_found() -> HttpError {
    error(Status::NOT_FOUND, "NotFound", "no note has this id")
}

fn error(status: Status, code: &str, message: &str) -> HttpError {
    HttpError::for_client_error(Some(code.to_owned()), status, message.to_owned())
}
