//! Runs the checks that contract, server and client agree.
//!
//! Each check is a module of this crate and returns a list of [`Item`]s. All checks run; a check that cannot run
//! reports this as a failure. Nothing is written to the workspace except below `target`.
//!
//! Every finding is a failure, unless it is that a generated file is stale. Builds use fresh files instead of stale
//! ones ([`fresh_copy`]).

use anyhow::Result;
use clap::ValueEnum as _;
use dropshot_codegen::{Contract, Finding};
use openapi_contract::lint;

use crate::cargo::Builds;
use crate::generate;
use crate::harness::{Generator, Harness};
use crate::report::{Check, Item, Outcome, Problem, Report};
use crate::timings::Timings;
use crate::workspace::{self, Workspace};
use crate::{client, document, fresh_copy, generated, live};

pub(crate) mod base;
mod conventions;

pub(crate) use base::Base;

/// The extensions that the generators or the checks read.
const EXTENSIONS: [&str; 9] = [
    conventions::PAGINATION,
    "x-dropshot-pagination-param",
    "x-dropshot-websocket",
    "x-error-code",
    "x-request-body-max-bytes",
    "x-rust-type",
    "x-secret",
    "x-streaming",
    "x-wildcard",
];

/// Runs the checks in `only`, or all if it is empty; *compatibility* only with a base.
///
/// # Errors
/// Fails if a file cannot be read or cargo cannot be started.
pub(crate) fn run<H: Harness>(
    harness: &H,
    workspace: &Workspace,
    only: &[Check],
    base: Option<&Base>,
    timings: &Timings,
) -> Result<Report> {
    let checks: Vec<Check> = Check::value_variants()
        .iter()
        .copied()
        .filter(|check| only.is_empty() || only.contains(check))
        .filter(|check| *check != Check::Compatibility || base.is_some())
        .collect();

    let contract = match timings.step("read the contract", || workspace.contract())? {
        Ok(contract) => contract,
        Err(problems) => return Ok(unreadable(harness.contract(), &checks, problems)),
    };
    let generated_files = timings.step("generate in memory", || {
        generate::artifacts(harness, &contract)
    });
    let generated = generated::check(
        harness,
        workspace,
        generated_files.as_deref().map_err(Vec::as_slice),
    )?;
    let stale = generated
        .iter()
        .any(|item| matches!(item.outcome, Outcome::Stale(_)));
    let tree = match &generated_files {
        Ok(artifacts) if stale && checks.iter().any(Check::builds) => timings
            .step("copy the workspace", || {
                fresh_copy::create(workspace, artifacts)
            })?,
        _ => workspace.clone(),
    };

    // Server and client ignore what is only documentation.
    let simplified = contract.simplified();
    let builds = Builds::new(&tree, timings);
    let mut items = Vec::new();
    for check in checks {
        let found: Result<Vec<Item>> = timings.step(check.name(), || {
            Ok(match check {
                Check::Contract => check_contract(harness, &contract),
                Check::Generated => generated.clone(),
                Check::Document => document::check(harness, &simplified, &builds)?,
                Check::Client => client::check(harness, &simplified, &builds)?,
                Check::Live => live::check(harness, &simplified, &builds)?,
                Check::Compatibility => base.map(|base| base.check(&contract)).unwrap_or_default(),
            })
        });
        items.extend(found?);
    }
    Ok(Report { items })
}

fn check_contract<H: Harness>(harness: &H, contract: &Contract) -> Vec<Item> {
    let item = |rule: &str, findings: Vec<Finding>| {
        let problems = workspace::problems(findings, contract.text());
        Item::from_problems(Check::Contract, rule, problems)
    };
    let mut known: Vec<Finding> = Vec::new();
    let mut items = Vec::new();
    for (rule, findings) in lint::lint(contract, &EXTENSIONS) {
        known.extend(findings.iter().cloned());
        items.push(item(rule.title(), findings));
    }
    for (rule, findings) in conventions::check(contract) {
        known.extend(findings.iter().cloned());
        items.push(item(rule, findings));
    }
    for file in harness.generated() {
        let rule = match file.generator {
            Generator::Server(_) => "the server's trait can be generated",
            Generator::Client(_) => "the client can be generated",
        };
        let mut findings = generate::artifact(harness, contract, &file)
            .err()
            .unwrap_or_default();
        if let Generator::Client(_) = file.generator {
            // Another finding explains the problem better than progenitor.
            for finding in &mut findings {
                if finding.is_explained_by(&known) && finding.help.starts_with("progenitor") {
                    finding.message = "no client can be generated from this".to_owned();
                    finding.help = "see the findings above".to_owned();
                }
            }
        }
        known.extend(findings.iter().cloned());
        items.push(item(rule, findings));
    }
    items
}

impl Check {
    fn builds(&self) -> bool {
        match self {
            Check::Contract | Check::Generated | Check::Compatibility => false,
            Check::Document | Check::Client | Check::Live => true,
        }
    }
}

fn unreadable(contract: &str, checks: &[Check], problems: Vec<Problem>) -> Report {
    let mut problems = Some(problems);
    let items = checks
        .iter()
        .map(|check| {
            let why = problems.take().unwrap_or_else(|| {
                vec![Problem::new(format!(
                    "did not run: {contract} does not parse; see above"
                ))]
            });
            Item::from_problems(*check, contract, why)
        })
        .collect();
    Report { items }
}

#[cfg(test)]
#[path = "verify/lint_tests.rs"]
mod lint_tests;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::report::tests::plain;
    use crate::testing::{CLIENT, CONTRACT_TEXT, Things, workspace};

    const WITHOUT_SERVER: &[Check] = &[Check::Contract, Check::Generated];

    fn generated(contract: &str) -> (tempfile::TempDir, Workspace) {
        let (folder, workspace) = workspace(CONTRACT_TEXT);
        let before = workspace
            .contract()
            .expect("it exists")
            .expect("the text parses");
        generate::write(
            &workspace,
            &generate::artifacts(&Things, &before).expect("generation succeeds"),
        )
        .expect("the temporary folder is writable");
        fs::write(workspace.path("openapi.yaml"), contract)
            .expect("the temporary folder is writable");
        (folder, workspace)
    }

    fn report(contract: &str) -> String {
        let (_folder, workspace) = generated(contract);
        plain(
            &run(
                &Things,
                &workspace,
                WITHOUT_SERVER,
                None,
                &Timings::default(),
            )
            .expect("it runs"),
        )
    }

    #[test]
    fn generated_files_agree() {
        insta::assert_snapshot!(report(CONTRACT_TEXT), @"
         fresh contract  every operation is documented and tagged
         fresh contract  everything has a description
         fresh contract  every reference is valid, and every component is used
         fresh contract  every path parameter is declared
         fresh contract  every secured operation lists 401
         fresh contract  every response has the body that its status requires
         fresh contract  every example is valid
         fresh contract  every format and extension is known
         fresh contract  every operation that may refuse its request lists 400
         fresh contract  every page has the structure of a dropshot page
         fresh contract  the server's trait can be generated
         fresh contract  the client can be generated
         fresh generated crates/api/src/generated.rs
         fresh generated crates/client/src/generated.rs

        14 fresh, 0 stale, 0 failed
        contract, server and client agree
        ");
    }

    #[test]
    fn edited_contract_makes_generated_files_stale() {
        insta::assert_snapshot!(report(&CONTRACT_TEXT.replace("getThings", "listThings")), @r#"
         fresh contract  every operation is documented and tagged
         fresh contract  everything has a description
         fresh contract  every reference is valid, and every component is used
         fresh contract  every path parameter is declared
         fresh contract  every secured operation lists 401
         fresh contract  every response has the body that its status requires
         fresh contract  every example is valid
         fresh contract  every format and extension is known
         fresh contract  every operation that may refuse its request lists 400
         fresh contract  every page has the structure of a dropshot page
         fresh contract  the server's trait can be generated
         fresh contract  the client can be generated
         stale generated crates/api/src/generated.rs
                 crates/api/src/generated.rs:22:1: differs from the generated text, starting at this line
                   on disk  :         operation_id = "getThings",
                   generated:         operation_id = "listThings",
                   help: run `cargo xtask generate`
         stale generated crates/client/src/generated.rs
                 crates/client/src/generated.rs:148:1: differs from the generated text, starting at this line
                   on disk  :     pub async fn get_things<'a>(
                   generated:     pub async fn list_things<'a>(
                   help: run `cargo xtask generate`

        12 fresh, 2 stale, 0 failed
        next: cargo xtask generate, then cargo xtask verify
        "#);
    }

    #[test]
    fn edited_client_is_stale() {
        let (_folder, workspace) = generated(CONTRACT_TEXT);
        let path = workspace.path(CLIENT);
        let text = fs::read_to_string(&path).expect("it exists");
        fs::write(
            &path,
            text.replace("async fn get_things", "async fn fetch_things"),
        )
        .expect("the temporary folder is writable");
        insta::assert_snapshot!(plain(&run(&Things, &workspace, WITHOUT_SERVER, None, &Timings::default()).expect("it runs")), @"
         fresh contract  every operation is documented and tagged
         fresh contract  everything has a description
         fresh contract  every reference is valid, and every component is used
         fresh contract  every path parameter is declared
         fresh contract  every secured operation lists 401
         fresh contract  every response has the body that its status requires
         fresh contract  every example is valid
         fresh contract  every format and extension is known
         fresh contract  every operation that may refuse its request lists 400
         fresh contract  every page has the structure of a dropshot page
         fresh contract  the server's trait can be generated
         fresh contract  the client can be generated
         fresh generated crates/api/src/generated.rs
         stale generated crates/client/src/generated.rs
                 crates/client/src/generated.rs:148:1: differs from the generated text, starting at this line
                   on disk  :     pub async fn fetch_things<'a>(
                   generated:     pub async fn get_things<'a>(
                   help: run `cargo xtask generate`

        13 fresh, 1 stale, 0 failed
        next: cargo xtask generate, then cargo xtask verify
        ");
    }

    #[test]
    fn invalid_contract_fails_every_check() {
        insta::assert_snapshot!(report(&CONTRACT_TEXT.replace("operationId:", "operationID:")), @"
        failed contract  openapi.yaml
                 openapi.yaml:7:7: an Operation Object has no `operationID`
                      7 |       operationID: getThings
                        |       ^^^^^^^^^^^
                   at /paths/~1things/get/operationID
                   help: write `operationId`
        failed generated openapi.yaml
                 did not run: openapi.yaml does not parse; see above

        0 fresh, 0 stale, 2 failed
        next: fix the failures, then cargo xtask verify
        ");
    }

    #[test]
    fn verify_writes_nothing() {
        let (folder, workspace) = generated(&CONTRACT_TEXT.replace("getThings", "listThings"));
        let before = fs::read(workspace.path(CLIENT)).expect("it exists");
        run(
            &Things,
            &workspace,
            WITHOUT_SERVER,
            None,
            &Timings::default(),
        )
        .expect("it runs");
        assert_eq!(fs::read(workspace.path(CLIENT)).expect("it exists"), before);
        assert_eq!(
            fs::read_dir(folder.path()).expect("it exists").count(),
            2,
            "the contract and crates/"
        );
    }
}
