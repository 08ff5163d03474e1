use crate::drive::Expect;
use crate::drive::exchange::Request;

/// A generated request with the expected response.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) request: Request,
    pub(crate) expected: Expect,
    /// The invalid field of the body, which a refusal must name.
    pub(crate) field: Option<String>,
}
