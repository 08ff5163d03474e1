use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, bail};
use dropshot_codegen::{Contract, Finding};

use crate::report::Problem;

/// The folder of a contract, in which cargo runs.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
    contract: &'static str,
    target: Option<PathBuf>,
}

impl Workspace {
    /// Finds the nearest folder with the contract, from the running package upwards.
    ///
    /// # Errors
    /// Fails if no folder has it.
    pub fn find(contract: &'static str) -> Result<Self> {
        let start = match env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => env::current_dir().context("cannot find the current folder")?,
        };
        match start
            .ancestors()
            .find(|folder| folder.join(contract).is_file())
        {
            Some(root) => Ok(Self::at(root, contract)),
            None => bail!(
                "no {contract} in {} or above; run this inside the workspace",
                start.display()
            ),
        }
    }

    /// Returns the workspace in a folder.
    pub fn at(root: impl Into<PathBuf>, contract: &'static str) -> Self {
        Self {
            root: root.into(),
            contract,
            target: None,
        }
    }

    pub(crate) fn with_target(self, target: impl Into<PathBuf>) -> Self {
        let chosen = env::var_os("CARGO_TARGET_DIR").is_some();
        Self {
            target: (!chosen).then(|| target.into()),
            ..self
        }
    }

    pub(crate) fn moved_to(&self, root: impl Into<PathBuf>) -> Self {
        Self::at(root, self.contract)
    }

    /// Returns the absolute path of a file in the workspace.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Returns the root of cargo's workspace: the contract's folder or one above it.
    pub(crate) fn cargo_root(&self) -> &Path {
        let is_root = |folder: &&Path| {
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
            manifest
                .lines()
                .any(|line| line.trim_end() == "[workspace]")
        };
        self.root.ancestors().find(is_root).unwrap_or(&self.root)
    }

    /// Returns the path of the contract, relative to the workspace.
    pub fn contract_path(&self) -> &'static str {
        self.contract
    }

    /// Reads and parses the contract.
    ///
    /// # Errors
    /// The outer result fails if the file cannot be read, the inner one if it is not a valid contract.
    pub fn contract(&self) -> Result<Result<Contract, Vec<Problem>>> {
        let path = self.path(self.contract);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Contract::parse(self.contract, &text).map_err(|findings| problems(findings, &text)))
    }

    /// Returns a command that runs cargo in this workspace.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        if let Some(target) = &self.target {
            command.env("CARGO_TARGET_DIR", target);
        }
        command
    }
}

pub(crate) fn problems(findings: Vec<Finding>, text: &str) -> Vec<Problem> {
    findings
        .into_iter()
        .map(|finding| Problem::from_finding(finding, text))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::workspace;

    #[test]
    fn unreadable_contract_is_an_error_and_invalid_one_is_a_problem() {
        let (_folder, workspace) = workspace("openapi: 3.0.3\ninfo: [\n");
        assert!(workspace.contract().expect("it exists").is_err());
        fs::remove_file(workspace.path("openapi.yaml")).expect("it exists");
        assert!(workspace.contract().is_err());
    }
}
