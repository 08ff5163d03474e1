//! Numbers of things in sentences.

use std::fmt;

/// A number of things, as a sentence writes it: `1 user`, `2 users`.
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
