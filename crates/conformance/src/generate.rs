//! Generates files from the contract and writes them.
//!
//! Files are written to temporary files first and then renamed, so that readers never see a partial file. If one cannot
//! be generated or written, no file changes. Fresh files are not touched.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use dropshot_codegen::{Contract, Finding};
use openapi_contract::lint;
use tempfile::NamedTempFile;

use crate::harness::{Generated, Generator, Harness};
use crate::workspace::Workspace;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Artifact {
    pub(crate) path: &'static str,
    pub(crate) text: String,
}

/// Generates every file in memory, or returns everything that a generator refuses.
pub(crate) fn artifacts<H: Harness>(
    harness: &H,
    contract: &Contract,
) -> Result<Vec<Artifact>, Vec<Finding>> {
    let mut artifacts = Vec::new();
    // A server can be generated from status ranges, but `verify` refuses them.
    let mut findings = lint::status_ranges(contract);
    for generated in harness.generated() {
        match artifact(harness, contract, &generated) {
            Ok(text) => artifacts.push(Artifact {
                path: generated.path,
                text,
            }),
            Err(found) => {
                // A lint or the server's generator explains the problem better than progenitor.
                let found: Vec<_> = found
                    .into_iter()
                    .filter(|finding| !finding.is_explained_by(&findings))
                    .collect();
                findings.extend(found);
            }
        }
    }
    if findings.is_empty() {
        Ok(artifacts)
    } else {
        Err(findings)
    }
}

pub(crate) fn artifact<H: Harness>(
    harness: &H,
    contract: &Contract,
    generated: &Generated,
) -> Result<String, Vec<Finding>> {
    let command = command(harness);
    match generated.generator.clone() {
        Generator::Server(settings) => dropshot_codegen::generate(
            contract,
            &settings
                .with_source(harness.contract())
                .with_command(command),
        ),
        Generator::Client(settings) => dropshot_codegen::generate_client(
            contract,
            &settings
                .with_source(harness.contract())
                .with_command(command),
        ),
    }
}

pub(crate) fn command<H: Harness>(harness: &H) -> String {
    format!("{} generate", harness.command())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Wrote,
    Fresh,
}

/// Writes all files; on an error, none is changed.
pub(crate) fn write(
    workspace: &Workspace,
    artifacts: &[Artifact],
) -> Result<Vec<(&'static str, Written)>> {
    // Lack of space or permission is detected before the first file is replaced.
    let mut prepared = Vec::new();
    for artifact in artifacts {
        let path = workspace.path(artifact.path);
        let before = read(&path)?;
        let fresh = before.as_deref() == Some(artifact.text.as_bytes());
        let file = if fresh {
            None
        } else {
            Some(write_temporary(&path, &artifact.text)?)
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

struct Prepared {
    name: &'static str,
    path: PathBuf,
    before: Option<Vec<u8>>,
    file: Option<NamedTempFile>,
}

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

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Creates a temporary file in the folder of `path`, so that it can be renamed atomically.
fn write_temporary(path: &Path, text: &str) -> Result<NamedTempFile> {
    let create = || {
        let folder = path.parent().ok_or(ErrorKind::NotFound)?;
        let mut builder = tempfile::Builder::new();
        // Temporary files are private by default; source files are not.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        Ok::<_, std::io::Error>(file)
    };
    create().with_context(|| format!("cannot write next to {}", path.display()))
}

/// Restores a file. An error here would hide the original one.
fn restore(path: PathBuf, before: Option<Vec<u8>>) {
    let _ = match before {
        Some(bytes) => fs::write(path, bytes),
        None => fs::remove_file(path),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{API, CLIENT, CONTRACT_TEXT, Things, workspace};

    fn generate_all(workspace: &Workspace) -> Vec<Artifact> {
        let contract = workspace
            .contract()
            .expect("it exists")
            .expect("the text parses");
        artifacts(&Things, &contract).expect("both files can be generated")
    }

    #[test]
    fn fresh_files_are_not_written_again() {
        let (folder, workspace) = workspace(CONTRACT_TEXT);
        let made = generate_all(&workspace);
        let written = write(&workspace, &made).expect("the temporary folder is writable");
        assert_eq!(written, [(API, Written::Wrote), (CLIENT, Written::Wrote)]);

        let modified = || {
            fs::metadata(workspace.path(CLIENT))
                .and_then(|it| it.modified())
                .expect("it exists")
        };
        let before = modified();
        let written = write(&workspace, &made).expect("the temporary folder is writable");
        assert_eq!(written, [(API, Written::Fresh), (CLIENT, Written::Fresh)]);
        assert_eq!(modified(), before);

        fs::write(workspace.path(CLIENT), "// edited by hand")
            .expect("the temporary folder is writable");
        let written = write(&workspace, &made).expect("the temporary folder is writable");
        assert_eq!(written, [(API, Written::Fresh), (CLIENT, Written::Wrote)]);
        assert_eq!(
            fs::read_to_string(workspace.path(CLIENT)).expect("it exists"),
            made[1].text
        );
        let left = fs::read_dir(folder.path().join("crates/client/src"))
            .expect("it exists")
            .count();
        assert_eq!(left, 1, "no temporary file stays behind");
    }

    #[test]
    fn file_that_cannot_be_replaced_leaves_all_files_unchanged() {
        let (_folder, workspace) = workspace(CONTRACT_TEXT);
        fs::write(workspace.path(API), "// before").expect("the temporary folder is writable");
        // A folder that is not empty cannot be replaced by a file, even by root.
        fs::create_dir_all(workspace.path(CLIENT).join("in the way"))
            .expect("the temporary folder is writable");
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
            fs::read_to_string(workspace.path(API)).expect("it exists"),
            "// before"
        );
    }

    #[test]
    fn failed_rename_restores_the_replaced_files() {
        let (_folder, workspace) = workspace(CONTRACT_TEXT);
        fs::write(workspace.path(API), "// before").expect("the temporary folder is writable");
        let paths = [workspace.path(API), workspace.path("crates")];
        let prepared = vec![
            Prepared {
                name: API,
                path: paths[0].clone(),
                before: Some(b"// before".to_vec()),
                file: Some(
                    write_temporary(&paths[0], "// after")
                        .expect("the temporary folder is writable"),
                ),
            },
            Prepared {
                name: CLIENT,
                path: paths[1].clone(),
                before: None,
                file: Some(
                    write_temporary(&paths[1], "// after")
                        .expect("the temporary folder is writable"),
                ),
            },
        ];
        replace(prepared).expect_err("a folder is in the way");
        assert_eq!(
            fs::read_to_string(&paths[0]).expect("it exists"),
            "// before"
        );
    }

    #[test]
    fn artifacts_are_deterministic() {
        let (_folder, workspace) = workspace(CONTRACT_TEXT);
        assert_eq!(generate_all(&workspace), generate_all(&workspace));
    }

    #[test]
    fn findings_of_both_generators_are_reported_once() {
        let text = CONTRACT_TEXT
            .replace("      operationId: getThings\n", "")
            .replace(
                "type: string, format: password",
                "type: integer, x-secret: true",
            );
        let (_folder, workspace) = workspace(&text);
        let contract = workspace
            .contract()
            .expect("it exists")
            .expect("the text parses");
        let findings = artifacts(&Things, &contract).expect_err("both generators refuse it");
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        openapi.yaml:6:5: the operation has no `operationId` (at /paths/~1things/get); add one, such as `getThings`
        openapi.yaml:26:5: a secret must be a string (at /components/schemas/Key); write `type: string`
        ");
    }

    #[test]
    fn status_ranges_are_refused_without_a_panic() {
        for status in ["4XX", "default"] {
            let listed = format!(
                "        {status}: {{ description: No., content: {{ application/json: {{ schema: {{ $ref: '#/components/schemas/Error' }} }} }} }}\ncomponents:\n"
            );
            let error = "    Error: { type: object, required: [message, request_id], properties: { message: { type: string }, request_id: { type: string }, error_code: { type: string } } }\n";
            let text = CONTRACT_TEXT.replace("components:\n", &listed) + error;
            let contract = Contract::parse("openapi.yaml", &text).expect("the contract is valid");
            let findings = artifacts(&Things, &contract).expect_err("it is refused");
            let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
            assert_eq!(
                lines,
                [format!(
                    "openapi.yaml:17:9: `{status}` covers several statuses (at \
                     /paths/~1things/get/responses/{status}); list each status separately, so that each is documented and checked"
                )]
            );
        }
    }
}
