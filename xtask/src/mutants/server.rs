//! Mutants of the server around its handlers: path checks, registration, error responses, login rules.

use dropshot_conformance::mutate::Mutant;
use dropshot_conformance::report::Check;

const GATE: &str = "crates/server/src/http/gate.rs";
const SERVER: &str = "crates/server/src/http/server.rs";
const ERROR: &str = "crates/server/src/error.rs";
const LOGIN: &str = "crates/server/src/app/login.rs";
const VERIFICATION: &str = "crates/server/src/app/verification.rs";
const SESSION: &str = "crates/server/src/app/session.rs";
const OPENAPI: &str = "crates/server/src/cli/openapi.rs";

const UNLISTED: &str = "unlisted requests";

pub(super) const ALL: &[Mutant] = &[
    Mutant::in_code(
        "gate-lenient-path",
        "a path with a trailing slash",
        (GATE, "check_operation"),
        "request.uri().path()",
        "request.uri().path().trim_end_matches('/')",
    )
    .found_by(Check::Live, UNLISTED),
    Mutant::in_code(
        "gate-no-405",
        "404 for a method that is not listed",
        (GATE, "check_operation"),
        "refusal::method_not_allowed(self.allow.get(template).copied().unwrap_or_default(),)",
        "{ let _ = &self.allow; refusal::not_found() }",
    )
    .found_by(Check::Live, UNLISTED),
    Mutant::in_code(
        "gate-open",
        "a gate that admits every path",
        (GATE, "check_operation"),
        "Err(refusal::not_found())",
        "Ok(())",
    )
    .found_by(Check::Live, UNLISTED),
    Mutant::in_code(
        "server-no-limit",
        "a body limit that is too large",
        (SERVER, "start"),
        "default_request_body_max_bytes: BODY_LIMIT",
        "default_request_body_max_bytes: BODY_LIMIT * 1024",
    )
    .found_by(Check::Live, "POST /login"),
    Mutant::in_code(
        "server-no-gate",
        "a server without the gate",
        (SERVER, "start"),
        ".version_policy(VersionPolicy::Dynamic(Box::new(gate)))",
        "",
    )
    .found_by(Check::Live, UNLISTED),
    Mutant::in_code(
        "server-registers-more",
        "an operation registered by hand",
        (SERVER, "description"),
        "pbx_login::api_description::<Api>()",
        r#"#[dropshot::endpoint(method = GET, path = "/more", tags = ["session"])]
    async fn more(
        _: dropshot::RequestContext<Arc<Context>>,
    ) -> Result<dropshot::HttpResponseUpdatedNoContent, dropshot::HttpError> {
        Ok(dropshot::HttpResponseUpdatedNoContent())
    }
    let mut description = pbx_login::api_description::<Api>()?;
    description.register(more).expect("it is another path");
    Ok(description)"#,
    )
    .found_by(Check::Document, "/more"),
    Mutant::in_code(
        "server-registers-nothing",
        "a server without operations",
        (SERVER, "description"),
        "pbx_login::api_description::<Api>()",
        "Ok(ApiDescription::new())",
    )
    .found_by(Check::Document, "/paths/~1login"),
    Mutant::in_code(
        "error-login-reveals",
        "a different status for wrong credentials",
        (ERROR, "login"),
        "LoginError::InvalidCredentials => refusal::invalid_credentials()",
        "LoginError::InvalidCredentials => refusal::not_found()",
    )
    .found_by(Check::Live, "POST /login"),
    Mutant::in_code(
        "error-login-code",
        "a different error code for wrong credentials",
        (ERROR, "login"),
        "LoginError::InvalidCredentials => refusal::invalid_credentials()",
        "LoginError::InvalidCredentials => refusal::no_session()",
    )
    .found_by(Check::Live, "POST /login"),
    Mutant::in_code(
        "error-session-internal",
        "an internal error for an expired session",
        (ERROR, "session"),
        "SessionError::NoSession => no_session()",
        r#"SessionError::NoSession => refusal::internal("gone".to_owned())"#,
    )
    .found_by(Check::Live, "GET /login"),
    Mutant::in_code(
        "rule-any-password",
        "a login that accepts any password",
        (VERIFICATION, "verify_password"),
        "!verified.matches",
        "!verified.matches && verified.matches",
    )
    .found_by(Check::Live, "POST /login"),
    Mutant::in_code(
        "rule-no-password",
        "a login that accepts any password but the correct one",
        (VERIFICATION, "verify_password"),
        "!verified.matches",
        "verified.matches",
    )
    .found_by(Check::Live, "POST /login"),
    Mutant::in_code(
        "rule-keeps-session",
        "a login that does not end the previous session",
        (LOGIN, "open_session"),
        "attempt.previous.as_ref()",
        "attempt.previous.as_ref().filter(|_| false)",
    )
    .found_by(Check::Live, "GET /login"),
    Mutant::in_code(
        "rule-case",
        "user names that are case-sensitive",
        (LOGIN, "authenticate"),
        "attempt.username.to_ascii_lowercase()",
        "attempt.username.to_owned()",
    )
    .found_by(Check::Live, "POST /login"),
    Mutant::in_code(
        "rule-never-expires",
        "sessions that never expire",
        (SESSION, "live"),
        "now < session.expires_at",
        "now < session.expires_at || true",
    )
    .found_by(Check::Live, "GET /login"),
    Mutant::in_code(
        "rule-seconds",
        "a negative number of seconds until the expiry",
        (SESSION, "authenticate"),
        "left.num_seconds()",
        "-left.num_seconds()",
    )
    .found_by(Check::Live, "GET /login"),
    Mutant::in_code(
        "rule-logout-keeps",
        "a logout that ends no session",
        (SESSION, "logout"),
        "context.store.close_session(&token.hash(), &audit).await?",
        "true || context.store.close_session(&token.hash(), &audit).await?",
    )
    .found_by(Check::Live, "GET /login"),
    Mutant::in_code(
        "openapi-not-registered",
        "a document that differs from the registered operations",
        (OPENAPI, "run"),
        "if arguments.registered",
        "if !arguments.registered",
    )
    .found_by(Check::Document, "the server's document"),
];
