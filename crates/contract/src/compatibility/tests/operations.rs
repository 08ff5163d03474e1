use super::*;

#[test]
fn breaking_changes_of_operations_are_reported() {
    let table = table(&[
        // Operations
        (
            "    delete:\n      operationId: clear\n      tags: [thing]\n      summary: Remove all\n      responses:\n        '204': { description: Gone. }\n",
            "",
        ),
        ("  /things/{id}:\n", "  /thing/{id}:\n"),
        ("operationId: clear", "operationId: removeAll"),
        ("url: /v1/old", "url: /v2"),
        // Parameters
        (
            "        - { name: wide, in: query, schema: { type: boolean, default: false } }\n",
            "",
        ),
        ("name: wide, in: query,", "name: wide, in: header,"),
        (
            "name: wide, in: query,",
            "name: wide, in: query, required: true,",
        ),
        (
            "      security: [{ key: [] }, {",
            "        - { name: more, in: query, required: true, schema: { type: string } }\n      security: [{ key: [] }, {",
        ),
        (
            "type: boolean, default: false",
            "type: boolean, default: true",
        ),
        ("type: boolean, default: false", "type: string"),
        ("explode: false,", "explode: true,"),
        // Bodies
        (
            "      summary: Add one\n      requestBody:\n",
            "      summary: Add one\n      requestBody:\n        required: true\n",
        ),
        (
            "          application/xml: { schema: { type: string } }\n",
            "",
        ),
        (
            "application/xml: { schema: { type: string } }",
            "application/xml: { schema: { type: integer } }",
        ),
        (
            "application/xml: { schema: { type: string } }",
            "application/yaml: { schema: { type: string } }",
        ),
        (
            "      summary: Remove all\n",
            "      summary: Remove all\n      requestBody: { required: true, content: { text/plain: { schema: { type: string } } } }\n",
        ),
        // Responses
        (
            "        '404': { $ref: '#/components/responses/Refused' }\n",
            "",
        ),
        (
            "'201': { description: Added. }",
            "'202': { description: Added. }",
        ),
        (
            "'201': { description: Added. }",
            "'201': { description: Added., content: { text/plain: { schema: { type: string } } } }",
        ),
        ("            X-More: { schema: { type: string } }\n", ""),
        ("X-Count: { required: true,", "X-Count: {"),
        ("maximum: 5", "maximum: 6"),
        ("            text/plain: { schema: { type: string } }\n", ""),
        // Credentials
        ("security: [{ key: [] }, {", "security: [{"),
        (
            "      operationId: clear\n",
            "      operationId: clear\n      security: [{ key: [] }]\n",
        ),
        ("in: header, name: X-Key", "in: header, name: X-Token"),
        ("in: header, name: X-Key", "in: query, name: X-Key"),
        ("scheme: bearer", "scheme: basic"),
    ]);
    insta::assert_snapshot!(table);
}

#[test]
fn additions_and_relaxations_are_compatible() {
    each_passes(&[
        (
            "        required: true\n        content:",
            "        content:",
        ),
        (
            "summary: Remove all",
            "summary: Remove everything\n      deprecated: true\n      x-anything: 1",
        ),
        (
            "tags: [{ name: thing,",
            "tags: [{ name: other, description: Else. }, { name: thing,",
        ),
        ("url: /v1/old }", "url: /v1/old }, { url: /v2 }"),
        (
            "    delete:\n",
            "    get:\n      operationId: getThings\n      responses: { '204': { description: None. } }\n    delete:\n",
        ),
        (
            "        - { name: wide,",
            "        - { name: more, in: query, schema: { type: string } }\n        - { name: wide,",
        ),
        (
            "name: lang, in: header, required: true,",
            "name: LANG, in: header,",
        ),
        (
            "          application/xml: { schema: { type: string } }\n",
            "          application/xml: { schema: { type: string } }\n          text/plain: { schema: { type: string } }\n",
        ),
        (
            "            text/plain: { schema: { type: string } }\n",
            "            text/plain: { schema: { type: string } }\n            text/csv: { schema: { type: string } }\n",
        ),
        (
            "      summary: Remove all\n",
            "      summary: Remove all\n      requestBody: { content: { text/plain: { schema: { type: string } } } }\n",
        ),
        (
            "'201': { description: Added. }",
            "'201': { description: Added here. }\n        '429': { description: Later. }\n        default: { description: Else. }",
        ),
        (
            "X-More: { schema: { type: string } }",
            "x-more: { required: true, schema: { type: string } }\n            X-New: { schema: { type: string } }",
        ),
        ("maximum: 5", "maximum: 4"),
        // A range that covers the status.
        ("        '404': { $ref", "        4XX: { $ref"),
        // Fewer or alternative credentials.
        (
            "      security: [{ key: [] }, { token: [], key: [] }]\n",
            "",
        ),
        (
            "security: [{ key: [] }, {",
            "security: [{ token: [] }, { key: [] }, {",
        ),
        (
            "bearerFormat: opaque",
            "bearerFormat: random, description: A token.",
        ),
    ]);
}

#[test]
fn renamed_path_parameter_is_compatible() {
    let text = BASE
        .replace("{id}", "{key}")
        .replace("name: id,", "name: key,");
    assert_eq!(report(&text), report(BASE).replace("{id}", "{key}"));
}

#[test]
fn renamed_security_scheme_is_compatible() {
    let text = BASE
        .replace("key: []", "secretKey: []")
        .replace("    key: { type", "    secretKey: { type");
    assert_eq!(report(&text), report(BASE));
}

#[test]
fn change_without_a_rule_is_breaking() {
    let table = table(&[
        (
            "'201': { description: Added. }",
            "'201': { description: Added., links: { next: { operationId: clear } } }",
        ),
        (
            "      operationId: clear\n",
            "      operationId: clear\n      servers: [{ url: /else }]\n",
        ),
    ]);
    insta::assert_snapshot!(table);
}
