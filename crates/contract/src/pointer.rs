//! JSON pointers (RFC 6901), by which the nodes of a contract are named.

use serde_json::Value;

/// The pointer to the member `key` (or the item with that index) of the node at `parent`.
///
/// `~` and `/` in the key are escaped as RFC 6901, section 3, asks.
pub fn child(parent: &str, key: impl std::fmt::Display) -> String {
    let key = key.to_string().replace('~', "~0").replace('/', "~1");
    format!("{parent}/{key}")
}

/// The pointer to the parent of the node at `pointer`; `None` for the whole document.
pub fn parent(pointer: &str) -> Option<&str> {
    pointer.rfind('/').map(|end| &pointer[..end])
}

/// The last key of a pointer, unescaped; empty for the whole document.
pub fn last(pointer: &str) -> String {
    let start = pointer.rfind('/').map_or(pointer.len(), |slash| slash + 1);
    pointer[start..].replace("~1", "/").replace("~0", "~")
}

/// The members of an object, each with the pointer to it; nothing if the node is no object.
pub fn members<'a>(
    parent: &'a str,
    node: &'a Value,
) -> impl Iterator<Item = (String, &'a String, &'a Value)> {
    node.as_object()
        .into_iter()
        .flatten()
        .map(move |(key, value)| (child(parent, key), key, value))
}

/// The items of an array, each with the pointer to it; nothing if the node is no array.
pub fn items<'a>(parent: &'a str, node: &'a Value) -> impl Iterator<Item = (String, &'a Value)> {
    node.as_array()
        .into_iter()
        .flatten()
        .enumerate()
        .map(move |(index, value)| (child(parent, index), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_escaped_and_come_back() {
        let pointer = child("/paths", "/a~b/{c}");
        assert_eq!(pointer, "/paths/~1a~0b~1{c}");
        assert_eq!(parent(&pointer), Some("/paths"));
        assert_eq!(last(&pointer), "/a~b/{c}");
        assert_eq!(parent(""), None);
        assert_eq!(last(""), "");
    }
}
