//! Drifts in the server around its handlers: the gate, the registration, the map of errors, the rules.

use dropshot_conformance::cli::FAILED;
use dropshot_conformance::mutate::{Mutation, Then};
use dropshot_conformance::report::Check;

/// What the contract does not list.
const GATE: Mutation = Mutation {
    name: "",
    what: "",
    file: "crates/server/src/http/gate.rs",
    from: "",
    to: "",
    then: Then::Verify,
    exit: FAILED,
    check: Check::Live,
    names: "",
};

/// Starting and registering.
const SERVER: Mutation = Mutation {
    name: "",
    what: "",
    file: "crates/server/src/http/server.rs",
    from: "",
    to: "",
    then: Then::Verify,
    exit: FAILED,
    check: Check::Live,
    names: "",
};

/// The map of errors.
const ERRORS: Mutation = Mutation {
    name: "",
    what: "",
    file: "crates/server/src/error.rs",
    from: "",
    to: "",
    then: Then::Verify,
    exit: FAILED,
    check: Check::Live,
    names: "",
};

/// The rules of logging in.
const APP_LOGIN: Mutation = Mutation {
    name: "",
    what: "",
    file: "crates/server/src/app/login.rs",
    from: "",
    to: "",
    then: Then::Verify,
    exit: FAILED,
    check: Check::Live,
    names: "",
};

/// The rules of sessions.
const APP_SESSION: Mutation = Mutation {
    name: "",
    what: "",
    file: "crates/server/src/app/session.rs",
    from: "",
    to: "",
    then: Then::Verify,
    exit: FAILED,
    check: Check::Live,
    names: "",
};

/// The document that the server prints.
const OPENAPI: Mutation = Mutation {
    name: "",
    what: "",
    file: "crates/server/src/cli/openapi.rs",
    from: "",
    to: "",
    then: Then::Verify,
    exit: FAILED,
    check: Check::Document,
    names: "",
};

pub(super) const ALL: &[Mutation] = &[
    Mutation {
        name: "gate-lenient-path",
        what: "a path with a slash at its end",
        from: "template(request.uri().path())",
        to: "template(request.uri().path().trim_end_matches('/'))",
        names: "what is not listed",
        ..GATE
    },
    Mutation {
        name: "gate-no-405",
        what: "404 where a method is not listed",
        from: r"refusal::method_not_allowed(
                self.allow.get(template).copied().unwrap_or_default(),
            )",
        to: r"{
                let _ = &self.allow;
                refusal::not_found()
            }",
        names: "what is not listed",
        ..GATE
    },
    Mutation {
        name: "gate-open",
        what: "no gate at all",
        from: "return Err(refusal::not_found());",
        to: "return Ok(self.version.clone());",
        names: "what is not listed",
        ..GATE
    },
    Mutation {
        name: "server-no-limit",
        what: "no limit of bodies",
        from: "default_request_body_max_bytes: BODY_LIMIT,",
        to: "default_request_body_max_bytes: BODY_LIMIT * 1024,",
        names: "POST /login",
        ..SERVER
    },
    Mutation {
        name: "server-no-gate",
        what: "no gate",
        from: r"        .version_policy(VersionPolicy::Dynamic(Box::new(Gate::new())))
",
        to: "",
        names: "what is not listed",
        ..SERVER
    },
    Mutation {
        name: "server-registers-more",
        what: "an operation registered beside the trait",
        from: r"    pbx_login::api_description::<Api>()
",
        to: r#"    #[dropshot::endpoint(method = GET, path = "/more", tags = ["session"])]
    async fn more(
        _: dropshot::RequestContext<Arc<Context>>,
    ) -> Result<dropshot::HttpResponseUpdatedNoContent, dropshot::HttpError> {
        Ok(dropshot::HttpResponseUpdatedNoContent())
    }
    let mut description = pbx_login::api_description::<Api>()?;
    description.register(more).expect("it is another path");
    Ok(description)
"#,
        names: "/more",
        check: Check::Document,
        ..SERVER
    },
    Mutation {
        name: "server-registers-nothing",
        what: "nothing registered",
        from: r"    pbx_login::api_description::<Api>()
",
        to: r"    Ok(ApiDescription::new())
",
        names: "/paths/~1login",
        check: Check::Document,
        ..SERVER
    },
    Mutation {
        name: "error-login-reveals",
        what: "another answer to wrong credentials",
        from: "LoginError::InvalidCredentials => refusal::invalid_credentials(),",
        to: r#"LoginError::InvalidCredentials => refusal::invalid_request("no such user"),"#,
        names: "POST /login",
        ..ERRORS
    },
    Mutation {
        name: "error-login-code",
        what: "another code of wrong credentials",
        from: "LoginError::InvalidCredentials => refusal::invalid_credentials(),",
        to: "LoginError::InvalidCredentials => refusal::no_session(),",
        names: "POST /login",
        ..ERRORS
    },
    Mutation {
        name: "error-session-internal",
        what: "an error of the server for a session that has ended",
        from: "SessionError::NoSession => no_session(),",
        to: r#"SessionError::NoSession => refusal::internal("gone".to_owned()),"#,
        names: "GET /login",
        ..ERRORS
    },
    Mutation {
        name: "rule-any-password",
        what: "a login with any password",
        from: "Some(_) if !verified.matches =>",
        to: "Some(_) if !verified.matches && verified.matches =>",
        names: "POST /login",
        ..APP_LOGIN
    },
    Mutation {
        name: "rule-no-password",
        what: "a login with any password but the right one",
        from: "Some(_) if !verified.matches =>",
        to: "Some(_) if verified.matches =>",
        names: "POST /login",
        ..APP_LOGIN
    },
    Mutation {
        name: "rule-keeps-session",
        what: "a login that leaves the session before alive",
        from: "attempt.previous.as_ref().map(",
        to: "attempt.previous.as_ref().filter(|_| false).map(",
        names: "GET /login",
        ..APP_LOGIN
    },
    Mutation {
        name: "rule-case",
        what: "names that are matched by their case",
        from: "attempt.username.to_ascii_lowercase()",
        to: "attempt.username.to_owned()",
        names: "POST /login",
        ..APP_LOGIN
    },
    Mutation {
        name: "rule-never-expires",
        what: "sessions that never expire",
        from: "now < session.expires_at)",
        to: "now < session.expires_at || true)",
        names: "GET /login",
        ..APP_SESSION
    },
    Mutation {
        name: "rule-seconds",
        what: "the seconds that are left, counted wrong",
        from: "i32::try_from(left.num_seconds())",
        to: "i32::try_from(-left.num_seconds())",
        names: "GET /login",
        ..APP_SESSION
    },
    Mutation {
        name: "rule-logout-keeps",
        what: "a logout that closes nothing",
        from: "if context.store.close_session(",
        to: "if true || context.store.close_session(",
        names: "GET /login",
        ..APP_SESSION
    },
    Mutation {
        name: "openapi-not-registered",
        what: "another document than that of what is registered",
        from: "if arguments.registered {",
        to: "if !arguments.registered {",
        names: "the server's document",
        ..OPENAPI
    },
];
