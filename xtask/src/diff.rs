//! `cargo xtask diff A B`: compares two OpenAPI documents as meaning ([`crate::meaning`]).
//!
//! What is written otherwise and means the same is no difference: the order of keys and of lists that are sets, defaults
//! that are spelled out, references to responses, headers, parameters, request bodies and examples (all but those to
//! schemas, whose names are part of the meaning), the parameters of a path, and the security of the whole document.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use anyhow::{Context as _, Result, bail};
use dropshot_codegen::Contract;
use serde_json::{Value, json};

use crate::meaning::difference::{self, Difference, Side};
use crate::meaning::{self, Meaning};
use crate::verify::document::tolerance::Tolerance;

const BOLD: Style = Style::new().bold();
const LEFT: Style = AnsiColor::Red.on_default();
const RIGHT: Style = AnsiColor::Green.on_default();

/// What two documents differ in.
pub(crate) struct Comparison {
    left: Contract,
    right: Contract,
    differences: Vec<Difference>,
}

/// Reads both files and compares them.
///
/// With `as_dropshot`, `right` may lack what dropshot cannot say: the tolerances of the check *document*.
///
/// # Errors
///
/// A file cannot be read, or is no OpenAPI 3.0 document.
pub(crate) fn run(left: &Path, right: &Path, as_dropshot: bool) -> Result<Comparison> {
    let read = |path: &Path| -> Result<Contract> {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        match Contract::parse(&name, &text) {
            Ok(contract) => Ok(contract),
            Err(findings) => {
                let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
                bail!(
                    "{name} is no OpenAPI 3.0 document that can be compared\n{}",
                    lines.join("\n")
                )
            }
        }
    };
    Ok(compare(read(left)?, read(right)?, as_dropshot))
}

fn compare(left: Contract, right: Contract, as_dropshot: bool) -> Comparison {
    let mut ours = Meaning::of(left.value());
    let mut theirs = Meaning::of(right.value());
    // What refers to such a component is compared where it is used; one that nothing refers to means nothing.
    let tolerances = if as_dropshot {
        Tolerance::ALL
    } else {
        &[Tolerance::ComponentsInPlace]
    };
    for tolerance in tolerances {
        tolerance.forgive(&mut ours, &mut theirs);
    }
    Comparison {
        differences: difference::between(&ours, &theirs),
        left,
        right,
    }
}

impl Comparison {
    /// Whether both documents mean the same.
    pub(crate) fn is_same(&self) -> bool {
        self.differences.is_empty()
    }

    /// For a person, with ANSI colours: each difference by its pointer, with what stands where on either side.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for difference in &self.differences {
            let _ = writeln!(out, "{BOLD}{}{BOLD:#}", meaning::pointer(&difference.path));
            for (style, contract, side) in [
                (LEFT, &self.left, &difference.left),
                (RIGHT, &self.right, &difference.right),
            ] {
                let _ = writeln!(
                    out,
                    "  {style}{}:{}{style:#}: {}",
                    contract.name(),
                    contract.locate(&side.pointer),
                    side.shown()
                );
            }
        }
        match self.differences.len() {
            0 => out.push_str("both mean the same\n"),
            1 => out.push_str("\n1 difference\n"),
            count => {
                let _ = writeln!(out, "\n{count} differences");
            }
        }
        out
    }

    /// For a program, as the command's help describes it.
    pub(crate) fn json(&self) -> String {
        let differences: Vec<Value> = self
            .differences
            .iter()
            .map(|difference| {
                json!({
                    "pointer": meaning::pointer(&difference.path),
                    "a": side(&self.left, &difference.left),
                    "b": side(&self.right, &difference.right),
                })
            })
            .collect();
        let document = json!({
            "version": 1,
            "a": self.left.name(),
            "b": self.right.name(),
            "same": self.is_same(),
            "differences": differences,
        });
        format!("{document:#}\n")
    }
}

/// What is there, and where; what is not there has the place where it would be, and no `value`.
fn side(contract: &Contract, side: &Side) -> Value {
    let location = contract.locate(&side.pointer);
    let mut shown = json!({
        "pointer": side.pointer,
        "line": location.line,
        "column": location.column,
    });
    if let Some(value) = &side.value {
        shown["value"] = value.clone();
    }
    shown
}

#[cfg(test)]
mod tests;
