//! A request that the contract gives, with what must become of it.

use crate::drive::exchange::Request;

/// What must become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is refused with this status.
    Refused(u16),
    /// It is read: the response is none of 400, 413 and 415.
    Read,
}

/// A request, with what must become of it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// What it is, for people.
    pub(crate) name: String,
    pub(crate) request: Request,
    pub(crate) fate: Fate,
    /// The field of the body that is wrong, if it is one: a refusal names it.
    pub(crate) field: Option<String>,
}
