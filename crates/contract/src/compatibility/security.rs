use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::meaning::{Meaning, Part};

use super::walk::{KeyPair, Walk, clients, keys};

impl<'a> Walk<'a> {
    /// Checks that every combination of credentials that was sufficient still is.
    pub(super) fn compare_security(&mut self, pair: &KeyPair<'a>) {
        let (before, after) = (alternatives(pair.old), alternatives(pair.new));
        for accepted in &before {
            let is_met = after.iter().any(|required| {
                required.iter().all(|(scheme, scopes)| {
                    accepted.iter().any(|(name, given)| {
                        (name == scheme || self.same_scheme(name, scheme))
                            && scopes.is_subset(given)
                    })
                })
            });
            if !is_met {
                let what = if accepted.is_empty() {
                    "requests without a credential are".to_owned()
                } else {
                    let schemes: Vec<String> =
                        accepted.keys().map(|name| format!("`{name}`")).collect();
                    format!("{} is", schemes.join(" with "))
                };
                self.record(
                    clients::REJECTED,
                    pair.before(),
                    pair.after(),
                    format!("{what} no longer accepted"),
                );
            }
            for name in accepted.keys() {
                self.compare_scheme(name);
            }
        }
    }

    fn same_scheme(&self, old: &str, new: &str) -> bool {
        let wire = |document: &Meaning, name: &str| {
            let scheme = document
                .get("components")?
                .get("securitySchemes")?
                .get(name)?;
            let mut value = scheme.to_value();
            let fields = value.as_object_mut()?;
            fields.retain(|key, _| !is_documentation(key));
            Some(value)
        };
        let scheme = wire(self.old, old);
        scheme.is_some() && scheme == wire(self.new, new)
    }

    fn compare_scheme(&mut self, name: &str) {
        let find = |document: &'a Meaning| {
            document
                .get("components")?
                .get("securitySchemes")?
                .get(name)
        };
        let (Some(old), Some(new)) = (find(self.old), find(self.new)) else {
            return;
        };
        for key in keys(old, new) {
            let pair = KeyPair::of(&key, old, new);
            if !is_documentation(&key) && !pair.is_same() {
                self.record(
                    clients::REJECTED,
                    pair.before(),
                    pair.after(),
                    format!(
                        "`{key}` of the security scheme `{name}` {}",
                        pair.description()
                    ),
                );
            }
        }
    }
}

/// Returns whether a key is documentation, such as `bearerFormat` (OpenAPI 3.0.3, section 4.7.27).
fn is_documentation(key: &str) -> bool {
    key == "description" || key == "bearerFormat" || key.starts_with("x-")
}

/// Returns the sufficient combinations of credentials; without security, only the empty one.
fn alternatives(security: Option<&Meaning>) -> Vec<BTreeMap<String, BTreeSet<String>>> {
    let list = match security.map(|node| &node.part) {
        Some(Part::Leaf(Value::Array(list))) if !list.is_empty() => list.as_slice(),
        _ => return vec![BTreeMap::new()],
    };
    let scopes = |value: &Value| {
        let scopes = value.as_array().into_iter().flatten();
        scopes
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    list.iter()
        .map(|alternative| {
            let schemes = alternative.as_object().into_iter().flatten();
            schemes
                .map(|(name, value)| (name.clone(), scopes(value)))
                .collect()
        })
        .collect()
}
