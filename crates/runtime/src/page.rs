use serde::de::DeserializeOwned;

/// The position in a list that a page token contains: any JSON that the handler chooses.
pub type PageSelector = serde_json::Value;

/// Reads the position from a page token; tokens are not signed, so it may be invalid (`None`).
pub fn read_page_selector<T: DeserializeOwned>(selector: PageSelector) -> Option<T> {
    serde_json::from_value(selector).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_token_with_expected_position_is_read() {
        let position = read_page_selector::<i64>(PageSelector::from(7_i64));
        assert_eq!(position, Some(7));
    }

    #[test]
    fn page_token_with_other_position_is_none() {
        assert_eq!(read_page_selector::<i64>(PageSelector::from("zoe")), None);
    }
}
