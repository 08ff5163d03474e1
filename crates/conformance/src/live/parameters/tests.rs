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
    let contract = Contract::parse("openapi.yaml", CONTRACT).expect("a contract");
    let operation = &contract.operations()[0];
    let values = Values::of(&contract);
    let parameters = Parameters::of(&contract, operation, &values).expect("they can be read");
    let cases = parameters.cases(&values);
    let lines: Vec<String> = cases
        .iter()
        .map(|case| {
            let Request { path, headers, .. } = &case.request;
            format!("{:?} | {path} {headers:?} | {}", case.fate, case.name)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    Read | /things/1?page=1 [("X-Kind", "a b")] | the parameter id a number
    Refused(400) | /things/1.5?page=1 [("X-Kind", "a b")] | the parameter id a fraction
    Refused(400) | /things/true?page=1 [("X-Kind", "a b")] | the parameter id true
    Read | /things/x?page=1 [("X-Kind", "a b")] | the parameter id a text
    Read | /things/a?page=1 [("X-Kind", "a b")] | the parameter id of 1 characters
    Read | /things/aa?page=1 [("X-Kind", "a b")] | the parameter id of 2 characters
    Refused(400) | /things/aaa?page=1 [("X-Kind", "a b")] | the parameter id of 3 characters
    Read | /things/a [("X-Kind", "a b")] | the parameter page left out
    Read | /things/a?page=1 [("X-Kind", "a b")] | the parameter page a number
    Refused(400) | /things/a?page=1.5 [("X-Kind", "a b")] | the parameter page a fraction
    Refused(400) | /things/a?page=true [("X-Kind", "a b")] | the parameter page true
    Refused(400) | /things/a?page=x [("X-Kind", "a b")] | the parameter page a text
    Refused(400) | /things/a?page=-2147483649 [("X-Kind", "a b")] | the parameter page -2147483649
    Refused(400) | /things/a?page=-2147483648 [("X-Kind", "a b")] | the parameter page -2147483648
    Refused(400) | /things/a?page=-2147483647 [("X-Kind", "a b")] | the parameter page -2147483647
    Read | /things/a?page=2147483646 [("X-Kind", "a b")] | the parameter page 2147483646
    Read | /things/a?page=2147483647 [("X-Kind", "a b")] | the parameter page 2147483647
    Refused(400) | /things/a?page=2147483648 [("X-Kind", "a b")] | the parameter page 2147483648
    Refused(400) | /things/a?page=0 [("X-Kind", "a b")] | the parameter page 0
    Read | /things/a?page=1 [("X-Kind", "a b")] | the parameter page 1
    Read | /things/a?page=2 [("X-Kind", "a b")] | the parameter page 2
    Refused(400) | /things/a?page=1 [] | the parameter X-Kind left out
    Refused(400) | /things/a?page=1 [("X-Kind", "1")] | the parameter X-Kind a number
    Refused(400) | /things/a?page=1 [("X-Kind", "1.5")] | the parameter X-Kind a fraction
    Refused(400) | /things/a?page=1 [("X-Kind", "true")] | the parameter X-Kind true
    Refused(400) | /things/a?page=1 [("X-Kind", "x")] | the parameter X-Kind a text
    Read | /things/a?page=1 [("X-Kind", "a b")] | the parameter X-Kind "a b"
    Read | /things/a?page=1 [("X-Kind", "c")] | the parameter X-Kind "c"
    Refused(400) | /things/a?page=1 [("X-Kind", "a bx")] | the parameter X-Kind "a bx"
    Refused(400) | /things/a?page=1 [("X-Kind", "A B")] | the parameter X-Kind "A B"
    "#);
}

#[test]
fn a_parameter_that_nothing_is_known_to_fit_is_a_problem() {
    let text = CONTRACT.replace(
        "type: string, maxLength: 2",
        "type: string, pattern: '^q{3}$'",
    );
    let contract = Contract::parse("openapi.yaml", &text).expect("a contract");
    let operation = &contract.operations()[0];
    let problem = Parameters::of(&contract, operation, &Values::of(&contract))
        .err()
        .expect("it cannot be made");
    let mut out = String::new();
    problem.render(&mut out);
    insta::assert_snapshot!(anstream::adapter::strip_str(&out).to_string(), @"
    openapi.yaml:7:47: no value can be made for the parameter `id`
         7 |       - { name: id, in: path, required: true, schema: { type: string, pattern: '^q{3}$' } }
           |                                               ^^^^^^
      at /paths/~1things~1{id}/parameters/0/schema
      help: give its schema an example
    ");
}
