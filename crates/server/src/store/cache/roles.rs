//! The names of roles by number, so that sessions share them without sharing the count of who holds them, which all cores
//! would write to with each look-up.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

/// How many different names there may be since the start. Sessions with further ones are read from the database each time. A
/// role takes a login to come here, so that nobody fills the memory with them.
const MOST: usize = 10_000;

/// See the module's documentation.
pub(super) struct Roles {
    names: Box<[OnceLock<String>]>,
    numbers: Mutex<HashMap<String, u16>>,
}

impl Roles {
    /// There are none.
    pub(super) fn new() -> Self {
        Self {
            names: (0..MOST).map(|_| OnceLock::new()).collect(),
            numbers: Mutex::default(),
        }
    }

    /// The number of a name, from now on; none if there are too many.
    pub(super) fn number(&self, name: &str) -> Option<u16> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = numbers.get(name) {
            return Some(*number);
        }
        let number = numbers.len();
        self.names.get(number)?.get_or_init(|| name.to_owned());
        let number = u16::try_from(number).ok()?;
        numbers.insert(name.to_owned(), number);
        Some(number)
    }

    /// The name that was given a number.
    pub(super) fn name(&self, number: u16) -> Option<&str> {
        let name = self.names.get(usize::from(number))?.get()?;
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_number_and_comes_back() {
        let roles = Roles::new();
        let numbers = ["Admin", "Dealer", "Admin", "admin"].map(|name| roles.number(name));
        assert_eq!(numbers, [Some(0), Some(1), Some(0), Some(2)]);
        let names = [0, 1, 2, 3, u16::MAX].map(|number| roles.name(number));
        let expected = [Some("Admin"), Some("Dealer"), Some("admin"), None, None];
        assert_eq!(names, expected);
    }

    #[test]
    fn past_the_most_names_there_are_no_new_ones() {
        let roles = Roles::new();
        for number in 0..MOST {
            assert!(roles.number(&number.to_string()).is_some());
        }
        assert_eq!(roles.number("one more"), None);
        assert_eq!(roles.number("0"), Some(0));
    }
}
