//! The size of generated code: code that all contracts share belongs in the runtime crate.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

use dropshot_codegen::{Contract, Settings, generate};

const CONTRACT: &str = r"
openapi: 3.0.3
info: { title: Notes, version: 1.0.0 }
security: [{ key: [] }]
paths:
  /ping:
    get:
      operationId: ping
      summary: Answer
      security: []
      responses:
        '204': { description: successful deletion }
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-Api-Key }
  headers:
    NoStore:
      required: true
      schema: { type: string, enum: [no-store] }
  responses:
    Refused:
      description: The request is refused.
      headers:
        Cache-Control: { $ref: '#/components/headers/NoStore' }
      content:
        application/json:
          schema: { $ref: '#/components/schemas/Error' }
  schemas:
    Error:
      type: object
      required: [request_id, message]
      properties:
        request_id: { type: string }
        error_code: { type: string }
        message: { type: string }
";

const OPERATION: &str = r"
  /notes:
    post:
      operationId: createNote
      summary: Create a note
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [title]
              properties:
                title: { type: string, minLength: 1, maxLength: 100 }
                text: { type: string }
      responses:
        '201':
          description: The note is created.
          headers:
            Location:
              required: true
              description: Where the note is.
              schema: { type: string }
            Cache-Control: { $ref: '#/components/headers/NoStore' }
          content:
            application/json:
              schema:
                type: object
                required: [id]
                properties:
                  id: { type: string }
        '400': { $ref: '#/components/responses/Refused' }
        '401': { $ref: '#/components/responses/Refused' }
        '409': { $ref: '#/components/responses/Refused' }
        '503': { $ref: '#/components/responses/Refused' }
";

fn lines(contract: &str) -> usize {
    let contract = Contract::parse("openapi.yaml", contract).unwrap();
    let settings = Settings::default().with_refusals("crate::Shape");
    generate(&contract, &settings).unwrap().lines().count()
}

#[test]
fn operation_with_body_and_five_statuses_adds_less_than_150_lines() {
    let insert = |contract: &str, operation: &str| {
        contract.replace(
            "components:\n",
            &format!("{}components:\n", &operation[1..]),
        )
    };
    // The first secured operation also adds the type of its credential, which is not counted.
    let first = OPERATION
        .replace("createNote", "createOther")
        .replace("/notes", "/others");
    let one = insert(CONTRACT, &first);
    let two = insert(&one, OPERATION);
    let added = lines(&two) - lines(&one);
    assert!(added < 150, "{added} lines");
}
