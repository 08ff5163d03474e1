use super::*;

fn contract(name: &str, text: &str) -> Contract {
    Contract::parse(name, text).expect("the contract is valid")
}

fn plain(comparison: &Comparison) -> String {
    anstream::adapter::strip_str(&comparison.text()).to_string()
}

#[test]
fn as_dropshot_tolerates_only_the_limits_of_dropshot() {
    let ours = include_str!("../../../crates/conformance/src/document/fixtures/openapi.yaml");
    let emitted = include_str!("../../../crates/conformance/src/document/fixtures/emitted.json");
    let compare = |emitted: &str, as_dropshot| {
        compare(
            contract("a.yaml", ours),
            contract("b.json", emitted),
            as_dropshot,
        )
    };
    assert!(compare(emitted, true).is_same());
    assert!(!compare(emitted, false).is_same());
    assert!(
        !compare(
            &emitted.replacen("\"maxLength\": 64", "\"maxLength\": 65", 1),
            true
        )
        .is_same()
    );
}

#[test]
fn as_dropshot_tolerates_errors_of_a_contract_without_errors() {
    let ours = "openapi: 3.0.3\ninfo: { title: a, version: '1' }\npaths:\n  x-note: 1\n  /a:\n    get:\n      responses: { '204': { description: b } }\n";
    let theirs = r##"{
      "openapi": "3.0.3", "info": { "title": "a", "version": "1.0.0" },
      "paths": { "/a": { "get": { "responses": {
        "204": { "description": "b" },
        "4XX": { "$ref": "#/components/responses/Error" }, "5XX": { "$ref": "#/components/responses/Error" }
      } } } },
      "components": {
        "responses": { "Error": { "description": "Error", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } } } },
        "schemas": { "Error": { "type": "object" } }
      }
    }"##;
    let compare = |as_dropshot| {
        compare(
            contract("a.yaml", ours),
            contract("b.json", theirs),
            as_dropshot,
        )
    };
    insta::assert_snapshot!(plain(&compare(true)), @"both documents have the same meaning");
    assert!(!compare(false).is_same());
}

#[test]
fn as_dropshot_tolerates_documentation_and_media_type_parameters() {
    let theirs = "openapi: 3.0.3\ninfo: { title: a, version: 1.0.0 }\npaths:\n  /a:\n    get:\n      responses: { '200': { description: b, content: { application/json: { schema: { type: string } } } } }\n";
    let ours = theirs
        .replace(
            "application/json: {",
            "'application/json; charset=utf-8': { example: a,",
        )
        .replace(
            "type: string",
            "type: string, xml: { name: b }, externalDocs: { url: c }",
        );
    let compare = |as_dropshot| {
        compare(
            contract("a.yaml", &ours),
            contract("b.yaml", theirs),
            as_dropshot,
        )
    };
    insta::assert_snapshot!(plain(&compare(true)), @"both documents have the same meaning");
    assert!(!compare(false).is_same());
}

#[test]
fn missing_or_invalid_document_is_an_error_with_its_location() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let (missing, broken) = (
        folder.path().join("missing.yaml"),
        folder.path().join("broken.yaml"),
    );
    fs::write(&broken, "openapi: 3.1.0\ninfo: {}\n").expect("the temporary folder is writable");
    let error = |path: &Path| {
        let error = run(path, path, false).expect_err("it cannot be compared");
        format!("{error:#}").replace(&folder.path().display().to_string(), "")
    };
    insta::assert_snapshot!(error(&missing), @"cannot read /missing.yaml: No such file or directory (os error 2)");
    insta::assert_snapshot!(error(&broken), @r#"
    /broken.yaml is not an OpenAPI 3.0 document that can be compared
    /broken.yaml:1:1: OpenAPI "3.1.0" is not supported (at /openapi); write `openapi: 3.0.3` at the top, and follow that version
    "#);
}
