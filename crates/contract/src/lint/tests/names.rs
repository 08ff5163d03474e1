use super::*;

#[test]
fn reference_to_the_wrong_kind_is_reported() {
    insta::assert_snapshot!(
        with("'401': { $ref: '#/components/responses/Refused' }", "'401': { $ref: '#/components/schemas/Error' }"),
        @"
    every reference is valid, and every component is used
      openapi.yaml:19:18: `#/components/schemas/Error` is a component of the wrong kind (at /paths/~1things/get/responses/401/$ref); refer to `#/components/responses/...`
      openapi.yaml:24:5: no operation uses `Refused` (at /components/responses/Refused); remove it, or refer to it
    every response has the body that its status requires
      openapi.yaml:38:5: the error 401 has no `application/json` body (at /components/schemas/Error); add `content` with the schema that all errors share, such as `$ref: '#/components/schemas/Error'`
    "
    );
}

#[test]
fn components_used_only_by_each_other_are_reported() {
    let more = "  schemas:
    Island: { type: object, properties: { next: { $ref: '#/components/schemas/Beach' } } }
    Beach: { type: object, properties: { back: { $ref: '#/components/schemas/Island' } } }
";
    insta::assert_snapshot!(with("  schemas:\n", more), @"
    everything has a description
      openapi.yaml:30:5: the schema `Island` has no description (at /components/schemas/Island); add `description`: it becomes the documentation of the type
      openapi.yaml:31:5: the schema `Beach` has no description (at /components/schemas/Beach); add `description`: it becomes the documentation of the type
    every reference is valid, and every component is used
      openapi.yaml:30:5: no operation uses `Island` (at /components/schemas/Island); remove it, or refer to it
      openapi.yaml:31:5: no operation uses `Beach` (at /components/schemas/Beach); remove it, or refer to it
    ");
}

#[test]
fn missing_401_and_undeclared_scheme_are_reported() {
    let text = GOOD
        .replace(
            "        '401': { $ref: '#/components/responses/Refused' }\n",
            "        '403': { $ref: '#/components/responses/Refused' }\n",
        )
        .replace("security: [{ token: [] }]", "security: [{ cookie: [] }]");
    insta::assert_snapshot!(report(&text), @"
    every reference is valid, and every component is used
      openapi.yaml:22:5: no operation uses `token` (at /components/securitySchemes/token); remove it, or refer to it
    every secured operation lists 401
      openapi.yaml:12:20: the security scheme `cookie` is not declared (at /paths/~1things/get/security/0/cookie); declare it under `components.securitySchemes`
      openapi.yaml:13:7: GET /things requires a credential but does not list 401 (at /paths/~1things/get/responses); list the response '401', or write `security: []` if no credential is required
    ");
}

#[test]
fn mismatched_path_parameters_are_reported() {
    let text = GOOD.replace("  /things:\n", "  /things/{id}:\n").replace(
        "      security:",
        "      parameters:\n        - { name: key, in: path, schema: { type: string } }\n      security:",
    );
    insta::assert_snapshot!(report(&text), @"
    everything has a description
      openapi.yaml:13:11: the parameter `key` has no description (at /paths/~1things~1{id}/get/parameters/0); add `description`: what it selects
    every path parameter is declared
      openapi.yaml:13:11: GET /things/{id} has no `{key}` in its path (at /paths/~1things~1{id}/get/parameters/0); use a name from the path, or remove it
      openapi.yaml:13:11: `key` is part of the path but not required (at /paths/~1things~1{id}/get/parameters/0); add `required: true`
      openapi.yaml:7:5: GET /things/{id} does not declare `id` (at /paths/~1things~1{id}/get); add a parameter `id` with `in: path` and `required: true`
    ");
}

#[test]
fn ambiguous_paths_are_reported() {
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
        report(&GOOD.replace("components:\n  securitySchemes:", more)),
        @"
    everything has a description
      openapi.yaml:26:20: the parameter `id` has no description (at /paths/~1things~1{id}/get/parameters/0); add `description`: what it selects
      openapi.yaml:34:20: the parameter `key` has no description (at /paths/~1things~1{key}/get/parameters/0); add `description`: what it selects
    every path parameter is declared
      openapi.yaml:28:3: /things/{key} and /things/{id} match the same requests (at /paths/~1things~1{key}); merge them into one path
    "
    );
}
