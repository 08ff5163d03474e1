//! Finds the differences in meaning between two documents.

use serde_json::Value;

use super::{Meaning, Part};

/// A difference between two documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The keys that lead to the node; references are followed.
    pub path: Vec<String>,
    /// The node in the first document.
    pub left: Side,
    /// The node in the second document.
    pub right: Side,
}

/// A node that differs, in one of the documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// The JSON pointer to the node, or to the parent if the node is absent.
    pub pointer: String,
    /// The value without implied defaults; `None` if the node is absent.
    pub value: Option<Value>,
}

impl Side {
    /// Returns the value as compact JSON, truncated to 300 characters.
    pub fn preview(&self) -> String {
        const MAX_CHARACTERS: usize = 300;
        let Some(value) = &self.value else {
            return "(nothing)".to_owned();
        };
        let text = value.to_string();
        match text.char_indices().nth(MAX_CHARACTERS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

/// Returns every difference between two documents.
pub fn between(left: &Meaning, right: &Meaning) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut Vec::new(), left, right, &mut found);
    found
}

fn compare(path: &mut Vec<String>, left: &Meaning, right: &Meaning, found: &mut Vec<Difference>) {
    match (&left.part, &right.part) {
        // A schema and a reference to a schema have no keys in common.
        (Part::Map(ours), Part::Map(theirs))
            if ours.contains_key("$ref") == theirs.contains_key("$ref") =>
        {
            for (key, node) in ours {
                path.push(key.clone());
                match theirs.get(key) {
                    Some(other) => compare(path, node, other, found),
                    None => found.push(difference(path, present(node), absent(right))),
                }
                path.pop();
            }
            for (key, node) in theirs {
                if !ours.contains_key(key) {
                    path.push(key.clone());
                    found.push(difference(path, absent(left), present(node)));
                    path.pop();
                }
            }
        }
        (Part::List(ours), Part::List(theirs)) => {
            for index in 0..ours.len().max(theirs.len()) {
                path.push(index.to_string());
                match (ours.get(index), theirs.get(index)) {
                    (Some(node), Some(other)) => compare(path, node, other, found),
                    (ours, theirs) => found.push(difference(
                        path,
                        ours.map_or_else(|| absent(left), present),
                        theirs.map_or_else(|| absent(right), present),
                    )),
                }
                path.pop();
            }
        }
        (Part::Leaf(ours), Part::Leaf(theirs)) if ours == theirs => {}
        (Part::Leaf(_) | Part::Map(_) | Part::List(_), _) => {
            found.push(difference(path, present(left), present(right)));
        }
    }
}

fn difference(path: &[String], left: Side, right: Side) -> Difference {
    Difference {
        path: path.to_vec(),
        left,
        right,
    }
}

fn present(node: &Meaning) -> Side {
    Side {
        pointer: node.pointer.clone(),
        value: Some(node.to_value()),
    }
}

fn absent(parent: &Meaning) -> Side {
    Side {
        pointer: parent.pointer.clone(),
        value: None,
    }
}
