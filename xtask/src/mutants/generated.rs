//! Mutants of the generated files: manual edits.

use dropshot_conformance::mutate::Mutant;

use crate::harness::{API, CLIENT};

const fn api(
    name: &'static str,
    description: &'static str,
    within: &'static str,
    from: &'static str,
    to: &'static str,
) -> Mutant {
    Mutant::in_code(name, description, (API, within), from, to).stale(API)
}

const fn client(
    name: &'static str,
    description: &'static str,
    within: &'static str,
    from: &'static str,
    to: &'static str,
) -> Mutant {
    Mutant::in_code(name, description, (CLIENT, within), from, to).stale(CLIENT)
}

pub(super) const ALL: &[Mutant] = &[
    api(
        "api-path",
        "a different path",
        "logout",
        r#"path = "/logout""#,
        r#"path = "/log-out""#,
    ),
    api(
        "api-method",
        "a different method",
        "get_login_status",
        "method = GET",
        "method = PUT",
    ),
    api(
        "api-operation-id",
        "a different operation id",
        "get_login_status",
        r#"operation_id = "getLoginStatus""#,
        r#"operation_id = "loginStatus""#,
    ),
    api(
        "api-status",
        "a different status for a success",
        "response!",
        "LogoutNoContent: empty, NO_CONTENT",
        "LogoutNoContent: empty, OK",
    ),
    api(
        "api-cookie",
        "a different session cookie",
        "read",
        r#"head.cookie("session")"#,
        r#"head.cookie("sid")"#,
    ),
    api(
        "api-unauthorized",
        "a 401 without a challenge",
        "CHALLENGES",
        r#"&["Bearer"]"#,
        "&[]",
    ),
    api(
        "api-bound",
        "a different bound for a field",
        "bounded_string!",
        "SipDomain, max 280",
        "SipDomain, max 281",
    ),
    api(
        "api-secret",
        "a secret whose value is public",
        "Password",
        "(String)",
        "(pub String)",
    ),
    api(
        "api-operations",
        "a different method in the list of operations",
        "OPERATIONS",
        r#"id: "logout", method: "POST""#,
        r#"id: "logout", method: "PUT""#,
    ),
    api(
        "api-optional",
        "a required field with a default",
        "LoginCredentials",
        "pub password: Password",
        r#"#[serde(default = "no_password")] pub password: Password"#,
    ),
    api(
        "api-invalid-rust",
        "a file that is not valid Rust",
        "LoginOk",
        "pub struct",
        "pub struct struct",
    ),
    api(
        "api-extra",
        "an operation that is not in the contract",
        "PbxLogin",
        "type Context;",
        r#"type Context;

    /// Does nothing
    #[endpoint(method = GET, path = "/nothing", operation_id = "nothing", tags = ["session"])]
    async fn nothing(
        rqctx: ::dropshot::RequestContext<Self::Context>,
    ) -> Result<::dropshot::HttpResponseUpdatedNoContent, ::dropshot::HttpError>;"#,
    ),
    client(
        "client-method",
        "a different name for a method",
        "get_login_status",
        "fn get_login_status",
        "fn login_status",
    ),
    client(
        "client-path",
        "a different path for a request",
        "logout",
        r#""{}/logout""#,
        r#""{}/log-out""#,
    ),
    client(
        "client-status",
        "a different status for a success",
        "logout",
        "204u16",
        "200u16",
    ),
    client(
        "client-error-status",
        "an error that is not recognized",
        "login",
        "413u16",
        "414u16",
    ),
    client(
        "client-body",
        "a request without its body",
        "login",
        ".json(&body)",
        "",
    ),
    client(
        "client-secret",
        "a secret whose value is public",
        "AccessToken",
        "(String)",
        "(pub String)",
    ),
    client(
        "client-extra",
        "a method that is not in the contract",
        "logout",
        "pub async fn logout",
        "pub async fn nothing(&self) {}\n\n    pub async fn logout",
    ),
];
