//! Examples and schemas that are none, and what only a generator finds.

use super::*;

#[test]
fn an_example_that_is_too_long_or_lacks_a_field_is_found() {
    let text = GOOD
        .replace("example: abc", "example: abcd")
        .replace("example: { name: a }", "example: { nam: a }");
    insta::assert_snapshot!(report(&text), @r#"
     fresh contract  every operation is documented and tagged
     fresh contract  everything has a description
     fresh contract  every reference fits, every component is used
     fresh contract  every path parameter is declared
     fresh contract  every secured operation lists 401
     fresh contract  every status has its body
    failed contract  every example is valid
             openapi.yaml:36:7: not a value of its schema: "name" is a required property
                 36 |       example: { nam: a }
                    |       ^^^^^^^
               at /components/schemas/Thing/example
               help: mend the value or the schema
             openapi.yaml:37:74: not a value of its schema: "abcd" is longer than 3 characters
                 37 |     Name: { type: string, description: What it is called., maxLength: 3, example: abcd }
                    |                                                                          ^^^^^^^
               at /components/schemas/Name/example
               help: mend the value or the schema
     fresh contract  every format and extension is known
     fresh contract  the server's trait can be generated
     fresh contract  the client can be generated

    9 fresh, 0 stale, 1 failed
    next: mend what failed, then cargo xtask verify --only contract
    "#);
}

#[test]
fn a_pattern_that_is_none_is_found() {
    insta::assert_snapshot!(with("maxLength: 3, example: abc", "pattern: '(', example: abc"), @r#"
     fresh contract  every operation is documented and tagged
     fresh contract  everything has a description
     fresh contract  every reference fits, every component is used
     fresh contract  every path parameter is declared
     fresh contract  every secured operation lists 401
     fresh contract  every status has its body
    failed contract  every example is valid
             openapi.yaml:30:5: no value can be held against this schema: "(" is not a "regex"
                 30 |     Thing:
                    |     ^^^^^
               at /components/schemas/Thing
               help: mend the schema
             openapi.yaml:37:60: no text can be held against this pattern: "(" is not a "regex"
                 37 |     Name: { type: string, description: What it is called., pattern: '(', example: abc }
                    |                                                            ^^^^^^^
               at /components/schemas/Name/pattern
               help: write a regular expression as ECMA-262 has them
     fresh contract  every format and extension is known
    failed contract  the server's trait can be generated
             openapi.yaml:37:60: `(` is no regular expression: Unbalanced parenthesis
                 37 |     Name: { type: string, description: What it is called., pattern: '(', example: abc }
                    |                                                            ^^^^^^^
               at /components/schemas/Name/pattern
               help: write one as ECMA-262 has them
    failed contract  the client can be generated
             openapi.yaml:37:5: type error invalid schema for Name: invalid pattern '(' Unbalanced parenthesis
                 37 |     Name: { type: string, description: What it is called., pattern: '(', example: abc }
                    |     ^^^^
               at /components/schemas/Name
               help: progenitor cannot make a client from this; write it in another way

    7 fresh, 0 stale, 3 failed
    next: mend what failed, then cargo xtask verify --only contract
    "#);
}

#[test]
fn two_types_of_error_are_found() {
    let other = "        '401': { $ref: '#/components/responses/Refused' }
        '404': { description: None., content: { application/json: { schema: { $ref: '#/components/schemas/Name' } } } }
";
    insta::assert_snapshot!(with("        '401': { $ref: '#/components/responses/Refused' }\n", other), @"
     fresh contract  every operation is documented and tagged
     fresh contract  everything has a description
     fresh contract  every reference fits, every component is used
     fresh contract  every path parameter is declared
     fresh contract  every secured operation lists 401
     fresh contract  every status has its body
     fresh contract  every example is valid
     fresh contract  every format and extension is known
    failed contract  the server's trait can be generated
             openapi.yaml:20:69: an error body `Name` beside `Error`: a method of dropshot has one error type
                 20 |         '404': { description: None., content: { application/json: { schema: { $ref: '#/components/schemas/Name' } } } }
                    |                                                                     ^^^^^^
               at /paths/~1things/get/responses/404/content/application~1json/schema
               help: use one schema for all errors of an operation, if need be with `oneOf`
    failed contract  the client can be generated
             openapi.yaml:20:9: the client has one type for all errors of an operation, but 404 has another body than 401
                 20 |         '404': { description: None., content: { application/json: { schema: { $ref: '#/components/schemas/Name' } } } }
                    |         ^^^^^
               at /paths/~1things/get/responses/404
               help: give both the same schema, or make two operations

    8 fresh, 0 stale, 2 failed
    next: mend what failed, then cargo xtask verify --only contract
    ");
}

#[test]
fn defaults_and_the_examples_of_media_types_and_headers_are_held_against_their_schemas() {
    let text = GOOD
        .replace("maxLength: 3, example: abc", "maxLength: 3, default: abcd")
        .replace(
            "              schema: { $ref: '#/components/schemas/Thing' }\n",
            "              schema: { $ref: '#/components/schemas/Thing' }
              examples:
                good: { value: { name: a } }
                bad: { value: { name: 1 } }
          headers:
            X-Left: { description: How many are left., schema: { type: integer }, example: many }
",
        );
    insta::assert_snapshot!(failures(&text), @r#"
    failed contract  every example is valid
             openapi.yaml:21:24: not a value of its schema: /name: 1 is not of type "string"
                 21 |                 bad: { value: { name: 1 } }
                    |                        ^^^^^
               at /paths/~1things/get/responses/200/content/application~1json/examples/bad/value
               help: mend the value or the schema
             openapi.yaml:23:83: not a value of its schema: "many" is not of type "integer"
                 23 |             X-Left: { description: How many are left., schema: { type: integer }, example: many }
                    |                                                                                   ^^^^^^^
               at /paths/~1things/get/responses/200/headers/X-Left/example
               help: mend the value or the schema
             openapi.yaml:42:74: not a value of its schema: "abcd" is longer than 3 characters
                 42 |     Name: { type: string, description: What it is called., maxLength: 3, default: abcd }
                    |                                                                          ^^^^^^^
               at /components/schemas/Name/default
               help: mend the value or the schema
    failed contract  the server's trait can be generated
             openapi.yaml:19:15: `examples` of a Media Type Object is not supported
                 19 |               examples:
                    |               ^^^^^^^^
               at /paths/~1things/get/responses/200/content/application~1json/examples
               help: put the example into the schema
             openapi.yaml:23:83: `example` of a Header Object is not supported
                 23 |             X-Left: { description: How many are left., schema: { type: integer }, example: many }
                    |                                                                                   ^^^^^^^
               at /paths/~1things/get/responses/200/headers/X-Left/example
               help: put the example into the schema
             openapi.yaml:42:74: a default that is no value of its schema: 4 characters
                 42 |     Name: { type: string, description: What it is called., maxLength: 3, default: abcd }
                    |                                                                          ^^^^^^^
               at /components/schemas/Name/default
               help: write one that is, or change the schema

    0 fresh, 0 stale, 2 failed
    next: mend what failed, then cargo xtask verify --only contract
    "#);
}
