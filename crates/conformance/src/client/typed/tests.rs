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

fn said(operation: usize, request: &Request) -> String {
    let contract = Contract::parse("openapi.yaml", CONTRACT).expect("a contract");
    let mut driver = Driver::run(Command::new("sh").args(["-c", "exec cat"])).expect("it starts");
    let nowhere = Sender::to("http://127.0.0.1:1".to_owned()).expect("a client");
    let typed = Typed {
        contract: &contract,
        schemas: Schemas::of(&contract),
        proxy: RecordingProxy::open(Source::Server(nowhere)).expect("a port"),
        driver: &mut driver,
        carrier: Some(Carrier::Bearer),
        covered: BTreeSet::new(),
        problems: BTreeMap::new(),
        broken: None,
    };
    match typed.express(&contract.operations()[operation], request) {
        Some(Expressed { token, arguments }) => format!("{token:?} {arguments}"),
        None => "it cannot be said".to_owned(),
    }
}

fn put(path: &str) -> Request {
    Request::new("PUT", path)
}

#[test]
fn parameters_a_token_and_a_body_are_said() {
    let request = put("/things/a%20b?page=2")
        .header("X-Kind", "7")
        .bearer("T")
        .json(&serde_json::json!({ "a": 1 }));
    insta::assert_snapshot!(said(0, &request), @r#"Some("T") {"id":"a b","page":2,"X-Kind":"7","body":{"a":1}}"#);
    insta::assert_snapshot!(said(1, &Request::new("GET", "/things/1")), @r#"None {"id":"1"}"#);
}

#[test]
fn what_the_types_do_not_know_is_not_said() {
    let body = serde_json::json!({ "a": 1 });
    let unsaid = [
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
    for request in unsaid {
        assert_eq!(said(0, &request), "it cannot be said", "{request:?}");
    }
    let request = Request::new("GET", "/things/1").body(None, "a");
    assert_eq!(said(1, &request), "it cannot be said");
}
