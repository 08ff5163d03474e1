//! JSON pointers (RFC 6901), which identify the nodes of a document.

use serde_json::Value;

/// Returns the pointer to a member of the object, or an item of the array, at `parent`.
///
/// `~` and `/` in the key are escaped (RFC 6901, section 3).
pub fn child(parent: &str, key: impl std::fmt::Display) -> String {
    let key = key.to_string().replace('~', "~0").replace('/', "~1");
    format!("{parent}/{key}")
}

/// Returns the pointer to the parent node; `None` for the whole document.
pub fn parent(pointer: &str) -> Option<&str> {
    pointer.rfind('/').map(|end| &pointer[..end])
}

/// Returns the last key of a pointer, unescaped; empty for the whole document.
pub fn last(pointer: &str) -> String {
    let start = pointer.rfind('/').map_or(pointer.len(), |slash| slash + 1);
    pointer[start..].replace("~1", "/").replace("~0", "~")
}

/// Iterates over the members of an object with their pointers; empty if the node is not an object.
pub fn members<'a>(
    parent: &'a str,
    node: &'a Value,
) -> impl Iterator<Item = (String, &'a String, &'a Value)> {
    node.as_object()
        .into_iter()
        .flatten()
        .map(move |(key, value)| (child(parent, key), key, value))
}

/// Iterates over the items of an array with their pointers; empty if the node is not an array.
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
    fn escaped_key_is_unescaped_unchanged() {
        let pointer = child("/paths", "/a~b/{c}");
        assert_eq!(pointer, "/paths/~1a~0b~1{c}");
        assert_eq!(parent(&pointer), Some("/paths"));
        assert_eq!(last(&pointer), "/a~b/{c}");
        assert_eq!(parent(""), None);
        assert_eq!(last(""), "");
    }
}
