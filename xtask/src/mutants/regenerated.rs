//! Mutants of the contract with newly generated code: the server lacks the change, or clients break.

use dropshot_conformance::mutate::Change::{Remove, Rename, Set};
use dropshot_conformance::mutate::Mutant;
use dropshot_conformance::report::Check;

const HANDLERS: &str = "crates/server/src/http/";

pub(super) const ALL: &[Mutant] = &[
    // The server no longer compiles.
    Mutant::in_regenerated_contract(
        "new-operation",
        "an operation that is not implemented",
        &[Set(
            "/paths/~1mutant",
            r##"{ "get": {
              "operationId": "showMutant",
              "tags": ["session"],
              "summary": "Answer",
              "description": "Answers.",
              "security": [],
              "responses": { "204": {
                "description": "Done.",
                "headers": { "Cache-Control": { "$ref": "#/components/headers/NoStore" } }
              } }
            } }"##,
        )],
    )
    .found_by(Check::Document, "missing `show_mutant`"),
    Mutant::in_regenerated_contract(
        "renamed-operation",
        "a different id for an operation",
        &[Set("/paths/~1login/get/operationId", r#""readSession""#)],
    )
    .found_by(Check::Document, HANDLERS),
    Mutant::in_regenerated_contract(
        "new-property",
        "a property of a response that the server does not set",
        &[Set(
            "/components/schemas/LoginStatus/properties/mutant",
            r##"{ "$ref": "#/components/schemas/Role" }"##,
        )],
    )
    .found_by(Check::Document, "missing field `mutant`"),
    Mutant::in_regenerated_contract(
        "opened-operation",
        "an operation that no longer requires a credential",
        &[Set("/paths/~1logout/post/security", "[]")],
    )
    .found_by(Check::Document, HANDLERS),
    Mutant::in_regenerated_contract(
        "secured-operation",
        "an operation that now requires a credential",
        &[Set(
            "/paths/~1login/post/security",
            r#"[{ "bearerToken": [] }, { "sessionCookie": [] }]"#,
        )],
    )
    .found_by(Check::Document, HANDLERS),
    Mutant::in_regenerated_contract(
        "another-type",
        "a different type for a field",
        &[
            Set("/components/schemas/ExpiresIn/type", r#""string""#),
            Remove("/components/schemas/ExpiresIn/format"),
            Set("/components/schemas/ExpiresIn/example", r#""1800""#),
            Set("/components/schemas/LoginStatus/example/expires_in", r#""1800""#),
        ],
    )
    .found_by(Check::Document, HANDLERS),
    Mutant::in_regenerated_contract(
        "success-with-body",
        "a success that now has a body",
        &[
            Rename("/paths/~1logout/post/responses/204", "200"),
            Set(
                "/paths/~1logout/post/responses/200/content",
                r##"{ "application/json": { "schema": { "$ref": "#/components/schemas/LoginStatus" } } }"##,
            ),
        ],
    )
    .found_by(Check::Document, HANDLERS),
    // The server compiles and responds as before.
    Mutant::in_regenerated_contract(
        "new-status",
        "a status that the server never returns",
        &[Set(
            "/paths/~1login/post/responses/409",
            r##"{ "$ref": "#/components/responses/InvalidRequest" }"##,
        )],
    )
    .found_by(Check::Live, "409"),
    Mutant::in_regenerated_contract(
        "missing-status",
        "a status that the contract does not list",
        &[Remove("/paths/~1login/post/responses/413")],
    )
    .found_by(Check::Live, "413"),
    Mutant::in_regenerated_contract(
        "another-cookie",
        "a different name for the session cookie",
        &[Set("/components/securitySchemes/sessionCookie/name", r#""sid""#)],
    )
    .found_by(Check::Live, "POST /login"),
    Mutant::in_regenerated_contract(
        "another-challenge",
        "a different challenge",
        &[Set("/components/headers/Challenge/schema/enum", r#"["Basic"]"#)],
    )
    .found_by(Check::Live, "WWW-Authenticate"),
    Mutant::in_regenerated_contract(
        "another-cache-control",
        "a different value for a required header",
        &[Set("/components/headers/NoStore/schema/enum", r#"["no-cache"]"#)],
    )
    .found_by(Check::Live, "Cache-Control"),
    Mutant::in_regenerated_contract(
        "new-header",
        "a header of an error that the server does not send",
        &[Set(
            "/components/responses/PayloadTooLarge/headers/X-Limit",
            r#"{ "description": "The limit.", "required": true, "schema": { "type": "integer" } }"#,
        )],
    )
    .found_by(Check::Live, "X-Limit"),
    Mutant::in_regenerated_contract(
        "role-pattern",
        "a pattern that values of the server do not match",
        &[Set(
            "/components/schemas/Role/pattern",
            r#""^[A-Z][A-Za-z]{8,}er$""#,
        )],
    )
    .found_by(Check::Live, "GET /login"),
    // Everything agrees, but clients of the previous contract break.
    Mutant::in_regenerated_contract(
        "broken-bound",
        "a lower bound for a field of a request",
        &[Set("/components/schemas/Username/maxLength", "32")],
    )
    .found_by(
        Check::Compatibility,
        "/components/schemas/Username/maxLength",
    ),
    Mutant::in_regenerated_contract(
        "broken-strictness",
        "unknown fields of a request that are no longer ignored",
        &[Set(
            "/components/schemas/LoginCredentials/additionalProperties",
            "false",
        )],
    )
    .found_by(
        Check::Compatibility,
        "/components/schemas/LoginCredentials/additionalProperties",
    ),
    Mutant::in_regenerated_contract(
        "broken-response",
        "longer values in a response",
        &[Set("/components/schemas/Role/maxLength", "128")],
    )
    .found_by(Check::Compatibility, "/components/schemas/Role/maxLength"),
    Mutant::in_regenerated_contract(
        "broken-credential",
        "a credential in a different part of the request",
        &[
            Set("/components/securitySchemes/sessionCookie/in", r#""header""#),
            Set("/components/securitySchemes/sessionCookie/name", r#""X-Session""#),
        ],
    )
    .found_by(
        Check::Compatibility,
        "/components/securitySchemes/sessionCookie/in",
    ),
];
