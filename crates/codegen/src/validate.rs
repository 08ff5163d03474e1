//! Refusal of the constructs of OpenAPI that this generator does not support.
//!
//! A member that is not read is refused unless it is only documentation ([`openapi_contract::Contract::simplified`]),
//! so that nothing is ignored silently. To support a member, remove it from [`UNSUPPORTED`] and read it.

use openapi_contract::grammar::{self, Kind, Node};
use openapi_contract::pointer;

use crate::base::extension::DROPSHOT_EXTENSIONS;
use crate::base::refusal::Refusals;

const NO_CALLBACKS: &str = "remove it: callbacks are not generated";
const NO_LINKS: &str = "remove it: links are not generated";
const ON_OPERATIONS: &str = "write it on each operation";
const SERVERS_AT_TOP: &str = "write servers at the top of the document";
const NO_DEPRECATION: &str = "state it in the description: dropshot cannot mark it";

/// The unsupported members, each with the help text of its finding.
const UNSUPPORTED: &[(Kind, &str, &str)] = &[
    (Kind::Components, "links", NO_LINKS),
    (Kind::Components, "callbacks", NO_CALLBACKS),
    (Kind::PathItem, "$ref", "write the path item here"),
    (Kind::PathItem, "summary", ON_OPERATIONS),
    (Kind::PathItem, "description", ON_OPERATIONS),
    (
        Kind::PathItem,
        "trace",
        "use another method: dropshot has no TRACE",
    ),
    (Kind::PathItem, "servers", SERVERS_AT_TOP),
    (Kind::Operation, "callbacks", NO_CALLBACKS),
    (Kind::Operation, "servers", SERVERS_AT_TOP),
    (Kind::Parameter, "deprecated", NO_DEPRECATION),
    (
        Kind::Parameter,
        "allowEmptyValue",
        "remove it: OpenAPI itself advises against it",
    ),
    (
        Kind::Parameter,
        "allowReserved",
        "remove it: dropshot decodes every value",
    ),
    (Kind::Parameter, "content", "give the parameter a schema"),
    (
        Kind::RequestBody,
        "description",
        "put it into the description of the schema",
    ),
    (
        Kind::MediaType,
        "encoding",
        "remove it: forms are not generated",
    ),
    (Kind::Response, "links", NO_LINKS),
    (Kind::Header, "deprecated", NO_DEPRECATION),
    (Kind::Header, "content", "give the header a schema"),
];

pub(crate) fn check(refusals: &Refusals<'_>) {
    let mut refused: Option<String> = None;
    for node in grammar::nodes(refusals.contract.value()) {
        // The member was refused as a whole.
        if refused
            .as_ref()
            .is_some_and(|refused| node.pointer.starts_with(refused.as_str()))
        {
            continue;
        }
        if matches!(node.kind, Kind::Callback | Kind::Encoding) {
            refused = Some(format!("{}/", node.pointer));
            continue;
        }
        check_members(&node, refusals);
        if node.kind != Kind::PathItem {
            check_reference(&node, refusals);
        }
    }
}

fn check_members(node: &Node<'_>, refusals: &Refusals<'_>) {
    for (at, key, _) in pointer::members(&node.pointer, node.value) {
        let unsupported = UNSUPPORTED
            .iter()
            .find(|(kind, member, _)| *kind == node.kind && member == key);
        if let Some((kind, _, help)) = unsupported {
            let message = format!("`{key}` of {} is not supported", kind.with_article());
            refusals.refuse(&at, message, *help);
        } else if key.starts_with("x-dropshot-")
            && !(node.kind == Kind::Operation && DROPSHOT_EXTENSIONS.contains(&key.as_str()))
        {
            refusals.refuse(
                &at,
                format!("the extension `{key}` of dropshot is not supported"),
                "remove it",
            );
        }
    }
}

/// Refuses a reference to anything but a component, since only components have names in the code.
fn check_reference(node: &Node<'_>, refusals: &Refusals<'_>) {
    let (Some(target), Some(section)) = (node.reference(), node.kind.section()) else {
        return;
    };
    let section = format!("#/components/{section}/");
    let fits = target
        .strip_prefix(&section)
        .is_some_and(|name| !name.contains('/'));
    if !fits {
        refusals.refuse(
            &pointer::child(&node.pointer, "$ref"),
            format!(
                "expected a reference to {} in components, found `{target}`",
                node.kind.with_article()
            ),
            format!("move the target to components and write `{section}...`"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_member_is_defined_by_openapi() {
        for (kind, name, _) in UNSUPPORTED {
            assert!(
                kind.members().any(|(member, _)| member == *name),
                "{kind:?} {name}"
            );
        }
    }
}
