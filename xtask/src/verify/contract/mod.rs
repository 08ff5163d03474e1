//! Check 1: the contract itself.
//!
//! Parsing has already refused what OpenAPI does not know. Here the contract is held to what makes it a good one: every
//! operation is documented, everything that is named exists and is used, every example is true. Then both generators
//! try it, and whatever they refuse is shown at its place. Each rule is a module or a function, and an item of the report.

use dropshot_codegen::Contract;

use crate::generate;
use crate::report::{Check, Item, Problem};

use super::refused;

mod client;
mod described;
mod documented;
mod examples;
mod parameters;
mod references;
pub(crate) mod security;
pub(crate) mod shapes;
mod words;

/// Holds the contract to every rule.
pub(crate) fn check(contract: &Contract) -> Vec<Item> {
    let item = |rule: &str, problems: Vec<Problem>| Item::judged(Check::Contract, rule, problems);
    vec![
        item(
            "every operation is documented and tagged",
            documented::problems(contract),
        ),
        item(
            "everything has a description",
            described::problems(contract),
        ),
        item(
            "every reference fits, every component is used",
            references::problems(contract),
        ),
        item(
            "every path parameter is declared",
            parameters::problems(contract),
        ),
        item(
            "every secured operation lists 401",
            security::problems(contract),
        ),
        item("every status has its body", shapes::problems(contract)),
        item("every example is valid", examples::problems(contract)),
        item(
            "every format and extension is known",
            words::problems(contract),
        ),
        item(
            "the server's trait can be generated",
            trait_problems(contract),
        ),
        item("the client can be generated", client::problems(contract)),
    ]
}

fn trait_problems(contract: &Contract) -> Vec<Problem> {
    refused(contract, generate::api(contract).err().unwrap_or_default())
}

#[cfg(test)]
mod tests;
