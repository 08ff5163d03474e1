use super::*;

#[test]
fn missing_descriptions_are_reported_at_their_location() {
    let text = GOOD
        .replace(", description: A store of things.", "")
        .replace(
            ", description: The token of a program.",
            ", description: ''",
        )
        .replace("      description: What there is.\n", "")
        .replace(
            "request_id: { type: string, description: Of the log. }",
            "request_id: { type: string }",
        )
        .replace(
            "      security:",
            "      parameters:
        - { name: a~b, in: query, schema: { type: string } }
      security:",
        )
        .replace(
            "          description: Here they are.\n",
            "          description: Here they are.
          headers:
            X-Left: { schema: { type: integer } }
",
        );
    insta::assert_snapshot!(report(&text), @"
    everything has a description
      openapi.yaml:3:1: the document has no description (at /info); add `description` under `info`: what the service is for
      openapi.yaml:13:11: the parameter `a~b` has no description (at /paths/~1things/get/parameters/0); add `description`: what it selects
      openapi.yaml:19:13: the header `X-Left` has no description (at /paths/~1things/get/responses/200/headers/X-Left); add `description`: what it contains
      openapi.yaml:26:5: the security scheme `token` has no description (at /components/securitySchemes/token); add `description`: what is sent, and by which clients
      openapi.yaml:34:5: the schema `Thing` has no description (at /components/schemas/Thing); add `description`: it becomes the documentation of the type
      openapi.yaml:46:9: the property `request_id` has no description (at /components/schemas/Error/properties/request_id); add `description`: it becomes the documentation of the field
    ");
}

#[test]
fn invalid_response_bodies_are_reported() {
    let text = GOOD.replace(
        "        '401': { $ref: '#/components/responses/Refused' }\n",
        "        '401': { $ref: '#/components/responses/Refused' }
        '403': { description: Without. }
        '404': { description: Of another type., content: { text/plain: { schema: { type: string } } } }
        '409': { description: Without a type., content: {} }
        '410': { description: Without a schema., content: { application/json: {} } }
        '204': { description: None., content: { application/json: { schema: { $ref: '#/components/schemas/Thing' } } } }
        5XX: { description: Many. }
",
    );
    insta::assert_snapshot!(report(&text), @"
    every response has the body that its status requires
      openapi.yaml:20:9: the error 403 has no `application/json` body (at /paths/~1things/get/responses/403); add `content` with the schema that all errors share, such as `$ref: '#/components/schemas/Error'`
      openapi.yaml:21:9: the error 404 has no `application/json` body (at /paths/~1things/get/responses/404); add `content` with the schema that all errors share, such as `$ref: '#/components/schemas/Error'`
      openapi.yaml:22:48: the body of 409 has no media type (at /paths/~1things/get/responses/409/content); name one, such as `application/json`, or remove `content` if there is no body
      openapi.yaml:24:38: a 204 response cannot have a body (at /paths/~1things/get/responses/204/content); remove `content`, or list another status
      openapi.yaml:25:9: `5XX` covers several statuses (at /paths/~1things/get/responses/5XX); list each status separately, so that each is documented and checked
      openapi.yaml:23:61: this body has no schema (at /paths/~1things/get/responses/410/content/application~1json); add `schema`: without it nothing can be decoded or checked
    ");
}

#[test]
fn operation_without_a_success_is_reported() {
    let text = GOOD.replace("        '200':", "        '400':");
    insta::assert_snapshot!(report(&text), @"
    every response has the body that its status requires
      openapi.yaml:13:7: GET /things lists no successful status (at /paths/~1things/get/responses); list the status of a successful response
    ");
}

#[test]
fn misspelled_formats_and_extensions_are_reported() {
    let text = GOOD
        .replace(
            "maxLength: 3, example: abc",
            "format: pasword, x-secrt: true, x-other: true",
        )
        .replace(
            "request_id: { type: string,",
            "request_id: { type: string, format: int32,",
        )
        .replace(
            "message: { type: string,",
            "message: { type: string, format: telephone,",
        )
        .replace(
            "error_code: { type: string,",
            "error_code: { type: boolean, format: byte,",
        );
    insta::assert_snapshot!(report(&text), @"
    every format and extension is known
      openapi.yaml:37:60: unknown format `pasword` of a string (at /components/schemas/Name/format); write `password`
      openapi.yaml:37:77: unknown extension `x-secrt` (at /components/schemas/Name/x-secrt); write `x-secret`, or choose a less similar name
      openapi.yaml:43:37: unknown format `int32` of a string (at /components/schemas/Error/properties/request_id/format); write one of byte, binary, date, date-time, partial-date-time, password, uuid, ip, ipv4, ipv6, uri, hostname, email, regex, or remove it
      openapi.yaml:44:38: unknown format `byte` of a boolean (at /components/schemas/Error/properties/error_code/format); remove it
      openapi.yaml:45:34: unknown format `telephone` of a string (at /components/schemas/Error/properties/message/format); write one of byte, binary, date, date-time, partial-date-time, password, uuid, ip, ipv4, ipv6, uri, hostname, email, regex, or remove it
    ");
}
