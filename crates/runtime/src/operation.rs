//! The list of operations.

/// An operation of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its `operationId` in the contract.
    pub id: &'static str,
    /// Its method, in upper case.
    pub method: &'static str,
    /// Its path, with parameters in braces.
    pub path: &'static str,
}
