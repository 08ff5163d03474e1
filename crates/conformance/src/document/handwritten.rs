//! Finds operations that are registered outside the generated trait.
//!
//! dropshot omits `unpublished` operations from its document, so comparing documents does not find them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use dropshot_codegen::Location;

use crate::harness::Harness;
use crate::report::{Problem, SourceLocation};
use crate::workspace::Workspace;

/// Code that registers an operation (dropshot 0.18, `api_description.rs` and `dropshot_endpoint`).
const REGISTRATION_CODE: [&str; 5] = [
    "#[endpoint",
    "#[dropshot::endpoint",
    "#[channel",
    "#[dropshot::channel",
    ".register(",
];

pub(crate) fn problems<H: Harness>(
    harness: &H,
    workspace: &Workspace,
    folder: &str,
) -> Result<Vec<Problem>> {
    let mut files = Vec::new();
    find_sources(workspace, folder, &mut files)?;
    let generated = harness.generated();
    files.retain(|(file, _)| generated.iter().all(|generated| generated.path != file));
    let found =
        |(file, text): &(String, String)| find_registrations(file, text, harness.contract());
    Ok(files.iter().flat_map(found).collect())
}

fn find_sources(
    workspace: &Workspace,
    folder: &str,
    files: &mut Vec<(String, String)>,
) -> Result<()> {
    let path = workspace.path(folder);
    let cannot = || format!("cannot read {}", path.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&path).with_context(cannot)? {
        names.push(entry.with_context(cannot)?.file_name());
    }
    names.sort();
    for name in names {
        let inner = format!("{folder}/{}", name.to_string_lossy());
        let path = workspace.path(&inner);
        if path.is_dir() {
            find_sources(workspace, &inner, files)?;
        } else if Path::new(&inner).extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).with_context(cannot)?;
            files.push((inner, text));
        }
    }
    Ok(())
}

fn find_registrations(file: &str, text: &str, contract: &str) -> Vec<Problem> {
    let lines = text.lines().enumerate();
    // Comments may mention such code.
    let lines = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    lines
        .filter_map(|(number, line)| {
            let column = REGISTRATION_CODE
                .iter()
                .find_map(|words| line.find(words))?;
            let location = Location {
                line: number + 1,
                column: column + 1,
            };
            let problem = Problem {
                location: Some(Box::new(SourceLocation::in_text(
                    file, text, location, None,
                ))),
                ..Problem::new("an operation is registered outside the generated trait")
            };
            Some(problem.help(format!(
                "list it in {contract} and implement the generated trait"
            )))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::report::tests::plain;
    use crate::report::{Check, Item, Report};
    use crate::testing::{API, Things};

    const SERVED: &str = "crates/server/src/http";

    #[test]
    fn handwritten_registration_is_reported_at_its_line() {
        let text = "\
// api.register(debug) is not done here
#[endpoint { method = GET, path = \"/debug\", unpublished = true }]
async fn debug() {}
fn description() {
    api.register(debug);
}
";
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let workspace = Workspace::at(folder.path(), "openapi.yaml");
        let inner = workspace.path(&format!("{SERVED}/deep"));
        fs::create_dir_all(&inner).expect("the temporary folder is writable");
        fs::write(inner.join("debug.rs"), text).expect("the temporary folder is writable");
        fs::write(inner.join("notes.txt"), text).expect("the temporary folder is writable");
        let problems = problems(&Things, &workspace, SERVED).expect("the file is readable");
        let items = vec![Item::from_problems(
            Check::Document,
            "registered by hand",
            problems,
        )];
        insta::assert_snapshot!(plain(&Report { items }), @r#"
        failed document  registered by hand
                 crates/server/src/http/deep/debug.rs:2:1: an operation is registered outside the generated trait
                      2 | #[endpoint { method = GET, path = "/debug", unpublished = true }]
                        | ^
                   help: list it in openapi.yaml and implement the generated trait
                 crates/server/src/http/deep/debug.rs:5:8: an operation is registered outside the generated trait
                      5 |     api.register(debug);
                        |        ^^^^^^^^^
                   help: list it in openapi.yaml and implement the generated trait

        0 fresh, 0 stale, 1 failed
        next: fix the failures, then cargo xtask verify --only document
        "#);
    }

    #[test]
    fn generated_file_may_register_operations() {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let workspace = Workspace::at(folder.path(), "openapi.yaml");
        let generated = workspace.path(API);
        let sources = generated.parent().expect("the file is in a folder");
        fs::create_dir_all(sources).expect("the temporary folder is writable");
        fs::write(
            &generated,
            "#[endpoint { method = GET, path = \"/things\" }]\n",
        )
        .expect("the temporary folder is writable");
        let problems =
            problems(&Things, &workspace, "crates/api/src").expect("the file is readable");
        assert!(problems.is_empty(), "{} problems", problems.len());
    }
}
