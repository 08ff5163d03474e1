//! Lints: rules for a good contract that go beyond OpenAPI itself.
//!
//! Each rule is a module with a function `findings`.

use crate::{Contract, Finding};

pub use responses::status_ranges;

mod described;
mod documented;
mod examples;
mod parameters;
mod references;
mod responses;
mod security;
mod spelling;

/// A rule for contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Every operation has an id, a summary, a description and a declared tag; every response is described.
    Documented,
    /// The document, parameters, headers, schemas, properties and security schemes have descriptions.
    Described,
    /// Every `$ref` points to a component of the right kind, and every component is used.
    References,
    /// Every parameter in a path is declared, and every declared one is in the path.
    PathParameters,
    /// Every operation that needs a credential lists 401 and names declared schemes.
    Security,
    /// Statuses are listed individually, each with the body that it needs.
    Responses,
    /// Every example and every default is a valid value of its schema.
    Examples,
    /// Formats are known, and extensions are not misspelled.
    Spelling,
}

impl Rule {
    /// All rules.
    pub const ALL: [Rule; 8] = [
        Rule::Documented,
        Rule::Described,
        Rule::References,
        Rule::PathParameters,
        Rule::Security,
        Rule::Responses,
        Rule::Examples,
        Rule::Spelling,
    ];

    /// Returns the rule as a short phrase, such as `every example is valid`.
    pub fn title(self) -> &'static str {
        match self {
            Rule::Documented => "every operation is documented and tagged",
            Rule::Described => "everything has a description",
            Rule::References => "every reference is valid, and every component is used",
            Rule::PathParameters => "every path parameter is declared",
            Rule::Security => "every secured operation lists 401",
            Rule::Responses => "every response has the body that its status requires",
            Rule::Examples => "every example is valid",
            Rule::Spelling => "every format and extension is known",
        }
    }
}

/// Checks a contract against every rule and returns the findings in the order of [`Rule::ALL`].
///
/// `extensions` are the `x-` extensions that some tool reads; a similar but different name is reported as misspelled.
pub fn lint(contract: &Contract, extensions: &[&str]) -> Vec<(Rule, Vec<Finding>)> {
    let check = |rule: Rule| match rule {
        Rule::Documented => documented::findings(contract),
        Rule::Described => described::findings(contract),
        Rule::References => references::findings(contract),
        Rule::PathParameters => parameters::findings(contract),
        Rule::Security => security::findings(contract),
        Rule::Responses => responses::findings(contract),
        Rule::Examples => examples::findings(contract),
        Rule::Spelling => spelling::findings(contract, extensions),
    };
    Rule::ALL.map(|rule| (rule, check(rule))).into()
}

#[cfg(test)]
mod tests;
