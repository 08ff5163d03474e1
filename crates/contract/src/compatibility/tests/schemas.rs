use super::*;

/// Changes that narrow the set of valid values.
const NARROWED: &[(&str, &str)] = &[
    ("maxLength: 9 # of a name", "maxLength: 8"),
    ("minLength: 2", "minLength: 3"),
    (
        "required: [name] # of a new thing",
        "required: [name, size]",
    ),
    ("minimum: 1,", "minimum: 2,"),
    ("minimum: 1,", "minimum: 1, exclusiveMinimum: true,"),
    ("maximum: 100,", "maximum: 99,"),
    ("maximum: 100,", "maximum: 100, exclusiveMaximum: true,"),
    ("multipleOf: 2,", "multipleOf: 4,"),
    ("format: int64", "format: int32"),
    ("enum: [big, small]", "enum: [big]"),
    ("minItems: 1,", "minItems: 2,"),
    ("maxItems: 5,", "maxItems: 4,"),
    ("maxItems: 5,", "maxItems: 5, uniqueItems: true,"),
    ("format: date-time, nullable: true", "format: date-time"),
    (
        "additionalProperties: { type: string }",
        "additionalProperties: { type: string, maxLength: 3 }",
    ),
    (
        "additionalProperties: { type: string }",
        "additionalProperties: false",
    ),
    (
        "Round: { type: object,",
        "Round: { type: object, additionalProperties: false,",
    ),
    (
        "Round: { type: object,",
        "Round: { type: object, maxProperties: 1,",
    ),
    (
        "oneOf: [{ $ref: '#/components/schemas/Round' }, {",
        "oneOf: [{",
    ),
    (
        "weight: { type: number, format: double }",
        "weight: { type: integer }",
    ),
];

#[test]
fn request_schema_may_only_widen() {
    let table = table(NARROWED);
    insta::assert_snapshot!(table);
    each_passes(&[
        ("maxLength: 9 # of a name", "maxLength: 10"),
        ("maxLength: 9 # of a name\n      , ", ""),
        ("minLength: 2", "minLength: 1"),
        (", pattern: '^[a-z]*$'", ""),
        ("required: [name] # of a new thing", "x-none: 1"),
        (
            "minimum: 1, maximum: 100, multipleOf: 2,",
            "minimum: 0, maximum: 101,",
        ),
        ("type: integer, format: int64", "type: number"),
        ("enum: [big, small]", "enum: [big, small, middle]"),
        ("type: string, enum: [big, small]", "type: string"),
        ("minItems: 1, maxItems: 5,", ""),
        (
            "{ type: integer, format: int64, minimum",
            "{ type: integer, format: int64, nullable: true, minimum",
        ),
        (
            "additionalProperties: { type: string }",
            "additionalProperties: true",
        ),
        (
            "additionalProperties: { type: string }",
            "additionalProperties: { type: string, nullable: true }",
        ),
        (
            "code: { type: string, writeOnly: true }",
            "code: { type: string, writeOnly: true }\n        more: { type: string }",
        ),
        ("oneOf: [{", "oneOf: [{ type: string }, {"),
        (
            "Square: { type: object, additionalProperties: false,",
            "Square: { type: object,",
        ),
        ("What it is called.", "How it is called."),
    ]);
}

#[test]
fn response_schema_may_only_narrow() {
    let table = table(&[
        ("required: [label, state] # of a thing", "required: [label]"),
        ("minLength: 1, maxLength: 20", "minLength: 0, maxLength: 20"),
        ("minLength: 1, maxLength: 20", "minLength: 1, maxLength: 21"),
        ("minLength: 1, maxLength: 20", "minLength: 1"),
        ("enum: [open, shut]", "enum: [open, shut, ajar]"),
        ("type: string, enum: [open, shut]", "type: string"),
        ("nullable: false", "nullable: true"),
        ("        state: { type: string, enum: [open, shut] }\n", ""),
        ("format: int32, readOnly", "format: int64, readOnly"),
        (
            "count: { type: integer, format: int32, readOnly: true }",
            "count: { type: number }",
        ),
        (
            "count: { type: integer, format: int32, readOnly: true }",
            "count: { type: integer, format: int32, writeOnly: true }",
        ),
        // Behind a reference, in a recursive schema.
        (
            "depth: { type: integer, maximum: 7 }",
            "depth: { type: integer, maximum: 8 }",
        ),
        (
            "depth: { type: integer, maximum: 7 }",
            "depth: { type: integer, maximum: 7 }, width: { type: integer }",
        ),
        (
            "Tree: { type: object, additionalProperties: false,",
            "Tree: { type: object,",
        ),
        (
            "        - { type: object, properties: { owner: { type: string } } }\n",
            "",
        ),
        ("owner: { type: string }", "owner: { type: integer }"),
        // In the schema of every error.
        ("required: [message]", "required: []"),
    ]);
    insta::assert_snapshot!(table);
    each_passes(&[
        (
            "required: [label, state] # of a thing",
            "required: [label, state, note]",
        ),
        (
            "minLength: 1, maxLength: 20",
            "minLength: 2, maxLength: 19, pattern: a",
        ),
        ("enum: [open, shut]", "enum: [open]"),
        (
            "note: { type: string, nullable: false }",
            "note: { type: string }\n        more: { type: string }",
        ),
        ("format: int32, readOnly: true", "format: int32, default: 4"),
        (
            "depth: { type: integer, maximum: 7 }",
            "depth: { type: integer, maximum: 6 }",
        ),
        (
            "Thing:\n      description: What there is.",
            "Thing:\n      title: A thing\n      example: { label: a, state: open }",
        ),
        (
            "        - { type: object, properties: { owner: { type: string } } }\n",
            "        - { type: object, properties: { owner: { type: string } } }\n        - { maxProperties: 5 }\n",
        ),
    ]);
}

#[test]
fn changed_type_format_or_pattern_is_breaking() {
    let table = table(&[
        (
            "note: { type: string, nullable: false }",
            "note: { type: boolean }",
        ),
        (
            "kind: { type: string, enum: [big, small] }",
            "kind: { type: integer }",
        ),
        ("format: date-time, nullable", "format: date, nullable"),
        ("pattern: '^[a-z]*$'", "pattern: '^[a-y]*$'"),
        (
            "items: { $ref: '#/components/schemas/Part' }",
            "items: { type: string }",
        ),
        // Secrets
        ("type: string, format: password", "type: string"),
        (
            "handle: { type: string, x-secret: true }",
            "handle: { type: string }",
        ),
        (
            "note: { type: string, nullable: false }",
            "note: { type: string, x-secret: true }",
        ),
        // The value is set by the server instead of the client.
        (
            "code: { type: string, writeOnly: true }",
            "code: { type: string, readOnly: true }",
        ),
        ("default: 4", "default: 6"),
        ("        secret: { type: string, format: password }\n", ""),
    ]);
    insta::assert_snapshot!(table);
}

#[test]
fn moved_or_renamed_schema_is_compatible() {
    let text = BASE
        .replace("schemas/Round", "schemas/Circle")
        .replace("    Round:", "    Owner: { type: string }\n    Circle:")
        .replace(
            "owner: { type: string }",
            "owner: { $ref: '#/components/schemas/Owner' }",
        );
    assert_eq!(report(&text), report(BASE));
}

#[test]
fn narrowed_request_values_are_breaking() {
    each_breaks(NARROWED);
}
