//! Drifts in the hand-written half of the client.

use dropshot_conformance::cli::FAILED;
use dropshot_conformance::mutate::{Mutation, Then};
use dropshot_conformance::report::Check;

/// `Session`.
const SESSION: Mutation = Mutation {
    name: "",
    what: "",
    file: "crates/client/src/session.rs",
    from: "",
    to: "",
    then: Then::Verify,
    exit: FAILED,
    check: Check::Client,
    names: "",
};

/// Its errors.
const ERROR: Mutation = Mutation {
    name: "",
    what: "",
    file: "crates/client/src/error.rs",
    from: "",
    to: "",
    then: Then::Verify,
    exit: FAILED,
    check: Check::Client,
    names: "",
};

pub(super) const ALL: &[Mutation] = &[
    Mutation {
        name: "session-cookie",
        what: "another cookie that the client reads",
        from: r#"const COOKIE: &str = "session";"#,
        to: r#"const COOKIE: &str = "sid";"#,
        names: "session.rs",
        ..SESSION
    },
    Mutation {
        name: "session-scheme",
        what: "another scheme that the client sends",
        from: r#"format!("Bearer {token}")"#,
        to: r#"format!("Token {token}")"#,
        names: "session.rs",
        ..SESSION
    },
    Mutation {
        name: "session-header",
        what: "another header that the client sends",
        from: "request.headers_mut().insert(AUTHORIZATION, value);",
        to: r#"request.headers_mut().insert("x-token", value);"#,
        names: "session.rs",
        ..SESSION
    },
    Mutation {
        name: "session-no-domain",
        what: "a login without the domain",
        from: r"            domain: credentials
                .domain
",
        to: r"            domain: credentials
                .domain
                .filter(|_| false)
",
        names: "session.rs",
        ..SESSION
    },
    Mutation {
        name: "session-refused",
        what: "a refused login that is taken for an expired session",
        from: "Error::from_call(error, Unauthorized::Refused)",
        to: "Error::from_call(error, Unauthorized::Expired)",
        names: "session.rs",
        ..SESSION
    },
    Mutation {
        name: "session-wrong-token",
        what: "a token that is not the one of the cookie",
        from: ".map(|(_, value)| value.trim().to_owned().into())",
        to: ".map(|(_, value)| value.trim().to_lowercase().into())",
        names: "session.rs",
        ..SESSION
    },
    Mutation {
        name: "session-seconds",
        what: "seconds that are taken for something else",
        from: r"Duration::from_secs(
                u64::try_from(*seconds)",
        to: r"Duration::from_millis(
                u64::try_from(*seconds)",
        names: "session.rs",
        ..SESSION
    },
    Mutation {
        name: "session-role",
        what: "another role than the one that was answered",
        from: r#"role: answer.role.ok_or_else(missing("role"))?.to_string(),"#,
        to: r#"role: answer.role.ok_or_else(missing("role"))?.to_lowercase(),"#,
        names: "session.rs",
        ..SESSION
    },
    Mutation {
        name: "session-log-out",
        what: "a logout that asks for the status",
        from: r"            .logout()
            .await",
        to: r"            .get_login_status()
            .await",
        names: "session.rs",
        ..SESSION
    },
    Mutation {
        name: "error-expired",
        what: "an expired session that is taken for a refused login",
        from: "Unauthorized::Expired => Self::Expired,",
        to: "Unauthorized::Expired => Self::Refused(message),",
        names: "error.rs",
        ..ERROR
    },
    Mutation {
        name: "error-invalid",
        what: "a malformed request that is taken for a broken server",
        from: "StatusCode::BAD_REQUEST => Self::InvalidInput(message),",
        to: "StatusCode::BAD_REQUEST => Self::OffContract(message),",
        names: "error.rs",
        ..ERROR
    },
    Mutation {
        name: "error-unauthorized",
        what: "401 that is no longer told apart",
        from: "StatusCode::UNAUTHORIZED => match unauthorized {",
        to: "StatusCode::FORBIDDEN => match unauthorized {",
        names: "error.rs",
        ..ERROR
    },
];
