//! Collection of the unsupported constructs of a contract.
//!
//! Each part of the generator reads as much as it can and reports every problem, so that one run finds them all. Code
//! is written only if there is no problem.

use std::cell::RefCell;

use openapi_contract::{Contract, Finding};

pub(crate) struct Refusals<'a> {
    pub(crate) contract: &'a Contract,
    found: RefCell<Vec<Finding>>,
}

impl<'a> Refusals<'a> {
    pub(crate) fn new(contract: &'a Contract) -> Self {
        Self {
            contract,
            found: RefCell::default(),
        }
    }

    /// Reports the node at a pointer: what is not supported, and what to write instead.
    pub(crate) fn refuse(
        &self,
        pointer: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.found
            .borrow_mut()
            .push(self.contract.finding(pointer, message, help));
    }

    pub(crate) fn resolve(&self, pointer: &str) -> Option<(String, &'a serde_json::Value)> {
        self.contract
            .resolve(pointer)
            .map_err(|finding| self.found.borrow_mut().push(finding))
            .ok()
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        let mut found = self.found.into_inner();
        Finding::sort(&mut found);
        found
    }

    pub(crate) fn has_within(&self, pointer: &str) -> bool {
        let found = self.found.borrow();
        found.iter().any(|finding| {
            finding
                .pointer
                .strip_prefix(pointer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finding_is_within_its_ancestors_only() {
        let text = "{openapi: 3.0.3, info: {title: a, version: 1.0.0}, paths: {}}";
        let contract = Contract::parse("a.yaml", text).unwrap();
        let refusals = Refusals::new(&contract);
        assert!(refusals.is_empty() && !refusals.has_within(""));
        refusals.refuse("/a/b", "no", "yes");
        assert!(["", "/a", "/a/b"].iter().all(|at| refusals.has_within(at)));
        assert!(
            !["/a/b/c", "/b", "/a/bb"]
                .iter()
                .any(|at| refusals.has_within(at))
        );
    }

    #[test]
    fn finding_is_not_within_node_whose_name_is_prefix() {
        let text = "{openapi: 3.0.3, info: {title: a, version: 1.0.0}, paths: {}}";
        let contract = Contract::parse("a.yaml", text).unwrap();
        let refusals = Refusals::new(&contract);
        refusals.refuse("/ab", "no", "yes");
        assert!(!refusals.has_within("/a"));
    }
}
