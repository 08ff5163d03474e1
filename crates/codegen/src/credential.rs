//! The credential types: `security` of the contract becomes a type that an extractor reads from the request.
//!
//! The method of a secured operation has a parameter of that type, so it cannot be implemented without one. If a
//! request carries several credentials, only the one that the contract lists first is used: a fallback to the next
//! would let a request with a broken token act as another user. If `{}` is an alternative, a request without any part
//! of a credential is anonymous.
//!
//! Each list of alternatives becomes a type. The list at the top of the document becomes `Credential`; if it is unused,
//! the list of the first secured operation does. Any other type is named after the first operation that uses it.
//!
//! For a server, `oauth2` and `openIdConnect` are bearer tokens (RFC 6750; OpenID Connect Core 1.0, section 5.3.1).
//! Scopes are refused, because only a handler can check whether a token has them.

mod code;

use std::collections::{BTreeSet, HashMap, HashSet};

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use serde_json::Value;

pub(crate) use code::items;

use openapi_contract::{OperationRef, pointer};

use crate::base::doc::Doc;
use crate::base::http::is_token;
use crate::base::name::{self, Names};
use crate::base::refusal::Refusals;

const ANONYMOUS: &str = "Anonymous";

const BASIC: &str = "Basic";

#[derive(Default)]
pub(crate) struct Credentials {
    sets: Vec<CredentialSet>,
    by_operation: HashMap<String, usize>,
}

/// A list of alternatives, which becomes one type.
struct CredentialSet {
    name: Ident,
    /// The names of the schemes of each alternative, which identify the set.
    key: Vec<BTreeSet<String>>,
    alternatives: Vec<Alternative>,
    optional: bool,
    operations: Vec<String>,
}

/// One credential of a request, or several that are needed together.
struct Alternative {
    variant: Ident,
    doc: Doc,
    schemes: Vec<Scheme>,
}

struct Scheme {
    name: String,
    field: Ident,
    doc: Doc,
    carrier: Carrier,
}

/// The location of a credential in a request.
#[derive(Clone, PartialEq, Eq)]
enum Carrier {
    /// `Authorization: Bearer ...` (RFC 6750, section 2.1).
    Bearer,
    /// `Authorization: Basic ...` (RFC 7617).
    Basic,
    Header(String),
    /// The cookie of that name (RFC 6265, section 4.2).
    Cookie(String),
    Query(String),
}

impl Carrier {
    fn describe(&self) -> String {
        match self {
            Carrier::Bearer => "`Authorization: Bearer ...`".to_owned(),
            Carrier::Basic => "`Authorization: Basic ...`".to_owned(),
            Carrier::Header(name) => format!("the header `{name}`"),
            Carrier::Cookie(name) => format!("the cookie `{name}`"),
            Carrier::Query(name) => format!("the query parameter `{name}`"),
        }
    }

    fn shares_location(&self, other: &Self) -> bool {
        let header = |carrier: &Self| match carrier {
            Carrier::Bearer | Carrier::Basic => Some("authorization".to_owned()),
            Carrier::Header(name) => Some(name.to_ascii_lowercase()),
            Carrier::Cookie(_) | Carrier::Query(_) => None,
        };
        self == other || header(self).is_some_and(|name| header(other) == Some(name))
    }
}

impl Credentials {
    pub(crate) fn new(names: &Names, refusals: &Refusals<'_>) -> Self {
        let mut credentials = Self::default();
        let mut read = HashSet::new();
        let mut at_top = None;
        for operation in refusals.contract.operations() {
            let Some((at, requirements)) = requirements(&operation, refusals) else {
                continue;
            };
            let key = key(requirements);
            if key.iter().all(BTreeSet::is_empty) {
                continue;
            }
            // Several operations share the list at the top; its refusals are reported once.
            let alternatives = read
                .insert(at.clone())
                .then(|| alternatives(&at, requirements, refusals));
            let known = credentials.sets.iter().position(|set| set.key == key);
            let index = known.unwrap_or(credentials.sets.len());
            if known.is_none() {
                credentials.sets.push(CredentialSet {
                    name: format_ident!("Credential"),
                    optional: key.iter().any(BTreeSet::is_empty),
                    key,
                    alternatives: alternatives.unwrap_or_default(),
                    operations: Vec::new(),
                });
            }
            if at == "/security" {
                at_top = Some(index);
            }
            let set = &mut credentials.sets[index];
            set.operations.extend(operation.id);
            credentials.by_operation.insert(operation.pointer, index);
        }
        let main = at_top.unwrap_or_default();
        for (index, set) in credentials.sets.iter_mut().enumerate() {
            let first = set.operations.first().and_then(|id| name::camel_part(id));
            if let (true, Some(first)) = (index != main, first) {
                set.name = format_ident!("{first}Credential");
            }
            names.claim(&set.name, "/components/securitySchemes", refusals);
        }
        if credentials.carriers().any(|it| *it == Carrier::Basic) {
            names.claim(
                &format_ident!("{BASIC}"),
                "/components/securitySchemes",
                refusals,
            );
        }
        credentials
    }

    pub(crate) fn argument(&self, operation: &OperationRef) -> Option<TokenStream> {
        let index = self.by_operation.get(&operation.pointer)?;
        let name = &self.sets[*index].name;
        Some(quote!(credential: #name))
    }

    fn carriers(&self) -> impl Iterator<Item = &Carrier> {
        let alternatives = self.sets.iter().flat_map(|set| &set.alternatives);
        alternatives
            .flat_map(|alternative| &alternative.schemes)
            .map(|scheme| &scheme.carrier)
    }
}

/// Returns the requirements of an operation and their pointer: its own, or else those at the top.
fn requirements<'a>(
    operation: &OperationRef,
    refusals: &Refusals<'a>,
) -> Option<(String, &'a Value)> {
    let document = refusals.contract.value();
    let own = pointer::child(&operation.pointer, "security");
    [own, "/security".to_owned()]
        .into_iter()
        .find_map(|at| document.pointer(&at).map(|found| (at, found)))
}

fn key(requirements: &Value) -> Vec<BTreeSet<String>> {
    let requirements = requirements.as_array().into_iter().flatten();
    requirements
        .map(|it| it.as_object().into_iter().flatten())
        .map(|schemes| schemes.map(|(name, _)| name.clone()).collect())
        .collect()
}

/// Reads the alternatives of a list of requirements in order, without the anonymous one.
fn alternatives(at: &str, requirements: &Value, refusals: &Refusals<'_>) -> Vec<Alternative> {
    let mut alternatives: Vec<Alternative> = Vec::new();
    for (at, requirement) in pointer::items(at, requirements) {
        let mut schemes: Vec<Scheme> = Vec::new();
        for (at, scheme_name, scopes) in pointer::members(&at, requirement) {
            if scopes.as_array().is_some_and(|scopes| !scopes.is_empty()) {
                refusals.refuse(
                    &at,
                    "scopes are not supported",
                    "write `[]` and check permissions in the handler",
                );
            }
            let Some(scheme) = scheme(&at, scheme_name, refusals) else {
                continue;
            };
            if let Some(other) = schemes.iter().find(|it| it.conflicts_with(&scheme)) {
                refusals.refuse(
                    &at,
                    format!(
                        "a request cannot carry both `{}` and `{scheme_name}`",
                        other.name
                    ),
                    "list them as alternatives, each as a separate list item",
                );
            }
            schemes.push(scheme);
        }
        let Some(alternative) = alternative(schemes) else {
            continue;
        };
        let is_within = |other: &Alternative| {
            let mut schemes = other.schemes.iter();
            schemes.all(|it| {
                alternative
                    .schemes
                    .iter()
                    .any(|own| own.carrier == it.carrier)
            })
        };
        if let Some(other) = alternatives.iter().find(|other| is_within(other)) {
            refusals.refuse(
                &at,
                format!(
                    "this alternative is never used: every request that satisfies it also satisfies `{}`, which is listed before it",
                    other.variant
                ),
                "remove it, or list it before the other",
            );
        } else if alternatives
            .iter()
            .any(|it| it.variant == alternative.variant)
        {
            refusals.refuse(
                &at,
                format!(
                    "two alternatives have the same Rust name `{}`",
                    alternative.variant
                ),
                "name the schemes so that they differ in letters or digits",
            );
        }
        alternatives.push(alternative);
    }
    alternatives
}

fn alternative(schemes: Vec<Scheme>) -> Option<Alternative> {
    let names = schemes
        .iter()
        .filter_map(|scheme| name::camel(&scheme.name));
    let variant = names
        .map(|name| name.to_string())
        .collect::<Vec<_>>()
        .join("And");
    let doc = match schemes.as_slice() {
        [] => return None,
        [only] => only.doc.clone(),
        several => {
            let carriers: Vec<_> = several.iter().map(|it| it.carrier.describe()).collect();
            Doc::single_line(&format!("From {} together.", carriers.join(" and ")))
        }
    };
    Some(Alternative {
        variant: format_ident!("{variant}"),
        doc,
        schemes,
    })
}

impl Scheme {
    /// Returns whether a request cannot carry both credentials, or a variant cannot have both fields.
    fn conflicts_with(&self, other: &Self) -> bool {
        self.carrier.shares_location(&other.carrier) || self.field == other.field
    }
}

fn scheme(at: &str, scheme_name: &str, refusals: &Refusals<'_>) -> Option<Scheme> {
    let at_scheme = pointer::child("/components/securitySchemes", scheme_name);
    if refusals.contract.value().pointer(&at_scheme).is_none() {
        refusals.refuse(
            at,
            format!("there is no security scheme `{scheme_name}`"),
            "define it under components.securitySchemes",
        );
        return None;
    }
    let (at_scheme, scheme) = refusals.resolve(&at_scheme)?;
    let text = |key| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
    let key = || text("name").to_owned();
    let kind = text("scheme").to_ascii_lowercase();
    let carrier = match (text("type"), text("in"), kind.as_str()) {
        ("http", _, "bearer") | ("oauth2" | "openIdConnect", ..) => Carrier::Bearer,
        ("http", _, "basic") => Carrier::Basic,
        ("apiKey", "header", _) => Carrier::Header(key()),
        ("apiKey", "cookie", _) => Carrier::Cookie(key()),
        ("apiKey", "query", _) => Carrier::Query(key()),
        _ => {
            refusals.refuse(
                &at_scheme,
                format!("the scheme `{}` of `Authorization` is not supported", text("scheme")),
                "write `scheme: bearer` or `scheme: basic`, or use `type: apiKey` in a header, a cookie or the query",
            );
            return None;
        }
    };
    if let Carrier::Header(name) | Carrier::Cookie(name) = &carrier
        && !is_token(name)
    {
        // RFC 9110, section 5.6.2, and RFC 6265, section 4.1.1.
        refusals.refuse(
            &pointer::child(&at_scheme, "name"),
            format!("`{name}` cannot be the name of a header or a cookie"),
            "name it with letters, digits, `-` and `_`",
        );
    }
    let (Some(variant), Some(field)) = (name::camel(scheme_name), name::snake(scheme_name)) else {
        refusals.refuse(
            &at_scheme,
            format!("`{scheme_name}` cannot become a Rust name"),
            "choose a name that begins with a letter and is not a Rust keyword",
        );
        return None;
    };
    if variant == ANONYMOUS {
        refusals.refuse(
            &at_scheme,
            format!("the name `{scheme_name}` is reserved for requests without a credential"),
            "choose another name",
        );
    }
    let doc = match scheme.get("description").and_then(Value::as_str) {
        Some(text) => Doc::for_rustdoc(text),
        None => Doc::single_line(&format!("From {}.", carrier.describe())),
    };
    Some(Scheme {
        name: scheme_name.to_owned(),
        field,
        doc,
        carrier,
    })
}
