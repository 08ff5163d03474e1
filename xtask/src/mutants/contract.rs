//! Drifts in the contract that nobody generated from.

use crate::harness::CONTRACT;
use dropshot_conformance::cli::{FAILED, STALE};
use dropshot_conformance::mutate::{Mutation, Then};
use dropshot_conformance::report::Check;

/// An edit that `generate` alone carries on.
const EDITED: Mutation = Mutation {
    name: "",
    what: "",
    file: CONTRACT,
    from: "",
    to: "",
    then: Then::Verify,
    exit: STALE,
    check: Check::Generated,
    names: "",
};

/// An edit that makes it no contract that can be used.
const BROKEN: Mutation = Mutation {
    name: "",
    what: "",
    file: CONTRACT,
    from: "",
    to: "",
    then: Then::Verify,
    exit: FAILED,
    check: Check::Contract,
    names: "",
};

pub(super) const ALL: &[Mutation] = &[
    Mutation {
        name: "contract-summary",
        what: "the summary of an operation",
        from: "summary: Open a session",
        to: "summary: Begin a session",
        names: "crates/api/src/generated.rs",
        ..EDITED
    },
    Mutation {
        name: "contract-description",
        what: "the description of an operation",
        from: "Checks a user name and a password",
        to: "Looks at a user name and a password",
        names: "crates/api/src/generated.rs",
        ..EDITED
    },
    Mutation {
        name: "contract-tag",
        what: "the description of a tag",
        from: "description: Open a session, look at it, end it.",
        to: "description: Sessions.",
        names: "crates/api/src/generated.rs",
        ..EDITED
    },
    Mutation {
        name: "contract-version",
        what: "the version of the API",
        from: "version: 1.0.0",
        to: "version: 1.0.1",
        names: "crates/client/src/generated.rs",
        ..EDITED
    },
    Mutation {
        name: "contract-example",
        what: "an example of a type of the server",
        from: "example: pbx.example.com",
        to: "example: sip.example.com",
        names: "crates/api/src/generated.rs",
        ..EDITED
    },
    Mutation {
        name: "contract-bound",
        what: "a bound of a field",
        from: "maxLength: 280",
        to: "maxLength: 255",
        names: "crates/client/src/generated.rs",
        ..EDITED
    },
    Mutation {
        name: "contract-security-order",
        what: "operations with other credentials",
        from: r"      security:
        - bearerToken: []
        - sessionCookie: []
      responses:
        '204':",
        to: r"      security:
        - sessionCookie: []
        - bearerToken: []
      responses:
        '204':",
        check: Check::Document,
        names: "LogoutCredential",
        ..BROKEN
    },
    Mutation {
        name: "contract-yaml",
        what: "YAML that is none",
        from: r"info:
  title",
        to: r"info:
 title: x
  title",
        names: "openapi.yaml",
        ..BROKEN
    },
    Mutation {
        name: "contract-openapi-version",
        what: "the version of OpenAPI",
        from: "openapi: 3.0.3",
        to: "openapi: 3.1.0",
        names: "/openapi",
        ..BROKEN
    },
    Mutation {
        name: "contract-typo",
        what: "a mistyped key",
        from: "operationId: getLoginStatus",
        to: "operationID: getLoginStatus",
        names: "/paths/~1login/get/operationID",
        ..BROKEN
    },
    Mutation {
        name: "contract-no-operation-id",
        what: "an operation without a name",
        from: r"      operationId: logout
",
        to: "",
        names: "/paths/~1logout/post",
        ..BROKEN
    },
    Mutation {
        name: "contract-undeclared-tag",
        what: "a tag that is not declared",
        from: r"- name: session
    description: Open",
        to: r"- name: sessions
    description: Open",
        names: "/paths/~1login/post/tags",
        ..BROKEN
    },
    Mutation {
        name: "contract-no-description",
        what: "a schema without a description",
        from: r"      description: The password of the account.
",
        to: "",
        names: "/components/schemas/Password",
        ..BROKEN
    },
    Mutation {
        name: "contract-reference",
        what: "a reference to nothing",
        from: "$ref: '#/components/schemas/SipDomain'",
        to: "$ref: '#/components/schemas/Domain'",
        names: "/components/schemas/LoginCredentials/properties/domain",
        ..BROKEN
    },
    Mutation {
        name: "contract-unused",
        what: "a component that nothing uses",
        from: r"  schemas:
    LoginCredentials:",
        to: r"  schemas:
    Unused:
      type: string
      description: Nothing.
    LoginCredentials:",
        names: "/components/schemas/Unused",
        ..BROKEN
    },
    Mutation {
        name: "contract-example-invalid",
        what: "an example that its schema refuses",
        from: r"example: alice
",
        to: r"example: .alice
",
        names: "/components/schemas/Username/example",
        ..BROKEN
    },
    Mutation {
        name: "contract-example-field",
        what: "an example without a required field",
        from: r"        username: alice
        password: correct horse battery staple
",
        to: r"        username: alice
",
        names: "/components/schemas/LoginCredentials/example",
        ..BROKEN
    },
    Mutation {
        name: "contract-no-401",
        what: "a secured operation that lists no 401",
        from: r"schemas/LoginStatus'
        '401':",
        to: r"schemas/LoginStatus'
        '403':",
        names: "/paths/~1login/get",
        ..BROKEN
    },
    Mutation {
        name: "contract-no-body",
        what: "an error without a body",
        from: r"      description: The body is larger than the server reads. Code `InvalidRequest`.
      headers:
        Cache-Control:
          $ref: '#/components/headers/NoStore'
      content:
        application/json:
          schema:
            $ref: '#/components/schemas/Error'
",
        to: r"      description: The body is larger than the server reads. Code `InvalidRequest`.
      headers:
        Cache-Control:
          $ref: '#/components/headers/NoStore'
",
        names: "/components/responses/PayloadTooLarge",
        ..BROKEN
    },
    Mutation {
        name: "contract-undeclared-scheme",
        what: "a security scheme that is not declared",
        from: r"    bearerToken:
      type: http",
        to: r"    bearer:
      type: http",
        names: "bearerToken",
        ..BROKEN
    },
    Mutation {
        name: "contract-path-parameter",
        what: "a parameter of a path that is not declared",
        from: r"  /logout:
",
        to: r"  /logout/{id}:
",
        names: "/paths/~1logout~1{id}",
        ..BROKEN
    },
    Mutation {
        name: "contract-pattern",
        what: "a pattern that is no regular expression",
        from: "pattern: ^[A-Za-z0-9_'-](",
        to: "pattern: ^[A-Za-z0-9_'-]((",
        names: "/components/schemas/Username/pattern",
        ..BROKEN
    },
    Mutation {
        name: "contract-secret-bound",
        what: "a bound on a secret",
        from: r"format: password
",
        to: r"format: password
      maxLength: 128
",
        names: "crates/api/src/generated.rs",
        ..EDITED
    },
    Mutation {
        name: "contract-format",
        what: "a mistyped format",
        from: r"format: date-time
",
        to: r"format: date_time
",
        names: "/components/schemas/ExpiresAt/format",
        ..BROKEN
    },
    Mutation {
        name: "contract-required",
        what: "a required property that there is not",
        from: "required: [username, password]",
        to: "required: [username, passwort]",
        names: "/components/schemas/LoginCredentials",
        ..BROKEN
    },
    Mutation {
        name: "contract-two-successes",
        what: "two successes of different bodies, which no client can be made of",
        from: r"schemas/LoginStatus'
        '401':",
        to: r"schemas/LoginStatus'
        '202':
          description: The session is not live yet.
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/Error'
        '401':",
        names: "/paths/~1login/get",
        ..BROKEN
    },
];
