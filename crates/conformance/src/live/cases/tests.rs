use super::*;

const CONTRACT: &str = r"
openapi: 3.0.3
info: { title: t, version: 1.0.0 }
paths:
  /things/{id}:
    put:
      operationId: putThing
      parameters: [{ name: id, in: path, required: true, schema: { type: string, maxLength: 2 } }]
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: '#/components/schemas/Thing' } } }
      responses: { '204': { description: done } }
    get:
      operationId: getThing
      parameters: [{ name: id, in: path, required: true, schema: { type: string, maxLength: 2 } }]
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
    match cases(&contract, operation, 16 * 1024) {
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
    Read | PUT /things/1 | the parameter id a number | {"name":"ab","size":1}
    Refused(400) | PUT /things/1.5 | the parameter id a fraction | {"name":"ab","size":1}
    Refused(400) | PUT /things/true | the parameter id true | {"name":"ab","size":1}
    Read | PUT /things/x | the parameter id a text | {"name":"ab","size":1}
    Read | PUT /things/a | the parameter id of 1 characters | {"name":"ab","size":1}
    Read | PUT /things/aa | the parameter id of 2 characters | {"name":"ab","size":1}
    Refused(400) | PUT /things/aaa | the parameter id of 3 characters | {"name":"ab","size":1}
    Refused(400) | PUT /things/a | an empty body | 
    Refused(400) | PUT /things/a | a body that is cut | {"name":"ab","size":1
    Refused(400) | PUT /things/a | a body with more behind it | {"name":"ab","size":1}x
    Refused(400) | PUT /things/a | a body that is no UTF-8 | {"name":"ab","size":1}�
    Refused(400) | PUT /things/a | a body of brackets within brackets | [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
    Read | PUT /things/a | a body as long as the server reads | {"name":"ab","size":1}                                      
    Refused(413) | PUT /things/a | a body one byte too long | {"name":"ab","size":1}                                      
    Refused(415) | PUT /things/a | a body of no type | {"name":"ab","size":1}
    Refused(415) | PUT /things/a | a form | {"name":"ab","size":1}
    Refused(415) | PUT /things/a | a form of several parts | {"name":"ab","size":1}
    Refused(415) | PUT /things/a | plain text | {"name":"ab","size":1}
    Read | PUT /things/a | JSON with its charset | {"name":"ab","size":1}
    Refused(400) | PUT /things/a | a body null | null
    Refused(400) | PUT /things/a | a body a number | 1
    Refused(400) | PUT /things/a | a body a fraction | 1.5
    Refused(400) | PUT /things/a | a body true | true
    Refused(400) | PUT /things/a | a body a text | "x"
    Refused(400) | PUT /things/a | a body a list | []
    Refused(400) | PUT /things/a | a body an object | {}
    Read | PUT /things/a | a body with a field that is not listed | {"name":"ab","size":1,"verify-lists-no-such-field":1}
    Refused(400) | PUT /things/a | a body that is a list of its fields as they are written | ["ab",1]
    Refused(400) | PUT /things/a | a body that is a list of its fields by name | ["ab",1]
    Refused(400) | PUT /things/a | a body with name left out | {"size":1}
    Refused(400) | PUT /things/a | a body with name null | {"name":null,"size":1}
    Refused(400) | PUT /things/a | a body with name a number | {"name":1,"size":1}
    Refused(400) | PUT /things/a | a body with name a fraction | {"name":1.5,"size":1}
    Refused(400) | PUT /things/a | a body with name true | {"name":true,"size":1}
    Refused(400) | PUT /things/a | a body with name a text | {"name":"x","size":1}
    Refused(400) | PUT /things/a | a body with name a list | {"name":[],"size":1}
    Refused(400) | PUT /things/a | a body with name an object | {"name":{},"size":1}
    Refused(400) | PUT /things/a | a body with name of 1 characters | {"name":"a","size":1}
    Read | PUT /things/a | a body with name of 2 characters | {"name":"aa","size":1}
    Read | PUT /things/a | a body with name of 3 characters | {"name":"aaa","size":1}
    Refused(400) | PUT /things/a | a body with name of 4 characters | {"name":"aaaa","size":1}
    Read | PUT /things/a | a body with name "ab" | {"name":"ab","size":1}
    Refused(400) | PUT /things/a | a body with name "AB" | {"name":"AB","size":1}
    Refused(400) | PUT /things/a | a body with name "b" | {"name":"b","size":1}
    Read | PUT /things/a | a body with name "aab" | {"name":"aab","size":1}
    Refused(400) | PUT /things/a | a body with name "Zb" | {"name":"Zb","size":1}
    Refused(400) | PUT /things/a | a body with name "9b" | {"name":"9b","size":1}
    Refused(400) | PUT /things/a | a body with name "_b" | {"name":"_b","size":1}
    Refused(400) | PUT /things/a | a body with name "-b" | {"name":"-b","size":1}
    Refused(400) | PUT /things/a | a body with name "'b" | {"name":"'b","size":1}
    Refused(400) | PUT /things/a | a body with name ".b" | {"name":".b","size":1}
    Refused(400) | PUT /things/a | a body with name " b" | {"name":" b","size":1}
    Refused(400) | PUT /things/a | a body with name "/b" | {"name":"/b","size":1}
    Refused(400) | PUT /things/a | a body with name "éb" | {"name":"éb","size":1}
    Refused(400) | PUT /things/a | a body with name "\0b" | {"name":"\u0000b","size":1}
    Refused(400) | PUT /things/a | a body with name "ａb" | {"name":"ａb","size":1}
    Refused(400) | PUT /things/a | a body with name "a" | {"name":"a","size":1}
    Read | PUT /things/a | a body with name "abb" | {"name":"abb","size":1}
    Read | PUT /things/a | a body with name "aa" | {"name":"aa","size":1}
    Refused(400) | PUT /things/a | a body with name "aZ" | {"name":"aZ","size":1}
    Refused(400) | PUT /things/a | a body with name "a9" | {"name":"a9","size":1}
    Refused(400) | PUT /things/a | a body with name "a_" | {"name":"a_","size":1}
    Refused(400) | PUT /things/a | a body with name "a-" | {"name":"a-","size":1}
    Refused(400) | PUT /things/a | a body with name "a'" | {"name":"a'","size":1}
    Refused(400) | PUT /things/a | a body with name "a." | {"name":"a.","size":1}
    Refused(400) | PUT /things/a | a body with name "a " | {"name":"a ","size":1}
    Refused(400) | PUT /things/a | a body with name "a/" | {"name":"a/","size":1}
    Refused(400) | PUT /things/a | a body with name "aé" | {"name":"aé","size":1}
    Refused(400) | PUT /things/a | a body with name "a\0" | {"name":"a\u0000","size":1}
    Refused(400) | PUT /things/a | a body with name "aａ" | {"name":"aａ","size":1}
    Refused(400) | PUT /things/a | a body with name "ab\n" | {"name":"ab\n","size":1}
    Refused(400) | PUT /things/a | a body with name "\nab" | {"name":"\nab","size":1}
    Refused(400) | PUT /things/a | a body with name "ab ab" | {"name":"ab ab","size":1}
    Read | PUT /things/a | a body with size left out | {"name":"ab"}
    Refused(400) | PUT /things/a | a body with size null | {"name":"ab","size":null}
    Read | PUT /things/a | a body with size a number | {"name":"ab","size":1}
    Refused(400) | PUT /things/a | a body with size a fraction | {"name":"ab","size":1.5}
    Refused(400) | PUT /things/a | a body with size true | {"name":"ab","size":true}
    Refused(400) | PUT /things/a | a body with size a text | {"name":"ab","size":"x"}
    Refused(400) | PUT /things/a | a body with size a list | {"name":"ab","size":[]}
    Refused(400) | PUT /things/a | a body with size an object | {"name":"ab","size":{}}
    Refused(400) | PUT /things/a | a body with size -2147483649 | {"name":"ab","size":-2147483649}
    Refused(400) | PUT /things/a | a body with size -2147483648 | {"name":"ab","size":-2147483648}
    Refused(400) | PUT /things/a | a body with size -2147483647 | {"name":"ab","size":-2147483647}
    Read | PUT /things/a | a body with size 2147483646 | {"name":"ab","size":2147483646}
    Read | PUT /things/a | a body with size 2147483647 | {"name":"ab","size":2147483647}
    Refused(400) | PUT /things/a | a body with size 2147483648 | {"name":"ab","size":2147483648}
    Refused(400) | PUT /things/a | a body with size -1 | {"name":"ab","size":-1}
    Read | PUT /things/a | a body with size 0 | {"name":"ab","size":0}
    Read | PUT /things/a | a body with size 1 | {"name":"ab","size":1}
    Read | PUT /things/a | a body with note left out | {"name":"ab","size":1}
    Read | PUT /things/a | a body with note null | {"name":"ab","size":1,"note":null}
    Refused(400) | PUT /things/a | a body with note a number | {"name":"ab","size":1,"note":1}
    Refused(400) | PUT /things/a | a body with note a fraction | {"name":"ab","size":1,"note":1.5}
    Refused(400) | PUT /things/a | a body with note true | {"name":"ab","size":1,"note":true}
    Read | PUT /things/a | a body with note a text | {"name":"ab","size":1,"note":"x"}
    Refused(400) | PUT /things/a | a body with note a list | {"name":"ab","size":1,"note":[]}
    Refused(400) | PUT /things/a | a body with note an object | {"name":"ab","size":1,"note":{}}
    "#);
}

#[test]
fn an_operation_without_parameters_and_body_has_no_cases() {
    let text = CONTRACT
        .replace("parameters: [{ name: id, in: path, required: true, schema: { type: string, maxLength: 2 } }]\n", "summary: s\n");
    let contract = Contract::parse("openapi.yaml", &text).expect("a contract");
    assert!(
        cases(&contract, &contract.operations()[1], 16 * 1024)
            .expect("no problem")
            .is_empty()
    );
}

#[test]
fn a_body_that_may_be_left_out_is_left_out() {
    let text = CONTRACT.replace("        required: true\n", "");
    let contract = Contract::parse("openapi.yaml", &text).expect("a contract");
    let cases = cases(&contract, &contract.operations()[0], 16 * 1024).expect("no problem");
    let absent = cases
        .iter()
        .find(|case| case.name == "no body")
        .expect("it is tried");
    assert_eq!((absent.fate, absent.request.body.len()), (Fate::Read, 0));
}

#[test]
fn a_body_is_made_where_there_is_no_example() {
    let text = CONTRACT.replace("      example: { name: ab, size: 1 }\n", "");
    let contract = Contract::parse("openapi.yaml", &text).expect("a contract");
    let sample = sample(&contract, &contract.operations()[0]).expect("it can be made");
    insta::assert_json_snapshot!(sample.body, @r#"
    {
      "name": "aa",
      "size": 0,
      "note": "a"
    }
    "#);
    insta::assert_json_snapshot!(sample.parameters, @r#"
    [
      [
        "id",
        "a"
      ]
    ]
    "#);
    assert_eq!(sample.request.path, "/things/a");
}

#[test]
fn a_schema_that_nothing_is_known_to_fit_is_a_problem() {
    let text = CONTRACT
        .replace("      example: { name: ab, size: 1 }\n", "")
        .replace("[a-z]", "[xyz]");
    insta::assert_snapshot!(case_list(&text), @"
    openapi.yaml:11:40: no body can be made from this schema
        11 |         content: { application/json: { schema: { $ref: '#/components/schemas/Thing' } } }
           |                                        ^^^^^^
      at /paths/~1things~1{id}/put/requestBody/content/application~1json/schema
      help: give it an example that fits
    ");
}

#[test]
fn an_operation_that_sets_a_limit_of_its_own_is_asked_at_it() {
    let text = CONTRACT.replace(
        "      operationId: putThing\n",
        "      operationId: putThing\n      x-request-body-max-bytes: 100\n",
    );
    let contract = Contract::parse("openapi.yaml", &text).expect("a contract");
    let cases = cases(&contract, &contract.operations()[0], 16 * 1024).expect("no problem");
    let length = |name: &str| {
        let case = cases.iter().find(|case| case.name == name);
        case.expect("it is tried").request.body.len()
    };
    assert_eq!(length("a body as long as the server reads"), 100);
    assert_eq!(length("a body one byte too long"), 101);
}
