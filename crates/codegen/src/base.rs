//! What every part of the generator uses: refusals, names, documentation, words of HTTP. It imports no other part.

pub(crate) mod doc;
pub(crate) mod extension;
pub(crate) mod http;
pub(crate) mod name;
pub(crate) mod refusal;
pub(crate) mod tokens;
