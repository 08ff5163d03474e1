//! Positions in paginated lists.

use serde::de::DeserializeOwned;

/// A page's position in a list, which its token holds: whatever JSON the handler writes.
pub type PageSelector = serde_json::Value;

/// Reads the position that a page token holds.
///
/// Returns `None` if the token has another shape: dropshot's tokens are not signed, so that a client may send any.
pub fn read_page_selector<T: DeserializeOwned>(selector: PageSelector) -> Option<T> {
    serde_json::from_value(selector).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_of_the_expected_shape_is_read() {
        let position = read_page_selector::<i64>(PageSelector::from(7_i64));
        assert_eq!(position, Some(7));
    }

    #[test]
    fn position_of_another_shape_is_none() {
        assert_eq!(read_page_selector::<i64>(PageSelector::from("zoe")), None);
    }
}
