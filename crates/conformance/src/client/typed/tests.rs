use std::process::Command;

use super::*;

const CONTRACT: &str = r"
openapi: 3.0.3
info: { title: t, version: 1.0.0 }
paths:
  /things/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    put:
      operationId: putThing
      parameters:
        - { name: page, in: query, schema: { type: integer } }
        - { name: X-Kind, in: header, schema: { type: string } }
      requestBody:
        content:
          application/json:
            schema: { type: object, required: [a], properties: { a: { type: integer } } }
      responses: { '204': { description: done } }
    get:
      operationId: getThing
      responses: { '204': { description: done } }
";

fn call_text(operation: usize, request: &Request) -> String {
    let contract = Contract::parse("openapi.yaml", CONTRACT).expect("the contract is valid");
    let mut driver =
        Driver::run(Command::new("sh").args(["-c", "exec cat"])).expect("the shell starts");
    let nowhere = Sender::to("http://127.0.0.1:1".to_owned()).expect("the client builds");
    let transport = ClientTransport {
        contract: &contract,
        schemas: Schemas::for_responses(&contract),
        proxy: RecordingProxy::open(Source::Server(nowhere)).expect("a port is free"),
        driver: &mut driver,
        carrier: Some(Carrier::Bearer),
        covered: BTreeSet::new(),
        problems: BTreeMap::new(),
        broken: None,
    };
    match transport.to_call(&contract.operations()[operation], request) {
        Some(ClientCall { token, arguments }) => format!("{token:?} {arguments}"),
        None => "no call".to_owned(),
    }
}

fn put(path: &str) -> Request {
    Request::new("PUT", path)
}

#[test]
fn request_with_parameters_token_and_body_converts_to_a_call() {
    let request = put("/things/a%20b?page=2")
        .header("X-Kind", "7")
        .bearer("T")
        .json(&serde_json::json!({ "a": 1 }));
    insta::assert_snapshot!(call_text(0, &request), @r#"Some("T") {"id":"a b","page":2,"X-Kind":"7","body":{"a":1}}"#);
    insta::assert_snapshot!(call_text(1, &Request::new("GET", "/things/1")), @r#"None {"id":"1"}"#);
}

#[test]
fn request_outside_the_client_types_converts_to_no_call() {
    let body = serde_json::json!({ "a": 1 });
    let not_expressible = [
        put("/things/1"),
        put("/things/1").body(Some("text/plain"), "a"),
        put("/things/1").json(&serde_json::json!({ "a": "x" })),
        put("/things/1").json(&serde_json::json!({ "a": 1, "b": 2 })),
        put("/things/1?page=x").json(&body),
        put("/things/1?more=1").json(&body),
        put("/things/1").cookie("session", "T").json(&body),
        put("/things/1")
            .header("Authorization", "Basic T")
            .json(&body),
    ];
    for request in not_expressible {
        assert_eq!(call_text(0, &request), "no call", "{request:?}");
    }
    let request = Request::new("GET", "/things/1").body(None, "a");
    assert_eq!(call_text(1, &request), "no call");
}
