//! A crate that compiles generated code and prints the document that dropshot emits.
//!
//! All documents use the same crate in turn, because the build artifacts of hundreds would fill a disk.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, Result};
use serde_json::Value;
use toml::Table;

const POSSIBLE_DEPENDENCIES: [&str; 14] = [
    "async-trait",
    "base64",
    "chrono",
    "cookie",
    "dropshot",
    "form_urlencoded",
    "http",
    "http-body",
    "regress",
    "schemars",
    "serde",
    "serde_json",
    "uuid",
    "zeroize",
];

/// The crate, in `target/close_loop`, with the dependencies and lints of this workspace.
pub(crate) struct Scratch {
    folder: PathBuf,
}

pub(crate) struct Built {
    pub(crate) warnings: usize,
    pub(crate) messages: String,
    pub(crate) emitted: Result<Value, String>,
}

impl Scratch {
    pub(crate) fn new() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = root.join("target/close_loop");
        fs::create_dir_all(folder.join("src"))?;
        let manifest: Table = fs::read_to_string(root.join("Cargo.toml"))?.parse()?;
        let workspace = &manifest["workspace"];
        let known = POSSIBLE_DEPENDENCIES.iter().filter_map(|name| {
            Some((
                (*name).to_owned(),
                workspace["dependencies"].get(*name)?.clone(),
            ))
        });
        let mut own: Table = toml::toml! {
            [package]
            name = "subject"
            version = "0.0.0"
            edition = "2024"

            [workspace]

            [profile.dev]
            debug = false
            incremental = false
        };
        own.insert("dependencies".to_owned(), known.collect::<Table>().into());
        own.insert("lints".to_owned(), workspace["lints"].clone());
        fs::write(folder.join("Cargo.toml"), own.to_string())?;
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        fs::write(
            folder.join("src/lib.rs"),
            "//! Generated code.\n\npub mod generated;\n",
        )?;
        Ok(Self { folder })
    }

    pub(crate) fn emit(&self, name: &str, code: &str) -> Result<Built> {
        fs::write(self.folder.join(format!("{name}.rs")), code)?;
        fs::write(self.folder.join("src/generated.rs"), code)?;
        let module = code
            .split_once("module = \"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .context("the code names the module of its trait")?
            .0;
        fs::write(
            self.folder.join("src/main.rs"),
            format!(
                "//! Prints the document.\n\nuse subject::generated;\n\nfn main() {{\n\
                 let api = generated::{module}::stub_api_description().expect(\"it registers\");\n\
                 let document = generated::openapi(&api).json().expect(\"it is JSON\");\n\
                 println!(\"{{document}}\");\n}}\n"
            ),
        )?;
        let linted = self.cargo("clippy")?;
        let messages = String::from_utf8_lossy(&linted.stderr).into_owned();
        let warnings = messages
            .lines()
            .filter(|line| line.starts_with("warning: ") || line.starts_with("error"))
            .count();
        let output = self.cargo("run")?;
        let emitted = if output.status.success() {
            fs::write(self.folder.join(format!("{name}.json")), &output.stdout)?;
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

    fn cargo(&self, command: &str) -> Result<Output> {
        Command::new("cargo")
            .args([command, "--quiet"])
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", self.folder.join("target"))
            .output()
            .context("cannot start cargo")
    }
}

fn head(messages: &str) -> String {
    messages
        .lines()
        .take(40)
        .map(|line| format!("  {line}\n"))
        .collect()
}
