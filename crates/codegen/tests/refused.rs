//! Refused constructs: the location and text of each finding.
//!
//! Each file in `refused/` contains the refused constructs of one subject; the snapshots are all findings as users see
//! them. `INSTA_UPDATE=always cargo test -p dropshot-codegen --test refused` updates the snapshots.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

use std::fs;

use dropshot_codegen::{Contract, Finding, Settings, generate, secret_types};
use insta::assert_snapshot;

fn findings(name: &str, text: &str) -> String {
    let outcome = Contract::parse(name, text)
        .and_then(|contract| generate(&contract, &Settings::default()).map(|_| ()));
    shown(outcome.err().unwrap_or_default())
}

fn shown(findings: Vec<Finding>) -> String {
    findings
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

fn findings_in(name: &str) -> String {
    let path = format!("{}/tests/refused/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    findings(&format!("{name}.yaml"), &fs::read_to_string(path).unwrap())
}

macro_rules! refused {
    ($($test:ident $name:literal;)*) => {$(
        #[test]
        fn $test() {
            assert_snapshot!($name, findings_in($name));
        }
    )*};
}

refused! {
    words_that_would_not_come_back_are_refused "docs";
    what_is_no_openapi_is_found_field_by_field "structure";
    fields_that_nobody_reads_are_refused "unsupported";
    schemas_that_say_more_than_a_type_are_refused "schemas";
    bounds_that_nothing_holds_to_are_refused "bounds";
    combinations_that_are_no_type_are_refused "combinations";
    what_typify_refuses_is_found_at_the_schema "typify";
    names_that_become_the_same_are_refused "names";
    answers_that_dropshot_does_not_send_are_refused "answers";
    bodies_that_dropshot_does_not_read_are_refused "bodies";
    operations_that_dropshot_cannot_express_are_refused "operations";
    paths_that_the_router_does_not_take_are_refused "paths";
    parameters_that_dropshot_does_not_read_are_refused "parameters";
    security_that_no_request_could_meet_is_refused "security";
    other_security_schemes_are_refused "schemes";
}

#[test]
fn each_file_is_tested() {
    let directory = format!("{}/tests/refused", env!("CARGO_MANIFEST_DIR"));
    assert_eq!(fs::read_dir(directory).unwrap().count(), 15);
}

#[test]
fn text_that_is_no_document_is_refused_at_its_first_fault() {
    let faults = [
        "",
        "# nothing\n",
        "a: [1,\n  2",
        "a: 'b",
        "{\"a\": 1,\n \"b\" 2}",
        "a: 1\nb:\n  c: 2\n  d: 3\n  c: 4\n",
        "a: &x 1\nb: *x\n",
        "a: 1\n---\nb: 2\n",
        "a: !mine 1\n",
        "a: !!int one\n",
        "- a\n- !mine {}\n",
        "? [a]\n: b\n",
        "!!str a: b\n",
        "a: .inf\n",
        "a: 18446744073709551616\n",
        "a: 1e999\n",
        "a:\n\t- 1\n",
        "a:\n  b: 1\n c: 2\n",
        "a: b: c\n",
        "\u{e4}\u{1f600}: {x: *y}\n",
    ]
    .map(|text| findings("a.yaml", text));
    assert_snapshot!(faults.join("\n"), @"
    a.yaml:1:1: the document is empty (at /); write an OpenAPI 3.0 document
    a.yaml:1:1: the document is empty (at /); write an OpenAPI 3.0 document
    a.yaml:3:1: not YAML: while parsing a flow sequence, expected ',' or ']' (at /a/2); correct the syntax
    a.yaml:1:4: not YAML: while scanning a quoted scalar, found unexpected end of stream (at /a); correct the syntax
    a.yaml:2:6: not YAML: invalid trailing content after double-quoted scalar (at /); correct the syntax
    a.yaml:5:3: duplicate key `c`, first on line 3 (at /b/c); remove one of them
    a.yaml:2:4: YAML aliases are not supported (at /b); repeat the node, or move it to `components` and $ref it
    a.yaml:2:1: a second document begins here (at /); write one document in each file
    a.yaml:1:4: a YAML tag that does not fit its value (at /a); remove the tag; quote the value if it is a string
    a.yaml:1:4: a YAML tag that does not fit its value (at /a); remove the tag; quote the value if it is a string
    a.yaml:2:3: YAML tags are not supported here (at /1); remove the tag
    a.yaml:1:3: a key that is an array or an object (at /); write a string as the key
    a.yaml:1:1: a key with a YAML tag (at /); remove the tag
    a.yaml:1:4: .inf is not a JSON number (at /a); write a finite number, or quote it if it is a string
    a.yaml:1:4: the integer 18446744073709551616 does not fit into 64 bits (at /a); write a smaller one, or quote it if it is a string
    a.yaml:1:4: 1e999 is not a JSON number (at /a); write a finite number, or quote it if it is a string
    a.yaml:2:2: not YAML: tabs disallowed within this context (block indentation) (at /a); indent with spaces
    a.yaml:3:2: not YAML: while parsing a block mapping, did not find expected key (at /); indent it as far as the keys next to it
    a.yaml:1:5: not YAML: mapping values are not allowed in this context (at /); quote the text that the colon belongs to
    a.yaml:1:9: not YAML: while parsing node, found unknown anchor (at /ä😀/x); correct the syntax
    ");
}

#[test]
fn a_document_nested_without_end_is_refused() {
    for text in [
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        "- ".repeat(100_000),
        (0..3000)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect::<String>(),
    ] {
        let found = findings("a.yaml", &text);
        assert!(
            found.contains("deep") || found.contains("recursion"),
            "{found}"
        );
    }
}

#[test]
fn what_is_no_openapi_3_0_is_refused_by_its_version() {
    let versions = [
        "[1]",
        "swagger: '2.0'",
        "openapi: 3.1.0",
        "openapi: 3.0",
        "openapi: 3.0.x",
        "openapi: '3.0.'",
    ]
    .map(|text| findings("a.yaml", text));
    assert_snapshot!(versions.join("\n"), @r#"
    a.yaml:1:1: this is not an OpenAPI document (at /); write `openapi: 3.0.3` at the top, and follow that version
    a.yaml:1:1: this is not an OpenAPI document (at /); write `openapi: 3.0.3` at the top, and follow that version
    a.yaml:1:1: OpenAPI "3.1.0" is not supported (at /openapi); write `openapi: 3.0.3` at the top, and follow that version
    a.yaml:1:1: OpenAPI 3.0 is not supported (at /openapi); write `openapi: 3.0.3` at the top, and follow that version
    a.yaml:1:1: OpenAPI "3.0.x" is not supported (at /openapi); write `openapi: 3.0.3` at the top, and follow that version
    a.yaml:1:1: OpenAPI "3.0." is not supported (at /openapi); write `openapi: 3.0.3` at the top, and follow that version
    "#);
}

#[test]
fn where_no_errors_are_listed_a_schema_named_like_dropshots_error_is_that_error() {
    let found = |schema: &str| {
        let text = format!(
            "openapi: 3.0.3\ninfo: {{title: A, version: 1.0.0}}\n\
             paths: {{/: {{get: {{operationId: a, responses: {{'204': {{description: Done.}}}}}}}}}}\n\
             components: {{schemas: {{Error: {schema}}}}}"
        );
        findings("a.yaml", &text)
    };
    let names = "request_id: {type: string}, error_code: {type: string}";
    let fine = format!(
        "{{type: object, required: [message, request_id], properties: {{{names}, message: {{type: string}}}}}}"
    );
    assert_eq!(found(&fine), "");
    for (part, instead) in [
        ("[message, request_id]", "[message]"),
        ("[message, request_id]", "[message, request_id, error_code]"),
        ("message: {type: string}", "message: {type: integer}"),
        (
            "message: {type: string}",
            "message: {type: string, format: hostname}",
        ),
        (
            "message: {type: string}",
            "message: {type: string}, more: {type: string}",
        ),
        ("error_code: {type: string}, ", ""),
        (
            "type: object,",
            "type: object, additionalProperties: false,",
        ),
    ] {
        let found = found(&fine.replace(part, instead));
        assert!(
            found.starts_with("a.yaml:3:35: an operation without errors gets those of dropshot"),
            "{instead}: {found}"
        );
    }
}

#[test]
fn settings_that_are_no_rust_are_refused() {
    let path = format!("{}/tests/fixtures/answers.yaml", env!("CARGO_MANIFEST_DIR"));
    let contract = Contract::parse("answers.yaml", &fs::read_to_string(path).unwrap()).unwrap();
    let settings = [
        Settings::default().with_refusals("no path"),
        Settings::default().with_refusals("1"),
        Settings::default().with_trait_name("two words"),
        Settings::default().with_trait_name("OwnOkOk"),
    ];
    let found = settings.map(|settings| shown(generate(&contract, &settings).unwrap_err()));
    assert_snapshot!(found.join("\n"), @"
    answers.yaml:2:1: the setting `no path` is not a Rust path that begins with `crate::` or `::` (at /); write a path such as `crate::refusal::ApiRefusals`
    answers.yaml:2:1: the setting `1` is not a Rust path that begins with `crate::` or `::` (at /); write a path such as `crate::refusal::ApiRefusals`
    answers.yaml:4:3: the title cannot become the name of a trait (at /info/title); begin it with an ASCII letter, or set the name with `Settings::with_trait_name`
    answers.yaml:68:9: the name `OwnOkOk` in Rust is already taken by /info/title (at /paths/~1own~1ok/get/responses/200); rename one of them
    ");
}

#[test]
fn secrets_that_are_no_strings_have_no_types() {
    let path = format!("{}/tests/refused/schemas.yaml", env!("CARGO_MANIFEST_DIR"));
    let contract = Contract::parse("schemas.yaml", &fs::read_to_string(path).unwrap()).unwrap();
    assert_snapshot!(shown(secret_types(&contract).unwrap_err()), @"
    schemas.yaml:56:5: a secret that is no string (at /components/schemas/SecretNumber); write `type: string`
    schemas.yaml:63:7: no string has at least 8 and at most 7 (at /components/schemas/SecretChoice/maxLength); swap them
    schemas.yaml:64:7: `enum` of a secret is not supported (at /components/schemas/SecretChoice/enum); remove it
    schemas.yaml:65:7: `default` of a secret is not supported (at /components/schemas/SecretChoice/default); remove it
    schemas.yaml:66:7: `nullable` of a secret is not supported (at /components/schemas/SecretChoice/nullable); remove it
    schemas.yaml:67:7: `minimum` says nothing about the type string (at /components/schemas/SecretChoice/minimum); remove it
    schemas.yaml:70:7: the format `date-time` of a secret is not supported (at /components/schemas/SecretMoment/format); leave it out
    ");
}
