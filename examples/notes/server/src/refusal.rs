//! Error responses, with the codes of the contract.

use dropshot::{ClientErrorStatusCode as Status, HttpError};
use dropshot_codegen_runtime::Refusals;

/// Adds the contract's error codes to the refusals of the generated extractors.
#[derive(Debug)]
pub enum ErrorCodes {}

impl Refusals for ErrorCodes {
    fn shape(mut refusal: HttpError) -> HttpError {
        let is_unauthorized = refusal.status_code == Status::UNAUTHORIZED;
        let code = if is_unauthorized {
            "Unauthorized"
        } else {
            "InvalidRequest"
        };
        refusal.error_code = Some(code.to_owned());
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

pub(crate) fn unauthorized() -> HttpError {
    error(Status::UNAUTHORIZED, "Unauthorized", "the API key is wrong")
}

pub(crate) fn not_found() -> HttpError {
    error(Status::NOT_FOUND, "NotFound", "no note has this id")
}

fn error(status: Status, code: &str, message: &str) -> HttpError {
    HttpError::for_client_error(Some(code.to_owned()), status, message.to_owned())
}
