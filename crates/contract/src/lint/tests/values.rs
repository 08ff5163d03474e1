use super::*;

#[test]
fn an_example_that_is_too_long_or_lacks_a_field_is_found() {
    let text = GOOD
        .replace("example: abc", "example: abcd")
        .replace("example: { name: a }", "example: { nam: a }");
    insta::assert_snapshot!(report(&text), @r#"
    every example is valid
      openapi.yaml:36:7: not a value of its schema: "name" is a required property (at /components/schemas/Thing/example); correct the value or the schema
      openapi.yaml:37:74: not a value of its schema: "abcd" is longer than 3 characters (at /components/schemas/Name/example); correct the value or the schema
    "#);
}

#[test]
fn a_pattern_that_is_none_is_found() {
    insta::assert_snapshot!(with("maxLength: 3, example: abc", "pattern: '(', example: abc"), @r#"
    every example is valid
      openapi.yaml:30:5: no value can be held against this schema: "(" is not a "regex" (at /components/schemas/Thing); correct the schema
      openapi.yaml:37:60: no text can be held against this pattern: "(" is not a "regex" (at /components/schemas/Name/pattern); write a regular expression as ECMA-262 has them
    "#);
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
    insta::assert_snapshot!(report(&text), @r#"
    every example is valid
      openapi.yaml:21:24: not a value of its schema: /name: 1 is not of type "string" (at /paths/~1things/get/responses/200/content/application~1json/examples/bad/value); correct the value or the schema
      openapi.yaml:23:83: not a value of its schema: "many" is not of type "integer" (at /paths/~1things/get/responses/200/headers/X-Left/example); correct the value or the schema
      openapi.yaml:42:74: not a value of its schema: "abcd" is longer than 3 characters (at /components/schemas/Name/default); correct the value or the schema
    "#);
}
