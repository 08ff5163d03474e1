/// An operation of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The `operationId`.
    pub id: &'static str,
    /// The method, in upper case.
    pub method: &'static str,
    /// The path, with parameters in braces.
    pub path: &'static str,
}
