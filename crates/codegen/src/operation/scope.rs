//! What all parts of an operation share.

use proc_macro2::{Ident, TokenStream};

use crate::base::name::Names;
use crate::base::refusal::Refusals;
use crate::schema::{Use, usage};
use crate::types::{Holder, Types, std_types};

/// What is the same for all parts of an operation.
pub(crate) struct Scope<'a> {
    pub(crate) operation_id: &'a str,
    /// What the names of its types begin with.
    pub(crate) base: Ident,
    pub(crate) names: &'a Names,
    pub(crate) types: &'a Types<'a>,
    pub(crate) refusals: &'a Refusals<'a>,
}

impl Scope<'_> {
    /// The Rust type of the schema at a pointer. If it needs a type of its own, `suffix` ends its name.
    pub(crate) fn type_of(&self, at: &str, suffix: &str, holder: Holder) -> Option<TokenStream> {
        let node = self.refusals.contract.value().pointer(at)?;
        if holder == Holder::Body {
            let page = match usage(node) {
                Use::Named(name) => self.types.page(name),
                Use::Inline(_) => None,
            };
            if let Some(ty) = page.or_else(|| std_types::type_of(node, self.types)) {
                return Some(ty);
            }
        }
        let name = format!("{}{suffix}", self.base);
        self.types.type_of(at, &name, holder)
    }
}
