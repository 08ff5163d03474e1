//! Where two documents differ in meaning.

use serde_json::Value;

use super::{Meaning, Part};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The keys that lead to it, references followed.
    pub path: Vec<String>,
    /// What the first document has there.
    pub left: Side,
    /// What the second one has there.
    pub right: Side,
}

/// What one of the documents has at the place of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// Where it is written, as a JSON pointer; where it would be, if it is not.
    pub pointer: String,
    /// What it is, without the defaults in it; `None` if there is nothing.
    pub value: Option<Value>,
}

impl Side {
    /// The value as compact JSON, cut where it gets long.
    pub fn shown(&self) -> String {
        const CHARACTERS: usize = 300;
        let Some(value) = &self.value else {
            return "(nothing)".to_owned();
        };
        let text = value.to_string();
        match text.char_indices().nth(CHARACTERS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

/// Everything in which `right` is not what `left` is.
pub fn between(left: &Meaning, right: &Meaning) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut Vec::new(), left, right, &mut found);
    found
}

fn compare(path: &mut Vec<String>, left: &Meaning, right: &Meaning, found: &mut Vec<Difference>) {
    match (&left.part, &right.part) {
        // A schema here and a reference to one there have no keys in common.
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

/// Nothing, where the object around it is.
fn absent(parent: &Meaning) -> Side {
    Side {
        pointer: parent.pointer.clone(),
        value: None,
    }
}
