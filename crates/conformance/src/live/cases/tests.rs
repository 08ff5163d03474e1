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
    let contract = Contract::parse("openapi.yaml", text).expect("the contract is valid");
    let operation = &contract.operations()[0];
    match cases(&contract, operation, 16 * 1024) {
        Ok(cases) => cases
            .iter()
            .map(|case| {
                let body = String::from_utf8_lossy(&case.request.body);
                let body: String = body.chars().take(60).collect();
                format!(
                    "{:?} | {} {} | {} | {}",
                    case.expected, case.request.method, case.request.path, case.name, body
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
    Accepted | PUT /things/1 | the parameter `id` that is a number | {"name":"ab","size":1}
    Status(400) | PUT /things/1.5 | the parameter `id` that is a fraction | {"name":"ab","size":1}
    Status(400) | PUT /things/true | the parameter `id` that is true | {"name":"ab","size":1}
    Accepted | PUT /things/x | the parameter `id` that is a string | {"name":"ab","size":1}
    Accepted | PUT /things/a | the parameter `id` of 1 characters | {"name":"ab","size":1}
    Accepted | PUT /things/aa | the parameter `id` of 2 characters | {"name":"ab","size":1}
    Status(400) | PUT /things/aaa | the parameter `id` of 3 characters | {"name":"ab","size":1}
    Status(400) | PUT /things/a | an empty body | 
    Status(400) | PUT /things/a | a truncated body | {"name":"ab","size":1
    Status(400) | PUT /things/a | a body with trailing text | {"name":"ab","size":1}x
    Status(400) | PUT /things/a | a body that is not UTF-8 | {"name":"ab","size":1}�
    Status(400) | PUT /things/a | a deeply nested body | [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
    Accepted | PUT /things/a | a body of the maximum size | {"name":"ab","size":1}                                      
    Status(413) | PUT /things/a | a body one byte over the maximum size | {"name":"ab","size":1}                                      
    Status(415) | PUT /things/a | a body without a media type | {"name":"ab","size":1}
    Status(415) | PUT /things/a | a form | {"name":"ab","size":1}
    Status(415) | PUT /things/a | a multipart form | {"name":"ab","size":1}
    Status(415) | PUT /things/a | plain text | {"name":"ab","size":1}
    Accepted | PUT /things/a | JSON with its charset | {"name":"ab","size":1}
    Status(400) | PUT /things/a | a body that is null | null
    Status(400) | PUT /things/a | a body that is a number | 1
    Status(400) | PUT /things/a | a body that is a fraction | 1.5
    Status(400) | PUT /things/a | a body that is true | true
    Status(400) | PUT /things/a | a body that is a string | "x"
    Status(400) | PUT /things/a | a body that is an array | []
    Status(400) | PUT /things/a | a body that is an object | {}
    Accepted | PUT /things/a | a body with an unlisted field | {"name":"ab","size":1,"verify-lists-no-such-field":1}
    Status(400) | PUT /things/a | a body that is an array of its values in written order | ["ab",1]
    Status(400) | PUT /things/a | a body that is an array of its values in order of names | ["ab",1]
    Status(400) | PUT /things/a | a body without `name` | {"size":1}
    Status(400) | PUT /things/a | a body with `name` that is null | {"name":null,"size":1}
    Status(400) | PUT /things/a | a body with `name` that is a number | {"name":1,"size":1}
    Status(400) | PUT /things/a | a body with `name` that is a fraction | {"name":1.5,"size":1}
    Status(400) | PUT /things/a | a body with `name` that is true | {"name":true,"size":1}
    Status(400) | PUT /things/a | a body with `name` that is a string | {"name":"x","size":1}
    Status(400) | PUT /things/a | a body with `name` that is an array | {"name":[],"size":1}
    Status(400) | PUT /things/a | a body with `name` that is an object | {"name":{},"size":1}
    Status(400) | PUT /things/a | a body with `name` of 1 characters | {"name":"a","size":1}
    Accepted | PUT /things/a | a body with `name` of 2 characters | {"name":"aa","size":1}
    Accepted | PUT /things/a | a body with `name` of 3 characters | {"name":"aaa","size":1}
    Status(400) | PUT /things/a | a body with `name` of 4 characters | {"name":"aaaa","size":1}
    Accepted | PUT /things/a | a body with `name` that is "ab" | {"name":"ab","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "AB" | {"name":"AB","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "b" | {"name":"b","size":1}
    Accepted | PUT /things/a | a body with `name` that is "aab" | {"name":"aab","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "Zb" | {"name":"Zb","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "9b" | {"name":"9b","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "_b" | {"name":"_b","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "-b" | {"name":"-b","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "'b" | {"name":"'b","size":1}
    Status(400) | PUT /things/a | a body with `name` that is ".b" | {"name":".b","size":1}
    Status(400) | PUT /things/a | a body with `name` that is " b" | {"name":" b","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "/b" | {"name":"/b","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "éb" | {"name":"éb","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "\0b" | {"name":"\u0000b","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "ａb" | {"name":"ａb","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "a" | {"name":"a","size":1}
    Accepted | PUT /things/a | a body with `name` that is "abb" | {"name":"abb","size":1}
    Accepted | PUT /things/a | a body with `name` that is "aa" | {"name":"aa","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "aZ" | {"name":"aZ","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "a9" | {"name":"a9","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "a_" | {"name":"a_","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "a-" | {"name":"a-","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "a'" | {"name":"a'","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "a." | {"name":"a.","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "a " | {"name":"a ","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "a/" | {"name":"a/","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "aé" | {"name":"aé","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "a\0" | {"name":"a\u0000","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "aａ" | {"name":"aａ","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "ab\n" | {"name":"ab\n","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "\nab" | {"name":"\nab","size":1}
    Status(400) | PUT /things/a | a body with `name` that is "ab ab" | {"name":"ab ab","size":1}
    Accepted | PUT /things/a | a body without `size` | {"name":"ab"}
    Status(400) | PUT /things/a | a body with `size` that is null | {"name":"ab","size":null}
    Accepted | PUT /things/a | a body with `size` that is a number | {"name":"ab","size":1}
    Status(400) | PUT /things/a | a body with `size` that is a fraction | {"name":"ab","size":1.5}
    Status(400) | PUT /things/a | a body with `size` that is true | {"name":"ab","size":true}
    Status(400) | PUT /things/a | a body with `size` that is a string | {"name":"ab","size":"x"}
    Status(400) | PUT /things/a | a body with `size` that is an array | {"name":"ab","size":[]}
    Status(400) | PUT /things/a | a body with `size` that is an object | {"name":"ab","size":{}}
    Status(400) | PUT /things/a | a body with `size` that is -2147483649 | {"name":"ab","size":-2147483649}
    Status(400) | PUT /things/a | a body with `size` that is -2147483648 | {"name":"ab","size":-2147483648}
    Status(400) | PUT /things/a | a body with `size` that is -2147483647 | {"name":"ab","size":-2147483647}
    Accepted | PUT /things/a | a body with `size` that is 2147483646 | {"name":"ab","size":2147483646}
    Accepted | PUT /things/a | a body with `size` that is 2147483647 | {"name":"ab","size":2147483647}
    Status(400) | PUT /things/a | a body with `size` that is 2147483648 | {"name":"ab","size":2147483648}
    Status(400) | PUT /things/a | a body with `size` that is -1 | {"name":"ab","size":-1}
    Accepted | PUT /things/a | a body with `size` that is 0 | {"name":"ab","size":0}
    Accepted | PUT /things/a | a body with `size` that is 1 | {"name":"ab","size":1}
    Accepted | PUT /things/a | a body without `note` | {"name":"ab","size":1}
    Accepted | PUT /things/a | a body with `note` that is null | {"name":"ab","size":1,"note":null}
    Status(400) | PUT /things/a | a body with `note` that is a number | {"name":"ab","size":1,"note":1}
    Status(400) | PUT /things/a | a body with `note` that is a fraction | {"name":"ab","size":1,"note":1.5}
    Status(400) | PUT /things/a | a body with `note` that is true | {"name":"ab","size":1,"note":true}
    Accepted | PUT /things/a | a body with `note` that is a string | {"name":"ab","size":1,"note":"x"}
    Status(400) | PUT /things/a | a body with `note` that is an array | {"name":"ab","size":1,"note":[]}
    Status(400) | PUT /things/a | a body with `note` that is an object | {"name":"ab","size":1,"note":{}}
    "#);
}

#[test]
fn operation_without_input_has_no_cases() {
    let text = CONTRACT
        .replace("parameters: [{ name: id, in: path, required: true, schema: { type: string, maxLength: 2 } }]\n", "summary: s\n");
    let contract = Contract::parse("openapi.yaml", &text).expect("the contract is valid");
    assert!(
        cases(&contract, &contract.operations()[1], 16 * 1024)
            .expect("the cases can be generated")
            .is_empty()
    );
}

#[test]
fn optional_body_is_omitted_in_one_case() {
    let text = CONTRACT.replace("        required: true\n", "");
    let contract = Contract::parse("openapi.yaml", &text).expect("the contract is valid");
    let cases =
        cases(&contract, &contract.operations()[0], 16 * 1024).expect("the cases can be generated");
    let absent = cases
        .iter()
        .find(|case| case.name == "no body")
        .expect("the case exists");
    assert_eq!(
        (absent.expected, absent.request.body.len()),
        (Expect::Accepted, 0)
    );
}

#[test]
fn body_without_an_example_is_generated() {
    let text = CONTRACT.replace("      example: { name: ab, size: 1 }\n", "");
    let contract = Contract::parse("openapi.yaml", &text).expect("the contract is valid");
    let sample = sample(&contract, &contract.operations()[0]).expect("generation succeeds");
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
fn schema_without_a_known_valid_value_is_reported() {
    let text = CONTRACT
        .replace("      example: { name: ab, size: 1 }\n", "")
        .replace("[a-z]", "[xyz]");
    insta::assert_snapshot!(case_list(&text), @"
    openapi.yaml:11:40: no valid body can be generated from this schema
        11 |         content: { application/json: { schema: { $ref: '#/components/schemas/Thing' } } }
           |                                        ^^^^^^
      at /paths/~1things~1{id}/put/requestBody/content/application~1json/schema
      help: add a valid example
    ");
}

#[test]
fn body_limit_of_an_operation_is_tested() {
    let text = CONTRACT.replace(
        "      operationId: putThing\n",
        "      operationId: putThing\n      x-request-body-max-bytes: 100\n",
    );
    let contract = Contract::parse("openapi.yaml", &text).expect("the contract is valid");
    let cases =
        cases(&contract, &contract.operations()[0], 16 * 1024).expect("the cases can be generated");
    let length = |name: &str| {
        let case = cases.iter().find(|case| case.name == name);
        case.expect("the case exists").request.body.len()
    };
    assert_eq!(length("a body of the maximum size"), 100);
    assert_eq!(length("a body one byte over the maximum size"), 101);
}
