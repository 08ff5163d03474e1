//! A workspace of crates that hold what was generated and print the document that dropshot emits of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, Result};
use serde_json::Value;
use toml::{Table, Value as Toml};

/// What generated code may need.
const NEEDED: [&str; 13] = [
    "async-trait",
    "base64",
    "chrono",
    "cookie",
    "dropshot",
    "form_urlencoded",
    "http",
    "regress",
    "schemars",
    "serde",
    "serde_json",
    "uuid",
    "zeroize",
];

/// The workspace, in `target/close_loop`, with the dependencies and lints of the project.
pub(crate) struct Workspace {
    folder: PathBuf,
    dependencies: Vec<String>,
}

/// What became of a crate.
pub(crate) struct Built {
    /// How many warnings the compiler gave.
    pub(crate) warnings: usize,
    /// What the compiler said.
    pub(crate) messages: String,
    /// The document, or what went wrong.
    pub(crate) emitted: Result<Value, String>,
}

impl Workspace {
    pub(crate) fn new() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = root.join("target/close_loop");
        fs::create_dir_all(&folder)?;
        let manifest: Table = fs::read_to_string(root.join("Cargo.toml"))?.parse()?;
        let workspace = &manifest["workspace"];
        let mut dependencies = Table::new();
        for name in NEEDED {
            if let Some(dependency) = workspace["dependencies"].get(name) {
                dependencies.insert(name.to_owned(), dependency.clone());
            }
        }
        let names = dependencies.keys().cloned().collect();
        let mut own = Table::new();
        own.insert("resolver".to_owned(), Toml::from("3"));
        own.insert("members".to_owned(), Toml::from(vec!["of_*"]));
        own.insert("dependencies".to_owned(), Toml::from(dependencies));
        own.insert("lints".to_owned(), workspace["lints"].clone());
        let mut text = Table::new();
        text.insert("workspace".to_owned(), Toml::from(own));
        text.insert("profile".to_owned(), manifest["profile"].clone());
        fs::write(folder.join("Cargo.toml"), text.to_string())?;
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        Ok(Self {
            folder,
            dependencies: names,
        })
    }

    /// Compiles generated code and lets it emit its document.
    pub(crate) fn emit(&self, name: &str, code: &str) -> Result<Built> {
        let name: String = name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '_'
                }
            })
            .collect();
        let name = format!("of_{name}");
        let folder = self.folder.join(&name);
        fs::create_dir_all(folder.join("src"))?;
        let dependencies: String = self
            .dependencies
            .iter()
            .map(|name| format!("{name}.workspace = true\n"))
            .collect();
        fs::write(
            folder.join("Cargo.toml"),
            format!(
                "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
                 [lints]\nworkspace = true\n[dependencies]\n{dependencies}"
            ),
        )?;
        fs::write(
            folder.join("src/lib.rs"),
            "//! Generated.\n\npub mod generated;\n",
        )?;
        fs::write(folder.join("src/generated.rs"), code)?;
        let module = code
            .split_once("module = \"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .context("the code names the module of its trait")?
            .0;
        fs::write(
            folder.join("src/main.rs"),
            format!(
                "//! Prints the document.\n\nuse {name}::generated;\n\nfn main() {{\n\
                 let api = generated::{module}::stub_api_description().expect(\"it registers\");\n\
                 let document = generated::openapi(&api).json().expect(\"it is JSON\");\n\
                 println!(\"{{document}}\");\n}}\n"
            ),
        )?;
        let linted = self.cargo(&["clippy", "--lib", "--package", &name])?;
        let messages = String::from_utf8_lossy(&linted.stderr).into_owned();
        let warnings = messages
            .lines()
            .filter(|line| line.starts_with("warning: ") || line.starts_with("error"))
            .count();
        let output = self.cargo(&["run", "--package", &name])?;
        let emitted = if output.status.success() {
            fs::write(folder.join("emitted.json"), &output.stdout)?;
            Ok(serde_json::from_slice(&output.stdout)?)
        } else {
            Err(head(&String::from_utf8_lossy(&output.stderr)))
        };
        Ok(Built {
            warnings,
            messages: head(&messages),
            emitted,
        })
    }

    fn cargo(&self, arguments: &[&str]) -> Result<Output> {
        Command::new("cargo")
            .args(arguments)
            .arg("--quiet")
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", self.folder.join("target"))
            .output()
            .context("cannot start cargo")
    }
}

/// The first lines of what a compiler says, indented.
fn head(messages: &str) -> String {
    messages
        .lines()
        .take(40)
        .map(|line| format!("  {line}\n"))
        .collect()
}
