//! Daily counts of refused logins.
//!
//! The audit log has a maximum number of entries of refused logins. The sweep adds up those that it deletes because of
//! this maximum, so that a flood of guesses cannot erase its own traces.

use chrono::NaiveDate;

/// The number of refused logins of a subject on one day whose audit entries were deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names describe the fields")]
pub struct RefusalDay {
    /// The day, in UTC.
    pub day: NaiveDate,
    pub event: String,
    pub cause: String,
    /// The user name at that time.
    pub username: Option<String>,
    pub domain: Option<String>,
    pub count: u64,
}

/// Returns whether a count keeps its subject.
///
/// Otherwise it is added to the count of its day and cause without a subject, so that the number of rows is limited and
/// no refusal is lost. `exists` is whether the subject already has a count of that day and cause.
#[must_use]
pub fn keeps_subject(exists: bool, rows: u64, max_rows: u32) -> bool {
    exists || rows < u64::from(max_rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_subject_is_kept_only_below_the_maximum() {
        assert!(keeps_subject(false, 9, 10));
        assert!(!keeps_subject(false, 10, 10));
        assert!(keeps_subject(true, 10, 10));
        assert!(!keeps_subject(false, u64::MAX, u32::MAX));
    }
}
