use dropshot_conformance::mutate::Mutant;
use dropshot_conformance::report::Check;

const fn session(
    name: &'static str,
    description: &'static str,
    within: &'static str,
    from: &'static str,
    to: &'static str,
) -> Mutant {
    let item = ("crates/client/src/session.rs", within);
    Mutant::in_code(name, description, item, from, to).found_by(Check::Client, "session.rs")
}

const fn error(
    name: &'static str,
    description: &'static str,
    from: &'static str,
    to: &'static str,
) -> Mutant {
    let item = ("crates/client/src/error.rs", "from_response");
    Mutant::in_code(name, description, item, from, to).found_by(Check::Client, "error.rs")
}

pub(super) const ALL: &[Mutant] = &[
    session(
        "session-cookie",
        "a client that reads a different cookie",
        "COOKIE",
        r#""session""#,
        r#""sid""#,
    ),
    session(
        "session-scheme",
        "a client that sends a different scheme",
        "authorize",
        r#""Bearer {token}""#,
        r#""Token {token}""#,
    ),
    session(
        "session-header",
        "a client that sends a different header",
        "authorize",
        "AUTHORIZATION",
        r#""x-token""#,
    ),
    session(
        "session-no-domain",
        "a login without the domain",
        "log_in",
        "credentials.domain.map(str::parse)",
        "credentials.domain.filter(|_| false).map(str::parse)",
    ),
    session(
        "session-refused",
        "a refused login that is reported as an expired session",
        "log_in",
        "Unauthorized::Refused",
        "Unauthorized::Expired",
    ),
    session(
        "session-wrong-token",
        "a token that differs from the cookie",
        "session_cookie",
        "value.trim().to_owned()",
        "value.trim().to_lowercase()",
    ),
    session(
        "session-seconds",
        "seconds that are read as milliseconds",
        "status",
        "Duration::from_secs",
        "Duration::from_millis",
    ),
    session(
        "session-role",
        "a role that differs from the response",
        "status",
        r#"response.role.ok_or_else(missing("role"))?.to_string()"#,
        r#"response.role.ok_or_else(missing("role"))?.to_lowercase()"#,
    ),
    session(
        "session-log-out",
        "a logout that requests the status",
        "log_out",
        ".logout()",
        ".get_login_status()",
    ),
    Mutant::in_code(
        "checker-ended",
        "a check that reports an ended session as an error",
        ("crates/client/src/checker.rs", "check"),
        "Err(Error::Expired) => Ok(None),",
        "",
    )
    .found_by(Check::Client, "checker returns no user"),
    Mutant::in_code(
        "checker-outage",
        "a check that reports an outage as an ended session",
        ("crates/client/src/checker.rs", "check"),
        "Err(error) => Err(error)",
        "Err(_) => Ok(None)",
    )
    .found_by(Check::Client, "a check by an overloaded server"),
    Mutant::in_code(
        "user-half-tenant",
        "a user with a tenant id but no domain, which is accepted",
        ("crates/client/src/user.rs", "try_from"),
        "(None, None) => None",
        "(None, None) | (Some(_), None) => None",
    )
    .found_by(Check::Client, "a tenant id but no domain"),
    error(
        "error-expired",
        "an expired session that is reported as a refused login",
        "Unauthorized::Expired => Self::Expired",
        "Unauthorized::Expired => Self::Refused(message)",
    ),
    error(
        "error-invalid",
        "a malformed request that is reported as a broken server",
        "StatusCode::BAD_REQUEST => Self::InvalidInput(message)",
        "StatusCode::BAD_REQUEST => Self::InvalidResponse(message)",
    ),
    error(
        "error-unauthorized",
        "a 401 that is not recognized",
        "StatusCode::UNAUTHORIZED => match",
        "StatusCode::FORBIDDEN => match",
    ),
];
