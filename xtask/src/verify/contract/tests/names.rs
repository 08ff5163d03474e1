//! References, parameters and security schemes that do not fit together.

use super::*;

#[test]
fn a_reference_to_another_kind_is_found() {
    insta::assert_snapshot!(
        with("'401': { $ref: '#/components/responses/Refused' }", "'401': { $ref: '#/components/schemas/Error' }"),
        @"
     fresh contract  every operation is documented and tagged
     fresh contract  everything has a description
    failed contract  every reference fits, every component is used
             openapi.yaml:19:18: `#/components/schemas/Error` is not what belongs here
                 19 |         '401': { $ref: '#/components/schemas/Error' }
                    |                  ^^^^
               at /paths/~1things/get/responses/401/$ref
               help: refer to `#/components/responses/...`
             openapi.yaml:24:5: no operation uses `Refused`
                 24 |     Refused:
                    |     ^^^^^^^
               at /components/responses/Refused
               help: remove it, or refer to it
     fresh contract  every path parameter is declared
     fresh contract  every secured operation lists 401
    failed contract  every status has its body
             openapi.yaml:38:5: the error 401 has no body of `application/json`
                 38 |     Error:
                    |     ^^^^^
               at /components/schemas/Error
               help: add `content` with the schema that all errors share, such as `$ref: '#/components/schemas/Error'`
     fresh contract  every example is valid
     fresh contract  every format and extension is known
    failed contract  the server's trait can be generated
             openapi.yaml:19:18: `#/components/schemas/Error` where a Response Object belongs
                 19 |         '401': { $ref: '#/components/schemas/Error' }
                    |                  ^^^^
               at /paths/~1things/get/responses/401/$ref
               help: give it a name and write `#/components/responses/...`
             openapi.yaml:38:5: an error without a JSON body
                 38 |     Error:
                    |     ^^^^^
               at /components/schemas/Error
               help: add `content` with `application/json` and `$ref: '#/components/schemas/Error'`
    failed contract  the client can be generated
             openapi.yaml:7:5: key Error is missing (panic in progenitor-impl-0.15.1/src/util.rs:28)
                  7 |     get:
                    |     ^^^
               at /paths/~1things/get
               help: progenitor cannot make a client from this; write it in another way

    6 fresh, 0 stale, 4 failed
    next: mend what failed, then cargo xtask verify --only contract
    "
    );
}

#[test]
fn components_that_only_each_other_use_are_unused() {
    let more = "  schemas:
    Island: { type: object, properties: { next: { $ref: '#/components/schemas/Beach' } } }
    Beach: { type: object, properties: { back: { $ref: '#/components/schemas/Island' } } }
";
    insta::assert_snapshot!(with("  schemas:\n", more), @"
     fresh contract  every operation is documented and tagged
    failed contract  everything has a description
             openapi.yaml:30:5: the schema `Island` has no description
                 30 |     Island: { type: object, properties: { next: { $ref: '#/components/schemas/Beach' } } }
                    |     ^^^^^^
               at /components/schemas/Island
               help: add `description`: it becomes the documentation of the type
             openapi.yaml:31:5: the schema `Beach` has no description
                 31 |     Beach: { type: object, properties: { back: { $ref: '#/components/schemas/Island' } } }
                    |     ^^^^^
               at /components/schemas/Beach
               help: add `description`: it becomes the documentation of the type
    failed contract  every reference fits, every component is used
             openapi.yaml:30:5: no operation uses `Island`
                 30 |     Island: { type: object, properties: { next: { $ref: '#/components/schemas/Beach' } } }
                    |     ^^^^^^
               at /components/schemas/Island
               help: remove it, or refer to it
             openapi.yaml:31:5: no operation uses `Beach`
                 31 |     Beach: { type: object, properties: { back: { $ref: '#/components/schemas/Island' } } }
                    |     ^^^^^
               at /components/schemas/Beach
               help: remove it, or refer to it
     fresh contract  every path parameter is declared
     fresh contract  every secured operation lists 401
     fresh contract  every status has its body
     fresh contract  every example is valid
     fresh contract  every format and extension is known
     fresh contract  the server's trait can be generated
     fresh contract  the client can be generated

    8 fresh, 0 stale, 2 failed
    next: mend what failed, then cargo xtask verify --only contract
    ");
}

#[test]
fn a_secured_operation_without_401_and_an_undeclared_scheme_are_found() {
    let text = GOOD
        .replace(
            "        '401': { $ref: '#/components/responses/Refused' }\n",
            "        '403': { $ref: '#/components/responses/Refused' }\n",
        )
        .replace("security: [{ token: [] }]", "security: [{ cookie: [] }]");
    insta::assert_snapshot!(report(&text), @"
     fresh contract  every operation is documented and tagged
     fresh contract  everything has a description
    failed contract  every reference fits, every component is used
             openapi.yaml:22:5: no operation uses `token`
                 22 |     token: { type: http, scheme: bearer, description: The token of a program. }
                    |     ^^^^^
               at /components/securitySchemes/token
               help: remove it, or refer to it
     fresh contract  every path parameter is declared
    failed contract  every secured operation lists 401
             openapi.yaml:12:20: the security scheme `cookie` is not declared
                 12 |       security: [{ cookie: [] }]
                    |                    ^^^^^^
               at /paths/~1things/get/security/0/cookie
               help: declare it under `components.securitySchemes`
             openapi.yaml:13:7: GET /things asks for a credential but lists no 401
                 13 |       responses:
                    |       ^^^^^^^^^
               at /paths/~1things/get/responses
               help: list the response '401', or write `security: []` if anyone may
     fresh contract  every status has its body
     fresh contract  every example is valid
     fresh contract  every format and extension is known
    failed contract  the server's trait can be generated
             openapi.yaml:12:20: there is no security scheme `cookie`
                 12 |       security: [{ cookie: [] }]
                    |                    ^^^^^^
               at /paths/~1things/get/security/0/cookie
               help: define it under components.securitySchemes
     fresh contract  the client can be generated

    7 fresh, 0 stale, 3 failed
    next: mend what failed, then cargo xtask verify --only contract
    ");
}

#[test]
fn parameters_that_the_path_and_the_list_do_not_share_are_found() {
    let text = GOOD.replace("  /things:\n", "  /things/{id}:\n").replace(
        "      security:",
        "      parameters:\n        - { name: key, in: path, schema: { type: string } }\n      security:",
    );
    insta::assert_snapshot!(report(&text), @"
     fresh contract  every operation is documented and tagged
    failed contract  everything has a description
             openapi.yaml:13:11: the parameter `key` has no description
                 13 |         - { name: key, in: path, schema: { type: string } }
                    |           ^
               at /paths/~1things~1{id}/get/parameters/0
               help: add `description`: what it selects
     fresh contract  every reference fits, every component is used
    failed contract  every path parameter is declared
             openapi.yaml:13:11: GET /things/{id} has no `{key}` in its path
                 13 |         - { name: key, in: path, schema: { type: string } }
                    |           ^
               at /paths/~1things~1{id}/get/parameters/0
               help: name it as the path does, or remove it
             openapi.yaml:13:11: `key` is part of the path but not required
                 13 |         - { name: key, in: path, schema: { type: string } }
                    |           ^
               at /paths/~1things~1{id}/get/parameters/0
               help: add `required: true`
             openapi.yaml:7:5: GET /things/{id} does not declare `id`
                  7 |     get:
                    |     ^^^
               at /paths/~1things~1{id}/get
               help: add a parameter `id` with `in: path` and `required: true`
     fresh contract  every secured operation lists 401
     fresh contract  every status has its body
     fresh contract  every example is valid
     fresh contract  every format and extension is known
    failed contract  the server's trait can be generated
             openapi.yaml:6:3: the path parameter `id` is not described
                  6 |   /things/{id}:
                    |   ^^^^^^^^
               at /paths/~1things~1{id}
               help: describe it under `parameters` with `in: path`
             openapi.yaml:13:11: a path parameter that is not required
                 13 |         - { name: key, in: path, schema: { type: string } }
                    |           ^
               at /paths/~1things~1{id}/get/parameters/0
               help: write `required: true`
             openapi.yaml:13:11: the path has no `{key}`
                 13 |         - { name: key, in: path, schema: { type: string } }
                    |           ^
               at /paths/~1things~1{id}/get/parameters/0
               help: write it into the path, or make it a query parameter
    failed contract  the client can be generated
             openapi.yaml:7:5: assertion failed: parameter_data.required (panic in progenitor-impl-0.15.1/src/method.rs:313)
                  7 |     get:
                    |     ^^^
               at /paths/~1things~1{id}/get
               help: progenitor cannot make a client from this; write it in another way

    6 fresh, 0 stale, 4 failed
    next: mend what failed, then cargo xtask verify --only contract
    ");
}

#[test]
fn two_paths_that_match_the_same_requests_are_found() {
    let more = "  /things/{id}:
    get:
      operationId: getThing
      tags: [thing]
      summary: Get one
      description: One of them.
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses: { '204': { description: resource updated } }
  /things/{key}:
    get:
      operationId: findThing
      tags: [thing]
      summary: Find one
      description: One of them.
      parameters: [{ name: key, in: path, required: true, schema: { type: string } }]
      responses: { '204': { description: resource updated } }
components:
  securitySchemes:";
    insta::assert_snapshot!(
        failures(&GOOD.replace("components:\n  securitySchemes:", more)),
        @"
    failed contract  everything has a description
             openapi.yaml:26:20: the parameter `id` has no description
                 26 |       parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
                    |                    ^
               at /paths/~1things~1{id}/get/parameters/0
               help: add `description`: what it selects
             openapi.yaml:34:20: the parameter `key` has no description
                 34 |       parameters: [{ name: key, in: path, required: true, schema: { type: string } }]
                    |                    ^
               at /paths/~1things~1{key}/get/parameters/0
               help: add `description`: what it selects
    failed contract  every path parameter is declared
             openapi.yaml:28:3: /things/{key} and /things/{id} match the same requests
                 28 |   /things/{key}:
                    |   ^^^^^^^^
               at /paths/~1things~1{key}
               help: make them one path
    failed contract  the server's trait can be generated
             openapi.yaml:28:3: dropshot cannot tell this path and `/things/{id}` apart
                 28 |   /things/{key}:
                    |   ^^^^^^^^
               at /paths/~1things~1{key}
               help: let paths with the same beginning go on with the same parameter, or with other words

    0 fresh, 0 stale, 3 failed
    next: mend what failed, then cargo xtask verify --only contract
    "
    );
}
