//! Edits of mutants: nodes of the contract by pointer, code by syntax.
//!
//! Mutants do not depend on formatting or on the position of code, so they survive most changes.

use std::fmt;

use dropshot_codegen::Contract;
use serde_json::{Map, Value};

use super::syntax;

/// An edit that plants a mutant.
#[derive(Clone, Copy, Debug)]
pub enum Edit {
    /// Changes nodes of the contract.
    Contract {
        /// The changes, applied in order.
        changes: &'static [Change],
        /// Whether to generate both files from the changed contract.
        regenerate: bool,
    },
    /// Appends text that makes the contract invalid YAML.
    BrokenContract(&'static str),
    /// Replaces code in a Rust file.
    Code {
        /// The file, relative to the workspace.
        file: &'static str,
        /// The function, constant, type or macro to search; `name!` is an invocation of a macro.
        within: &'static str,
        /// The tokens to replace, which must occur exactly once in the item.
        from: &'static str,
        /// The replacement.
        to: &'static str,
    },
}

/// A change of the contract.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// Sets the node at a pointer to a JSON value, or appends it to its object.
    Set(&'static str, &'static str),
    /// Removes the node at a pointer.
    Remove(&'static str),
    /// Renames the key of the node at a pointer.
    Rename(&'static str, &'static str),
}

impl Edit {
    /// Returns the edited file, relative to the workspace.
    pub fn file(&self, contract: &'static str) -> &'static str {
        match self {
            Edit::Contract { .. } | Edit::BrokenContract(_) => contract,
            Edit::Code { file, .. } => file,
        }
    }

    /// Returns whether both files are generated from the changed contract.
    pub fn regenerates(&self) -> bool {
        matches!(
            self,
            Edit::Contract {
                regenerate: true,
                ..
            }
        )
    }

    /// Applies the edit to the text of the file, or returns why it does not apply.
    ///
    /// A changed contract is written as JSON, which is valid YAML, in the same order.
    pub(super) fn apply(&self, text: &str) -> Result<String, String> {
        match self {
            Edit::Contract { changes, .. } => {
                let contract = Contract::parse("contract", text)
                    .map_err(|findings| format!("{findings:?}"))?;
                let mut value = contract.value().clone();
                for change in *changes {
                    change.apply(&mut value)?;
                }
                if value == *contract.value() {
                    return Err("it changes nothing".to_owned());
                }
                Ok(format!("{value:#}\n"))
            }
            Edit::BrokenContract(more) => Ok(format!("{text}{more}\n")),
            Edit::Code {
                within, from, to, ..
            } => syntax::replace(text, within, from, to),
        }
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Edit::Contract { changes, .. } => {
                for change in *changes {
                    match change {
                        Change::Set(pointer, value) => writeln!(f, "set {pointer} to {value}")?,
                        Change::Remove(pointer) => writeln!(f, "remove {pointer}")?,
                        Change::Rename(pointer, key) => writeln!(f, "rename {pointer} to {key}")?,
                    }
                }
                Ok(())
            }
            Edit::BrokenContract(text) => writeln!(f, "append {text}"),
            Edit::Code {
                within, from, to, ..
            } => writeln!(f, "in {within}\n- {from}\n+ {to}"),
        }
    }
}

impl Change {
    fn apply(&self, contract: &mut Value) -> Result<(), String> {
        match self {
            Change::Set(pointer, text) => {
                let value = serde_json::from_str(text)
                    .map_err(|error| format!("`{text}` is not JSON: {error}"))?;
                if let Some(node) = contract.pointer_mut(pointer) {
                    *node = value;
                } else {
                    let (object, key) = object_and_key(contract, pointer)?;
                    object.insert(key, value);
                }
            }
            Change::Remove(pointer) => {
                let (object, key) = object_and_key(contract, pointer)?;
                object.shift_remove(&key).ok_or_else(|| absent(pointer))?;
            }
            Change::Rename(pointer, new) => {
                let (object, key) = object_and_key(contract, pointer)?;
                if !object.contains_key(&key) {
                    return Err(absent(pointer));
                }
                let renamed = std::mem::take(object).into_iter().map(|(name, node)| {
                    let name = if name == key { (*new).to_owned() } else { name };
                    (name, node)
                });
                *object = renamed.collect();
            }
        }
        Ok(())
    }
}

fn object_and_key<'v>(
    contract: &'v mut Value,
    pointer: &str,
) -> Result<(&'v mut Map<String, Value>, String), String> {
    let (parent, key) = pointer.rsplit_once('/').unwrap_or_default();
    let object = contract.pointer_mut(parent).and_then(Value::as_object_mut);
    let object = object.ok_or_else(|| absent(parent))?;
    // RFC 6901, section 4.
    Ok((object, key.replace("~1", "/").replace("~0", "~")))
}

fn absent(pointer: &str) -> String {
    format!("the contract has no {pointer}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::CONTRACT_TEXT;

    fn applied(changes: &'static [Change]) -> Result<Value, String> {
        let edit = Edit::Contract {
            changes,
            regenerate: false,
        };
        edit.apply(CONTRACT_TEXT)
            .map(|text| serde_json::from_str(&text).expect("it is JSON"))
    }

    #[test]
    fn changes_of_the_contract_keep_the_order_of_keys() {
        let contract = applied(&[
            Change::Rename("/paths/~1things", "/others"),
            Change::Set("/info/version", r#""2.0.0""#),
            Change::Set("/info/license", r#"{ "name": "none" }"#),
            Change::Remove("/info/description"),
        ])
        .expect("the edit applies");
        assert_eq!(
            contract["info"].to_string(),
            r#"{"title":"Things","version":"2.0.0","license":{"name":"none"}}"#
        );
        let keys: Vec<_> = contract
            .as_object()
            .expect("the value is an object")
            .keys()
            .collect();
        assert_eq!(keys, ["openapi", "info", "tags", "paths", "components"]);
        assert!(contract["paths"]["/others"]["get"].is_object());
    }

    #[test]
    fn change_that_does_not_apply_is_an_error() {
        for (change, why) in [
            (
                &[Change::Remove("/info/no")],
                "the contract has no /info/no",
            ),
            (&[Change::Rename("/no/a", "b")], "the contract has no /no"),
            (
                &[Change::Rename("/info/no", "b")],
                "the contract has no /info/no",
            ),
            (
                &[Change::Set("/openapi", r#""3.0.3""#)],
                "it changes nothing",
            ),
        ] {
            assert_eq!(applied(change), Err(why.to_owned()));
        }
    }

    #[test]
    fn broken_contract_does_not_parse() {
        let text = Edit::BrokenContract("]").apply(CONTRACT_TEXT);
        let text = text.expect("the edit applies");
        assert!(Contract::parse("openapi.yaml", &text).is_err());
    }
}
