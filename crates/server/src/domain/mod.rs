//! Types and pure rules: no I/O, no SQL, no HTTP, no clock.
//!
//! Types of names hold only valid names; a name prints as typed and is compared by its key. A rule is a function of
//! facts: a storage backend gathers the facts, calls the rule and writes the result, so that all backends make the same
//! decisions. The stored times `created_at` and `expires_at` are whole seconds.

pub mod allowance;
pub mod attempt;
pub mod audit;
pub mod audit_record;
pub mod change;
pub mod conflict;
pub mod network;
pub mod password;
pub mod password_policy;
pub mod plural;
pub mod public_id;
pub mod rate_limit;
pub mod refusal;
pub mod refusal_day;
pub mod role;
pub mod session;
pub mod sweep;
pub mod tenant;
pub mod user;
