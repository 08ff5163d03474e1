#![doc = include_str!("../README.md")]

pub mod error;
mod secret;
mod text;
mod wire;

#[cfg(feature = "server")]
mod body;
#[cfg(feature = "server")]
pub mod credential;
#[cfg(feature = "server")]
mod extractor;
#[cfg(feature = "server")]
mod header;
#[cfg(feature = "server")]
mod operation;
#[cfg(feature = "server")]
mod refusal;
#[cfg(feature = "server")]
mod response;
#[cfg(feature = "server")]
mod schema;

pub use secret::Secret;
#[cfg(feature = "chrono")]
pub use wire::date_time;
#[cfg(feature = "server")]
pub use wire::distinct;
pub use wire::present;

#[cfg(feature = "server")]
pub use {
    body::JsonBody,
    extractor::{Extracted, ExtractedBody, OptionalBody},
    header::Headers,
    operation::Operation,
    refusal::{DropshotRefusals, Refusals},
    response::WithHeaders,
};

/// What the macros of this crate expand to. Nothing here is for anybody else.
#[doc(hidden)]
pub mod private {
    pub use serde::de::Error as DeserializeError;
    pub use serde::{Deserialize, Deserializer, Serialize, Serializer};
    pub use zeroize::{Zeroize, Zeroizing};

    #[cfg(feature = "regress")]
    pub use regress::Regex;

    #[cfg(feature = "server")]
    pub use {
        crate::credential::extract,
        crate::header::{json, secret, text},
        crate::schema::schema,
        async_trait::async_trait,
        dropshot, http, schemars,
    };

    /// Reads the text of a secret.
    pub fn read_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(crate::secret::SecretVisitor)
    }
}
