//! Ids of users and tenants in the API.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::{Builder, Uuid};

use crate::random::{Random, RandomError};

/// The id of a user or tenant in the API: a UUIDv7 (RFC 9562, section 5.7).
///
/// It is opaque to clients, never changes, and is never used for another user or tenant. Later ids sort after earlier
/// ones, which makes inserting one into an index cheap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicId(Uuid);

impl PublicId {
    /// Generates the id of a user or tenant that is created at `now`.
    ///
    /// # Errors
    ///
    /// Fails if the random source fails.
    pub fn generate(now: DateTime<Utc>, random: &dyn Random) -> Result<Self, RandomError> {
        let mut bytes = [0; 10];
        random.fill(&mut bytes)?;
        // A clock before 1970 makes ids that do not sort by time, but are still unique.
        let milliseconds = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        Ok(Self(
            Builder::from_unix_timestamp_millis(milliseconds, &bytes).into_uuid(),
        ))
    }

    /// Returns an id that was stored as the bytes of [`PublicId::as_bytes`].
    #[must_use]
    pub fn from_store(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Returns the bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for PublicId {
    /// Writes the form of the API: lower-case hexadecimal digits with hyphens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// A text is not an id of a user or tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an id has lower-case hexadecimal digits in groups of 8, 4, 4, 4 and 12, with hyphens between them"
)]
pub struct InvalidPublicId;

impl FromStr for PublicId {
    type Err = InvalidPublicId;

    /// Reads the form of the API and no other, so that two texts never mean the same id.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = Uuid::try_parse(text).map(Self);
        id.ok()
            .filter(|id| id.to_string() == text)
            .ok_or(InvalidPublicId)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;
    use uuid::{Variant, Version};

    use super::*;

    struct Fixed([u8; 10]);

    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            bytes.copy_from_slice(&self.0);
            Ok(())
        }
    }

    struct Failing;

    impl Random for Failing {
        fn fill(&self, _: &mut [u8]) -> Result<(), RandomError> {
            Err(RandomError::new("deliberate"))
        }
    }

    fn generate(milliseconds: i64, random: [u8; 10]) -> PublicId {
        let now = DateTime::UNIX_EPOCH + TimeDelta::milliseconds(milliseconds);
        PublicId::generate(now, &Fixed(random)).unwrap()
    }

    /// The end of the 48 bits of a timestamp, in the year 10889.
    const END: i64 = 1 << 48;

    #[test]
    fn id_from_the_inputs_of_the_rfc_example_equals_it() {
        // RFC 9562, appendix A.6.
        let random = [0x0C, 0xC3, 0x18, 0xC4, 0xDC, 0x0C, 0x0C, 0x07, 0x39, 0x8F];
        let id = generate(0x017F_22E2_79B0, random);
        assert_eq!(id.to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    }

    #[test]
    fn other_forms_of_an_id_are_refused() {
        const ID: &str = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
        assert!(ID.parse::<PublicId>().is_ok());
        for other in [
            "",
            "017f22e2",
            &ID.to_uppercase(),
            &ID.replace('-', ""),
            &format!("{{{ID}}}"),
            &format!("urn:uuid:{ID}"),
            &format!(" {ID}"),
        ] {
            assert_eq!(other.parse::<PublicId>(), Err(InvalidPublicId), "{other:?}");
        }
    }

    #[test]
    fn id_without_random_bytes_is_an_error() {
        assert!(PublicId::generate(DateTime::UNIX_EPOCH, &Failing).is_err());
    }

    proptest! {
        #[test]
        fn id_has_version_7_and_keeps_time_and_74_random_bits(
            milliseconds in 0..END,
            random in any::<[u8; 10]>(),
        ) {
            let id = generate(milliseconds, random);
            prop_assert_eq!(id.0.get_version(), Some(Version::SortRand));
            prop_assert_eq!(id.0.get_variant(), Variant::RFC4122);
            let bytes = *id.as_bytes();
            let time = bytes[..6].iter().fold(0, |time, byte| time << 8 | i64::from(*byte));
            prop_assert_eq!(time, milliseconds);
            let random = [random[0] & 0x0F, random[1], random[2] & 0x3F];
            prop_assert_eq!([bytes[6] & 0x0F, bytes[7], bytes[8] & 0x3F], random);
        }

        #[test]
        fn later_id_sorts_after_an_earlier_one(
            (earlier, later) in (0..END - 1).prop_flat_map(|earlier| (Just(earlier), earlier + 1..END)),
            random in any::<[[u8; 10]; 2]>(),
        ) {
            let (earlier, later) = (generate(earlier, random[0]), generate(later, random[1]));
            prop_assert!(earlier.as_bytes() < later.as_bytes());
            prop_assert!(earlier.to_string() < later.to_string());
        }

        #[test]
        fn id_round_trips_through_its_bytes(bytes in any::<[u8; 16]>()) {
            let id = PublicId::from_store(bytes);
            prop_assert_eq!(*id.as_bytes(), bytes);
            prop_assert_eq!(id.to_string().parse::<Uuid>().unwrap(), id.0);
        }

        #[test]
        fn id_round_trips_through_its_text(bytes in any::<[u8; 16]>()) {
            let id = PublicId::from_store(bytes);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn any_text_is_an_id_only_if_it_is_the_text_of_the_id(text in ".{0,40}|[0-9a-fA-F-]{36}") {
            if let Ok(id) = text.parse::<PublicId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }

        #[test]
        fn time_that_does_not_fit_makes_an_id_of_version_7(milliseconds in -END..END) {
            let id = generate(milliseconds, [0; 10]);
            prop_assert_eq!(id.0.get_version(), Some(Version::SortRand));
        }
    }
}
