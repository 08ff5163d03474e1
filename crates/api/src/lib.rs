//! The API of PBX Login as a [dropshot] trait.
//!
//! `generated.rs` is made from `openapi.yaml` by `cargo xtask generate`: the trait [`PbxLogin`] that a server implements,
//! the wire types in [`types`], the answers with their headers, and [`Credential`], which every secured operation
//! receives. What the contract cannot say in a form that dropshot enforces stands beside it, by hand: how a JSON body is
//! read ([`JsonBody`]) and what a refusal looks like ([`refusal`]).

mod body;
// Formatted by prettyplease, and compared byte for byte by `cargo xtask verify`.
#[rustfmt::skip]
mod generated;
pub mod refusal;

pub use body::{BODY_LIMIT, JsonBody};
pub use generated::*;
