//! Daily counts of refused logins.
//!
//! The audit log has a maximum number of entries of refused logins. The sweep adds up those that it deletes because of
//! this maximum, so that a flood of guesses cannot erase its own traces.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

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

/// The properties by which refusals are counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RefusalKey {
    /// See [`day_number`].
    pub(crate) day: i64,
    pub(crate) event: String,
    pub(crate) cause: String,
    pub(crate) subject: RefusalSubject,
}

/// The account of a refused login, as typed and as keys.
///
/// Without both names, it is that of several accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RefusalSubject {
    pub(crate) username: Option<String>,
    pub(crate) username_key: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) domain_key: Option<String>,
}

/// Returns the number of days since 1970, in UTC.
#[must_use]
pub(crate) fn day_number(time: DateTime<Utc>) -> i64 {
    time.timestamp().div_euclid(86_400)
}

/// Returns the day with a [`day_number`]; `None` if it is out of range.
#[must_use]
pub(crate) fn day_of_number(number: i64) -> Option<NaiveDate> {
    NaiveDate::default().checked_add_signed(TimeDelta::try_days(number)?)
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

    #[test]
    fn number_of_a_day_is_the_same_for_each_of_its_times() {
        for (time, number) in [
            ("1969-12-31T23:59:59Z", -1),
            ("1970-01-01T00:00:00Z", 0),
            ("2026-03-01T23:59:59Z", 20_513),
        ] {
            let time: DateTime<Utc> = time.parse().unwrap();
            assert_eq!(day_number(time), number);
            assert_eq!(day_of_number(number), Some(time.date_naive()));
        }
        assert_eq!(day_of_number(i64::MAX), None);
    }
}
