use super::*;

const CONTRACT: &str = r"
openapi: 3.0.3
info: { title: t, version: 1.0.0 }
paths:
  /things/{id}:
    parameters:
      - { name: id, in: path, required: true, schema: { type: string, maxLength: 2 } }
      - { name: page, in: query, schema: { type: string } }
    get:
      operationId: getThing
      parameters:
        - { name: page, in: query, schema: { type: integer, format: int32, minimum: 1 } }
        - { name: X-Kind, in: header, required: true, schema: { type: string, enum: [a b, c] } }
      responses: { '204': { description: done } }
";

#[test]
fn every_bound_of_every_parameter_becomes_a_case() {
    let contract = Contract::parse("openapi.yaml", CONTRACT).expect("the contract is valid");
    let operation = &contract.operations()[0];
    let values = Values::of(&contract);
    let parameters =
        Parameters::of(&contract, operation, &values).expect("the parameters are valid");
    let cases = parameters.cases(&values);
    let lines: Vec<String> = cases
        .iter()
        .map(|case| {
            let Request { path, headers, .. } = &case.request;
            format!("{:?} | {path} {headers:?} | {}", case.expected, case.name)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    Accepted | /things/1?page=1 [("X-Kind", "a b")] | the parameter `id` that is a number
    Status(400) | /things/1.5?page=1 [("X-Kind", "a b")] | the parameter `id` that is a fraction
    Status(400) | /things/true?page=1 [("X-Kind", "a b")] | the parameter `id` that is true
    Accepted | /things/x?page=1 [("X-Kind", "a b")] | the parameter `id` that is a string
    Accepted | /things/a?page=1 [("X-Kind", "a b")] | the parameter `id` of 1 characters
    Accepted | /things/aa?page=1 [("X-Kind", "a b")] | the parameter `id` of 2 characters
    Status(400) | /things/aaa?page=1 [("X-Kind", "a b")] | the parameter `id` of 3 characters
    Accepted | /things/a [("X-Kind", "a b")] | without the parameter `page`
    Accepted | /things/a?page=1 [("X-Kind", "a b")] | the parameter `page` that is a number
    Status(400) | /things/a?page=1.5 [("X-Kind", "a b")] | the parameter `page` that is a fraction
    Status(400) | /things/a?page=true [("X-Kind", "a b")] | the parameter `page` that is true
    Status(400) | /things/a?page=x [("X-Kind", "a b")] | the parameter `page` that is a string
    Status(400) | /things/a?page=-2147483649 [("X-Kind", "a b")] | the parameter `page` that is -2147483649
    Status(400) | /things/a?page=-2147483648 [("X-Kind", "a b")] | the parameter `page` that is -2147483648
    Status(400) | /things/a?page=-2147483647 [("X-Kind", "a b")] | the parameter `page` that is -2147483647
    Accepted | /things/a?page=2147483646 [("X-Kind", "a b")] | the parameter `page` that is 2147483646
    Accepted | /things/a?page=2147483647 [("X-Kind", "a b")] | the parameter `page` that is 2147483647
    Status(400) | /things/a?page=2147483648 [("X-Kind", "a b")] | the parameter `page` that is 2147483648
    Status(400) | /things/a?page=0 [("X-Kind", "a b")] | the parameter `page` that is 0
    Accepted | /things/a?page=1 [("X-Kind", "a b")] | the parameter `page` that is 1
    Accepted | /things/a?page=2 [("X-Kind", "a b")] | the parameter `page` that is 2
    Status(400) | /things/a?page=1 [] | without the parameter `X-Kind`
    Status(400) | /things/a?page=1 [("X-Kind", "1")] | the parameter `X-Kind` that is a number
    Status(400) | /things/a?page=1 [("X-Kind", "1.5")] | the parameter `X-Kind` that is a fraction
    Status(400) | /things/a?page=1 [("X-Kind", "true")] | the parameter `X-Kind` that is true
    Status(400) | /things/a?page=1 [("X-Kind", "x")] | the parameter `X-Kind` that is a string
    Accepted | /things/a?page=1 [("X-Kind", "a b")] | the parameter `X-Kind` that is "a b"
    Accepted | /things/a?page=1 [("X-Kind", "c")] | the parameter `X-Kind` that is "c"
    Status(400) | /things/a?page=1 [("X-Kind", "a bx")] | the parameter `X-Kind` that is "a bx"
    Status(400) | /things/a?page=1 [("X-Kind", "A B")] | the parameter `X-Kind` that is "A B"
    "#);
}

#[test]
fn parameter_without_a_known_valid_value_is_reported() {
    let text = CONTRACT.replace(
        "type: string, maxLength: 2",
        "type: string, pattern: '^q{3}$'",
    );
    let contract = Contract::parse("openapi.yaml", &text).expect("the contract is valid");
    let operation = &contract.operations()[0];
    let problem = Parameters::of(&contract, operation, &Values::of(&contract))
        .err()
        .expect("generation fails");
    let mut out = String::new();
    problem.render(&mut out);
    insta::assert_snapshot!(anstream::adapter::strip_str(&out).to_string(), @"
    openapi.yaml:7:47: no valid value can be generated for the parameter `id`
         7 |       - { name: id, in: path, required: true, schema: { type: string, pattern: '^q{3}$' } }
           |                                               ^^^^^^
      at /paths/~1things~1{id}/parameters/0/schema
      help: add an example to its schema
    ");
}
