//! Functions that `#[serde(…)]` attributes of generated types name.

use serde::{Deserialize, Deserializer};

/// Reads a property that may be absent and is not `null` if it is present. serde alone takes `null` for an absent property.
///
/// # Errors
///
/// What reading `T` gives.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Writes a moment as RFC 3339 in one piece.
///
/// chrono gives serde the same text in some twenty pieces, and `serde_json` searches each for characters to escape: 2,500 instructions
/// to these 600.
///
/// # Errors
///
/// What the serializer gives.
#[cfg(feature = "chrono")]
pub fn date_time<S: serde::Serializer>(
    moment: &chrono::DateTime<chrono::Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&moment.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

/// Returns whether no item of a list occurs twice.
#[cfg(feature = "server")]
pub fn distinct<T: serde::Serialize>(items: &[T]) -> bool {
    let mut seen = std::collections::HashSet::new();
    items
        .iter()
        .all(|item| serde_json::to_value(item).is_ok_and(|json| seen.insert(json)))
}
