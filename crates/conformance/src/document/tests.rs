//! Tests with a document that dropshot emitted, and with planted differences.
//!
//! `pbx-login-server openapi --registered` printed `fixtures/emitted.json` for `fixtures/openapi.yaml`; dropshot
//! emitted `fixtures/beyond.json` for code that was generated from `fixtures/beyond.yaml`.

use serde_json::json;

use super::*;
use crate::report::tests::plain;
use crate::report::{Outcome, Report};

fn contract() -> Contract {
    Contract::parse("openapi.yaml", include_str!("fixtures/openapi.yaml"))
        .expect("the contract is valid")
}

fn emitted() -> Value {
    serde_json::from_str(include_str!("fixtures/emitted.json")).expect("the text is JSON")
}

/// Returns a contract with constructs that dropshot cannot document, and the emitted document.
fn beyond() -> (Contract, Value) {
    let contract = Contract::parse("beyond.yaml", include_str!("fixtures/beyond.yaml"));
    let emitted = serde_json::from_str(include_str!("fixtures/beyond.json"));
    (
        contract.expect("the contract is valid"),
        emitted.expect("the text is JSON"),
    )
}

fn problems(items: &[Item]) -> Vec<Problem> {
    items
        .iter()
        .flat_map(|item| match &item.outcome {
            Outcome::Fresh => Vec::new(),
            Outcome::Stale(problems) | Outcome::Failed(problems) => problems.clone(),
        })
        .collect()
}

#[derive(Debug)]
enum Plant {
    Set(&'static str, Value),
    Remove(&'static str),
}

impl Plant {
    fn into(self, document: &mut Value) {
        let pointer = match &self {
            Plant::Set(pointer, _) | Plant::Remove(pointer) => *pointer,
        };
        let (parent, key) = pointer
            .rsplit_once('/')
            .expect("a pointer into the document");
        let key = key.replace("~1", "/").replace("~0", "~");
        let parent = document.pointer_mut(parent).expect("the parent exists");
        let fields = parent.as_object_mut().expect("the value is an object");
        match self {
            Plant::Set(_, value) => {
                assert_ne!(
                    fields.insert(key, value.clone()),
                    Some(value),
                    "it changes something"
                );
            }
            Plant::Remove(_) => assert!(fields.remove(&key).is_some(), "{pointer} exists"),
        }
    }
}

fn report(plants: Vec<Plant>) -> String {
    let mut document = emitted();
    for plant in plants {
        plant.into(&mut document);
    }
    plain(&Report {
        items: compare(&contract(), &document, Tolerance::ALL),
    })
}

#[test]
fn emitted_document_is_fresh() {
    insta::assert_snapshot!(report(vec![]), @"
     fresh document  POST /login login
     fresh document  GET /login getLoginStatus
     fresh document  POST /logout logout
     fresh document  10 schemas
     fresh document  title, version, tags

    5 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
}

#[test]
fn limits_of_dropshot_are_tolerated_and_other_differences_are_not() {
    let (contract, mut emitted) = beyond();
    assert_eq!(
        problems(&compare(&contract, &emitted, Tolerance::ALL)),
        vec![]
    );
    for plant in [
        Plant::Set(
            "/paths/~1notes/put/requestBody/required",
            serde_json::Value::Bool(false),
        ),
        Plant::Set("/paths/~1notes/get/responses/200/description", json!("No.")),
        Plant::Set(
            "/paths/~1notes/get/responses/200/content",
            json!({ "application/json": { "schema": {} } }),
        ),
        Plant::Remove("/paths/~1notes/post/requestBody"),
    ] {
        plant.into(&mut emitted);
        let found = problems(&compare(&contract, &emitted, Tolerance::ALL));
        assert!(!found.is_empty());
        emitted = beyond().1;
    }
}

#[test]
fn each_tolerance_is_still_needed() {
    for without in Tolerance::ALL {
        let others: Vec<Tolerance> = Tolerance::ALL
            .iter()
            .copied()
            .filter(|it| it != without)
            .collect();
        let found = problems(&compare(&contract(), &emitted(), &others));
        let (contract, emitted) = beyond();
        let beyond = problems(&compare(&contract, &emitted, &others));
        assert!(
            !found.is_empty() || !beyond.is_empty(),
            "{without:?} is no longer needed: remove it from the table"
        );
    }
}

#[test]
fn report_shows_each_difference_at_its_location() {
    insta::assert_snapshot!(
        report(vec![
            Plant::Set("/components/schemas/Username/maxLength", json!(63)),
            Plant::Remove("/paths/~1logout/post/responses/204/headers/Set-Cookie"),
            Plant::Set("/paths/~1login/put", json!({ "operationId": "relogin", "responses": {} })),
            Plant::Set("/info/title", json!("Login")),
        ]),
        @r#"
     fresh document  POST /login login
     fresh document  GET /login getLoginStatus
    failed document  POST /logout logout
             openapi.yaml:130:5: the server's document differs at /paths/~1logout/post/responses/204/headers/Set-Cookie
                130 |     ClearedSessionCookie:
                    |     ^^^^^^^^^^^^^^^^^^^^
               at /components/headers/ClearedSessionCookie
               contract: {"description":"Makes a browser forget the cookie `session`.","required":true,"schema":{"example":"session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0","pattern":"^session=; HttpOnly; SameSite=Strict; (Secure; )?Path=/; Max-Age=0$","type":"string"}}
               server  : (nothing)
    failed document  10 schemas
             openapi.yaml:241:7: the server's document differs at /components/schemas/Username/maxLength
                241 |       maxLength: 64
                    |       ^^^^^^^^^
               at /components/schemas/Username/maxLength
               contract: 64
               server  : 63
    failed document  title, version, tags
             openapi.yaml:11:3: the server's document differs at /info/title
                 11 |   title: PBX Login
                    |   ^^^^^
               at /info/title
               contract: "PBX Login"
               server  : "Login"
    failed document  PUT /login
             openapi.yaml:26:3: the server's document differs at /paths/~1login/put
                 26 |   /login:
                    |   ^^^^^^
               at /paths/~1login
               contract: (nothing)
               server  : {"operationId":"relogin","responses":{}}

    2 fresh, 0 stale, 4 failed
    next: fix the failures, then cargo xtask verify --only document
    "#
    );
}

#[test]
fn difference_of_every_kind_is_reported() {
    use Plant::{Remove, Set};
    let error = json!({ "type": "object", "required": ["message"], "properties": { "message": { "type": "string" } } });
    let plants = vec![
        // Schemas
        Set("/components/schemas/Username/maxLength", json!(65)),
        Remove("/components/schemas/Username/minLength"),
        Set("/components/schemas/Username/pattern", json!("^.*$")),
        Set("/components/schemas/Username/enum", json!(["alice"])),
        Set("/components/schemas/Username/nullable", json!(true)),
        Remove("/components/schemas/ExpiresAt/format"),
        Set("/components/schemas/ExpiresIn/format", json!("int64")),
        Remove("/components/schemas/ExpiresIn/readOnly"),
        Set("/components/schemas/ExpiresIn/type", json!("number")),
        Set("/components/schemas/Role/example", json!("Admin")),
        Set(
            "/components/schemas/Role/description",
            json!("What the user may do."),
        ),
        Remove("/components/schemas/AccessToken/x-secret"),
        Set(
            "/components/schemas/LoginCredentials/required",
            json!(["username"]),
        ),
        Remove("/components/schemas/LoginCredentials/properties/domain"),
        Set(
            "/components/schemas/LoginCredentials/additionalProperties",
            json!(false),
        ),
        Set(
            "/components/schemas/LoginStatus/properties/more",
            json!({ "type": "string" }),
        ),
        Set(
            "/components/schemas/LoginStatus/properties/role/$ref",
            json!("#/components/schemas/Username"),
        ),
        Remove("/components/schemas/SipDomain"),
        Set("/components/schemas/More", json!({ "type": "string" })),
        Set("/components/schemas/Error", error.clone()),
        // Operations
        Set("/paths/~1login/get/operationId", json!("getStatus")),
        Set("/paths/~1login/get/summary", json!("Show")),
        Set("/paths/~1login/get/description", json!("Shows.")),
        Set("/paths/~1login/get/tags", json!(["other"])),
        Set("/paths/~1login/get/deprecated", json!(true)),
        Set(
            "/paths/~1login/get/security",
            json!([{ "bearerToken": [] }]),
        ),
        Set(
            "/paths/~1login/get/parameters",
            json!([{ "name": "a", "in": "query", "schema": {} }]),
        ),
        Remove("/paths/~1login/get"),
        Remove("/paths/~1logout"),
        Set(
            "/paths/~1more",
            json!({ "get": { "operationId": "more", "responses": {} } }),
        ),
        // Bodies and responses
        Remove("/paths/~1login/post/requestBody/required"),
        Set(
            "/paths/~1login/post/requestBody/content/application~1json/schema/$ref",
            json!("#/components/schemas/LoginStatus"),
        ),
        Set(
            "/paths/~1login/post/requestBody/content/text~1plain",
            json!({ "schema": { "type": "string" } }),
        ),
        Set(
            "/paths/~1login/get/responses/200/description",
            json!("successful operation"),
        ),
        Remove("/paths/~1login/get/responses/200/content"),
        Set(
            "/paths/~1login/get/responses/202",
            json!({ "description": "later" }),
        ),
        Set(
            "/paths/~1login/get/responses/200/headers/Cache-Control/required",
            json!(false),
        ),
        Set(
            "/paths/~1login/get/responses/200/headers/Cache-Control/schema/enum",
            json!(["no-cache"]),
        ),
        Set(
            "/paths/~1login/get/responses/200/headers/Cache-Control/description",
            json!("Short."),
        ),
        Set(
            "/paths/~1login/get/responses/200/headers/X-More",
            json!({ "schema": { "type": "string" } }),
        ),
        Remove("/paths/~1login/get/responses/4XX"),
        Set(
            "/components/responses/Error/content",
            json!({ "application/json": { "schema": error } }),
        ),
        Set(
            "/components/securitySchemes",
            json!({ "more": { "type": "http", "scheme": "basic" } }),
        ),
        // The rest
        Set("/info/version", json!("1.0.1")),
        Remove("/info/description"),
        Remove("/info/license"),
        Set("/openapi", json!("3.0.2")),
        Set("/servers", json!([{ "url": "/more" }])),
        Set(
            "/tags",
            json!([{ "name": "session", "description": "Other." }]),
        ),
    ];
    let lines: Vec<String> = plants
        .into_iter()
        .map(|plant| {
            let name = match &plant {
                Plant::Set(pointer, value) => format!(
                    "{pointer} = {}",
                    value.to_string().chars().take(40).collect::<String>()
                ),
                Plant::Remove(pointer) => format!("{pointer} removed"),
            };
            let mut document = emitted();
            plant.into(&mut document);
            let found = problems(&compare(&contract(), &document, Tolerance::ALL));
            assert!(!found.is_empty(), "{name} is not found");
            let found: Vec<String> = found
                .iter()
                .map(|problem| {
                    let location = problem.location.as_ref();
                    let location = location.expect("the problem has a location").position;
                    format!(
                        "\n  {}:{} {}",
                        location.line, location.column, problem.message
                    )
                })
                .collect();
            format!("{name}{}", found.concat())
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn equivalent_spellings_do_not_differ() {
    let mut document = emitted();
    for plant in [
        Plant::Set("/components/schemas/Username/maxLength", json!(64.0)),
        Plant::Set(
            "/components/schemas/LoginCredentials/required",
            json!(["username", "password"]),
        ),
        Plant::Set(
            "/components/schemas/LoginCredentials/additionalProperties",
            json!(true),
        ),
        Plant::Set("/components/schemas/Password/nullable", json!(false)),
        Plant::Set("/paths/~1login/get/deprecated", json!(false)),
        Plant::Set("/paths/~1login/get/parameters", json!([])),
        Plant::Set(
            "/paths/~1login/get/summary",
            json!("Show  the status\n of the current session"),
        ),
        Plant::Remove("/paths/~1login/get/responses/200/headers/Cache-Control/style"),
    ] {
        plant.into(&mut document);
    }
    assert_eq!(
        problems(&compare(&contract(), &document, Tolerance::ALL)),
        vec![]
    );
}

#[test]
fn security_of_the_document_is_tolerated() {
    let text = include_str!("fixtures/openapi.yaml");
    let text = text.replacen("paths:\n", "security: [{ bearerToken: [] }]\npaths:\n", 1);
    let contract = Contract::parse("openapi.yaml", &text).expect("the contract is valid");
    assert_eq!(
        problems(&compare(&contract, &emitted(), Tolerance::ALL)),
        vec![]
    );
}

#[test]
fn parameters_of_path_and_operation_are_compared_by_name() {
    let contract = r"
openapi: 3.0.3
info: { title: t, version: 1.0.0 }
paths:
  /things/{id}:
    parameters:
      - { name: id, in: path, required: true, schema: { type: string } }
    get:
      operationId: getThing
      parameters:
        - { name: b, in: query, schema: { type: integer } }
        - { name: a, in: query, schema: { type: integer } }
      responses: { '204': { description: done } }
";
    let emitted = |required: bool| {
        json!({
            "openapi": "3.0.3",
            "info": { "title": "t", "version": "1.0.0" },
            "paths": { "/things/{id}": { "get": {
                "operationId": "getThing",
                "parameters": [
                    { "name": "a", "in": "query", "style": "form", "explode": true, "schema": { "type": "integer" } },
                    { "name": "b", "in": "query", "required": required, "schema": { "type": "integer" } },
                    { "name": "id", "in": "path", "required": true, "style": "simple", "schema": { "type": "string" } },
                ],
                "responses": { "204": { "description": "done" } },
            }}},
        })
    };
    let contract = Contract::parse("openapi.yaml", contract).expect("the contract is valid");
    assert_eq!(
        problems(&compare(&contract, &emitted(false), Tolerance::ALL)),
        vec![]
    );
    insta::assert_snapshot!(plain(&Report { items: compare(&contract, &emitted(true), Tolerance::ALL) }), @"
    failed document  GET /things/{id} getThing
             openapi.yaml:11:11: the server's document differs at /paths/~1things~1{id}/get/parameters/query b/required
                 11 |         - { name: b, in: query, schema: { type: integer } }
                    |           ^
               at /paths/~1things~1{id}/get/parameters/0
               contract: false
               server  : true
     fresh document  0 schemas
     fresh document  title, version, tags

    2 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only document
    ");
}
