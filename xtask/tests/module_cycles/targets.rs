use std::path::PathBuf;
use std::process::Command;

/// A library, program, example or test.
#[derive(Debug)]
pub(crate) struct Target {
    /// The package and, for targets other than the library, the kind and name.
    pub(crate) name: String,
    pub(crate) root: PathBuf,
}

pub(crate) fn workspace_targets() -> Vec<Target> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{output:?}");
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("the text is JSON");
    let text =
        |value: &serde_json::Value| value.as_str().expect("the value is a string").to_owned();
    let mut targets = Vec::new();
    for package in metadata["packages"].as_array().expect("a list of packages") {
        for target in package["targets"].as_array().expect("a list of targets") {
            let kind = text(&target["kind"][0]);
            let name = match kind.as_str() {
                "lib" => text(&package["name"]),
                _ => format!(
                    "{} {kind} {}",
                    text(&package["name"]),
                    text(&target["name"])
                ),
            };
            targets.push(Target {
                name,
                root: text(&target["src_path"]).into(),
            });
        }
    }
    targets
}
