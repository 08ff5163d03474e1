//! Session tokens.
//!
//! A token is 128 random bits, written as 32 upper-case hexadecimal digits. This is more than can be guessed: the OWASP
//! Session Management Cheat Sheet requires at least 64 bits of entropy. The store contains only the SHA-256 of the
//! digits, so a copy of the database does not allow a login. A fast hash without a salt is enough, because no one can
//! try 2^128 tokens.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::random::{Random, RandomError};

const TOKEN_BYTES: usize = 16;

const TOKEN_DIGITS: usize = 2 * TOKEN_BYTES;

/// The secret that identifies a session. `Debug` hides it, and its memory is wiped on drop.
pub struct Token(Zeroizing<String>);

impl Token {
    /// Generates a token.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        random.fill(bytes.as_mut())?;
        // Allocated in full, because a string that grows leaves copies in memory.
        let mut digits = Zeroizing::new(String::with_capacity(TOKEN_DIGITS));
        for byte in bytes.iter() {
            for nibble in [byte >> 4, byte & 0xF] {
                digits.push(char::from(b"0123456789ABCDEF"[usize::from(nibble)]));
            }
        }
        Ok(Self(digits))
    }

    /// Parses the token of a client; `None` if the text is not a token.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_token(text).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// Parses a token without copying it.
    #[must_use]
    pub fn from_text(text: Zeroizing<String>) -> Option<Self> {
        is_token(&text).then_some(Self(text))
    }

    /// Returns the 32 digits, which only the client may receive.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the hash by which the store identifies the session.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

fn is_token(text: &str) -> bool {
    // The loop has no early exit, so that several digits are checked at a time, with a quarter of the instructions.
    text.len() == TOKEN_DIGITS
        && text.bytes().fold(true, |digits, byte| {
            digits & matches!(byte, b'0'..=b'9' | b'A'..=b'F')
        })
}

impl From<Token> for Zeroizing<String> {
    fn from(Token(digits): Token) -> Self {
        digits
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// The SHA-256 of a token's digits. `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Returns the 32 bytes, for the store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Wraps bytes from the store.
    #[must_use]
    pub fn from_store(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct FixedRandom([u8; TOKEN_BYTES]);

    impl Random for FixedRandom {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            bytes.copy_from_slice(&self.0);
            Ok(())
        }
    }

    struct FailingRandom;

    impl Random for FailingRandom {
        fn fill(&self, _: &mut [u8]) -> Result<(), RandomError> {
            Err(RandomError::new("no bytes"))
        }
    }

    #[test]
    fn token_is_its_random_bytes_in_upper_case_hexadecimal() {
        let bytes = [
            0x00, 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x76,
            0x54, 0xFF,
        ];
        let token = Token::generate(&FixedRandom(bytes)).unwrap();
        assert_eq!(token.expose(), "000123456789ABCDEFFEDCBA987654FF");
    }

    #[test]
    fn token_without_random_bytes_is_an_error() {
        let error = Token::generate(&FailingRandom).unwrap_err();
        assert_eq!(error.to_string(), "the source of random bytes failed");
    }

    #[test]
    fn token_hash_is_the_sha_256_of_the_digits() {
        // printf 4DFCF1D4C30B4D798ECE3AE43769F008 | sha256sum
        let hash = Token::parse("4DFCF1D4C30B4D798ECE3AE43769F008")
            .unwrap()
            .hash();
        let hex: String = hash.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "2e88740859c967c550b562a06805ac61df53ac733c8c387c5479d990d372c6b1"
        );
    }

    #[test]
    fn neighbours_of_hexadecimal_digits_do_not_parse() {
        for other in ["/", ":", "@", "G", "a", "f", "g", "`", " ", "\0", "Ａ"] {
            let invalid = format!("4DFCF1D4C30B4D798ECE3AE43769F00{other}");
            assert!(Token::parse(&invalid).is_none(), "{other:?}");
        }
        assert!(Token::parse("4DFCF1D4C30B4D798ECE3AE43769F0089").is_none());
        assert!(Token::parse("4DFCF1D4C30B4D798ECE3AE43769F00").is_none());
    }

    #[test]
    fn token_from_owned_text_is_not_copied_and_parses_like_borrowed_text() {
        let text = |text: &str| Zeroizing::new(text.to_owned());
        let digits = text("4DFCF1D4C30B4D798ECE3AE43769F008");
        let address = digits.as_ptr();
        let moved: Zeroizing<String> = Token::from_text(digits).expect("a token").into();
        assert_eq!(moved.as_str(), "4DFCF1D4C30B4D798ECE3AE43769F008");
        assert_eq!(moved.as_ptr(), address);
        assert!(Token::from_text(text("4dfcf1d4c30b4d798ece3ae43769f008")).is_none());
        assert!(Token::from_text(text("")).is_none());
    }

    #[test]
    fn debug_of_token_and_hash_hides_them() {
        let token = Token::parse("4DFCF1D4C30B4D798ECE3AE43769F008").unwrap();
        assert_eq!(
            format!("{token:?} {:?} {:?}", token.hash(), Some(&token)),
            "Token TokenHash Some(Token)"
        );
    }

    #[test]
    fn dropped_token_wipes_its_memory() {
        fn wiped<T: zeroize::ZeroizeOnDrop>(_: &T) {}
        let Token(digits) = Token::parse("4DFCF1D4C30B4D798ECE3AE43769F008").unwrap();
        wiped(&digits);
    }

    proptest! {
        #[test]
        fn token_round_trips_through_its_text(bytes: [u8; TOKEN_BYTES]) {
            let token = Token::generate(&FixedRandom(bytes)).unwrap();
            let parsed = Token::parse(token.expose()).expect("a token");
            prop_assert_eq!(parsed.hash(), token.hash());
        }

        #[test]
        fn token_with_an_invalid_character_does_not_parse(
            digits in "[0-9A-F]{32}", at in 0..32_usize, other in "[^0-9A-F]",
        ) {
            prop_assert!(Token::parse(&digits).is_some());
            let invalid = format!("{}{other}{}", &digits[..at], &digits[at + 1..]);
            prop_assert!(Token::parse(&invalid).is_none());
        }

        #[test]
        fn token_of_the_wrong_length_does_not_parse(digits in "[0-9A-F]{0,31}|[0-9A-F]{33,70}") {
            prop_assert!(Token::parse(&digits).is_none());
        }

        #[test]
        fn hashes_of_different_tokens_differ(a: [u8; TOKEN_BYTES], b: [u8; TOKEN_BYTES]) {
            let hash = |bytes| Token::generate(&FixedRandom(bytes)).unwrap().hash();
            prop_assert_eq!(hash(a) == hash(b), a == b);
        }
    }
}
