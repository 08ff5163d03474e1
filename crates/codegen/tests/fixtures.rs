//! The generated code of each fixture equals the committed code, byte for byte.
//!
//! `UPDATE_FIXTURES=1 cargo test -p dropshot-codegen --test fixtures` updates the committed code.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

use std::{fs, path::Path};

use openapi_contract::grammar::{self, Kind};
use openapi_contract::{plain_media_type, pointer};
use serde_json::{Value, json};

use dropshot_codegen::{Contract, Settings, generate, secret_names, secret_types};

fn contract(path: &Path) -> Contract {
    let name = path.file_name().unwrap().to_str().unwrap();
    Contract::parse(name, &fs::read_to_string(path).unwrap()).unwrap_or_else(|findings| {
        panic!(
            "{}",
            findings
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        )
    })
}

fn settings(name: &str) -> Settings {
    let settings = Settings::default().with_command("cargo xtask generate");
    match name {
        "credentials" => settings
            .with_refusals("crate::Marked")
            .with_operations_macro("vault_operations"),
        "minimal" => settings.with_trait_name("Timekeeper"),
        _ => settings,
    }
}

fn assert_file(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        fs::write(path, text).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == text,
        "{} is stale: run `UPDATE_FIXTURES=1 cargo test -p dropshot-codegen --test fixtures`",
        path.display()
    );
}

#[test]
fn generated_code_of_fixture_equals_committed_code() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut seen = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let contract = contract(&path);
        let code = generate(&contract, &settings(&name)).unwrap_or_else(|findings| {
            panic!(
                "{}",
                findings
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("\n")
            )
        });
        assert_eq!(
            generate(&contract, &settings(&name)).unwrap(),
            code,
            "{name}"
        );
        assert_file(&path.with_extension("rs"), &code);
        seen.push(name);
    }
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            "bodies",
            "bounds",
            "channels",
            "composed",
            "credentials",
            "docs",
            "documented",
            "errors",
            "freeform",
            "identifiers",
            "minimal",
            "objects",
            "pagination",
            "parameters",
            "queries",
            "responses",
            "schemas",
            "security",
            "unions"
        ]
    );
}

/// Adds every documentation-only construct wherever OpenAPI allows it.
fn document_throughout(document: &mut Value) {
    let link = || json!({ "url": "https://example.com" });
    let examples = || json!({ "one": { "value": 1 } });
    let nodes: Vec<(Kind, String)> = grammar::nodes(document)
        .into_iter()
        .filter(|node| node.reference().is_none())
        .map(|node| (node.kind, node.pointer))
        .collect();
    // Children come first, so that renaming a media type does not invalidate later pointers.
    for (kind, at) in nodes.into_iter().rev() {
        let node = document.pointer_mut(&at).unwrap();
        match kind {
            Kind::OpenApi | Kind::Operation => node["externalDocs"] = link(),
            Kind::Components => node["examples"] = examples(),
            Kind::Parameter | Kind::Header => {
                node["example"] = json!(1);
                node["examples"] = examples();
            }
            Kind::Schema if !node.as_object().unwrap().is_empty() => {
                node["externalDocs"] = link();
                node["xml"] = json!({ "name": "x" });
            }
            Kind::MediaType => {
                node["examples"] = examples();
                let name = pointer::last(&at);
                let content = document.pointer_mut(pointer::parent(&at).unwrap()).unwrap();
                let members = content.as_object_mut().unwrap();
                let with_parameter = format!("{name}; charset=utf-8");
                if plain_media_type(&with_parameter) == name
                    && let Some(media) = members.shift_remove(&name)
                {
                    members.insert(with_parameter, media);
                }
            }
            _ => {}
        }
    }
}

#[test]
fn documentation_in_contract_changes_no_code() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        let plain = contract(&path);
        let mut document = plain.value().clone();
        document_throughout(&mut document);
        assert_ne!(document, *plain.value());
        let documented = Contract::parse(plain.name(), &document.to_string()).unwrap();
        assert_eq!(
            generate(&documented, &settings(name)).unwrap(),
            generate(&plain, &settings(name)).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn secret_types_of_fixture_equal_committed_code() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let contract = contract(&directory.join("credentials.yaml"));
    assert_eq!(secret_names(&contract), ["Pin", "code.word"]);
    assert_file(
        &directory.join("credentials_secrets.rs"),
        &secret_types(&contract).unwrap(),
    );
}

#[test]
fn contract_without_secrets_has_no_secret_types() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    assert_eq!(
        secret_types(&contract(&directory.join("minimal.yaml"))).unwrap(),
        ""
    );
}
