//! `cargo xtask verify`: proves that contract, server and client agree.
//!
//! Each check is a module here and gives a list of [`Item`]s. Checks run one after the other and all of them run,
//! whatever the others found: a check that cannot run because something before it is broken says so as a failure.
//! Nothing in the workspace is ever written, but for what is built below `target`.
//!
//! What a check finds is a failure that a person must repair, but for a generated file that is stale. What is built from
//! it is judged as it would be once the file is fresh ([`tree`]).

use anyhow::Result;
use clap::ValueEnum as _;

use crate::generate;
use crate::report::{Check, Item, Outcome, Problem, Report};
use crate::timings::Timings;
use crate::workspace::{self, CONTRACT, Workspace};

mod client;
mod compatibility;
pub(crate) mod contract;
pub(crate) mod document;
mod generated;
mod live;
mod server;
mod tree;

pub(crate) use compatibility::Base;
use server::Server;
pub(crate) use server::executable;

/// Runs the checks named in `only`, or all of them if it is empty. *compatibility* runs where there is a base.
///
/// # Errors
///
/// It could not run: a file cannot be read, cargo cannot be started.
pub(crate) fn run(
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
        Err(problems) => return Ok(unreadable(&checks, problems)),
    };
    let made = timings.step("generate in memory", || generate::artifacts(&contract));
    let generated = generated::check(workspace, made.as_deref().map_err(Vec::as_slice))?;
    let stale = generated
        .iter()
        .any(|item| matches!(item.outcome, Outcome::Stale(_)));
    let tree = match &made {
        Ok(artifacts) if stale && checks.iter().any(Check::builds) => timings
            .step("copy the workspace", || {
                tree::generated(workspace, artifacts)
            })?,
        _ => workspace.clone(),
    };

    // What is on the wire, without what only documents: the server and the client know nothing else.
    let simplified = contract.simplified();
    let server = Server::of(&tree, timings);
    let mut items = Vec::new();
    for check in checks {
        let found: Result<Vec<Item>> = timings.step(check.name(), || {
            Ok(match check {
                Check::Contract => contract::check(&contract),
                Check::Generated => generated.clone(),
                Check::Document => document::check(&simplified, &tree, &server)?,
                Check::Client => client::check(&simplified, &tree, &server)?,
                Check::Live => live::check(&simplified, &server)?,
                Check::Compatibility => base
                    .map(|base| compatibility::check(&contract, base))
                    .unwrap_or_default(),
            })
        });
        items.extend(found?);
    }
    Ok(Report { items })
}

impl Check {
    /// Whether it builds something from the workspace.
    fn builds(&self) -> bool {
        match self {
            Check::Contract | Check::Generated | Check::Compatibility => false,
            Check::Document | Check::Client | Check::Live => true,
        }
    }
}

/// The report on a contract that does not parse: no check can run.
fn unreadable(checks: &[Check], problems: Vec<Problem>) -> Report {
    let mut problems = Some(problems);
    let items = checks
        .iter()
        .map(|check| {
            let why = problems.take().unwrap_or_else(|| {
                vec![Problem::new(format!(
                    "did not run: {CONTRACT} does not parse, see above"
                ))]
            });
            Item::judged(*check, CONTRACT, why)
        })
        .collect();
    Report { items }
}

/// What a generator refused, as problems of the contract.
fn refused(
    contract: &dropshot_codegen::Contract,
    findings: Vec<dropshot_codegen::Finding>,
) -> Vec<Problem> {
    workspace::problems(findings, contract.text())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::generate::CLIENT;
    use crate::report::tests::plain;
    use crate::workspace::tests::{CONTRACT_TEXT, workspace};

    /// The checks that build nothing.
    const WITHOUT_SERVER: &[Check] = &[Check::Contract, Check::Generated];

    fn generated(contract: &str) -> (tempfile::TempDir, Workspace) {
        let (folder, workspace) = workspace(CONTRACT_TEXT);
        let before = workspace
            .contract()
            .expect("it is there")
            .expect("it parses");
        generate::write(
            &workspace,
            &generate::artifacts(&before).expect("it can be made"),
        )
        .expect("there is room");
        fs::write(workspace.path(CONTRACT), contract).expect("there is room");
        (folder, workspace)
    }

    fn report(contract: &str) -> String {
        let (_folder, workspace) = generated(contract);
        plain(&run(&workspace, WITHOUT_SERVER, None, &Timings::default()).expect("it runs"))
    }

    #[test]
    fn what_was_generated_agrees() {
        insta::assert_snapshot!(report(CONTRACT_TEXT), @"
         fresh contract  every operation is documented and tagged
         fresh contract  everything has a description
         fresh contract  every reference fits, every component is used
         fresh contract  every path parameter is declared
         fresh contract  every secured operation lists 401
         fresh contract  every status has its body
         fresh contract  every example is valid
         fresh contract  every format and extension is known
         fresh contract  the server's trait can be generated
         fresh contract  the client can be generated
         fresh generated crates/api/src/generated.rs
         fresh generated crates/client/src/generated.rs

        12 fresh, 0 stale, 0 failed
        contract, server and client agree
        ");
    }

    #[test]
    fn an_edited_contract_makes_what_comes_from_it_stale() {
        insta::assert_snapshot!(report(&CONTRACT_TEXT.replace("getThings", "listThings")), @r#"
         fresh contract  every operation is documented and tagged
         fresh contract  everything has a description
         fresh contract  every reference fits, every component is used
         fresh contract  every path parameter is declared
         fresh contract  every secured operation lists 401
         fresh contract  every status has its body
         fresh contract  every example is valid
         fresh contract  every format and extension is known
         fresh contract  the server's trait can be generated
         fresh contract  the client can be generated
         stale generated crates/api/src/generated.rs
                 crates/api/src/generated.rs:22:1: differs from what the contract makes, from this line on
                   on disk  :         operation_id = "getThings",
                   generated:         operation_id = "listThings",
                   help: run `cargo xtask generate`
         stale generated crates/client/src/generated.rs
                 crates/client/src/generated.rs:148:1: differs from what the contract makes, from this line on
                   on disk  :     pub async fn get_things<'a>(
                   generated:     pub async fn list_things<'a>(
                   help: run `cargo xtask generate`

        10 fresh, 2 stale, 0 failed
        next: cargo xtask generate, then cargo xtask verify
        "#);
    }

    #[test]
    fn a_client_edited_by_hand_is_stale() {
        let (_folder, workspace) = generated(CONTRACT_TEXT);
        let path = workspace.path(CLIENT);
        let text = fs::read_to_string(&path).expect("it is there");
        fs::write(
            &path,
            text.replace("async fn get_things", "async fn fetch_things"),
        )
        .expect("there is room");
        insta::assert_snapshot!(plain(&run(&workspace, WITHOUT_SERVER, None, &Timings::default()).expect("it runs")), @"
         fresh contract  every operation is documented and tagged
         fresh contract  everything has a description
         fresh contract  every reference fits, every component is used
         fresh contract  every path parameter is declared
         fresh contract  every secured operation lists 401
         fresh contract  every status has its body
         fresh contract  every example is valid
         fresh contract  every format and extension is known
         fresh contract  the server's trait can be generated
         fresh contract  the client can be generated
         fresh generated crates/api/src/generated.rs
         stale generated crates/client/src/generated.rs
                 crates/client/src/generated.rs:148:1: differs from what the contract makes, from this line on
                   on disk  :     pub async fn fetch_things<'a>(
                   generated:     pub async fn get_things<'a>(
                   help: run `cargo xtask generate`

        11 fresh, 1 stale, 0 failed
        next: cargo xtask generate, then cargo xtask verify
        ");
    }

    #[test]
    fn a_contract_that_does_not_parse_fails_every_check() {
        insta::assert_snapshot!(report(&CONTRACT_TEXT.replace("operationId:", "operationID:")), @"
        failed contract  openapi.yaml
                 openapi.yaml:7:7: an Operation Object has no `operationID`
                      7 |       operationID: getThings
                        |       ^^^^^^^^^^^
                   at /paths/~1things/get/operationID
                   help: write `operationId`
        failed generated openapi.yaml
                 did not run: openapi.yaml does not parse, see above

        0 fresh, 0 stale, 2 failed
        next: mend what failed, then cargo xtask verify
        ");
    }

    #[test]
    fn verifying_writes_nothing() {
        let (folder, workspace) = generated(&CONTRACT_TEXT.replace("getThings", "listThings"));
        let before = fs::read(workspace.path(CLIENT)).expect("it is there");
        run(&workspace, WITHOUT_SERVER, None, &Timings::default()).expect("it runs");
        assert_eq!(
            fs::read(workspace.path(CLIENT)).expect("it is there"),
            before
        );
        assert_eq!(
            fs::read_dir(folder.path()).expect("it is there").count(),
            2,
            "the contract and crates/"
        );
    }
}
