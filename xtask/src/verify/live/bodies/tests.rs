//! The bodies that are made from a small contract.

use super::*;

const CONTRACT: &str = r"
openapi: 3.0.3
info: { title: t, version: 1.0.0 }
paths:
  /things/{id}:
    put:
      operationId: putThing
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: '#/components/schemas/Thing' } } }
      responses: { '204': { description: done } }
    get:
      operationId: getThing
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses: { '204': { description: done } }
components:
  schemas:
    Thing:
      type: object
      required: [name]
      properties:
        name: { type: string, minLength: 2, maxLength: 3, pattern: '^[a-z]+$' }
        size: { type: integer, format: int32, minimum: 0 }
        note: { type: string, nullable: true }
      example: { name: ab, size: 1 }
";

fn case_list(text: &str) -> String {
    let contract = Contract::parse("openapi.yaml", text).expect("a contract");
    let operation = &contract.operations()[0];
    match cases(&contract, operation) {
        Ok(cases) => cases
            .iter()
            .map(|case| {
                let body = String::from_utf8_lossy(&case.request.body);
                let body: String = body.chars().take(60).collect();
                format!(
                    "{:?} | {} {} | {} | {}",
                    case.fate, case.request.method, case.request.path, case.name, body
                )
            })
            .collect::<Vec<_>>()
            .join("\n"),
        Err(problem) => {
            let mut out = String::new();
            problem.render(&mut out);
            anstream::adapter::strip_str(&out).to_string()
        }
    }
}

#[test]
fn every_bound_of_every_field_becomes_a_case() {
    insta::assert_snapshot!(case_list(CONTRACT), @r#"
    Refused(400) | PUT /things/x | an empty body | 
    Refused(400) | PUT /things/x | a body that is cut | {"name":"ab","size":1
    Refused(400) | PUT /things/x | a body with more behind it | {"name":"ab","size":1}x
    Refused(400) | PUT /things/x | a body that is no UTF-8 | {"name":"ab","size":1}�
    Refused(400) | PUT /things/x | a body of brackets within brackets | [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
    Read | PUT /things/x | a body as long as the server reads | {"name":"ab","size":1}                                      
    Refused(413) | PUT /things/x | a body one byte too long | {"name":"ab","size":1}                                      
    Refused(415) | PUT /things/x | a body of no type | {"name":"ab","size":1}
    Refused(415) | PUT /things/x | a form | {"name":"ab","size":1}
    Refused(415) | PUT /things/x | a form of several parts | {"name":"ab","size":1}
    Refused(415) | PUT /things/x | plain text | {"name":"ab","size":1}
    Read | PUT /things/x | JSON with its charset | {"name":"ab","size":1}
    Refused(400) | PUT /things/x | null in place of the body | null
    Refused(400) | PUT /things/x | a list in place of the body | []
    Refused(400) | PUT /things/x | a text in place of the body | "x"
    Refused(400) | PUT /things/x | a number in place of the body | 1
    Read | PUT /things/x | a field that is not listed | {"name":"ab","size":1,"verify-lists-no-such-field":1}
    Refused(400) | PUT /things/x | name left out | {"size":1}
    Refused(400) | PUT /things/x | name null | {"name":null,"size":1}
    Refused(400) | PUT /things/x | name a number | {"name":1,"size":1}
    Refused(400) | PUT /things/x | name true | {"name":true,"size":1}
    Refused(400) | PUT /things/x | name a list | {"name":[],"size":1}
    Refused(400) | PUT /things/x | name an object | {"name":{},"size":1}
    Refused(400) | PUT /things/x | name of 1 characters | {"name":"a","size":1}
    Read | PUT /things/x | name of 2 characters | {"name":"aa","size":1}
    Read | PUT /things/x | name of 3 characters | {"name":"aaa","size":1}
    Refused(400) | PUT /things/x | name of 4 characters | {"name":"aaaa","size":1}
    Refused(400) | PUT /things/x | name " " | {"name":" ","size":1}
    Refused(400) | PUT /things/x | name "a b" | {"name":"a b","size":1}
    Refused(400) | PUT /things/x | name "é" | {"name":"é","size":1}
    Refused(400) | PUT /things/x | name "a\n" | {"name":"a\n","size":1}
    Refused(400) | PUT /things/x | name "\na" | {"name":"\na","size":1}
    Refused(400) | PUT /things/x | name "." | {"name":".","size":1}
    Refused(400) | PUT /things/x | name ".a" | {"name":".a","size":1}
    Refused(400) | PUT /things/x | name "a." | {"name":"a.","size":1}
    Refused(400) | PUT /things/x | name "a.b" | {"name":"a.b","size":1}
    Refused(400) | PUT /things/x | name "a..b" | {"name":"a..b","size":1}
    Refused(400) | PUT /things/x | name "a_b" | {"name":"a_b","size":1}
    Refused(400) | PUT /things/x | name "a-b" | {"name":"a-b","size":1}
    Refused(400) | PUT /things/x | name "a'b" | {"name":"a'b","size":1}
    Refused(400) | PUT /things/x | name "'a'" | {"name":"'a'","size":1}
    Refused(400) | PUT /things/x | name "Ab9" | {"name":"Ab9","size":1}
    Refused(400) | PUT /things/x | name "a@b" | {"name":"a@b","size":1}
    Refused(400) | PUT /things/x | name "a/b" | {"name":"a/b","size":1}
    Refused(400) | PUT /things/x | name "a\0b" | {"name":"a\u0000b","size":1}
    Refused(400) | PUT /things/x | name "ａ" | {"name":"ａ","size":1}
    Refused(400) | PUT /things/x | name "<a>" | {"name":"<a>","size":1}
    Read | PUT /things/x | size left out | {"name":"ab"}
    Refused(400) | PUT /things/x | size null | {"name":"ab","size":null}
    Refused(400) | PUT /things/x | size true | {"name":"ab","size":true}
    Refused(400) | PUT /things/x | size a text | {"name":"ab","size":"x"}
    Refused(400) | PUT /things/x | size a list | {"name":"ab","size":[]}
    Refused(400) | PUT /things/x | size an object | {"name":"ab","size":{}}
    Refused(400) | PUT /things/x | size -1 | {"name":"ab","size":-1}
    Read | PUT /things/x | size 0 | {"name":"ab","size":0}
    Read | PUT /things/x | size 2147483647 | {"name":"ab","size":2147483647}
    Refused(400) | PUT /things/x | size 2147483648 | {"name":"ab","size":2147483648}
    Read | PUT /things/x | note left out | {"name":"ab","size":1}
    Refused(400) | PUT /things/x | note a number | {"name":"ab","size":1,"note":1}
    Refused(400) | PUT /things/x | note true | {"name":"ab","size":1,"note":true}
    Refused(400) | PUT /things/x | note a list | {"name":"ab","size":1,"note":[]}
    Refused(400) | PUT /things/x | note an object | {"name":"ab","size":1,"note":{}}
    "#);
}

#[test]
fn an_operation_without_body_has_no_cases() {
    let contract = Contract::parse("openapi.yaml", CONTRACT).expect("a contract");
    assert!(
        cases(&contract, &contract.operations()[1])
            .expect("no problem")
            .is_empty()
    );
}

#[test]
fn a_schema_without_example_is_a_problem() {
    insta::assert_snapshot!(case_list(&CONTRACT.replace("      example: { name: ab, size: 1 }\n", "")), @"
    openapi.yaml:19:5: no body can be made from this schema
        19 |     Thing:
           |     ^^^^^
      at /components/schemas/Thing
      help: give it an example
    ");
}

#[test]
fn a_pattern_that_no_filler_fits_is_a_problem() {
    insta::assert_snapshot!(case_list(&CONTRACT.replace("[a-z]", "[xyz]")), @"
    openapi.yaml:23:9: verify cannot make name of 2 characters
        23 |         name: { type: string, minLength: 2, maxLength: 3, pattern: '^[xyz]+$' }
           |         ^^^^
      at /components/schemas/Thing/properties/name
      help: teach `FILLERS` in xtask/src/verify/live/bodies.rs a character that the pattern allows
    ");
}
