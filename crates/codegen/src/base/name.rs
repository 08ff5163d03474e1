//! From names of the contract to names of Rust.

use std::{cell::RefCell, collections::HashMap};

use heck::{ToLowerCamelCase, ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};

use crate::base::refusal::Refusals;

/// `getLoginStatus` → `get_login_status`; `None` if that is no name in Rust.
pub(crate) fn snake(name: &str) -> Option<Ident> {
    ident(&name.to_snake_case())
}

/// The name of the method of an operation: `getLoginStatus` → `get_login_status`, `move` → `move_`, `2fa` → `_2fa`; `None` if nothing of
/// it can be in a name.
pub(crate) fn method(operation_id: &str) -> Option<Ident> {
    let name = operation_id.to_snake_case();
    ident(&name)
        .or_else(|| ident(&format!("{name}_")))
        .or_else(|| ident(&format!("_{name}")).filter(|name| name != "_"))
}

/// What the names of the types of an operation begin with: `getLoginStatus` → `GetLoginStatus`. It is no name by itself, so that it may be
/// one that every Rust program has.
pub(crate) fn camel_part(operation_id: &str) -> Option<Ident> {
    let name = operation_id.to_upper_camel_case();
    ident(&name)
        .or_else(|| ident(&format!("{name}_")))
        .or_else(|| ident(&format!("_{name}")).filter(|name| name != "_"))
}

/// An `operationId` for an operation that has none: `GET /users/{id}/roles` → `getUsersRoles`.
pub(crate) fn of_operation(method: &str, path: &str) -> String {
    let words = path.split('/').filter(|part| !part.starts_with('{'));
    format!("{method} {}", words.collect::<Vec<_>>().join(" ")).to_lower_camel_case()
}

/// What generated code, typify's too, uses without a path. A type of that name would take its place.
const PRELUDE: [&str; 13] = [
    "Box", "Default", "Drop", "Err", "From", "Into", "None", "Ok", "Option", "Result", "Some",
    "String", "Vec",
];

/// `getLoginStatus` → `GetLoginStatus`; `None` if that is no name in Rust, or one that every Rust program has.
pub(crate) fn camel(name: &str) -> Option<Ident> {
    let name = name.to_upper_camel_case();
    ident(&name).filter(|_| !PRELUDE.contains(&name.as_str()))
}

/// The name by which typify is told a schema, so that the type it makes of it has a name of its own: the schema's, or nearly so.
pub(crate) fn type_key(name: &str) -> String {
    let type_name = sanitized(name, "X", str::to_upper_camel_case);
    // The only keyword in this case.
    if PRELUDE.contains(&type_name.as_str()) || type_name == "Self" {
        format!("{name}Type")
    } else {
        name.to_owned()
    }
}

/// The type that typify makes of what it is told by that name; `None` if it is no name in Rust.
pub(crate) fn type_of_key(key: &str) -> Option<Ident> {
    ident(&sanitized(key, "X", str::to_upper_camel_case))
}

/// The type of a schema with that name, unless another took it before.
pub(crate) fn type_name(name: &str) -> Option<Ident> {
    type_of_key(&type_key(name))
}

/// The longest name: with what is added to it, rustdoc makes a file name of it, which file systems limit to 255 bytes.
const MAX_LENGTH: usize = 100;

/// A name that is none of Rust's keywords, plain ASCII, and not too long.
pub(crate) fn ident(name: &str) -> Option<Ident> {
    (name.is_ascii() && name.len() <= MAX_LENGTH && syn::parse_str::<Ident>(name).is_ok())
        .then(|| Ident::new(name, Span::call_site()))
}

/// What typify makes of a property's name, but for the `_` that it adds to keywords, which tells no two names apart.
pub(crate) fn as_field(name: &str) -> String {
    sanitized(name, "x", str::to_snake_case)
}

/// What typify makes of a value of an enumeration, with the same exception.
pub(crate) fn as_variant(value: &str) -> String {
    sanitized(value, "X", str::to_upper_camel_case)
}

/// What typify makes of the values of an enumeration where [`as_variant`] does not tell all of them apart (typify 0.8, `type_entry.rs`).
pub(crate) fn as_careful_variant(value: &str) -> String {
    let spelt = value.replace(|c| c == '_' || !unicode_ident::is_xid_continue(c), "X");
    sanitized(&spelt, "X", str::to_upper_camel_case)
}

/// typify 0.8, `util.rs`, `sanitize`.
fn sanitized(name: &str, prefix: &str, to_case: fn(&str) -> String) -> String {
    let cased = match name {
        "+1" => "plus1".to_owned(),
        "-1" => "minus1".to_owned(),
        _ => {
            let no_quotes = name.replace('\'', "");
            to_case(&no_quotes.replace(|c| !unicode_ident::is_xid_continue(c), "-"))
        }
    };
    if cased.starts_with(unicode_ident::is_xid_start) {
        cased
    } else {
        format!("{prefix}{cased}")
    }
}

/// The names that generated items have taken, each with the pointer to what it was made from.
#[derive(Default)]
pub(crate) struct Names(RefCell<HashMap<String, String>>);

impl Names {
    /// Takes a name for what is made from the node at a pointer. A name that is taken already is reported.
    pub(crate) fn claim(&self, name: &Ident, pointer: &str, refusals: &Refusals<'_>) {
        let taken = self
            .0
            .borrow_mut()
            .insert(name.to_string(), pointer.to_owned());
        if let Some(first) = taken {
            refusals.refuse(
                pointer,
                format!("the name `{name}` in Rust is already taken by {first}"),
                "choose another name",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_their_case_and_nothing_else() {
        assert_eq!(
            snake("getLoginStatus").unwrap().to_string(),
            "get_login_status"
        );
        assert_eq!(
            camel("getLoginStatus").unwrap().to_string(),
            "GetLoginStatus"
        );
        assert_eq!(camel("PBX Login").unwrap().to_string(), "PbxLogin");
    }

    #[test]
    fn names_that_typify_does_not_tell_apart_are_one() {
        for (one, other) in [
            ("foo_bar", "fooBar"),
            ("1", "x1"),
            ("", "-"),
            ("a\u{bd}", "a-"),
            ("it's", "its"),
            ("type", "type_"),
        ] {
            assert_eq!(as_field(one), as_field(other));
            assert_eq!(as_variant(one), as_variant(other));
        }
        assert_eq!(
            (as_field("+1"), as_variant("-1")),
            ("plus1".to_owned(), "minus1".to_owned())
        );
        for (one, other) in [("+1", "-1"), ("1", "-1"), ("gr\u{f6}\u{df}e", "grosse")] {
            assert_ne!(as_field(one), as_field(other));
            assert_ne!(as_variant(one), as_variant(other));
        }
    }

    #[test]
    fn keywords_and_odd_names_are_no_names() {
        for name in ["type", "self", "", "-", "1st", "größe", "a b)"] {
            assert_eq!(ident(name), None, "{name}");
        }
        assert_eq!(snake("Type"), None);
        assert!(ident(&"a".repeat(100)).is_some());
        assert_eq!(ident(&"a".repeat(101)), None);
        assert_eq!(camel("ok"), None);
        assert_eq!(camel("self"), None);
    }
}
