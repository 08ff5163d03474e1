//! The base of all parts of the generator: refusals, names, docs and HTTP. It imports none of them.

pub(crate) mod doc;
pub(crate) mod extension;
pub(crate) mod http;
pub(crate) mod name;
pub(crate) mod refusal;
pub(crate) mod tokens;
