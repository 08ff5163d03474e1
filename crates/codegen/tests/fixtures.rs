//! What is generated from each fixture is what is committed, byte for byte.
//!
//! `UPDATE_FIXTURES=1 cargo test -p dropshot-codegen --test fixtures` writes it anew.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

use std::{fs, path::Path};

use dropshot_codegen::{Contract, Settings, generate, secret_names, secret_types};

/// The contract in a file.
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

/// How fixtures are generated; the behaviour of the hook is tested with `credentials.yaml`.
fn settings(name: &str) -> Settings {
    let settings = Settings::default().with_command("cargo xtask generate");
    match name {
        "credentials" => settings.with_refusal("crate::marked"),
        "minimal" => settings.with_trait_name("Timekeeper"),
        _ => settings,
    }
}

/// Compares with a file, or writes it when asked to.
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
fn generated_code_is_what_is_committed_and_the_same_each_time() {
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
            "answers",
            "bodies",
            "bounds",
            "channels",
            "composed",
            "credentials",
            "docs",
            "errors",
            "freeform",
            "identifiers",
            "minimal",
            "objects",
            "pagination",
            "parameters",
            "queries",
            "schemas",
            "security",
            "unions"
        ]
    );
}

#[test]
fn secrets_for_a_client_are_what_is_committed() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let contract = contract(&directory.join("credentials.yaml"));
    assert_eq!(secret_names(&contract), ["Pin", "code.word"]);
    assert_file(
        &directory.join("credentials_secrets.rs"),
        &secret_types(&contract).unwrap(),
    );
}

#[test]
fn a_contract_without_secrets_has_no_secret_types() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    assert_eq!(
        secret_types(&contract(&directory.join("minimal.yaml"))).unwrap(),
        ""
    );
}
