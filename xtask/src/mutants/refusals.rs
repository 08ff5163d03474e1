//! Drifts in the hand-written half of the API: refusals, and how a body is read.

use dropshot_conformance::cli::FAILED;
use dropshot_conformance::mutate::{Mutation, Then};
use dropshot_conformance::report::Check;

/// What a refusal looks like.
const REFUSAL: Mutation = Mutation {
    name: "",
    what: "",
    file: "crates/api/src/refusal.rs",
    from: "",
    to: "",
    then: Then::Verify,
    exit: FAILED,
    check: Check::Live,
    names: "",
};

/// How a body is read.
const BODY: Mutation = Mutation {
    name: "",
    what: "",
    file: "crates/runtime/src/body.rs",
    from: "",
    to: "",
    then: Then::Verify,
    exit: FAILED,
    check: Check::Live,
    names: "",
};

pub(super) const ALL: &[Mutation] = &[
    Mutation {
        name: "refusal-status",
        what: "another status of a malformed request",
        from: "ClientErrorStatusCode::BAD_REQUEST,",
        to: "ClientErrorStatusCode::UNPROCESSABLE_ENTITY,",
        names: "POST /login",
        ..REFUSAL
    },
    Mutation {
        name: "refusal-too-large",
        what: "another status of a large body",
        from: "ClientErrorStatusCode::PAYLOAD_TOO_LARGE,",
        to: "ClientErrorStatusCode::BAD_REQUEST,",
        names: "POST /login",
        ..REFUSAL
    },
    Mutation {
        name: "refusal-media-type",
        what: "another status of another type",
        from: "ClientErrorStatusCode::UNSUPPORTED_MEDIA_TYPE,",
        to: "ClientErrorStatusCode::BAD_REQUEST,",
        names: "POST /login",
        ..REFUSAL
    },
    Mutation {
        name: "refusal-code-request",
        what: "another code of a malformed request",
        from: r#"error_code = Some("InvalidRequest".to_owned())"#,
        to: r#"error_code = Some("BadRequest".to_owned())"#,
        names: "x-error-code",
        ..REFUSAL
    },
    Mutation {
        name: "refusal-code-session",
        what: "another code of a session that has ended",
        from: r#"        "NoSession","#,
        to: r#"        "Expired","#,
        names: "x-error-code",
        ..REFUSAL
    },
    Mutation {
        name: "refusal-no-code",
        what: "a refusal without a code",
        from: "        Some(code.to_owned()),",
        to: "        Some(code.to_owned()).filter(|_| false),",
        names: "x-error-code",
        ..REFUSAL
    },
    Mutation {
        name: "refusal-challenge",
        what: "another challenge",
        from: r#"WWW_AUTHENTICATE, "Bearer""#,
        to: r#"WWW_AUTHENTICATE, "Basic""#,
        names: "WWW-Authenticate",
        ..REFUSAL
    },
    Mutation {
        name: "refusal-retry-after",
        what: "a wait that is no number",
        from: "HeaderValue::from(seconds)",
        to: r#"HeaderValue::from_static("soon")"#,
        names: "Retry-After",
        ..REFUSAL
    },
    Mutation {
        name: "refusal-cached",
        what: "a refusal that may be cached",
        from: r#"set(&mut error, header::CACHE_CONTROL, "no-store");"#,
        to: r#"set(&mut error, header::CACHE_CONTROL, "max-age=60");"#,
        names: "Cache-Control",
        ..REFUSAL
    },
    Mutation {
        name: "refusal-unlisted-cached",
        what: "a refusal of what is not listed that may be cached",
        from: r"    no_store(HttpError::for_not_found(
",
        to: r"    std::convert::identity(HttpError::for_not_found(
",
        names: "what is not listed",
        ..REFUSAL
    },
    Mutation {
        name: "refusal-allow",
        what: "a refusal that does not say which methods there are",
        from: r"    set(&mut error, header::ALLOW, allow);
",
        to: r"    let _ = allow;
",
        names: "what is not listed",
        ..REFUSAL
    },
    Mutation {
        name: "refusal-more-headers",
        what: "a header that the contract does not list",
        from: r#"    set(&mut error, header::CACHE_CONTROL, "no-store");"#,
        to: r#"    set(&mut error, HeaderName::from_static("x-powered-by"), "dropshot");
    set(&mut error, header::CACHE_CONTROL, "no-store");"#,
        names: "x-powered-by",
        ..REFUSAL
    },
    Mutation {
        name: "body-any-type",
        what: "a body of any type",
        from: r#"eq_ignore_ascii_case("application/json")
}"#,
        to: r#"eq_ignore_ascii_case("application/json") || essence.contains('/')
}"#,
        names: "POST /login",
        ..BODY
    },
    Mutation {
        name: "body-limit",
        what: "a limit that is too small",
        from: "pub const BODY_LIMIT: usize = 16 * 1024;",
        to: "pub const BODY_LIMIT: usize = 16;",
        names: "POST /login",
        file: "crates/api/src/lib.rs",
        ..BODY
    },
    Mutation {
        name: "body-not-read",
        what: "another body than the one that was sent",
        from: "    let mut json = serde_json::Deserializer::from_slice(bytes);",
        to: r#"    let bytes = bytes.strip_suffix(b"}").unwrap_or(bytes);
    let mut json = serde_json::Deserializer::from_slice(bytes);"#,
        names: "POST /login",
        ..BODY
    },
    Mutation {
        name: "body-names-no-field",
        what: "a refusal that does not name the field",
        from: r#"format!("{path}: {what}")"#,
        to: "what",
        names: "POST /login",
        ..BODY
    },
];
