#![doc = include_str!("../README.md")]

pub mod error;
pub mod secret;
mod text;
mod wire;

#[cfg(feature = "server")]
mod body;
#[cfg(feature = "server")]
pub mod credential;
#[cfg(feature = "server")]
mod extractor;
#[cfg(feature = "server")]
pub mod header;
#[cfg(feature = "server")]
mod operation;
#[cfg(feature = "server")]
mod page;
#[cfg(feature = "server")]
mod refusal;
#[cfg(feature = "server")]
mod response;
#[cfg(feature = "server")]
pub mod schema;

pub use secret::Secret;
#[cfg(feature = "server")]
pub use wire::are_distinct;
pub use wire::read_present;
#[cfg(feature = "chrono")]
pub use wire::write_date_time;

#[cfg(feature = "server")]
pub use {
    body::JsonBody,
    extractor::{Extracted, ExtractedBody, OptionalBody},
    header::Headers,
    operation::Operation,
    page::{PageSelector, read_page_selector},
    refusal::{DropshotRefusals, Refusals},
    response::WithHeaders,
};

/// The crates that the macros of this crate use; not part of the public API.
#[doc(hidden)]
pub mod private {
    pub use serde::de::Error as DeserializeError;
    pub use serde::{Deserialize, Deserializer, Serialize, Serializer};
    pub use zeroize::{Zeroize, Zeroizing};

    #[cfg(feature = "regress")]
    pub use regress::Regex;

    #[cfg(feature = "server")]
    pub use {crate::response::json_response, async_trait::async_trait, dropshot, http, schemars};
}
