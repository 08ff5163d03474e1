//! Where things stand in the workspace, and how its other crates are run.
//!
//! `api` and `server` are never linked: what needs them runs as a child process of cargo, so that generated code which
//! does not compile cannot stop the tool that repairs it.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, bail};
use dropshot_codegen::Contract;

use crate::report::Problem;

/// The contract, relative to the workspace.
pub(crate) const CONTRACT: &str = "openapi.yaml";

/// The checkout that this tool works on.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    /// Where cargo builds, if not where it would.
    target: Option<PathBuf>,
}

impl Workspace {
    /// Finds the workspace: the one that cargo runs this tool from, else the nearest folder upwards that holds the contract.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn find() -> Result<Self> {
        let start = match env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => env::current_dir().context("cannot tell the current folder")?,
        };
        match start
            .ancestors()
            .find(|folder| folder.join(CONTRACT).is_file())
        {
            Some(root) => Ok(Self::at(root)),
            None => bail!(
                "no {CONTRACT} in {} or above; run `cargo xtask` inside the workspace",
                start.display()
            ),
        }
    }

    /// The workspace in a given folder.
    pub(crate) fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            target: None,
        }
    }

    /// The same, built in another target folder; unless whoever runs this tool has chosen one for everything.
    pub(crate) fn with_target(self, target: impl Into<PathBuf>) -> Self {
        let chosen = env::var_os("CARGO_TARGET_DIR").is_some();
        Self {
            target: (!chosen).then(|| target.into()),
            ..self
        }
    }

    /// The absolute path of a file of the workspace.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Reads and parses the contract.
    ///
    /// # Errors
    ///
    /// The outer error: the file cannot be read. The inner one: it is no contract.
    pub(crate) fn contract(&self) -> Result<Result<Contract, Vec<Problem>>> {
        let path = self.path(CONTRACT);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Contract::parse(CONTRACT, &text).map_err(|findings| problems(findings, &text)))
    }

    /// Cargo, in this workspace.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        if let Some(target) = &self.target {
            command.env("CARGO_TARGET_DIR", target);
        }
        command
    }
}

/// The generator's findings in the file whose text is `text`, as problems.
pub(crate) fn problems(findings: Vec<dropshot_codegen::Finding>, text: &str) -> Vec<Problem> {
    findings
        .into_iter()
        .map(|finding| Problem::from_finding(finding, text))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::generate::{API, CLIENT};

    /// A contract from which both files can be made.
    pub(crate) const CONTRACT_TEXT: &str = "\
openapi: 3.0.3
info: { title: Things, version: 1.0.0, description: A store of things. }
tags: [{ name: thing, description: What there is. }]
paths:
  /things:
    get:
      operationId: getThings
      tags: [thing]
      summary: Get them
      description: All of them.
      responses:
        '200':
          description: Here they are.
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Thing' }
components:
  schemas:
    Thing:
      type: object
      description: What there is.
      required: [name]
      properties:
        name: { type: string, description: What it is called. }
        key: { $ref: '#/components/schemas/Key' }
      example: { name: a }
    Key: { type: string, format: password, description: What opens it. }
";

    /// A workspace of a contract and folders for what is made of it.
    pub(crate) fn workspace(contract: &str) -> (TempDir, Workspace) {
        let folder = tempfile::tempdir().expect("there is room");
        let workspace = Workspace::at(folder.path());
        for path in [API, CLIENT] {
            fs::create_dir_all(workspace.path(path).parent().expect("it has one"))
                .expect("there is room");
        }
        fs::write(workspace.path(CONTRACT), contract).expect("there is room");
        (folder, workspace)
    }

    #[test]
    fn a_contract_that_cannot_be_read_is_an_error_and_one_that_does_not_parse_a_problem() {
        let (_folder, workspace) = workspace("openapi: 3.0.3\ninfo: [\n");
        assert!(workspace.contract().expect("it is there").is_err());
        fs::remove_file(workspace.path(CONTRACT)).expect("it is there");
        assert!(workspace.contract().is_err());
    }
}
