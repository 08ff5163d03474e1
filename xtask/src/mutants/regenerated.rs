//! Drifts in the contract that were generated from: contract and generated files agree, and the server does not follow, or
//! clients of the contract before are broken.

use crate::harness::CONTRACT;
use dropshot_conformance::cli::FAILED;
use dropshot_conformance::mutate::{Mutation, Then};
use dropshot_conformance::report::Check;

/// The server no longer compiles.
const DOES_NOT_BUILD: Mutation = Mutation {
    name: "",
    what: "",
    file: CONTRACT,
    from: "",
    to: "",
    then: Then::Generate,
    exit: FAILED,
    check: Check::Document,
    names: "",
};

/// The server compiles and answers as before.
const OTHERWISE: Mutation = Mutation {
    name: "",
    what: "",
    file: CONTRACT,
    from: "",
    to: "",
    then: Then::Generate,
    exit: FAILED,
    check: Check::Live,
    names: "",
};

/// All agree, and clients of the contract before are broken.
const BREAKING: Mutation = Mutation {
    name: "",
    what: "",
    file: CONTRACT,
    from: "",
    to: "",
    then: Then::Generate,
    exit: FAILED,
    check: Check::Compatibility,
    names: "",
};

pub(super) const ALL: &[Mutation] = &[
    Mutation {
        name: "new-operation",
        what: "an operation that nobody implements",
        from: r"  /logout:
",
        to: r"  /ping:
    get:
      operationId: ping
      tags: [session]
      summary: Answer
      description: Answers.
      security: []
      responses:
        '204':
          description: Here.
          headers:
            Cache-Control:
              $ref: '#/components/headers/NoStore'
  /logout:
",
        names: "missing `ping`",
        ..DOES_NOT_BUILD
    },
    Mutation {
        name: "renamed-operation",
        what: "an operation by another name",
        from: "operationId: getLoginStatus",
        to: "operationId: readSession",
        names: "crates/server/src/http/",
        ..DOES_NOT_BUILD
    },
    Mutation {
        name: "new-property",
        what: "a property of an answer that nobody fills",
        from: r"        role:
          $ref: '#/components/schemas/Role'
      example:",
        to: r"        role:
          $ref: '#/components/schemas/Role'
        scope:
          $ref: '#/components/schemas/Role'
      example:",
        names: "missing field `scope`",
        ..DOES_NOT_BUILD
    },
    Mutation {
        name: "opened-operation",
        what: "an operation that no longer asks for a credential",
        from: r"      security:
        - bearerToken: []
        - sessionCookie: []
      responses:
        '204':",
        to: r"      security: []
      responses:
        '204':",
        names: "crates/server/src/http/",
        ..DOES_NOT_BUILD
    },
    Mutation {
        name: "secured-operation",
        what: "an operation that now asks for a credential",
        from: r"      security: []
",
        to: r"      security:
        - bearerToken: []
        - sessionCookie: []
",
        names: "crates/server/src/http/",
        ..DOES_NOT_BUILD
    },
    Mutation {
        name: "another-type",
        what: "another type of a field",
        from: r"      type: integer
      format: int32
      readOnly: true
",
        to: r"      type: string
      readOnly: true
",
        names: "crates/server/src/http/",
        ..DOES_NOT_BUILD
    },
    Mutation {
        name: "success-with-body",
        what: "a success that now has a body",
        from: r"        '204':
          description: The session has ended.
",
        to: r"        '200':
          description: The session has ended.
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/LoginStatus'
",
        names: "crates/server/src/http/",
        ..DOES_NOT_BUILD
    },
    Mutation {
        name: "new-status",
        what: "a status that nothing answers",
        from: r"        '413':
",
        to: r"        '409':
          $ref: '#/components/responses/InvalidRequest'
        '413':
",
        names: "409",
        ..OTHERWISE
    },
    Mutation {
        name: "missing-status",
        what: "a status that the contract no longer lists",
        from: r"        '413':
          $ref: '#/components/responses/PayloadTooLarge'
",
        to: "",
        names: "413",
        ..OTHERWISE
    },
    Mutation {
        name: "another-cookie",
        what: "another name of the cookie that is a credential",
        from: r"      in: cookie
      name: session
",
        to: r"      in: cookie
      name: sid
",
        names: "POST /login",
        ..OTHERWISE
    },
    Mutation {
        name: "another-challenge",
        what: "another challenge",
        from: "enum: [Bearer]",
        to: "enum: [Basic]",
        names: "WWW-Authenticate",
        ..OTHERWISE
    },
    Mutation {
        name: "another-cache-control",
        what: "another header of refusals",
        from: "enum: [no-store]",
        to: "enum: [no-cache]",
        names: "Cache-Control",
        ..OTHERWISE
    },
    Mutation {
        name: "new-header",
        what: "a header of an error that nobody sends",
        from: r"      description: The body is larger than the server reads. Code `InvalidRequest`.
      headers:
",
        to: r"      description: The body is larger than the server reads. Code `InvalidRequest`.
      headers:
        X-Limit:
          description: How much it reads.
          required: true
          schema: { type: integer }
",
        names: "X-Limit",
        ..OTHERWISE
    },
    Mutation {
        name: "role-pattern",
        what: "a pattern that values of the server do not fit",
        from: r"      minLength: 1
      maxLength: 64
      example: StandardUser
",
        to: r"      minLength: 1
      maxLength: 64
      pattern: ^[A-Z][A-Za-z]{8,}er$
      example: StandardUser
",
        names: "GET /login",
        ..OTHERWISE
    },
    Mutation {
        name: "broken-bound",
        what: "a shorter name",
        from: r"      minLength: 1
      maxLength: 64
      # No look-ahead",
        to: r"      minLength: 1
      maxLength: 32
      # No look-ahead",
        names: "/components/schemas/Username/maxLength",
        ..BREAKING
    },
    Mutation {
        name: "broken-strictness",
        what: "unknown fields that are no longer passed over",
        from: r"      required: [username, password]
",
        to: r"      required: [username, password]
      additionalProperties: false
",
        names: "/components/schemas/LoginCredentials/additionalProperties",
        ..BREAKING
    },
    Mutation {
        name: "broken-answer",
        what: "longer values in an answer",
        from: r"      minLength: 1
      maxLength: 64
      example: StandardUser
",
        to: r"      minLength: 1
      maxLength: 128
      example: StandardUser
",
        names: "/components/schemas/Role/maxLength",
        ..BREAKING
    },
    Mutation {
        name: "broken-credential",
        what: "a credential that is sent in another place",
        from: r"      in: cookie
      name: session
",
        to: r"      in: header
      name: X-Session
",
        names: "/components/securitySchemes/sessionCookie/in",
        ..BREAKING
    },
];
