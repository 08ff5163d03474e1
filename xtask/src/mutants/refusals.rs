//! Mutants of the handwritten part of the API: error responses and reading a body.

use dropshot_conformance::mutate::Mutant;
use dropshot_conformance::report::Check;

const REFUSAL: &str = "crates/api/src/refusal.rs";
const BODY: &str = "crates/runtime/src/body.rs";

const LOGIN: &str = "POST /login";

const UNLISTED: &str = "unlisted requests";

const fn refusal_status(name: &'static str, description: &'static str, to: &'static str) -> Mutant {
    let item = (REFUSAL, "shape");
    Mutant::in_code(name, description, item, "common_headers(refusal)", to)
        .found_by(Check::Live, LOGIN)
}

pub(super) const ALL: &[Mutant] = &[
    refusal_status(
        "refusal-status",
        "a different status for a malformed request",
        r"if refusal.status_code == ClientErrorStatusCode::BAD_REQUEST {
            refusal.status_code = ClientErrorStatusCode::UNPROCESSABLE_ENTITY.into();
        }
        common_headers(refusal)",
    ),
    refusal_status(
        "refusal-too-large",
        "a different status for a body that is too large",
        r"if refusal.status_code == ClientErrorStatusCode::PAYLOAD_TOO_LARGE {
            refusal.status_code = ClientErrorStatusCode::BAD_REQUEST.into();
        }
        common_headers(refusal)",
    ),
    refusal_status(
        "refusal-media-type",
        "a different status for an unsupported media type",
        r"if refusal.status_code == ClientErrorStatusCode::UNSUPPORTED_MEDIA_TYPE {
            refusal.status_code = ClientErrorStatusCode::BAD_REQUEST.into();
        }
        common_headers(refusal)",
    ),
    Mutant::in_code(
        "refusal-code-request",
        "a different error code for a malformed request",
        (REFUSAL, "shape"),
        r#"Some(INVALID_REQUEST.to_owned())"#,
        r#"Some("BadRequest".to_owned())"#,
    )
    .found_by(Check::Live, "x-error-code"),
    Mutant::in_code(
        "refusal-code-session",
        "a different error code for an expired session",
        (REFUSAL, "no_session"),
        r#""NoSession""#,
        r#""Expired""#,
    )
    .found_by(Check::Live, "x-error-code"),
    Mutant::in_code(
        "refusal-no-code",
        "an error without an error code",
        (REFUSAL, "client_error"),
        "Some(code.to_owned())",
        "Some(code.to_owned()).filter(|_| false)",
    )
    .found_by(Check::Live, "x-error-code"),
    Mutant::in_code(
        "refusal-challenge",
        "a different challenge",
        (REFUSAL, "unauthorized"),
        r#""Bearer""#,
        r#""Basic""#,
    )
    .found_by(Check::Live, "WWW-Authenticate"),
    Mutant::in_code(
        "refusal-retry-after",
        "a Retry-After that is not a number",
        (REFUSAL, "set_retry_after"),
        "HeaderValue::from(seconds)",
        r#"{ let _ = seconds; HeaderValue::from_static("soon") }"#,
    )
    .found_by(Check::Live, "Retry-After"),
    Mutant::in_code(
        "refusal-cached",
        "an error response that may be cached",
        (REFUSAL, "common_headers"),
        r#""no-store""#,
        r#""max-age=60""#,
    )
    .found_by(Check::Live, "Cache-Control"),
    Mutant::in_code(
        "refusal-unlisted-cached",
        "a 404 that may be cached",
        (REFUSAL, "not_found"),
        "common_headers",
        "std::convert::identity",
    )
    .found_by(Check::Live, UNLISTED),
    Mutant::in_code(
        "refusal-allow",
        "a 405 without Allow",
        (REFUSAL, "method_not_allowed"),
        "set_header(&mut error, header::ALLOW, allow);",
        "let _ = (&mut error, allow);",
    )
    .found_by(Check::Live, UNLISTED),
    Mutant::in_code(
        "refusal-more-headers",
        "a header that the contract does not list",
        (REFUSAL, "common_headers"),
        "set_header",
        r#"set_header(&mut error, HeaderName::from_static("x-powered-by"), "dropshot");
    set_header"#,
    )
    .found_by(Check::Live, "x-powered-by"),
    Mutant::in_code(
        "body-any-type",
        "a body of any media type",
        (BODY, "is_json"),
        r#"essence.trim().eq_ignore_ascii_case("application/json")"#,
        "essence.contains('/')",
    )
    .found_by(Check::Live, LOGIN),
    Mutant::in_code(
        "body-limit",
        "a body limit that is too small",
        ("crates/api/src/lib.rs", "BODY_LIMIT"),
        "16 * 1024",
        "16",
    )
    .found_by(Check::Live, LOGIN),
    Mutant::in_code(
        "body-not-read",
        "a body that differs from the request",
        (BODY, "parse"),
        "Deserializer::from_slice(bytes)",
        r#"Deserializer::from_slice(bytes.strip_suffix(b"}").unwrap_or(bytes))"#,
    )
    .found_by(Check::Live, LOGIN),
    Mutant::in_code(
        "body-names-no-field",
        "an error that does not name the invalid field",
        (BODY, "parse"),
        r#"format!("{path}: {message}")"#,
        "message",
    )
    .found_by(Check::Live, LOGIN),
];
