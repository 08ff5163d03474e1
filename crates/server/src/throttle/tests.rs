use proptest::prelude::*;

use super::*;
use crate::store::model::Streak;

fn at(milliseconds: i64) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2026-03-01T08:00:00Z".parse().unwrap();
    start + TimeDelta::milliseconds(milliseconds)
}

fn streak(failures: u32) -> Tally {
    Tally {
        streak: Some(Streak {
            failures,
            under_way: 0,
            last_at: at(0),
        }),
        ..Tally::default()
    }
}

fn full(milliseconds: i64) -> Option<Full> {
    Some(Full {
        since: at(milliseconds),
        failed: true,
    })
}

#[test]
fn a_limit_that_is_reached_with_those_under_way_waits_for_their_outcome() {
    let rules = Rules::DEFAULT;
    let streak = |failures, under_way| Tally {
        streak: Some(Streak {
            failures,
            under_way,
            last_at: at(0),
        }),
        ..Tally::default()
    };
    let judge = |tally| {
        rules
            .judge(&tally, at(0))
            .map_err(|held| (held.by, held.seconds()))
    };
    assert_eq!(judge(streak(4, 4)), Ok(()));
    assert_eq!(judge(streak(5, 1)), Err((By::Gate, 1)));
    assert_eq!(judge(streak(9, 5)), Err((By::Gate, 1)));
    // These have failed enough without the one that is under way.
    assert_eq!(judge(streak(9, 4)), Err((By::Streak, 16)));
    let under_way = Full {
        since: at(0),
        failed: false,
    };
    let full = |network_full, account_full| Tally {
        network_full,
        account_full,
        ..Tally::default()
    };
    assert_eq!(judge(full(Some(under_way), None)), Err((By::Gate, 1)));
    assert_eq!(judge(full(None, Some(under_way))), Err((By::Gate, 1)));
    let failed = Some(Full {
        failed: true,
        ..under_way
    });
    assert_eq!(
        judge(full(Some(under_way), failed)),
        Err((By::Account, 3600))
    );
}

#[test]
fn five_failures_are_free_and_then_waits_double_up_to_a_quarter_of_an_hour() {
    let rules = Rules::DEFAULT;
    let waits = (1..=20).map(|failures| match rules.judge(&streak(failures), at(0)) {
        Ok(()) => 0,
        Err(held) => held.seconds(),
    });
    assert_eq!(
        waits.collect::<Vec<_>>(),
        [
            0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900, 900
        ]
    );
    // However often.
    let ages = rules.judge(&streak(u32::MAX), at(0)).unwrap_err();
    assert_eq!(ages.seconds(), 900);
}

#[test]
fn a_wait_ends_to_the_millisecond_and_is_told_in_seconds_rounded_up() {
    let rules = Rules::DEFAULT;
    let after = |milliseconds| rules.judge(&streak(6), at(milliseconds));
    let told = |milliseconds| after(milliseconds).map_err(|held| held.seconds());
    assert_eq!(told(0), Err(2));
    assert_eq!(told(1), Err(2));
    assert_eq!(told(1000), Err(1));
    assert_eq!(told(1999), Err(1));
    assert_eq!(told(2000), Ok(()));
}

#[test]
fn a_full_window_is_waited_for_until_its_oldest_attempt_leaves_it() {
    let rules = Rules::DEFAULT;
    let network = Tally {
        network_full: full(0),
        ..Tally::default()
    };
    let held = rules.judge(&network, at(60_000)).unwrap_err();
    assert_eq!((held.by, held.seconds()), (By::Network, 14 * 60));
    assert_eq!(rules.judge(&network, at(15 * 60_000)), Ok(()));
    let account = Tally {
        account_full: full(0),
        ..Tally::default()
    };
    let held = rules.judge(&account, at(60_000)).unwrap_err();
    assert_eq!((held.by, held.seconds()), (By::Account, 59 * 60));
    assert_eq!(rules.judge(&account, at(60 * 60_000)), Ok(()));
}

#[test]
fn of_several_rules_the_longest_wait_counts() {
    let rules = Rules::DEFAULT;
    let all = Tally {
        network_full: full(-800_000),
        account_full: full(-3_599_000),
        ..streak(7)
    };
    let judge = |milliseconds| rules.judge(&all, at(milliseconds)).map_err(|held| held.by);
    assert_eq!(judge(0), Err(By::Network));
    assert_eq!(judge(99_999), Err(By::Network));
    assert_eq!(judge(100_000), Ok(()));
}

#[test]
fn a_clock_that_was_set_back_lengthens_no_wait() {
    let rules = Rules::DEFAULT;
    let wait = |tally| {
        rules
            .judge(&tally, at(-86_400_000))
            .map_err(|held| held.seconds())
    };
    assert_eq!(wait(streak(5)), Err(1));
    let full = Tally {
        network_full: full(0),
        ..Tally::default()
    };
    assert_eq!(wait(full), Err(900));
}

#[test]
fn nothing_that_still_counts_is_forgotten() {
    assert_eq!(Rules::DEFAULT.forgotten(at(3_600_000)), at(0));
    let patient = Rules {
        longest_wait: TimeDelta::hours(5),
        ..Rules::DEFAULT
    };
    assert_eq!(patient.forgotten(at(5 * 3_600_000)), at(0));
}

proptest! {
    #[test]
    fn one_failure_more_never_shortens_the_wait(
        free in 1..50_u32, first in 1..100_i64, longest in 1..100_000_i64, failures in 0..200_u32,
    ) {
        let rules = Rules {
            free,
            first_wait: TimeDelta::seconds(first),
            longest_wait: TimeDelta::seconds(longest),
            ..Rules::DEFAULT
        };
        let wait = |failures| rules.wait_after(failures);
        prop_assert!(wait(failures) <= wait(failures + 1));
        prop_assert!(wait(failures) <= rules.longest_wait);
        prop_assert_eq!(wait(failures) == TimeDelta::zero(), failures < free);
    }
}
