use dropshot_conformance::mutate::Mutant;
use dropshot_conformance::report::Check;

const LOGIN: &str = "crates/server/src/http/login.rs";
const LOGOUT: &str = "crates/server/src/http/logout.rs";
const COOKIE: &str = "crates/server/src/http/cookie.rs";
const USER: &str = "crates/server/src/http/user.rs";
const HTTP: &str = "crates/server/src/http/mod.rs";

pub(super) const ALL: &[Mutant] = &[
    Mutant::in_code(
        "login-no-token",
        "a status without the token",
        (LOGIN, "get_login_status"),
        "Some(Zeroizing::from(token).into())",
        "{ let _: Zeroizing<String> = token.into(); None }",
    )
    .found_by(Check::Live, "GET /login"),
    Mutant::in_code(
        "login-another-token",
        "a status with a different token",
        (LOGIN, "get_login_status"),
        "Zeroizing::from(token).into()",
        "Zeroizing::new(token.expose().to_lowercase()).into()",
    )
    .found_by(Check::Live, "GET /login"),
    Mutant::in_code(
        "login-no-expiry",
        "a status without the expiry",
        (LOGIN, "get_login_status"),
        "Some(session.expires_at.into())",
        "None",
    )
    .found_by(Check::Live, "GET /login"),
    Mutant::in_code(
        "login-wrong-seconds",
        "seconds in the status that contradict the expiry",
        (LOGIN, "get_login_status"),
        "session.expires_in.into()",
        "(session.expires_in * 1000).into()",
    )
    .found_by(Check::Live, "GET /login"),
    Mutant::in_code(
        "login-no-role",
        "a status without the role",
        (LOGIN, "get_login_status"),
        "Some(role.try_into().map_err(error::contract_violation)?)",
        "Some(role.try_into().map_err(error::contract_violation)?).filter(|_| false)",
    )
    .found_by(Check::Live, "GET /login"),
    Mutant::in_code(
        "login-no-domain",
        "a login that ignores the domain",
        (LOGIN, "login"),
        "domain: body.domain.as_deref().map(String::as_str)",
        "domain: None",
    )
    .found_by(Check::Live, "POST /login"),
    Mutant::in_code(
        "login-ends-cookie",
        "a cookie that expires immediately",
        (LOGIN, "login"),
        "opened.expires_in",
        "0",
    )
    .found_by(Check::Live, "Set-Cookie"),
    Mutant::in_code(
        "login-does-not-compile",
        "code that does not compile",
        (LOGIN, "login"),
        "username: &body.username",
        "username: 7",
    )
    .found_by(Check::Document, LOGIN),
    Mutant::in_code(
        "logout-sets-cookie",
        "a logout that sets a live cookie",
        (LOGOUT, "logout"),
        "cookie::clear(client.encrypted)",
        "cookie::set(actor.token(), 60, client.encrypted)",
    )
    .found_by(Check::Live, "POST /logout"),
    Mutant::in_code(
        "logout-does-nothing",
        "a logout that does not end the session",
        (LOGOUT, "logout"),
        "session::logout(rqctx.context(), &source, actor.token())",
        "async { let _ = session::logout(rqctx.context(), &source, actor.token()); Ok(()) }",
    )
    .found_by(Check::Live, "POST /logout"),
    Mutant::in_code(
        "user-no-tenant",
        "a user of a tenant without the tenant's id",
        (USER, "current_user"),
        "tenant_id: user.tenant_id",
        "tenant_id: user.tenant_id.filter(|_| false)",
    )
    .found_by(Check::Live, "GET /user"),
    Mutant::in_code(
        "user-tenant-of-user",
        "the id of the user instead of the tenant's",
        (USER, "current_user"),
        "tenant_id: user.tenant_id",
        "tenant_id: user.tenant_id.and(Some(user.public_id))",
    )
    .found_by(Check::Live, "GET /user"),
    Mutant::in_code(
        "user-no-domain",
        "a user of a tenant without the domain",
        (USER, "current_user"),
        "user.domain()",
        "user.domain().filter(|_| false)",
    )
    .found_by(Check::Live, "GET /user"),
    Mutant::in_code(
        "user-same-id",
        "one id for all users",
        (USER, "current_user"),
        "user.public_id.to_string()",
        r#""1".to_owned()"#,
    )
    .found_by(Check::Live, "GET /user"),
    Mutant::in_code(
        "user-role-as-name",
        "the role of the user instead of the name",
        (USER, "current_user"),
        "user.username.as_typed()",
        "user.role_name()",
    )
    .found_by(Check::Live, "GET /user"),
    Mutant::in_code(
        "user-created-later",
        "a wrong time of creation",
        (USER, "current_user"),
        "user.created_at.into()",
        "(user.created_at + std::time::Duration::from_secs(86_400)).into()",
    )
    .found_by(Check::Live, "GET /user"),
    Mutant::in_code(
        "user-keeps-cookie",
        "a cookie that is not renewed",
        (USER, "show_current_user"),
        "actor.renewed_cookie(rqctx)",
        "actor.renewed_cookie(rqctx).filter(|_| false)",
    )
    .found_by(Check::Live, "GET /user"),
    Mutant::in_code(
        "cookie-name",
        "a different name for the cookie",
        (COOKIE, "NAME"),
        r#""session""#,
        r#""sid""#,
    )
    .found_by(Check::Live, "POST /login"),
    Mutant::in_code(
        "cookie-not-http-only",
        "a cookie that scripts can read",
        (COOKIE, "build"),
        ".http_only(true)",
        ".http_only(false)",
    )
    .found_by(Check::Live, "Set-Cookie"),
    Mutant::in_code(
        "cookie-lax",
        "a cookie that other sites can send",
        (COOKIE, "build"),
        "SameSite::Strict",
        "SameSite::Lax",
    )
    .found_by(Check::Live, "Set-Cookie"),
    Mutant::in_code(
        "cookie-path",
        "a cookie for one path only",
        (COOKIE, "build"),
        r#".path("/")"#,
        r#".path("/login")"#,
    )
    .found_by(Check::Live, "Set-Cookie"),
    Mutant::in_code(
        "cookie-without-end",
        "a cookie without Max-Age",
        (COOKIE, "build"),
        ".max_age(Duration::seconds(max_age.into()))",
        "",
    )
    .found_by(Check::Live, "Set-Cookie"),
    Mutant::in_code(
        "cookie-max-age",
        "a cookie that outlives its session",
        (COOKIE, "set"),
        "(token.expose(), max_age, secure)",
        "(token.expose(), max_age + 60, secure)",
    )
    .found_by(Check::Live, "`Max-Age` of the cookie"),
    Mutant::in_code(
        "cookie-secure",
        "a `Secure` cookie on a connection that is not encrypted",
        (COOKIE, "build"),
        ".secure(secure)",
        ".secure(true)",
    )
    .found_by(Check::Live, "the cookie is `Secure`"),
    Mutant::in_code(
        "delegation-panics",
        "an operation that panics",
        (HTTP, "delegate"),
        "handlers::$operation(&rqctx, $($argument),*).await",
        r#"if rqctx.request.method() == "GET" {
                            panic!("not implemented");
                        }
                        handlers::$operation(&rqctx, $($argument),*).await"#,
    )
    .found_by(Check::Live, "GET /login"),
    Mutant::in_code(
        "handler-missing",
        "an operation without a handler",
        (LOGOUT, "logout"),
        "async fn logout",
        "async fn mutant",
    )
    .found_by(
        Check::Document,
        "cannot find function `logout` in module `handlers`",
    ),
];
