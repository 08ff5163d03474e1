//! The API of PBX Login as a [dropshot] trait.
//!
//! `cargo xtask generate` creates `generated.rs` from `openapi.yaml`: the trait [`PbxLogin`] that the server
//! implements, the wire types in [`types`], the responses with their headers, and [`Credential`], which every secured
//! operation receives. Code that does not depend on the contract is in [`dropshot_codegen_runtime`]. [`refusal`] is
//! written by hand and defines the error responses.

// Formatted by prettyplease; `cargo xtask verify` compares it byte for byte.
#[rustfmt::skip]
mod generated;
pub mod refusal;

pub use generated::*;

/// The maximum size of a request body, in bytes.
///
/// It is enough for the longest fields of the contract even if JSON needs six bytes for each character, and small
/// enough that many concurrent clients cannot fill the memory.
pub const BODY_LIMIT: usize = 16 * 1024;
