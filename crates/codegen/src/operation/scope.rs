use proc_macro2::{Ident, TokenStream};

use crate::base::name::Names;
use crate::base::refusal::Refusals;
use crate::schema::{Use, usage};
use crate::types::{Holder, Types, std_types};

/// The context of all parts of an operation.
pub(crate) struct Scope<'a> {
    pub(crate) operation_id: &'a str,
    /// The prefix of the operation's type names.
    pub(crate) base: Ident,
    pub(crate) names: &'a Names,
    pub(crate) types: &'a Types<'a>,
    pub(crate) refusals: &'a Refusals<'a>,
}

impl Scope<'_> {
    /// Returns the type of the schema at a pointer; `suffix` ends the type's name if it needs one.
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
