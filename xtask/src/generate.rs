//! `cargo xtask generate`: writes what is made from the contract.
//!
//! Each file is written whole into a temporary file beside it and then renamed over it, so that nobody ever reads half
//! of one; if either cannot be made or written, both stay as they were. A file that is already right is not touched.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use dropshot_codegen::{Contract, Finding, Settings};
use openapi_contract::lint;
use tempfile::NamedTempFile;

use crate::client;
use crate::workspace::{CONTRACT, Workspace};

/// The command that writes the generated files, as their first line names it.
pub(crate) const COMMAND: &str = "cargo xtask generate";

/// The generated half of `pbx-login-api`.
pub(crate) const API: &str = "crates/api/src/generated.rs";

/// The generated half of `pbx-login-client`.
pub(crate) const CLIENT: &str = "crates/client/src/generated.rs";

/// A file that is made from the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Artifact {
    /// Where it belongs, relative to the workspace.
    pub(crate) path: &'static str,
    /// What must stand in it.
    pub(crate) text: String,
}

/// Makes every generated file in memory.
///
/// # Errors
///
/// Everything in the contract that one of the generators refuses.
pub(crate) fn artifacts(contract: &Contract) -> Result<Vec<Artifact>, Vec<Finding>> {
    // The server could be generated with them; `verify` refuses them, so this does as well.
    let mut findings = lint::status_ranges(contract);
    let api = api(contract);
    let client = client(contract);
    match (api, client) {
        (Ok(api), Ok(client)) if findings.is_empty() => Ok(vec![
            Artifact {
                path: API,
                text: api,
            },
            Artifact {
                path: CLIENT,
                text: client,
            },
        ]),
        (api, client) => {
            findings.extend(api.err().unwrap_or_default());
            // What progenitor says of an operation that another finding explains helps no one.
            let client = client.err().unwrap_or_default().into_iter();
            let client: Vec<_> = client
                .filter(|finding| !finding.is_explained_by(&findings))
                .collect();
            findings.extend(client);
            Err(findings)
        }
    }
}

/// Makes [`API`].
pub(crate) fn api(contract: &Contract) -> Result<String, Vec<Finding>> {
    let settings = Settings::default()
        .with_source(CONTRACT)
        .with_command(COMMAND)
        .with_refusals("crate::refusal::LoginRefusals");
    dropshot_codegen::generate(contract, &settings)
}

/// Makes [`CLIENT`].
pub(crate) fn client(contract: &Contract) -> Result<String, Vec<Finding>> {
    client::generate(contract, CONTRACT, COMMAND)
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It was written.
    Wrote,
    /// It was right already and was not touched.
    Fresh,
}

/// Brings the files of the workspace to what `artifacts` say: all of them, or on an error none.
///
/// # Errors
///
/// A file cannot be read or written.
pub(crate) fn write(
    workspace: &Workspace,
    artifacts: &[Artifact],
) -> Result<Vec<(&'static str, Written)>> {
    // Everything that can fail for want of space or rights happens before the first file is replaced.
    let mut prepared = Vec::new();
    for artifact in artifacts {
        let path = workspace.path(artifact.path);
        let before = read(&path)?;
        let fresh = before.as_deref() == Some(artifact.text.as_bytes());
        let file = if fresh {
            None
        } else {
            Some(beside(&path, &artifact.text)?)
        };
        prepared.push(Prepared {
            name: artifact.path,
            path,
            before,
            file,
        });
    }
    replace(prepared)
}

/// A file that can be replaced in one step.
struct Prepared {
    name: &'static str,
    path: PathBuf,
    /// What it holds; `None` if there is none.
    before: Option<Vec<u8>>,
    /// What replaces it; `None` if it is right already.
    file: Option<NamedTempFile>,
}

/// Replaces all files, or on an error puts back what those held that were.
fn replace(prepared: Vec<Prepared>) -> Result<Vec<(&'static str, Written)>> {
    let mut written = Vec::new();
    let mut replaced = Vec::new();
    for Prepared {
        name,
        path,
        before,
        file,
    } in prepared
    {
        let Some(file) = file else {
            written.push((name, Written::Fresh));
            continue;
        };
        if let Err(error) = file.persist(&path) {
            for (path, before) in replaced {
                restore(path, before);
            }
            return Err(error.error).with_context(|| format!("cannot replace {}", path.display()));
        }
        replaced.push((path, before));
        written.push((name, Written::Wrote));
    }
    Ok(written)
}

/// The bytes of a file; `None` if there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// A temporary file with `text` in the folder of `path`, from where it can be renamed in one step.
fn beside(path: &Path, text: &str) -> Result<NamedTempFile> {
    let make = || {
        let folder = path.parent().ok_or(ErrorKind::NotFound)?;
        let mut builder = tempfile::Builder::new();
        // tempfile makes files that only their owner can read; source files are for everybody.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        Ok::<_, std::io::Error>(file)
    };
    make().with_context(|| format!("cannot write beside {}", path.display()))
}

/// Puts back what a file held. An error here would only hide the one that made it necessary.
fn restore(path: PathBuf, before: Option<Vec<u8>>) {
    let _ = match before {
        Some(bytes) => fs::write(path, bytes),
        None => fs::remove_file(path),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::{CONTRACT_TEXT, workspace};

    fn made(workspace: &Workspace) -> Vec<Artifact> {
        let contract = workspace
            .contract()
            .expect("it is there")
            .expect("it parses");
        artifacts(&contract).expect("both can be made")
    }

    #[test]
    fn files_are_written_once_and_then_left_alone() {
        let (folder, workspace) = workspace(CONTRACT_TEXT);
        let made = made(&workspace);
        let written = write(&workspace, &made).expect("there is room");
        assert_eq!(written, [(API, Written::Wrote), (CLIENT, Written::Wrote)]);

        let modified = || {
            fs::metadata(workspace.path(CLIENT))
                .and_then(|it| it.modified())
                .expect("it is there")
        };
        let before = modified();
        let written = write(&workspace, &made).expect("there is room");
        assert_eq!(written, [(API, Written::Fresh), (CLIENT, Written::Fresh)]);
        assert_eq!(modified(), before);

        fs::write(workspace.path(CLIENT), "// edited by hand").expect("there is room");
        let written = write(&workspace, &made).expect("there is room");
        assert_eq!(written, [(API, Written::Fresh), (CLIENT, Written::Wrote)]);
        assert_eq!(
            fs::read_to_string(workspace.path(CLIENT)).expect("it is there"),
            made[1].text
        );
        let left = fs::read_dir(folder.path().join("crates/client/src"))
            .expect("it is there")
            .count();
        assert_eq!(left, 1, "no temporary file stays behind");
    }

    #[test]
    fn if_one_file_cannot_be_replaced_neither_is() {
        let (_folder, workspace) = workspace(CONTRACT_TEXT);
        fs::write(workspace.path(API), "// before").expect("there is room");
        // A folder that is not empty cannot be replaced by a file, whoever tries.
        fs::create_dir_all(workspace.path(CLIENT).join("in the way")).expect("there is room");
        let artifacts = [
            Artifact {
                path: API,
                text: "// after".to_owned(),
            },
            Artifact {
                path: CLIENT,
                text: "// after".to_owned(),
            },
        ];
        let error = write(&workspace, &artifacts)
            .expect_err("it cannot be replaced")
            .to_string();
        assert!(error.contains(CLIENT), "{error}");
        assert_eq!(
            fs::read_to_string(workspace.path(API)).expect("it is there"),
            "// before"
        );
    }

    #[test]
    fn a_second_rename_that_fails_takes_the_first_back() {
        let (_folder, workspace) = workspace(CONTRACT_TEXT);
        fs::write(workspace.path(API), "// before").expect("there is room");
        let paths = [workspace.path(API), workspace.path("crates")];
        let prepared = vec![
            Prepared {
                name: API,
                path: paths[0].clone(),
                before: Some(b"// before".to_vec()),
                file: Some(beside(&paths[0], "// after").expect("there is room")),
            },
            Prepared {
                name: CLIENT,
                path: paths[1].clone(),
                before: None,
                file: Some(beside(&paths[1], "// after").expect("there is room")),
            },
        ];
        replace(prepared).expect_err("a folder is in the way");
        assert_eq!(
            fs::read_to_string(&paths[0]).expect("it is there"),
            "// before"
        );
    }

    #[test]
    fn making_is_the_same_every_time() {
        let (_folder, workspace) = workspace(CONTRACT_TEXT);
        assert_eq!(made(&workspace), made(&workspace));
    }

    #[test]
    fn what_either_generator_refuses_is_told_and_what_both_do_once() {
        let text = CONTRACT_TEXT
            .replace("      operationId: getThings\n", "")
            .replace(
                "type: string, format: password",
                "type: integer, x-secret: true",
            );
        let (_folder, workspace) = workspace(&text);
        let contract = workspace
            .contract()
            .expect("it is there")
            .expect("it parses");
        let findings = artifacts(&contract).expect_err("both refuse it");
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        openapi.yaml:6:5: an operation without an `operationId` (at /paths/~1things/get); give it one, such as `getThings`
        openapi.yaml:26:5: a secret that is no string (at /components/schemas/Key); write `type: string`
        ");
    }

    #[test]
    fn ranges_of_statuses_fail_without_a_panic_of_progenitor() {
        for status in ["4XX", "default"] {
            let listed = format!(
                "        {status}: {{ description: No., content: {{ application/json: {{ schema: {{ $ref: '#/components/schemas/Error' }} }} }} }}\ncomponents:\n"
            );
            let error = "    Error: { type: object, required: [message, request_id], properties: { message: { type: string }, request_id: { type: string }, error_code: { type: string } } }\n";
            let text = CONTRACT_TEXT.replace("components:\n", &listed) + error;
            let contract = Contract::parse("openapi.yaml", &text).expect("a contract");
            let findings = artifacts(&contract).expect_err("it is refused");
            let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
            assert_eq!(
                lines,
                [format!(
                    "openapi.yaml:17:9: `{status}` stands for several statuses (at \
                     /paths/~1things/get/responses/{status}); list each status by itself, so that each is documented and checked"
                )]
            );
        }
    }
}
