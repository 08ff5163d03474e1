use super::*;

#[test]
fn invalid_examples_are_reported() {
    let text = GOOD
        .replace("example: abc", "example: abcd")
        .replace("example: { name: a }", "example: { nam: a }");
    insta::assert_snapshot!(report(&text), @r#"
    every example is valid
      openapi.yaml:36:7: the value does not match its schema: "name" is a required property (at /components/schemas/Thing/example); correct the value or the schema
      openapi.yaml:37:74: the value does not match its schema: "abcd" is longer than 3 characters (at /components/schemas/Name/example); correct the value or the schema
    "#);
}

#[test]
fn invalid_pattern_is_reported() {
    insta::assert_snapshot!(with("maxLength: 3, example: abc", "pattern: '(', example: abc"), @r#"
    every example is valid
      openapi.yaml:30:5: invalid schema: "(" is not a "regex" (at /components/schemas/Thing); correct the schema
      openapi.yaml:37:60: invalid pattern: "(" is not a "regex" (at /components/schemas/Name/pattern); write an ECMA-262 regular expression
    "#);
}

#[test]
fn invalid_defaults_and_examples_of_media_types_and_headers_are_reported() {
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
    insta::assert_snapshot!(report(&text), @r#"
    every example is valid
      openapi.yaml:21:24: the value does not match its schema: /name: 1 is not of type "string" (at /paths/~1things/get/responses/200/content/application~1json/examples/bad/value); correct the value or the schema
      openapi.yaml:23:83: the value does not match its schema: "many" is not of type "integer" (at /paths/~1things/get/responses/200/headers/X-Left/example); correct the value or the schema
      openapi.yaml:42:74: the value does not match its schema: "abcd" is longer than 3 characters (at /components/schemas/Name/default); correct the value or the schema
    "#);
}
