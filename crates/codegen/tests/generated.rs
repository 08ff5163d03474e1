//! The generated code of the fixtures compiles, emits the contract again, and behaves as described.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

/// Shapes the refusals of the fixture `credentials`.
pub enum Marked {}

impl dropshot_codegen_runtime::Refusals for Marked {
    fn shape(mut refusal: dropshot::HttpError) -> dropshot::HttpError {
        refusal.error_code = Some("Marked".to_owned());
        refusal
    }
}

/// The generated code, public so that lints treat it as a public API.
#[macro_use]
pub mod fixtures {
    #[rustfmt::skip]
    #[path = "../fixtures/bodies.rs"]
    pub mod bodies;
    #[rustfmt::skip]
    #[path = "../fixtures/channels.rs"]
    pub mod channels;
    #[rustfmt::skip]
    #[path = "../fixtures/credentials.rs"]
    #[macro_use]
    pub mod credentials; /// The secrets of `credentials`, as a client has them.
    #[rustfmt::skip]
    #[path = "../fixtures/credentials_secrets.rs"]
    pub mod credentials_secrets;
    #[rustfmt::skip]
    #[path = "../fixtures/docs.rs"]
    pub mod docs;
    #[rustfmt::skip]
    #[path = "../fixtures/documented.rs"]
    pub mod documented;
    #[rustfmt::skip]
    #[path = "../fixtures/errors.rs"]
    pub mod errors;
    #[rustfmt::skip]
    #[path = "../fixtures/freeform.rs"]
    pub mod freeform;
    #[rustfmt::skip]
    #[path = "../fixtures/identifiers.rs"]
    pub mod identifiers;
    #[rustfmt::skip]
    #[path = "../fixtures/minimal.rs"]
    pub mod minimal;
    #[rustfmt::skip]
    #[path = "../fixtures/pagination.rs"]
    pub mod pagination;
    #[rustfmt::skip]
    #[path = "../fixtures/parameters.rs"]
    pub mod parameters;
    #[rustfmt::skip]
    #[path = "../fixtures/queries.rs"]
    pub mod queries;
    #[rustfmt::skip]
    #[path = "../fixtures/responses.rs"]
    pub mod responses;
    #[rustfmt::skip]
    #[path = "../fixtures/schemas.rs"]
    pub mod schemas;
    #[rustfmt::skip]
    #[path = "../fixtures/security.rs"]
    pub mod security;
    #[rustfmt::skip]
    #[path = "../fixtures/bounds.rs"]
    pub mod bounds;
    #[rustfmt::skip]
    #[path = "../fixtures/composed.rs"]
    pub mod composed;
    #[rustfmt::skip]
    #[path = "../fixtures/objects.rs"]
    pub mod objects;
    #[rustfmt::skip]
    #[path = "../fixtures/unions.rs"]
    pub mod unions;
}

mod generated {
    mod body;
    mod bounds;
    mod channel;
    mod credential;
    mod document;
    mod error;
    mod freeform;
    mod object;
    mod pagination;
    mod parameter;
    mod query;
    mod response;
    mod security;
    mod types;
    mod union;
    mod wire;
}
