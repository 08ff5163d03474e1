//! Mutants of the contract, without generating code from it.

use dropshot_conformance::mutate::Change::{Remove, Rename, Set};
use dropshot_conformance::mutate::Mutant;
use dropshot_conformance::report::Check;

use crate::harness::{API, CLIENT, CONTRACT};

pub(super) const ALL: &[Mutant] = &[
    // `generate` repairs these.
    Mutant::in_contract(
        "contract-summary",
        "a different summary for an operation",
        &[Set("/paths/~1login/post/summary", r#""Begin a session""#)],
    )
    .stale(API),
    Mutant::in_contract(
        "contract-description",
        "a different description for an operation",
        &[Set("/paths/~1login/post/description", r#""Opens a session.""#)],
    )
    .stale(API),
    Mutant::in_contract(
        "contract-tag",
        "a different description for a tag",
        &[Set("/tags/0/description", r#""Sessions.""#)],
    )
    .stale(API),
    Mutant::in_contract(
        "contract-version",
        "a different version of the API",
        &[Set("/info/version", r#""1000.0.0""#)],
    )
    .stale(CLIENT),
    Mutant::in_contract(
        "contract-example",
        "a different example for a server type",
        &[Set("/components/schemas/SipDomain/example", r#""sip.example.com""#)],
    )
    .stale(API),
    Mutant::in_contract(
        "contract-bound",
        "a different bound for a field",
        &[Set("/components/schemas/SipDomain/maxLength", "255")],
    )
    .stale(CLIENT),
    Mutant::in_contract(
        "contract-secret-bound",
        "a bound on a secret",
        &[Set("/components/schemas/Password/maxLength", "128")],
    )
    .stale(API),
    // A person must correct these.
    Mutant::in_contract(
        "contract-security-order",
        "a different order of credentials than in other operations",
        &[Set(
            "/paths/~1logout/post/security",
            r#"[{ "sessionCookie": [] }, { "bearerToken": [] }]"#,
        )],
    )
    .found_by(Check::Document, "LogoutCredential"),
    Mutant::broken_contract("contract-yaml", "a contract that is not valid YAML", "info: [")
        .found_by(Check::Contract, CONTRACT),
    Mutant::in_contract(
        "contract-openapi-version",
        "an unsupported version of OpenAPI",
        &[Set("/openapi", r#""3.1.0""#)],
    )
    .found_by(Check::Contract, "/openapi"),
    Mutant::in_contract(
        "contract-typo",
        "a misspelled key",
        &[Rename("/paths/~1login/get/operationId", "operationID")],
    )
    .found_by(Check::Contract, "/paths/~1login/get/operationID"),
    Mutant::in_contract(
        "contract-no-operation-id",
        "an operation without an id",
        &[Remove("/paths/~1logout/post/operationId")],
    )
    .found_by(Check::Contract, "/paths/~1logout/post"),
    Mutant::in_contract(
        "contract-undeclared-tag",
        "a tag that is not declared",
        &[Set("/paths/~1login/post/tags/0", r#""undeclared""#)],
    )
    .found_by(Check::Contract, "/paths/~1login/post/tags"),
    Mutant::in_contract(
        "contract-no-description",
        "a schema without a description",
        &[Remove("/components/schemas/Password/description")],
    )
    .found_by(Check::Contract, "/components/schemas/Password"),
    Mutant::in_contract(
        "contract-reference",
        "a reference to a schema that does not exist",
        &[Set(
            "/components/schemas/LoginCredentials/properties/domain/$ref",
            r##""#/components/schemas/Absent""##,
        )],
    )
    .found_by(
        Check::Contract,
        "/components/schemas/LoginCredentials/properties/domain",
    ),
    Mutant::in_contract(
        "contract-unused",
        "a component that nothing uses",
        &[Set(
            "/components/schemas/Unused",
            r#"{ "type": "string", "description": "Nothing." }"#,
        )],
    )
    .found_by(Check::Contract, "/components/schemas/Unused"),
    Mutant::in_contract(
        "contract-example-invalid",
        "an example that does not match its schema",
        &[Set("/components/schemas/Username/example", r#"".alice""#)],
    )
    .found_by(Check::Contract, "/components/schemas/Username/example"),
    Mutant::in_contract(
        "contract-example-field",
        "an example without a required field",
        &[Remove("/components/schemas/LoginCredentials/example/password")],
    )
    .found_by(
        Check::Contract,
        "/components/schemas/LoginCredentials/example",
    ),
    Mutant::in_contract(
        "contract-no-401",
        "a secured operation that does not list 401",
        &[Rename("/paths/~1login/get/responses/401", "403")],
    )
    .found_by(Check::Contract, "/paths/~1login/get"),
    Mutant::in_contract(
        "contract-no-body",
        "an error response without a body",
        &[Remove("/components/responses/PayloadTooLarge/content")],
    )
    .found_by(Check::Contract, "/components/responses/PayloadTooLarge"),
    Mutant::in_contract(
        "contract-undeclared-scheme",
        "a security scheme that is not declared",
        &[Rename("/components/securitySchemes/bearerToken", "bearer")],
    )
    .found_by(Check::Contract, "bearerToken"),
    Mutant::in_contract(
        "contract-path-parameter",
        "a path parameter that is not declared",
        &[Rename("/paths/~1logout", "/logout/{id}")],
    )
    .found_by(Check::Contract, "/paths/~1logout~1{id}"),
    Mutant::in_contract(
        "contract-pattern",
        "a pattern that is not a regular expression",
        &[Set("/components/schemas/Username/pattern", r#""^(a""#)],
    )
    .found_by(Check::Contract, "/components/schemas/Username/pattern"),
    Mutant::in_contract(
        "contract-format",
        "a misspelled format",
        &[Set("/components/schemas/ExpiresAt/format", r#""date_time""#)],
    )
    .found_by(Check::Contract, "/components/schemas/ExpiresAt/format"),
    Mutant::in_contract(
        "contract-required",
        "a required property that is not declared",
        &[Set(
            "/components/schemas/LoginCredentials/required",
            r#"["username", "passwort"]"#,
        )],
    )
    .found_by(Check::Contract, "/components/schemas/LoginCredentials"),
    Mutant::in_contract(
        "contract-two-successes",
        "two successes with different bodies, for which no client can be generated",
        &[Set(
            "/paths/~1login/get/responses/202",
            r##"{
              "description": "The session is not live yet.",
              "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } }
            }"##,
        )],
    )
    .found_by(Check::Contract, "/paths/~1login/get"),
];
