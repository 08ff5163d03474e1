//! Check 1: the contract itself.
//!
//! Parsing has already refused what OpenAPI does not know. Here the contract is held to what makes it a good one: every
//! operation is documented, everything that is named exists and is used, every example is true. Then both generators
//! try it, and whatever they refuse is shown at its place. Each rule is an item of the report.

use dropshot_codegen::Contract;
use openapi_contract::lint;

use crate::generate;
use crate::report::{Check, Item, Problem};

use super::refused;

mod client;

/// The extensions that the generator or `verify` reads.
const EXTENSIONS: [&str; 9] = [
    "x-dropshot-pagination",
    "x-dropshot-pagination-param",
    "x-dropshot-websocket",
    "x-error-code",
    "x-request-body-max-bytes",
    "x-rust-type",
    "x-secret",
    "x-streaming",
    "x-wildcard",
];

/// Holds the contract to every rule, and has both generators try it.
pub(crate) fn check(contract: &Contract) -> Vec<Item> {
    let item = |rule: &str, problems: Vec<Problem>| Item::judged(Check::Contract, rule, problems);
    let rules = lint::lint(contract, &EXTENSIONS).into_iter();
    let mut items: Vec<Item> = rules
        .map(|(rule, findings)| item(rule.title(), refused(contract, findings)))
        .collect();
    let trait_findings = generate::api(contract).err().unwrap_or_default();
    items.push(item(
        "the server's trait can be generated",
        refused(contract, trait_findings),
    ));
    items.push(item(
        "the client can be generated",
        client::problems(contract),
    ));
    items
}

#[cfg(test)]
mod tests;
