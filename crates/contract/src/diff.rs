//! Compares the meaning of two OpenAPI documents ([`crate::meaning`]).
//!
//! Differences in spelling are ignored: the order of keys and of lists that are sets, explicit defaults, references to
//! anything but schemas, and whether parameters and security are declared for an operation, a path or the document.
//! Schema names are compared.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::Contract;
use crate::meaning::difference::{self, Difference, Side};
use crate::meaning::{self, Meaning};

const BOLD: Style = Style::new().bold();
const LEFT: Style = AnsiColor::Red.on_default();
const RIGHT: Style = AnsiColor::Green.on_default();

/// The differences between two contracts.
#[derive(Debug)]
pub struct Comparison {
    left: Contract,
    right: Contract,
    differences: Vec<Difference>,
}

impl Comparison {
    /// Compares two contracts.
    pub fn new(left: Contract, right: Contract) -> Self {
        Self::with_tolerances(left, right, |_, _| {})
    }

    /// Compares two contracts after `tolerate` has removed intended differences from both.
    pub fn with_tolerances(
        left: Contract,
        right: Contract,
        tolerate: impl FnOnce(&mut Meaning, &mut Meaning),
    ) -> Self {
        let mut ours = Meaning::of(left.value());
        let mut theirs = Meaning::of(right.value());
        ours.remove_inlined_components();
        theirs.remove_inlined_components();
        tolerate(&mut ours, &mut theirs);
        Comparison {
            differences: difference::between(&ours, &theirs),
            left,
            right,
        }
    }

    /// Returns whether both documents have the same meaning.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
    }

    /// Renders the differences as text with ANSI colours: pointer, and value and location on each side.
    pub fn text(&self) -> String {
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
                    side.preview()
                );
            }
        }
        match self.differences.len() {
            0 => out.push_str("both documents have the same meaning\n"),
            1 => out.push_str("\n1 difference\n"),
            count => {
                let _ = writeln!(out, "\n{count} differences");
            }
        }
        out
    }

    /// Renders the differences as JSON.
    ///
    /// `{"version": 1, "a": FILE, "b": FILE, "same": BOOLEAN, "differences": [{"pointer": POINTER, "a": SIDE, "b":
    /// SIDE}]}`; a side has `pointer`, `line`, `column` and, if the node exists, `value`.
    pub fn json(&self) -> String {
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
