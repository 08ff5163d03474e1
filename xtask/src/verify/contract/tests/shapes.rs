//! Descriptions that are missing, statuses without a body, words that nobody knows, and what the client cannot be made of.

use super::*;

#[test]
fn whatever_lacks_a_description_is_found_where_it_is_written() {
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
    insta::assert_snapshot!(failures(&text), @"
    failed contract  everything has a description
             openapi.yaml:3:1: the document has no description
                  3 | info: { title: Things, version: 1.0.0 }
                    | ^^^^
               at /info
               help: add `description` under `info`: what the service is for
             openapi.yaml:13:11: the parameter `a~b` has no description
                 13 |         - { name: a~b, in: query, schema: { type: string } }
                    |           ^
               at /paths/~1things/get/parameters/0
               help: add `description`: what it selects
             openapi.yaml:19:13: the header `X-Left` has no description
                 19 |             X-Left: { schema: { type: integer } }
                    |             ^^^^^^
               at /paths/~1things/get/responses/200/headers/X-Left
               help: add `description`: what it tells
             openapi.yaml:26:5: the security scheme `token` has no description
                 26 |     token: { type: http, scheme: bearer, description: '' }
                    |     ^^^^^
               at /components/securitySchemes/token
               help: add `description`: what is sent, and who sends it
             openapi.yaml:34:5: the schema `Thing` has no description
                 34 |     Thing:
                    |     ^^^^^
               at /components/schemas/Thing
               help: add `description`: it becomes the documentation of the type
             openapi.yaml:46:9: the property `request_id` has no description
                 46 |         request_id: { type: string }
                    |         ^^^^^^^^^^
               at /components/schemas/Error/properties/request_id
               help: add `description`: it becomes the documentation of the field

    0 fresh, 0 stale, 1 failed
    next: mend what failed, then cargo xtask verify --only contract
    ");
}

#[test]
fn an_error_without_a_body_and_a_body_without_a_shape_are_found() {
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
    insta::assert_snapshot!(failures(&text), @"
    failed contract  every status has its body
             openapi.yaml:20:9: the error 403 has no body of `application/json`
                 20 |         '403': { description: Without. }
                    |         ^^^^^
               at /paths/~1things/get/responses/403
               help: add `content` with the schema that all errors share, such as `$ref: '#/components/schemas/Error'`
             openapi.yaml:21:9: the error 404 has no body of `application/json`
                 21 |         '404': { description: Of another type., content: { text/plain: { schema: { type: string } } } }
                    |         ^^^^^
               at /paths/~1things/get/responses/404
               help: add `content` with the schema that all errors share, such as `$ref: '#/components/schemas/Error'`
             openapi.yaml:22:48: the body of 409 has no media type
                 22 |         '409': { description: Without a type., content: {} }
                    |                                                ^^^^^^^
               at /paths/~1things/get/responses/409/content
               help: name one, such as `application/json`, or remove `content` if there is no body
             openapi.yaml:24:38: an answer 204 cannot have a body
                 24 |         '204': { description: None., content: { application/json: { schema: { $ref: '#/components/schemas/Thing' } } } }
                    |                                      ^^^^^^^
               at /paths/~1things/get/responses/204/content
               help: remove `content`, or list another status
             openapi.yaml:25:9: `5XX` stands for several statuses
                 25 |         5XX: { description: Many. }
                    |         ^^^
               at /paths/~1things/get/responses/5XX
               help: list each status by itself: `verify` drives the server through every one
             openapi.yaml:23:61: this body has no schema
                 23 |         '410': { description: Without a schema., content: { application/json: {} } }
                    |                                                             ^^^^^^^^^^^^^^^^
               at /paths/~1things/get/responses/410/content/application~1json
               help: add `schema`: without it nothing can be decoded or checked
    failed contract  the server's trait can be generated
             openapi.yaml:20:9: an error without a JSON body
                 20 |         '403': { description: Without. }
                    |         ^^^^^
               at /paths/~1things/get/responses/403
               help: add `content` with `application/json` and `$ref: '#/components/schemas/Error'`
             openapi.yaml:21:60: an error of the media type `text/plain`
                 21 |         '404': { description: Of another type., content: { text/plain: { schema: { type: string } } } }
                    |                                                            ^^^^^^^^^^
               at /paths/~1things/get/responses/404/content/text~1plain
               help: write `application/json`: dropshot sends all errors so
             openapi.yaml:22:9: an error without a JSON body
                 22 |         '409': { description: Without a type., content: {} }
                    |         ^^^^^
               at /paths/~1things/get/responses/409
               help: add `content` with `application/json` and `$ref: '#/components/schemas/Error'`
             openapi.yaml:23:61: an error body without a name
                 23 |         '410': { description: Without a schema., content: { application/json: {} } }
                    |                                                             ^^^^^^^^^^^^^^^^
               at /paths/~1things/get/responses/410/content/application~1json/schema
               help: give its schema one under components.schemas and $ref it
             openapi.yaml:24:9: a second successful answer
                 24 |         '204': { description: None., content: { application/json: { schema: { $ref: '#/components/schemas/Thing' } } } }
                    |         ^^^^^
               at /paths/~1things/get/responses/204
               help: keep one: a method of dropshot returns one type
             openapi.yaml:25:9: an error without a JSON body
                 25 |         5XX: { description: Many. }
                    |         ^^^
               at /paths/~1things/get/responses/5XX
               help: add `content` with `application/json` and `$ref: '#/components/schemas/Error'`
    failed contract  the client can be generated
             openapi.yaml:20:9: the client has one type for all errors of an operation, but 403 has another body than 401
                 20 |         '403': { description: Without. }
                    |         ^^^^^
               at /paths/~1things/get/responses/403
               help: give both the same schema, or make two operations

    0 fresh, 0 stale, 3 failed
    next: mend what failed, then cargo xtask verify --only contract
    ");
}

#[test]
fn an_operation_that_lists_no_success_is_found() {
    let text = GOOD.replace("        '200':", "        '400':");
    insta::assert_snapshot!(failures(&text), @"
    failed contract  every status has its body
             openapi.yaml:13:7: GET /things lists no success
                 13 |       responses:
                    |       ^^^^^^^^^
               at /paths/~1things/get/responses
               help: list the status that it answers when all is well
    failed contract  the server's trait can be generated
             openapi.yaml:13:7: no successful answer
                 13 |       responses:
                    |       ^^^^^^^^^
               at /paths/~1things/get/responses
               help: add one, such as '200' or '204'
             openapi.yaml:28:11: an error body `Error` beside `Thing`: a method of dropshot has one error type
                 28 |           schema: { $ref: '#/components/schemas/Error' }
                    |           ^^^^^^
               at /components/responses/Refused/content/application~1json/schema
               help: use one schema for all errors of an operation, if need be with `oneOf`
    failed contract  the client can be generated
             openapi.yaml:19:9: the client has one type for all errors of an operation, but 401 has another body than 400
                 19 |         '401': { $ref: '#/components/responses/Refused' }
                    |         ^^^^^
               at /paths/~1things/get/responses/401
               help: give both the same schema, or make two operations

    0 fresh, 0 stale, 3 failed
    next: mend what failed, then cargo xtask verify --only contract
    ");
}

#[test]
fn formats_and_extensions_that_are_mistyped_are_found() {
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
    insta::assert_snapshot!(failures(&text), @r#"
    failed contract  every format and extension is known
             openapi.yaml:37:60: nothing knows the format `pasword` of a string
                 37 |     Name: { type: string, description: What it is called., format: pasword, x-secrt: true, x-other: true }
                    |                                                            ^^^^^^
               at /components/schemas/Name/format
               help: write `password`
             openapi.yaml:37:77: nothing reads the extension `x-secrt`
                 37 |     Name: { type: string, description: What it is called., format: pasword, x-secrt: true, x-other: true }
                    |                                                                             ^^^^^^^
               at /components/schemas/Name/x-secrt
               help: write `x-secret`, or choose a name that is less like it
             openapi.yaml:43:37: nothing knows the format `int32` of a string
                 43 |         request_id: { type: string, format: int32, description: Of the log. }
                    |                                     ^^^^^^
               at /components/schemas/Error/properties/request_id/format
               help: write one of byte, binary, date, date-time, partial-date-time, password, uuid, ip, ipv4, ipv6, uri, hostname, email, regex, or remove it
             openapi.yaml:44:38: nothing knows the format `byte` of a boolean
                 44 |         error_code: { type: boolean, format: byte, description: For programs. }
                    |                                      ^^^^^^
               at /components/schemas/Error/properties/error_code/format
               help: remove it
             openapi.yaml:45:34: nothing knows the format `telephone` of a string
                 45 |         message: { type: string, format: telephone, description: For people. }
                    |                                  ^^^^^^
               at /components/schemas/Error/properties/message/format
               help: write one of byte, binary, date, date-time, partial-date-time, password, uuid, ip, ipv4, ipv6, uri, hostname, email, regex, or remove it
    failed contract  the server's trait can be generated
             openapi.yaml:38:5: `Error` describes errors, and a refusal of dropshot does not fit into it
                 38 |     Error:
                    |     ^^^^^
               at /components/schemas/Error
               help: require nothing but a string `message`, `error_code`, an integer `status` and enumerations; or add such an object to its `oneOf`
             openapi.yaml:44:38: the format `byte` of the type boolean is not supported
                 44 |         error_code: { type: boolean, format: byte, description: For programs. }
                    |                                      ^^^^^^
               at /components/schemas/Error/properties/error_code/format
               help: leave it out
    failed contract  the client can be generated
             openapi.yaml:38:5: not yet implemented: invalid (or unexpected) schema:
               {
                 "description": "For programs.",
                 "type": "boolean",
                 "format": "byte"
               } (panic in typify-impl-0.8.0/src/convert.rs:788)
                 38 |     Error:
                    |     ^^^^^
               at /components/schemas/Error
               help: progenitor cannot make a client from this; write it in another way

    0 fresh, 0 stale, 3 failed
    next: mend what failed, then cargo xtask verify --only contract
    "#);
}

#[test]
fn what_the_client_has_one_type_for_is_found_where_there_are_two() {
    let text = GOOD
        .replace(
            "        '401': { $ref: '#/components/responses/Refused' }\n",
            "        '401': { $ref: '#/components/responses/Refused' }
        '202': { description: None. }
",
        )
        .replace(
            "      security:",
            "      parameters:
        - { name: a, in: cookie, description: b, schema: { type: string } }
      requestBody:
        required: true
        content:
          application/json: { schema: { $ref: '#/components/schemas/Thing' } }
          application/x-www-form-urlencoded: { schema: { $ref: '#/components/schemas/Thing' } }
      security:",
        );
    insta::assert_snapshot!(failures(&text), @"
    failed contract  the server's trait can be generated
             openapi.yaml:13:11: a cookie as a parameter is not supported
                 13 |         - { name: a, in: cookie, description: b, schema: { type: string } }
                    |           ^
               at /paths/~1things/get/parameters/0
               help: make it a security scheme, `type: apiKey` with `in: cookie`
             openapi.yaml:18:11: `application/x-www-form-urlencoded` beside `application/json`: an operation of dropshot reads one media type
                 18 |           application/x-www-form-urlencoded: { schema: { $ref: '#/components/schemas/Thing' } }
                    |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
               at /paths/~1things/get/requestBody/content/application~1x-www-form-urlencoded
               help: keep one of them, or write an operation for each
             openapi.yaml:27:9: a second successful answer
                 27 |         '202': { description: None. }
                    |         ^^^^^
               at /paths/~1things/get/responses/202
               help: keep one: a method of dropshot returns one type
    failed contract  the client can be generated
             openapi.yaml:13:11: the client cannot send a cookie as a parameter
                 13 |         - { name: a, in: cookie, description: b, schema: { type: string } }
                    |           ^
               at /paths/~1things/get/parameters/0
               help: make it a header, or a security scheme `apiKey` in `cookie`
             openapi.yaml:18:11: the client sends a body of one media type only
                 18 |           application/x-www-form-urlencoded: { schema: { $ref: '#/components/schemas/Thing' } }
                    |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
               at /paths/~1things/get/requestBody/content/application~1x-www-form-urlencoded
               help: keep one of them, or make two operations
             openapi.yaml:27:9: the client has one type for all successes of an operation, but 202 has another body than 200
                 27 |         '202': { description: None. }
                    |         ^^^^^
               at /paths/~1things/get/responses/202
               help: give both the same schema, or make two operations

    0 fresh, 0 stale, 2 failed
    next: mend what failed, then cargo xtask verify --only contract
    ");
}
