//! Drifts in the generated files, edited by hand.

use crate::harness::{API, CLIENT};
use dropshot_conformance::cli::STALE;
use dropshot_conformance::mutate::{Mutation, Then};
use dropshot_conformance::report::Check;

/// The half of the server.
const SERVER: Mutation = Mutation {
    name: "",
    what: "",
    file: API,
    from: "",
    to: "",
    then: Then::Verify,
    exit: STALE,
    check: Check::Generated,
    names: "",
};

/// The half of the client.
const CLIENT_HALF: Mutation = Mutation {
    name: "",
    what: "",
    file: CLIENT,
    from: "",
    to: "",
    then: Then::Verify,
    exit: STALE,
    check: Check::Generated,
    names: "",
};

pub(super) const ALL: &[Mutation] = &[
    Mutation {
        name: "api-path",
        what: "the path of an operation",
        from: r#"        path = "/logout","#,
        to: r#"        path = "/log-out","#,
        names: "crates/api/src/generated.rs",
        ..SERVER
    },
    Mutation {
        name: "api-method",
        what: "the method of an operation",
        from: "        method = GET,",
        to: "        method = PUT,",
        names: "crates/api/src/generated.rs",
        ..SERVER
    },
    Mutation {
        name: "api-operation-id",
        what: "the name of an operation",
        from: r#"operation_id = "getLoginStatus""#,
        to: r#"operation_id = "loginStatus""#,
        names: "crates/api/src/generated.rs",
        ..SERVER
    },
    Mutation {
        name: "api-status",
        what: "the status of a success",
        from: "empty, NO_CONTENT",
        to: "empty, OK",
        names: "crates/api/src/generated.rs",
        ..SERVER
    },
    Mutation {
        name: "api-cookie",
        what: "the cookie that is a credential",
        from: r#"head.cookie("session")?"#,
        to: r#"head.cookie("sid")?"#,
        names: "crates/api/src/generated.rs",
        ..SERVER
    },
    Mutation {
        name: "api-unauthorized",
        what: "the refusal without a credential",
        from: r#"&["Bearer"]"#,
        to: "&[]",
        names: "crates/api/src/generated.rs",
        ..SERVER
    },
    Mutation {
        name: "api-bound",
        what: "a bound of a field",
        from: "max 280",
        to: "max 281",
        names: "crates/api/src/generated.rs",
        ..SERVER
    },
    Mutation {
        name: "api-secret",
        what: "a secret that shows itself",
        from: "pub struct Password(String);",
        to: "pub struct Password(pub String);",
        names: "crates/api/src/generated.rs",
        ..SERVER
    },
    Mutation {
        name: "api-operations",
        what: "the list that the gate goes by",
        from: r#"        id: "logout",
        method: "POST","#,
        to: r#"        id: "logout",
        method: "PUT","#,
        names: "crates/api/src/generated.rs",
        ..SERVER
    },
    Mutation {
        name: "api-optional",
        what: "a field that need not come",
        from: "        pub password: Password,",
        to: r#"        #[serde(default = "no_password")]
        pub password: Password,"#,
        names: "crates/api/src/generated.rs",
        ..SERVER
    },
    Mutation {
        name: "api-no-rust",
        what: "a file that is no Rust",
        from: "pub trait PbxLogin {",
        to: "pub trait PbxLogin",
        names: "crates/api/src/generated.rs",
        ..SERVER
    },
    Mutation {
        name: "api-extra",
        what: "an operation beside those of the contract",
        from: r"    /// End the current session
",
        to: r#"    /// Say nothing
    #[endpoint(method = GET, path = "/nothing", operation_id = "nothing", tags = ["session"])]
    async fn nothing(
        rqctx: ::dropshot::RequestContext<Self::Context>,
    ) -> Result<::dropshot::HttpResponseUpdatedNoContent, ::dropshot::HttpError>;

    /// End the current session
"#,
        names: "crates/api/src/generated.rs",
        ..SERVER
    },
    Mutation {
        name: "client-method",
        what: "the name of a method",
        from: "pub async fn get_login_status",
        to: "pub async fn login_status",
        names: "crates/client/src/generated.rs",
        ..CLIENT_HALF
    },
    Mutation {
        name: "client-path",
        what: "the path of a request",
        from: r#""{}/logout""#,
        to: r#""{}/log-out""#,
        names: "crates/client/src/generated.rs",
        ..CLIENT_HALF
    },
    Mutation {
        name: "client-status",
        what: "the status that is taken for a success",
        from: "204u16 => Ok",
        to: "200u16 => Ok",
        names: "crates/client/src/generated.rs",
        ..CLIENT_HALF
    },
    Mutation {
        name: "client-error-status",
        what: "an error that is no longer told apart",
        from: "            413u16 => {",
        to: "            414u16 => {",
        names: "crates/client/src/generated.rs",
        ..CLIENT_HALF
    },
    Mutation {
        name: "client-body",
        what: "a request without its body",
        from: r"            .json(&body)
",
        to: "",
        names: "crates/client/src/generated.rs",
        ..CLIENT_HALF
    },
    Mutation {
        name: "client-secret",
        what: "a secret that shows itself",
        from: "pub struct AccessToken(String);",
        to: "pub struct AccessToken(pub String);",
        names: "crates/client/src/generated.rs",
        ..CLIENT_HALF
    },
    Mutation {
        name: "client-extra",
        what: "a method beside those of the contract",
        from: r"    /**End the current session
",
        to: r"    /// Does nothing.
    pub async fn nothing(&self) {}

    /**End the current session
",
        names: "crates/client/src/generated.rs",
        ..CLIENT_HALF
    },
];
