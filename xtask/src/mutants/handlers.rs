//! Drifts in the handlers of the server and in its cookie.

use dropshot_conformance::cli::FAILED;
use dropshot_conformance::mutate::{Mutation, Then};
use dropshot_conformance::report::Check;

/// `POST /login` and `GET /login`.
const LOGIN: Mutation = Mutation {
    name: "",
    what: "",
    file: "crates/server/src/http/login.rs",
    from: "",
    to: "",
    then: Then::Verify,
    exit: FAILED,
    check: Check::Live,
    names: "",
};

/// `POST /logout`.
const LOGOUT: Mutation = Mutation {
    name: "",
    what: "",
    file: "crates/server/src/http/logout.rs",
    from: "",
    to: "",
    then: Then::Verify,
    exit: FAILED,
    check: Check::Live,
    names: "",
};

/// The session cookie.
const COOKIE: Mutation = Mutation {
    name: "",
    what: "",
    file: "crates/server/src/http/cookie.rs",
    from: "",
    to: "",
    then: Then::Verify,
    exit: FAILED,
    check: Check::Live,
    names: "",
};

/// Which handler serves an operation.
const DELEGATION: Mutation = Mutation {
    name: "",
    what: "",
    file: "crates/server/src/http/mod.rs",
    from: "",
    to: "",
    then: Then::Verify,
    exit: FAILED,
    check: Check::Live,
    names: "",
};

pub(super) const ALL: &[Mutation] = &[
    Mutation {
        name: "login-no-token",
        what: "the token left out of the status",
        from: "access_token: Some(Zeroizing::from(token).into()),",
        to: "access_token: None,",
        names: "GET /login",
        ..LOGIN
    },
    Mutation {
        name: "login-another-token",
        what: "another token in the status",
        from: "access_token: Some(Zeroizing::from(token).into()),",
        to: "access_token: Some(token.expose().to_lowercase().into()),",
        names: "GET /login",
        ..LOGIN
    },
    Mutation {
        name: "login-no-expiry",
        what: "the expiry left out of the status",
        from: "expires_at: Some(session.expires_at.into()),",
        to: "expires_at: None,",
        names: "GET /login",
        ..LOGIN
    },
    Mutation {
        name: "login-wrong-seconds",
        what: "seconds in the status that do not fit the expiry",
        from: "expires_in: Some(session.expires_in.into()),",
        to: "expires_in: Some((session.expires_in * 1000).into()),",
        names: "GET /login",
        ..LOGIN
    },
    Mutation {
        name: "login-no-role",
        what: "the role left out of the status",
        from: "error::off_contract)?),",
        to: "error::off_contract)?).filter(|_| false),",
        names: "GET /login",
        ..LOGIN
    },
    Mutation {
        name: "login-no-domain",
        what: "the domain passed over",
        from: "domain: body.domain.as_deref().map(String::as_str),",
        to: "domain: None,",
        names: "POST /login",
        ..LOGIN
    },
    Mutation {
        name: "login-ends-cookie",
        what: "a cookie that ends at once",
        from: "cookie::set(&opened.token, opened.expires_in,",
        to: "cookie::set(&opened.token, 0,",
        names: "Set-Cookie",
        ..LOGIN
    },
    Mutation {
        name: "login-does-not-compile",
        what: "code that does not compile",
        from: "username: &body.username,",
        to: "username: 7,",
        names: "crates/server/src/http/login.rs",
        check: Check::Document,
        ..LOGIN
    },
    Mutation {
        name: "logout-sets-cookie",
        what: "a logout that sets the cookie anew",
        from: "cookie::clear(",
        to: "cookie::set(&token, 60, ",
        names: "POST /logout",
        ..LOGOUT
    },
    Mutation {
        name: "cookie-name",
        what: "another name of the cookie",
        from: r#"const NAME: &str = "session";"#,
        to: r#"const NAME: &str = "sid";"#,
        names: "POST /login",
        ..COOKIE
    },
    Mutation {
        name: "cookie-not-http-only",
        what: "a cookie that scripts can read",
        from: ".http_only(true)",
        to: ".http_only(false)",
        names: "Set-Cookie",
        ..COOKIE
    },
    Mutation {
        name: "cookie-lax",
        what: "a cookie that is sent along from other sites",
        from: "SameSite::Strict)",
        to: "SameSite::Lax)",
        names: "Set-Cookie",
        ..COOKIE
    },
    Mutation {
        name: "cookie-path",
        what: "a cookie for one path only",
        from: r#".path("/")"#,
        to: r#".path("/login")"#,
        names: "Set-Cookie",
        ..COOKIE
    },
    Mutation {
        name: "cookie-for-ever",
        what: "a cookie without an end",
        from: r"        .max_age(Duration::seconds(max_age.into()))
",
        to: "",
        names: "Set-Cookie",
        ..COOKIE
    },
    Mutation {
        name: "cookie-max-age",
        what: "a cookie that outlives its session",
        from: "build(token.expose(), max_age, secure)",
        to: "build(token.expose(), max_age + 60, secure)",
        names: "`Max-Age` of the cookie",
        ..COOKIE
    },
    Mutation {
        name: "cookie-secure",
        what: "a `Secure` cookie on a connection that is not encrypted",
        from: ".secure(secure)",
        to: ".secure(true)",
        names: "the cookie is `Secure`",
        ..COOKIE
    },
    Mutation {
        name: "delegation-nothing",
        what: "an operation that does nothing",
        from: "=> logout::logout;",
        to: r"=> nothing;
}

async fn nothing(
    _: &RequestContext,
    _: authn::Actor,
) -> Answer<api::LogoutNoContent, api::LogoutNoContentHeaders> {
    Ok(WithHeaders::new(
        api::LogoutNoContent,
        api::LogoutNoContentHeaders::new(cookie::clear(false)),
    ))",
        names: "POST /logout",
        ..DELEGATION
    },
    Mutation {
        name: "delegation-panics",
        what: "an operation that panics",
        from: "$handler(&rqctx, $($argument),*).await",
        to: r#"if rqctx.request.method() == "GET" {
                            panic!("not yet");
                        }
                        $handler(&rqctx, $($argument),*).await"#,
        names: "GET /login",
        ..DELEGATION
    },
    Mutation {
        name: "delegation-missing",
        what: "a method that the trait does not have",
        from: "    logout(credential: Credential)",
        to: "    more() -> Answer<api::LogoutNoContent, api::LogoutNoContentHeaders> => logout::logout;
    logout(credential: Credential)",
        names: "method `more` is not a member of trait",
        check: Check::Document,
        ..DELEGATION
    },
];
