use crate::drive::exchange::Request;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Refused with this status.
    Refused(u16),
    /// Accepted: the status is not 400, 413 or 415.
    Read,
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) request: Request,
    pub(crate) fate: Fate,
    /// The invalid field of the body, which a refusal must name.
    pub(crate) field: Option<String>,
}
