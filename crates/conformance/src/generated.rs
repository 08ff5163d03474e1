//! Check *generated*: each generated file is, byte for byte, what `generate` would write.

use std::fs;
use std::io::ErrorKind;

use anyhow::{Context as _, Result};
use dropshot_codegen::{Finding, Location};

use crate::generate::{Artifact, command};
use crate::harness::Harness;
use crate::report::{Check, Item, Problem, SourceLocation};
use crate::workspace::Workspace;

pub(crate) fn check<H: Harness>(
    harness: &H,
    workspace: &Workspace,
    expected: Result<&[Artifact], &[Finding]>,
) -> Result<Vec<Item>> {
    let artifacts = match expected {
        Ok(artifacts) => artifacts,
        Err(findings) => {
            let refused = |path| {
                Item::from_problems(Check::Generated, path, refusal(harness.command(), findings))
            };
            let files = harness.generated().into_iter();
            return Ok(files.map(|generated| refused(generated.path)).collect());
        }
    };
    let help = format!("run `{}`", command(harness));
    artifacts
        .iter()
        .map(|artifact| {
            let path = workspace.path(artifact.path);
            let on_disk = match fs::read(&path) {
                Ok(bytes) => Some(bytes),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot read {}", path.display()));
                }
            };
            let problems = difference(artifact, on_disk.as_deref())
                .map(|problem| problem.help(&help))
                .into_iter()
                .collect();
            Ok(Item::from_problems(Check::Generated, artifact.path, problems).into_stale())
        })
        .collect()
}

/// Reports that the contract must be corrected first.
fn refusal(command: &str, findings: &[Finding]) -> Vec<Problem> {
    let first = findings.first().map(Finding::to_string).unwrap_or_default();
    vec![
        Problem::new("cannot be generated from the contract")
            .detail("because", first)
            .help(format!(
                "see `{command} verify --only contract` for all findings"
            )),
    ]
}

/// Finds the first line that differs.
fn difference(artifact: &Artifact, on_disk: Option<&[u8]>) -> Option<Problem> {
    let Some(bytes) = on_disk else {
        return Some(Problem::new("the file does not exist"));
    };
    if bytes == artifact.text.as_bytes() {
        return None;
    }

    let text = String::from_utf8_lossy(bytes);
    // With line ends, so that a difference in line ends alone is found.
    let mut on_disk = text.split_inclusive('\n');
    let mut expected = artifact.text.split_inclusive('\n');
    let mut number = 1;
    let (on_disk, expected) = loop {
        match (on_disk.next(), expected.next()) {
            (Some(a), Some(b)) if a == b => number += 1,
            pair => break pair,
        }
    };
    let location = SourceLocation {
        file: artifact.path.to_owned(),
        position: Location {
            line: number,
            column: 1,
        },
        pointer: None,
        source: None,
    };
    let quoted = |line: Option<&str>| match line {
        None => "(the file ends here)".to_owned(),
        Some(line) => match line.strip_suffix('\n') {
            Some(text) if text.ends_with('\r') => {
                format!("{} (ends in CR LF)", text.trim_end_matches('\r'))
            }
            Some(text) => text.to_owned(),
            None => format!("{line} (without a line end)"),
        },
    };
    Some(
        Problem {
            location: Some(Box::new(location)),
            ..Problem::new("differs from the generated text, starting at this line")
        }
        .detail("on disk  ", quoted(on_disk))
        .detail("generated", quoted(expected)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report;
    use crate::report::tests::plain;
    use crate::testing::{API, CLIENT, Things};

    fn report(on_disk: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        for (path, text) in on_disk {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("the temporary folder is writable"))
                .expect("the temporary folder is writable");
            fs::write(path, text).expect("the temporary folder is writable");
        }
        let expected = [
            Artifact {
                path: API,
                text: "// head\nfn a() {}\nfn b() {}\n".to_owned(),
            },
            Artifact {
                path: CLIENT,
                text: "// head\nfn c() {}\n".to_owned(),
            },
        ];
        let items = check(
            &Things,
            &Workspace::at(folder.path(), "openapi.yaml"),
            Ok(&expected),
        )
        .expect("it runs");
        plain(&Report { items })
    }

    #[test]
    fn equal_files_are_fresh() {
        let text = report(&[
            (API, "// head\nfn a() {}\nfn b() {}\n"),
            (CLIENT, "// head\nfn c() {}\n"),
        ]);
        insta::assert_snapshot!(text, @"
         fresh generated crates/api/src/generated.rs
         fresh generated crates/client/src/generated.rs

        2 fresh, 0 stale, 0 failed
        contract, server and client agree
        ");
    }

    #[test]
    fn changed_line_and_missing_file_are_stale() {
        insta::assert_snapshot!(report(&[(API, "// head\nfn a() { x }\nfn b() {}\n")]), @"
         stale generated crates/api/src/generated.rs
                 crates/api/src/generated.rs:2:1: differs from the generated text, starting at this line
                   on disk  : fn a() { x }
                   generated: fn a() {}
                   help: run `cargo xtask generate`
         stale generated crates/client/src/generated.rs
                 the file does not exist
                   help: run `cargo xtask generate`

        0 fresh, 2 stale, 0 failed
        next: cargo xtask generate, then cargo xtask verify
        ");
    }

    #[test]
    fn truncated_file_and_crlf_line_ends_are_stale() {
        let text = report(&[
            (API, "// head\nfn a() {}\n"),
            (CLIENT, "// head\r\nfn c() {}\r\n"),
        ]);
        insta::assert_snapshot!(text, @"
         stale generated crates/api/src/generated.rs
                 crates/api/src/generated.rs:3:1: differs from the generated text, starting at this line
                   on disk  : (the file ends here)
                   generated: fn b() {}
                   help: run `cargo xtask generate`
         stale generated crates/client/src/generated.rs
                 crates/client/src/generated.rs:1:1: differs from the generated text, starting at this line
                   on disk  : // head (ends in CR LF)
                   generated: // head
                   help: run `cargo xtask generate`

        0 fresh, 2 stale, 0 failed
        next: cargo xtask generate, then cargo xtask verify
        ");
    }

    #[test]
    fn contract_from_which_nothing_can_be_generated_fails() {
        let finding = Finding {
            file: "openapi.yaml".to_owned(),
            location: Location { line: 3, column: 5 },
            pointer: "/paths".to_owned(),
            message: "no".to_owned(),
            help: "write yes".to_owned(),
        };
        let items = check(
            &Things,
            &Workspace::at("/nowhere", "openapi.yaml"),
            Err(&[finding]),
        )
        .expect("it runs");
        insta::assert_snapshot!(plain(&Report { items }), @"
        failed generated crates/api/src/generated.rs
                 cannot be generated from the contract
                   because: openapi.yaml:3:5: no (at /paths); write yes
                   help: see `cargo xtask verify --only contract` for all findings
        failed generated crates/client/src/generated.rs
                 cannot be generated from the contract
                   because: openapi.yaml:3:5: no (at /paths); write yes
                   help: see `cargo xtask verify --only contract` for all findings

        0 fresh, 0 stale, 2 failed
        next: fix the failures, then cargo xtask verify --only generated
        ");
    }
}
