//! Refused constructs: the location and text of each finding.
//!
//! Each file in `refused/` contains the refused constructs of one subject; the snapshots contain all findings as users
//! see them. `INSTA_UPDATE=always cargo test -p dropshot-codegen --test refused` updates the snapshots.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

use std::fs;

use dropshot_codegen::{Contract, Finding, Settings, generate, secret_types};
use insta::assert_snapshot;

fn findings(name: &str, text: &str) -> String {
    let outcome = Contract::parse(name, text)
        .and_then(|contract| generate(&contract, &Settings::default()).map(|_| ()));
    render(outcome.err().unwrap_or_default())
}

fn render(findings: Vec<Finding>) -> String {
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
    text_that_dropshot_would_change_is_refused "docs";
    invalid_openapi_is_refused_field_by_field "structure";
    unsupported_field_is_refused "unsupported";
    schema_that_no_type_represents_is_refused "schemas";
    bound_that_is_unmet_or_unchecked_is_refused "bounds";
    combination_that_no_type_represents_is_refused "combinations";
    failure_of_typify_is_reported_at_its_schema "typify";
    names_with_the_same_rust_name_are_refused "names";
    response_that_dropshot_cannot_send_is_refused "responses";
    body_that_dropshot_cannot_read_is_refused "bodies";
    operation_that_dropshot_cannot_express_is_refused "operations";
    path_that_router_cannot_match_is_refused "paths";
    parameter_that_dropshot_cannot_read_is_refused "parameters";
    security_that_no_request_can_meet_is_refused "security";
    unsupported_security_scheme_is_refused "schemes";
}

#[test]
fn every_file_is_tested() {
    let directory = format!("{}/tests/refused", env!("CARGO_MANIFEST_DIR"));
    assert_eq!(fs::read_dir(directory).unwrap().count(), 15);
}

#[test]
fn invalid_yaml_is_refused_at_its_first_error() {
    let findings_of_texts = [
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
    assert_snapshot!(findings_of_texts.join("\n"), @"
    a.yaml:1:1: the document is empty (at /); write an OpenAPI 3.0 document
    a.yaml:1:1: the document is empty (at /); write an OpenAPI 3.0 document
    a.yaml:3:1: not valid YAML: while parsing a flow sequence, expected ',' or ']' (at /a/2); correct the syntax
    a.yaml:1:4: not valid YAML: while scanning a quoted scalar, found unexpected end of stream (at /a); correct the syntax
    a.yaml:2:6: not valid YAML: invalid trailing content after double-quoted scalar (at /); correct the syntax
    a.yaml:5:3: duplicate key `c`, first on line 3 (at /b/c); remove one of them
    a.yaml:2:4: YAML aliases are not supported (at /b); repeat the node, or move it to `components` and refer to it with `$ref`
    a.yaml:2:1: a second document begins here (at /); write one document in each file
    a.yaml:1:4: a YAML tag that does not match its value (at /a); remove the tag; quote the value if it is a string
    a.yaml:1:4: a YAML tag that does not match its value (at /a); remove the tag; quote the value if it is a string
    a.yaml:2:3: YAML tags are not supported here (at /1); remove the tag
    a.yaml:1:3: a key that is an array or an object (at /); write a string as the key
    a.yaml:1:1: a key with a YAML tag (at /); remove the tag
    a.yaml:1:4: .inf is not a JSON number (at /a); write a finite number, or quote it if it is a string
    a.yaml:1:4: the integer 18446744073709551616 does not fit in 64 bits (at /a); write a smaller one, or quote it if it is a string
    a.yaml:1:4: 1e999 is not a JSON number (at /a); write a finite number, or quote it if it is a string
    a.yaml:2:2: not valid YAML: tabs disallowed within this context (block indentation) (at /a); indent with spaces
    a.yaml:3:2: not valid YAML: while parsing a block mapping, did not find expected key (at /); indent it like the adjacent keys
    a.yaml:1:5: not valid YAML: mapping values are not allowed in this context (at /); quote the text that contains the colon
    a.yaml:1:9: not valid YAML: while parsing node, found unknown anchor (at /ä😀/x); correct the syntax
    ");
}

#[test]
fn deeply_nested_document_is_refused() {
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
fn version_other_than_openapi_3_0_is_refused() {
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
fn schema_named_error_must_equal_dropshots_if_no_errors_are_listed() {
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
            found.starts_with("a.yaml:3:35: an operation that lists no errors has dropshot's"),
            "{instead}: {found}"
        );
    }
}

#[test]
fn setting_that_is_not_rust_is_refused() {
    let path = format!(
        "{}/tests/fixtures/responses.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    let contract = Contract::parse("responses.yaml", &fs::read_to_string(path).unwrap()).unwrap();
    let settings = [
        Settings::default().with_refusals("no path"),
        Settings::default().with_refusals("1"),
        Settings::default().with_trait_name("two words"),
        Settings::default().with_trait_name("OwnOkOk"),
        Settings::default().with_operations_macro("no name"),
    ];
    let found = settings.map(|settings| render(generate(&contract, &settings).unwrap_err()));
    assert_snapshot!(found.join("\n"), @"
    responses.yaml:2:1: the setting `no path` is not a Rust path that begins with `crate::` or `::` (at /); write a path such as `crate::refusal::ApiRefusals`
    responses.yaml:2:1: the setting `1` is not a Rust path that begins with `crate::` or `::` (at /); write a path such as `crate::refusal::ApiRefusals`
    responses.yaml:4:3: the title cannot become the name of a trait (at /info/title); begin it with an ASCII letter, or set the name with `Settings::with_trait_name`
    responses.yaml:68:9: the Rust name `OwnOkOk` is already used by /info/title (at /paths/~1own~1ok/get/responses/200); rename one of them
    responses.yaml:2:1: the setting `no name` cannot be the name of a macro (at /); choose a Rust identifier such as `operations`
    ");
}

#[test]
fn unsupported_secret_has_no_type() {
    let path = format!("{}/tests/refused/schemas.yaml", env!("CARGO_MANIFEST_DIR"));
    let contract = Contract::parse("schemas.yaml", &fs::read_to_string(path).unwrap()).unwrap();
    assert_snapshot!(render(secret_types(&contract).unwrap_err()), @"
    schemas.yaml:56:5: a secret must be a string (at /components/schemas/SecretNumber); write `type: string`
    schemas.yaml:63:7: `minLength` 8 is greater than `maxLength` 7 (at /components/schemas/SecretChoice/maxLength); swap them
    schemas.yaml:64:7: `enum` of a secret is not supported (at /components/schemas/SecretChoice/enum); remove it
    schemas.yaml:65:7: `default` of a secret is not supported (at /components/schemas/SecretChoice/default); remove it
    schemas.yaml:66:7: `nullable` of a secret is not supported (at /components/schemas/SecretChoice/nullable); remove it
    schemas.yaml:67:7: `minimum` does not apply to the type string (at /components/schemas/SecretChoice/minimum); remove it
    schemas.yaml:70:7: the format `date-time` of a secret is not supported (at /components/schemas/SecretMoment/format); remove it
    ");
}
