//! The API of PBX Login as a [dropshot] trait.
//!
//! `generated.rs` is made from `openapi.yaml` by `cargo xtask generate`: the trait [`PbxLogin`] that a server implements,
//! the wire types in [`types`], the answers with their headers, and [`Credential`], which every secured operation
//! receives. What every contract shares is in [`dropshot_codegen_runtime`]; [`refusal`] is written by hand: what the API answers
//! when it refuses.

// Formatted by prettyplease, and compared byte for byte by `cargo xtask verify`.
#[rustfmt::skip]
mod generated;
pub mod refusal;

pub use generated::*;

/// The longest body that is read, in bytes.
///
/// Ample for the longest fields of the contract even if JSON spends six bytes on a character, and small enough that many clients at
/// once cannot fill the memory.
pub const BODY_LIMIT: usize = 16 * 1024;
