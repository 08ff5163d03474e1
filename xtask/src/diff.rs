//! `cargo xtask diff A B`: compares the meaning of two OpenAPI documents ([`openapi_contract::diff`]).

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use dropshot_conformance::document::Tolerance;
use openapi_contract::Contract;
use openapi_contract::diff::Comparison;

/// Reads and compares two files.
///
/// With `as_dropshot`, `right` may lack what dropshot cannot document: the tolerances of the check *document* apply.
pub(crate) fn run(left: &Path, right: &Path, as_dropshot: bool) -> Result<Comparison> {
    let read = |path: &Path| -> Result<Contract> {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        match Contract::parse(&name, &text) {
            Ok(contract) => Ok(contract),
            Err(findings) => {
                let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
                bail!(
                    "{name} is not an OpenAPI 3.0 document that can be compared\n{}",
                    lines.join("\n")
                )
            }
        }
    };
    Ok(compare(read(left)?, read(right)?, as_dropshot))
}

fn compare(left: Contract, right: Contract, as_dropshot: bool) -> Comparison {
    if !as_dropshot {
        return Comparison::new(left, right);
    }
    Comparison::with_tolerances(left.simplified(), right.simplified(), |ours, theirs| {
        for tolerance in Tolerance::ALL {
            tolerance.apply(ours, theirs);
        }
    })
}

#[cfg(test)]
mod tests;
