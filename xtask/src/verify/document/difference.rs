//! Where two documents differ in meaning.

use super::meaning::{Meaning, Part};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The keys that lead to it, references followed.
    pub(crate) path: Vec<String>,
    /// Where it is written in the contract; where it would be, if it is not.
    pub(crate) pointer: String,
    /// What the contract has there.
    pub(crate) contract: Option<String>,
    /// What the server has there.
    pub(crate) server: Option<String>,
}

/// Everything in which `server` is not what `contract` is.
pub(crate) fn between(contract: &Meaning, server: &Meaning) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut Vec::new(), contract, server, &mut found);
    found
}

fn compare(
    path: &mut Vec<String>,
    contract: &Meaning,
    server: &Meaning,
    found: &mut Vec<Difference>,
) {
    match (&contract.part, &server.part) {
        // A schema here and a reference to one there have no keys in common.
        (Part::Map(ours), Part::Map(theirs))
            if ours.contains_key("$ref") == theirs.contains_key("$ref") =>
        {
            for (key, node) in ours {
                path.push(key.clone());
                match theirs.get(key) {
                    Some(other) => compare(path, node, other, found),
                    None => found.push(difference(path, &node.pointer, Some(node), None)),
                }
                path.pop();
            }
            for (key, node) in theirs {
                if !ours.contains_key(key) {
                    path.push(key.clone());
                    found.push(difference(path, &contract.pointer, None, Some(node)));
                    path.pop();
                }
            }
        }
        (Part::List(ours), Part::List(theirs)) => {
            for index in 0..ours.len().max(theirs.len()) {
                path.push(index.to_string());
                match (ours.get(index), theirs.get(index)) {
                    (Some(node), Some(other)) => compare(path, node, other, found),
                    (ours, theirs) => {
                        let pointer = ours.map_or(&contract.pointer, |node| &node.pointer);
                        found.push(difference(path, pointer, ours, theirs));
                    }
                }
                path.pop();
            }
        }
        (Part::Leaf(ours), Part::Leaf(theirs)) if ours == theirs => {}
        (Part::Leaf(_) | Part::Map(_) | Part::List(_), _) => {
            found.push(difference(
                path,
                &contract.pointer,
                Some(contract),
                Some(server),
            ));
        }
    }
}

fn difference(
    path: &[String],
    pointer: &str,
    contract: Option<&Meaning>,
    server: Option<&Meaning>,
) -> Difference {
    Difference {
        path: path.to_vec(),
        pointer: pointer.to_owned(),
        contract: contract.map(shown),
        server: server.map(shown),
    }
}

/// A node as compact JSON, cut where it gets long.
fn shown(node: &Meaning) -> String {
    const CHARACTERS: usize = 300;
    let text = node.to_value().to_string();
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
