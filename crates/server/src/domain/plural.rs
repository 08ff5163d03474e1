//! Numbers with nouns, for messages.

use std::fmt;

/// A number with its noun, such as `1 user` or `2 users`.
#[derive(Debug, Clone, Copy)]
pub struct Pluralized(pub u64, pub &'static str);

impl fmt::Display for Pluralized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => write!(f, "1 {}", self.1),
            number => write!(f, "{number} {}s", self.1),
        }
    }
}
