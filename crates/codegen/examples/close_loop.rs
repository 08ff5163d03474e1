//! Checks the generator: generates code from OpenAPI documents, compiles it, and compares the documents that dropshot
//! emits.
//!
//! ```sh
//! cargo run --release -p dropshot-codegen --example close_loop -- DOCUMENT...
//! ```
//!
//! DOCUMENT is an OpenAPI 3.0 document in YAML or JSON, or a folder of them. A table shows for each the numbers of
//! operations, of those generated, refused and emitted unchanged (closed), and of compiler warnings, and the seconds of
//! the generation. Differences and refusals follow. Generated code and emitted documents are in `target/close_loop`.
//!
//! Exit codes: 0 if all generated code compiles without warnings and is emitted unchanged, otherwise 1.
//!
//! The comparison ignores what dropshot cannot express: servers, security, extensions, unused components, and listed
//! statuses of errors.

#[path = "close_loop/compare.rs"]
mod compare;
#[path = "close_loop/scratch.rs"]
mod scratch;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context as _, Result};
use dropshot_codegen::{
    Contract, Document, Finding, Report, Settings, Supported, generate_supported,
};

const MAX_PRINTED: usize = 20;

fn main() -> Result<ExitCode> {
    let mut documents = Vec::new();
    for argument in env::args_os().skip(1) {
        documents.extend(find_documents(Path::new(&argument))?);
    }
    let scratch = scratch::Scratch::new()?;
    let mut details = String::new();
    let mut all_closed = true;
    println!(
        "{:<48} {:>10} {:>9} {:>7} {:>6} {:>8} {:>7}",
        "document", "operations", "generated", "refused", "closed", "warnings", "seconds"
    );
    for document in documents {
        let name = document.display().to_string();
        let text = fs::read_to_string(&document).with_context(|| format!("cannot read {name}"))?;
        let start = Instant::now();
        let outcome = Document::parse(&name, &text)
            .map(|document| generate_supported(&document, &Settings::default()));
        let seconds = start.elapsed().as_secs_f32();
        let short = document.file_name().unwrap_or_default().to_string_lossy();
        let (report, closed, warnings) = match outcome {
            Err(finding) => {
                println!("{short:<48} not a supported OpenAPI 3.0 document");
                details += &format!("\n{name}\n{}", reasons(&[finding]));
                continue;
            }
            Ok(Err(report)) => (*report, 0, 0),
            Ok(Ok(supported)) => {
                let Supported {
                    code,
                    contract,
                    report,
                } = supported;
                let (closed, warnings, problems) =
                    compile_and_compare(&scratch, &short, &code, &contract)?;
                if !problems.is_empty() {
                    details += &format!("\n{name}\n{problems}");
                }
                all_closed &= closed == report.generated && warnings == 0 && problems.is_empty();
                (report, closed, warnings)
            }
        };
        println!(
            "{short:<48} {:>10} {:>9} {:>7} {closed:>6} {warnings:>8} {seconds:>7.2}",
            report.operations,
            report.generated,
            report.refused.len(),
        );
        let refused = reasons(&refusals(&report));
        if !refused.is_empty() {
            details += &format!("\n{name}\n{refused}");
        }
    }
    print!("{details}");
    Ok(if all_closed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn find_documents(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut documents = Vec::new();
    for entry in fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
        let path = entry?.path();
        let extension = path.extension().unwrap_or_default();
        if path.is_dir()
            || ["json", "yaml", "yml"]
                .iter()
                .any(|known| extension == *known)
        {
            documents.extend(find_documents(&path)?);
        }
    }
    documents.sort();
    Ok(documents)
}

/// Compiles and compares; returns the numbers of unchanged operations and warnings, and all problems.
fn compile_and_compare(
    scratch: &scratch::Scratch,
    name: &str,
    code: &str,
    contract: &Contract,
) -> Result<(usize, usize, String)> {
    let built = scratch.emit(name, code)?;
    let emitted = match built.emitted {
        Ok(emitted) => emitted,
        Err(error) => return Ok((0, built.warnings, error)),
    };
    let differences = compare::differences(contract.value(), &emitted)?;
    let broken: BTreeSet<_> = differences.iter().map(|it| it.operation.clone()).collect();
    let closed = match broken.contains(&None) {
        // A difference outside of operations, such as in a schema, may concern all of them.
        true => 0,
        false => contract.operations().len() - broken.len(),
    };
    let mut problems: Vec<_> = differences.iter().map(ToString::to_string).collect();
    if problems.len() > MAX_PRINTED {
        let more = problems.len() - MAX_PRINTED;
        problems.truncate(MAX_PRINTED);
        problems.push(format!("  and {more} more differences\n"));
    }
    if built.warnings > 0 {
        problems.push(built.messages);
    }
    Ok((closed, built.warnings, problems.concat()))
}

/// Returns every refusal once.
fn refusals(report: &Report) -> Vec<Finding> {
    let reasons = report.refused.iter().flat_map(|refused| &refused.reasons);
    let all: BTreeMap<_, _> = reasons
        .chain(&report.elsewhere)
        .map(|finding| {
            (
                (finding.location, &finding.pointer, &finding.message),
                finding,
            )
        })
        .collect();
    all.into_values().cloned().collect()
}

/// Counts equal refusals and shows the first of each.
fn reasons(findings: &[Finding]) -> String {
    let mut kinds: BTreeMap<String, (usize, &Finding)> = BTreeMap::new();
    for finding in findings {
        // Quoted names differ between otherwise equal refusals.
        let mut kind = String::new();
        for (index, part) in finding.message.split('`').enumerate() {
            kind += if index % 2 == 0 { part } else { "`..`" };
        }
        kinds.entry(kind).or_insert((0, finding)).0 += 1;
    }
    let mut kinds: Vec<_> = kinds.into_values().collect();
    kinds.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    kinds
        .iter()
        .take(MAX_PRINTED)
        .map(|(count, first)| format!("  refused {count} times, first {first}\n"))
        .collect()
}
