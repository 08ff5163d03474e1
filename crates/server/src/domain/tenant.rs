//! Tenants and their SIP domains.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::public_id::PublicId;

/// The SIP domain of a tenant: a fully qualified domain name or an IP address, never resolved.
///
/// It prints as typed. Two domains are equal if their [`Domain::key`] is: case, a trailing dot and the spelling of an
/// address do not matter. An IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2) is a spelling of the IPv4 address.
#[derive(Debug, Clone)]
pub struct Domain {
    typed: String,
    key: String,
}

/// The error for text that is not a SIP domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum DomainError {
    #[error("the domain is empty; write one like pbx.example.com")]
    Empty,
    #[error("the domain is longer than 280 characters; choose a shorter one")]
    TooLong,
    #[error("the domain {0:?} is not in ASCII; write its A-label form (xn--...)")]
    NotAscii(String),
    #[error("the domain {0:?} has an empty label; write single dots between the labels")]
    EmptyLabel(String),
    /// A label is longer than 63 characters (RFC 1035, section 2.3.4).
    #[error("the domain {0:?} has a label of more than 63 characters; shorten it")]
    LongLabel(String),
    #[error(
        "the domain {domain:?} contains the character {character:?}; use letters, digits, hyphens and dots, and no port"
    )]
    Character { domain: String, character: char },
    /// A label starts or ends with a hyphen (RFC 1123, section 2.1).
    #[error("the domain {0:?} has a label that starts or ends with a hyphen; remove the hyphen")]
    Hyphen(String),
    /// The last label is a number, as in an IPv4 address (RFC 3696, section 2), but the text is not one.
    #[error(
        "the domain {0:?} is neither an IPv4 address nor a domain name; write four numbers from 0 to 255"
    )]
    Number(String),
    #[error(
        "the domain {0:?} is not an IPv6 address; write it like 2001:db8::1, without a zone or port"
    )]
    Ipv6(String),
}

impl Domain {
    /// The maximum length in characters, as in the contract.
    ///
    /// DNS allows only 253, but domains are never resolved.
    pub const MAX_LENGTH: usize = 280;

    /// The maximum length of a label (RFC 1035, section 2.3.4).
    const MAX_LABEL: usize = 63;

    /// Returns the domain as typed.
    #[must_use]
    pub fn as_typed(&self) -> &str {
        &self.typed
    }

    /// Returns the normalized domain, by which domains are compared.
    ///
    /// A name is in lower case without a trailing dot. An IPv6 address is spelled as in RFC 5952, without brackets; if
    /// it is IPv4-mapped, it becomes the IPv4 address.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    fn normalize(typed: &str) -> Result<String, DomainError> {
        let owned = || typed.to_owned();
        if typed.is_empty() {
            return Err(DomainError::Empty);
        }
        if typed.chars().count() > Self::MAX_LENGTH {
            return Err(DomainError::TooLong);
        }
        if !typed.is_ascii() {
            return Err(DomainError::NotAscii(owned()));
        }
        if let Ok(address) = typed.parse::<Ipv4Addr>() {
            return Ok(address.to_string());
        }
        if let Some(address) = ipv6_digits(typed) {
            return match address.parse::<Ipv6Addr>() {
                Ok(address) => Ok(address.to_canonical().to_string()),
                Err(_) => Err(DomainError::Ipv6(owned())),
            };
        }
        let name = typed.strip_suffix('.').unwrap_or(typed);
        for label in name.split('.') {
            let is_invalid = |c: &char| !(c.is_ascii_alphanumeric() || *c == '-');
            if let Some(character) = label.chars().find(is_invalid) {
                return Err(DomainError::Character {
                    domain: owned(),
                    character,
                });
            }
            match label.len() {
                0 => return Err(DomainError::EmptyLabel(owned())),
                1..=Self::MAX_LABEL => {}
                _ => return Err(DomainError::LongLabel(owned())),
            }
            if label.starts_with('-') || label.ends_with('-') {
                return Err(DomainError::Hyphen(owned()));
            }
        }
        let last = name.rsplit('.').next().unwrap_or(name);
        if last.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(DomainError::Number(owned()));
        }
        Ok(name.to_ascii_lowercase())
    }
}

/// Returns the text in brackets, or the whole text if it has two colons.
///
/// A name or IPv4 address has neither; a single colon more likely precedes a port.
fn ipv6_digits(typed: &str) -> Option<&str> {
    match typed.strip_prefix('[') {
        Some(rest) => Some(rest.strip_suffix(']').unwrap_or(typed)),
        None => (typed.matches(':').count() >= 2).then_some(typed),
    }
}

impl FromStr for Domain {
    type Err = DomainError;

    fn from_str(typed: &str) -> Result<Self, DomainError> {
        Ok(Self {
            key: Self::normalize(typed)?,
            typed: typed.to_owned(),
        })
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

impl PartialEq for Domain {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Domain {}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct Tenant {
    pub public_id: PublicId,
    pub domain: Domain,
    pub enabled: bool,
    pub users: u64,
    pub created_at: DateTime<Utc>,
}

/// The numbers of objects that were deleted with a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct DeletedTenant {
    pub users: u64,
    pub ended: u64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(typed: &str) -> Result<String, DomainError> {
        Ok(typed.parse::<Domain>()?.key().to_owned())
    }

    #[test]
    fn domain_is_compared_in_its_normal_form() {
        let label = "a".repeat(63);
        for (typed, expected) in [
            ("pbx.example.com", "pbx.example.com"),
            ("PBX.Example.COM.", "pbx.example.com"),
            ("localhost", "localhost"),
            ("xn--mller-kva.example", "xn--mller-kva.example"),
            ("3com.example", "3com.example"),
            ("1.2.3.4a", "1.2.3.4a"),
            (&label, &label),
            ("192.0.2.7", "192.0.2.7"),
            ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::", "::"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("[::FFFF:c000:207]", "192.0.2.7"),
            // An IPv4-compatible address (RFC 4291, section 2.5.5.1) is deprecated and not mapped.
            ("::192.0.2.7", "::c000:207"),
        ] {
            assert_eq!(key(typed).as_deref(), Ok(expected), "{typed}");
            assert_eq!(typed.parse::<Domain>().unwrap().to_string(), typed);
        }
    }

    #[test]
    fn domain_of_up_to_280_characters_is_accepted() {
        let parse_length = |length: usize| {
            let mut name = "a.".repeat(length / 2);
            name.push_str(&"b".repeat(length % 2));
            key(&name)
        };
        assert!(parse_length(279).is_ok() && parse_length(280).is_ok());
        assert_eq!(parse_length(281), Err(DomainError::TooLong));
        assert_eq!(key(&"é".repeat(281)), Err(DomainError::TooLong));
        assert!(matches!(
            key(&"é".repeat(280)),
            Err(DomainError::NotAscii(_))
        ));
    }

    #[test]
    fn invalid_domain_error_says_what_to_do() {
        let label = format!("{}.example", "a".repeat(64));
        let refusals: Vec<String> = [
            "",
            ".",
            "..",
            ".example",
            "a..b",
            "example..",
            &label,
            "-a.example",
            "a-.example",
            "a_b.example",
            "a b.example",
            " example",
            "example\n",
            "example:5060",
            "sip:a@example",
            "müller.example",
            "1.2.3",
            "256.1.1.1",
            "01.2.3.4",
            "1.2.3.4.",
            "1.2.3.4.5",
            "7",
            "[192.0.2.7]",
            "[::1",
            "::1]",
            "fe80::1%eth0",
            "[::1]:5060",
            "1:2",
            "1:2:3",
            "a\0b",
            "example/",
            "*",
        ]
        .iter()
        .map(|typed| key(typed).unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        the domain is empty; write one like pbx.example.com
        the domain "." has an empty label; write single dots between the labels
        the domain ".." has an empty label; write single dots between the labels
        the domain ".example" has an empty label; write single dots between the labels
        the domain "a..b" has an empty label; write single dots between the labels
        the domain "example.." has an empty label; write single dots between the labels
        the domain "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example" has a label of more than 63 characters; shorten it
        the domain "-a.example" has a label that starts or ends with a hyphen; remove the hyphen
        the domain "a-.example" has a label that starts or ends with a hyphen; remove the hyphen
        the domain "a_b.example" contains the character '_'; use letters, digits, hyphens and dots, and no port
        the domain "a b.example" contains the character ' '; use letters, digits, hyphens and dots, and no port
        the domain " example" contains the character ' '; use letters, digits, hyphens and dots, and no port
        the domain "example\n" contains the character '\n'; use letters, digits, hyphens and dots, and no port
        the domain "example:5060" contains the character ':'; use letters, digits, hyphens and dots, and no port
        the domain "sip:a@example" contains the character ':'; use letters, digits, hyphens and dots, and no port
        the domain "müller.example" is not in ASCII; write its A-label form (xn--...)
        the domain "1.2.3" is neither an IPv4 address nor a domain name; write four numbers from 0 to 255
        the domain "256.1.1.1" is neither an IPv4 address nor a domain name; write four numbers from 0 to 255
        the domain "01.2.3.4" is neither an IPv4 address nor a domain name; write four numbers from 0 to 255
        the domain "1.2.3.4." is neither an IPv4 address nor a domain name; write four numbers from 0 to 255
        the domain "1.2.3.4.5" is neither an IPv4 address nor a domain name; write four numbers from 0 to 255
        the domain "7" is neither an IPv4 address nor a domain name; write four numbers from 0 to 255
        the domain "[192.0.2.7]" is not an IPv6 address; write it like 2001:db8::1, without a zone or port
        the domain "[::1" is not an IPv6 address; write it like 2001:db8::1, without a zone or port
        the domain "::1]" is not an IPv6 address; write it like 2001:db8::1, without a zone or port
        the domain "fe80::1%eth0" is not an IPv6 address; write it like 2001:db8::1, without a zone or port
        the domain "[::1]:5060" is not an IPv6 address; write it like 2001:db8::1, without a zone or port
        the domain "1:2" contains the character ':'; use letters, digits, hyphens and dots, and no port
        the domain "1:2:3" is not an IPv6 address; write it like 2001:db8::1, without a zone or port
        the domain "a\0b" contains the character '\0'; use letters, digits, hyphens and dots, and no port
        the domain "example/" contains the character '/'; use letters, digits, hyphens and dots, and no port
        the domain "*" contains the character '*'; use letters, digits, hyphens and dots, and no port
        "#);
    }

    /// Generates names that conform to RFC 1123.
    fn name() -> impl Strategy<Value = String> {
        proptest::collection::vec("[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?", 1..8)
            .prop_map(|labels| format!("{}.x{}", labels.join("."), labels.len()))
    }

    proptest! {
        #[test]
        fn parser_with_arbitrary_text_does_not_panic(typed in "\\PC*|[0-9a-fA-F:.\\[\\]%-]{0,40}") {
            let _ = key(&typed);
        }

        #[test]
        fn normal_form_is_its_own_normal_form(typed in "[0-9a-zA-Z:.\\[\\]-]{0,20}") {
            if let Ok(normal) = key(&typed) {
                prop_assert_eq!(key(&normal), Ok(normal.clone()));
            }
        }

        #[test]
        fn domain_comparison_ignores_case_and_a_trailing_dot(name in name()) {
            let domain: Domain = name.parse().unwrap();
            for other in [name.to_uppercase(), name.to_lowercase(), format!("{name}.")] {
                prop_assert_eq!(&domain, &other.parse().unwrap());
            }
        }

        #[test]
        fn domain_comparison_ignores_the_spelling_of_an_ipv6_address(segments: [u16; 8]) {
            let address = Ipv6Addr::from(segments);
            let full = segments.map(|segment| format!("{segment:04X}")).join(":");
            let domain: Domain = address.to_string().parse().unwrap();
            for other in [full.clone(), full.to_lowercase(), format!("[{full}]"), format!("[{address}]")] {
                prop_assert_eq!(&domain, &other.parse().unwrap());
            }
        }

        #[test]
        fn ipv4_address_is_a_domain(address: [u8; 4]) {
            let typed = Ipv4Addr::from(address).to_string();
            prop_assert_eq!(key(&typed), Ok(typed.clone()));
        }

        #[test]
        fn ipv4_mapped_address_equals_the_ipv4_address(address: [u8; 4]) {
            let address = Ipv4Addr::from(address);
            let mapped = address.to_ipv6_mapped();
            for typed in [mapped.to_string(), format!("[{mapped}]"), format!("0:0:0:0:0:FFFF:{address}")] {
                prop_assert_eq!(key(&typed), Ok(address.to_string()));
            }
        }

        #[test]
        fn domains_of_different_names_differ(one in name(), two in name()) {
            let equal = one.parse::<Domain>().unwrap() == two.parse::<Domain>().unwrap();
            prop_assert_eq!(equal, one.eq_ignore_ascii_case(&two));
        }
    }
}
