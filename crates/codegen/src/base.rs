//! Modules that the other parts of the generator use: refusals, names, docs and terms of HTTP.

pub(crate) mod doc;
pub(crate) mod extension;
pub(crate) mod http;
pub(crate) mod name;
pub(crate) mod refusal;
pub(crate) mod tokens;
