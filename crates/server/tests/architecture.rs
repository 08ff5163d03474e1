//! Invariants of ARCHITECTURE.md that concern the source code.

use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Returns the sources below a folder, except tests, which may import more.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if !path.ends_with("tests.rs") && !path.ends_with("testing.rs") {
            found.push((
                path.display().to_string(),
                fs::read_to_string(&path).expect("text"),
            ));
        }
    }
    found
}

#[test]
fn app_layer_names_neither_http_nor_sql() {
    let sources = sources(&Path::new(ROOT).join("crates/server/src/app"));
    assert!(sources.len() >= 6, "{sources:?}");
    for (path, text) in sources {
        for word in [
            "dropshot",
            "pbx_login_api",
            "rusqlite",
            "tokio_postgres",
            "crate::http",
            "sqlite::",
            "SELECT ",
        ] {
            assert!(
                !text.contains(word),
                "{path} names {word}: move what needs it to http or store"
            );
        }
    }
}

/// Imports run in one direction: from `cli`, `http` and `ops` through `app` and `store` to `domain`.
const FORBIDDEN_IMPORTS: [(&str, &[&str]); 5] = [
    (
        "domain",
        &[
            "app",
            "audit",
            "cli",
            "config",
            "context",
            "http",
            "metrics",
            "ops",
            "password",
            "rate_limiter",
            "store",
        ],
    ),
    ("store", &["app", "cli", "config", "context", "http", "ops"]),
    ("app", &["cli", "config", "http", "ops"]),
    ("http", &["cli", "config", "ops"]),
    ("ops", &["cli", "config"]),
];

#[test]
fn imports_run_from_the_edges_to_the_domain() {
    for (folder, forbidden) in FORBIDDEN_IMPORTS {
        let sources = sources(&Path::new(ROOT).join("crates/server/src").join(folder));
        assert!(sources.len() >= 3, "{folder}: {sources:?}");
        for (path, text) in sources {
            for module in forbidden {
                assert!(
                    !text.contains(&format!("crate::{module}::")),
                    "{path} names crate::{module}: {folder} must not import it"
                );
            }
        }
    }
}

#[test]
fn xtask_does_not_link_generated_code() {
    for crate_folder in ["xtask", "crates/conformance"] {
        let manifest = Path::new(ROOT).join(crate_folder).join("Cargo.toml");
        let manifest = fs::read_to_string(manifest).expect("text");
        let depends_on = |name| manifest.lines().any(|line: &str| line.starts_with(name));
        assert!(depends_on("dropshot-codegen"));
        for name in ["pbx-login-api", "pbx-login-server", "pbx-login-client"] {
            assert!(
                !depends_on(name),
                "{crate_folder} depends on {name}: run it as a child process instead"
            );
        }
    }
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate() {
    let manifest = |path: &Path| fs::read_to_string(path.join("Cargo.toml")).expect("a manifest");
    let root = manifest(Path::new(ROOT));
    assert!(root.contains("\nunsafe_code = \"forbid\"\n"));
    let members = root
        .lines()
        .find_map(|line| line.strip_prefix("members = "));
    let members: Vec<&str> = members
        .expect("one line")
        .split('"')
        .skip(1)
        .step_by(2)
        .collect();
    assert!(members.contains(&"crates/server"), "{members:?}");
    for member in members {
        assert!(
            manifest(&Path::new(ROOT).join(member)).contains("[lints]\nworkspace = true\n"),
            "{member} does not inherit the lints of the workspace"
        );
    }
}
