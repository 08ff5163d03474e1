//! Lints: what makes a contract a good one, beyond being OpenAPI.
//!
//! Every operation is documented, everything that is named exists and is used, every example is valid. Each rule is a
//! module with a function `findings`.

use crate::{Contract, Finding};

pub use shapes::status_ranges;

mod described;
mod documented;
mod examples;
mod parameters;
mod references;
mod security;
mod shapes;
mod words;

/// A rule that a contract is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Every operation has an id, a summary, a description and a declared tag; every response has a description.
    Documented,
    /// The document, parameters, headers, schemas, properties and security schemes have descriptions.
    Described,
    /// Every `$ref` leads to a component of its kind, and every component is used.
    References,
    /// The parameters of a path and those that are declared are the same.
    PathParameters,
    /// Every operation that needs a credential lists 401, and names declared schemes.
    Security,
    /// Statuses are listed one by one, each with the body that belongs to it.
    Responses,
    /// Every example and every default is a value of its schema.
    Examples,
    /// Formats are known, and extensions are not misspelled.
    Words,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 8] = [
        Rule::Documented,
        Rule::Described,
        Rule::References,
        Rule::PathParameters,
        Rule::Security,
        Rule::Responses,
        Rule::Examples,
        Rule::Words,
    ];

    /// The rule in a few words, such as `every example is valid`.
    pub fn title(self) -> &'static str {
        match self {
            Rule::Documented => "every operation is documented and tagged",
            Rule::Described => "everything has a description",
            Rule::References => "every reference fits, every component is used",
            Rule::PathParameters => "every path parameter is declared",
            Rule::Security => "every secured operation lists 401",
            Rule::Responses => "every status has its body",
            Rule::Examples => "every example is valid",
            Rule::Words => "every format and extension is known",
        }
    }
}

/// Holds a contract to every rule; each rule with what it found, in the order of [`Rule::ALL`].
///
/// `extensions` are the `x-` extensions that some tool reads: a name that is nearly one of them is a finding.
pub fn lint(contract: &Contract, extensions: &[&str]) -> Vec<(Rule, Vec<Finding>)> {
    let check = |rule: Rule| match rule {
        Rule::Documented => documented::findings(contract),
        Rule::Described => described::findings(contract),
        Rule::References => references::findings(contract),
        Rule::PathParameters => parameters::findings(contract),
        Rule::Security => security::findings(contract),
        Rule::Responses => shapes::findings(contract),
        Rule::Examples => examples::findings(contract),
        Rule::Words => words::findings(contract, extensions),
    };
    Rule::ALL.map(|rule| (rule, check(rule))).into()
}

#[cfg(test)]
mod tests;
