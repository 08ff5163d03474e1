//! Check *document*: the document that the server registers has the meaning of the contract.
//!
//! The server prints dropshot's document. Both documents are normalized, the differences in [`Tolerance`] are removed,
//! and any other difference is a failure. Operations missing from the document are searched for in the source
//! (`handwritten.rs`).

use anyhow::{Context as _, Result};
use dropshot_codegen::Contract;
use serde_json::Value;

use crate::cargo::Builds;
use crate::harness::Harness;
use crate::report::{Check, Item, Problem};
use openapi_contract::meaning::difference::{self, Difference};
use openapi_contract::meaning::{self, Meaning};

mod handwritten;
mod tolerance;

pub use tolerance::Tolerance;

const REST_SUBJECT: &str = "title, version, tags";

pub(crate) fn check<H: Harness>(
    harness: &H,
    contract: &Contract,
    builds: &Builds,
) -> Result<Vec<Item>> {
    let mut items = registered(harness, contract, builds)?;
    if let Some(sources) = harness.server().sources {
        items.push(Item::from_problems(
            Check::Document,
            "nothing registered by hand",
            handwritten::problems(harness, builds.workspace(), sources)?,
        ));
    }
    Ok(items)
}

fn registered<H: Harness>(harness: &H, contract: &Contract, builds: &Builds) -> Result<Vec<Item>> {
    let failed = |problem: Problem| {
        Ok(vec![Item::from_problems(
            Check::Document,
            "the server's document",
            vec![problem],
        )])
    };
    let server = harness.server();
    let binary = match builds.binary(server.package, "the server")? {
        Ok(binary) => binary,
        Err(problem) => return failed(problem),
    };
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut command = server.command(&binary, folder.path());
    command.args(&server.document);
    let name = format!("`{} {}`", server.package, server.document.join(" "));
    let output = builds
        .timings()
        .step("ask the server", || command.output())
        .context("cannot start the server")?;
    if !output.status.success() {
        let problem = Problem::new(format!("{name} exited with {}", output.status))
            .detail("stderr", String::from_utf8_lossy(&output.stderr).trim_end());
        return failed(problem);
    }
    match serde_json::from_slice(&output.stdout) {
        Ok(emitted) => Ok(compare(contract, &emitted, harness.tolerances())),
        Err(error) => failed(Problem::new(format!("{name} did not print JSON: {error}"))),
    }
}

/// Returns an item for each operation, one for the schemas and one for the rest.
fn compare(contract: &Contract, emitted: &Value, tolerances: &[Tolerance]) -> Vec<Item> {
    let mut ours = Meaning::of(contract.value());
    let mut theirs = Meaning::of(emitted);
    for tolerance in tolerances {
        tolerance.apply(&mut ours, &mut theirs);
    }

    let operations: Vec<(String, String)> = contract
        .operations()
        .into_iter()
        .map(|operation| {
            let id = operation.id.as_deref().unwrap_or_default();
            (
                operation.pointer.clone(),
                format!("{} {} {id}", operation.method, operation.path),
            )
        })
        .collect();
    let mut subjects: Vec<(String, Vec<Problem>)> = operations
        .iter()
        .map(|(_, name)| (name.clone(), vec![]))
        .collect();
    let schemas = contract
        .openapi()
        .components
        .as_ref()
        .map_or(0, |components| components.schemas.len());
    let schemas = format!("{schemas} schemas");
    subjects.push((schemas.clone(), vec![]));
    subjects.push((REST_SUBJECT.to_owned(), vec![]));

    for difference in difference::between(&ours, &theirs) {
        let subject = match difference.path.as_slice() {
            [paths, path, method, ..] if paths == "paths" => {
                let pointer = meaning::pointer(&[paths, path, method]);
                let listed = operations
                    .iter()
                    .find(|(at, _)| *at == pointer)
                    .map(|(_, name)| name.clone());
                listed.unwrap_or_else(|| format!("{} {path}", method.to_uppercase()))
            }
            [paths, path] if paths == "paths" => path.clone(),
            [components, ..] if components == "components" => schemas.clone(),
            _ => REST_SUBJECT.to_owned(),
        };
        let problem = problem(contract, difference);
        match subjects.iter_mut().find(|(name, _)| *name == subject) {
            Some((_, problems)) => problems.push(problem),
            None => subjects.push((subject, vec![problem])),
        }
    }
    subjects
        .into_iter()
        .map(|(name, problems)| Item::from_problems(Check::Document, name, problems))
        .collect()
}

fn problem(contract: &Contract, difference: Difference) -> Problem {
    let path = meaning::pointer(&difference.path);
    let Difference { left, right, .. } = difference;
    Problem::at(
        contract,
        &left.pointer,
        format!("the server's document differs at {path}"),
    )
    .detail("contract", left.preview())
    .detail("server  ", right.preview())
}

#[cfg(test)]
mod tests;
