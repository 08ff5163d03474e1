use proptest::prelude::*;

use super::*;
use crate::domain::rate_limit::Streak;

fn at(milliseconds: i64) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2026-03-01T08:00:00Z".parse().unwrap();
    start + TimeDelta::milliseconds(milliseconds)
}

fn streak(failures: u32) -> Tally {
    Tally {
        streak: Some(Streak {
            failures,
            in_flight: 0,
            last_at: at(0),
        }),
        ..Tally::default()
    }
}

fn full(milliseconds: i64) -> Option<LimitReached> {
    Some(LimitReached {
        since: at(milliseconds),
        failed: true,
    })
}

#[test]
fn limit_reached_with_attempts_in_flight_waits_for_their_outcome() {
    let rules = Rules::DEFAULT;
    let streak = |failures, in_flight| Tally {
        streak: Some(Streak {
            failures,
            in_flight,
            last_at: at(0),
        }),
        ..Tally::default()
    };
    let judge = |tally| {
        rules
            .judge(&tally, at(0))
            .map_err(|limited| (limited.limit, limited.retry_after_seconds()))
    };
    assert_eq!(judge(streak(4, 4)), Ok(()));
    assert_eq!(judge(streak(5, 1)), Err((LimitKind::Concurrency, 1)));
    assert_eq!(judge(streak(9, 5)), Err((LimitKind::Concurrency, 1)));
    // Five attempts have failed, not counting those in flight.
    assert_eq!(
        judge(streak(9, 4)),
        Err((LimitKind::AccountFromNetwork, 16))
    );
    let in_flight = LimitReached {
        since: at(0),
        failed: false,
    };
    let full = |network, account| Tally {
        networks: [network, None, None],
        account,
        ..Tally::default()
    };
    assert_eq!(
        judge(full(Some(in_flight), None)),
        Err((LimitKind::Concurrency, 1))
    );
    assert_eq!(
        judge(full(None, Some(in_flight))),
        Err((LimitKind::Concurrency, 1))
    );
    let failed = Some(LimitReached {
        failed: true,
        ..in_flight
    });
    assert_eq!(
        judge(full(Some(in_flight), failed)),
        Err((LimitKind::Account, 3600))
    );
}

#[test]
fn delay_doubles_with_each_failure_from_the_fifth_up_to_a_quarter_of_an_hour() {
    let rules = Rules::DEFAULT;
    let waits = (1..=20).map(|failures| match rules.judge(&streak(failures), at(0)) {
        Ok(()) => 0,
        Err(limited) => limited.retry_after_seconds(),
    });
    assert_eq!(
        waits.collect::<Vec<_>>(),
        [
            0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900, 900
        ]
    );
    // The delay stays at its maximum.
    let limited = rules.judge(&streak(u32::MAX), at(0)).unwrap_err();
    assert_eq!(limited.retry_after_seconds(), 900);
}

#[test]
fn delay_ends_to_the_millisecond_and_is_reported_in_seconds_rounded_up() {
    let rules = Rules::DEFAULT;
    let after = |milliseconds| rules.judge(&streak(6), at(milliseconds));
    let retry_after =
        |milliseconds| after(milliseconds).map_err(|limited| limited.retry_after_seconds());
    assert_eq!(retry_after(0), Err(2));
    assert_eq!(retry_after(1), Err(2));
    assert_eq!(retry_after(1000), Err(1));
    assert_eq!(retry_after(1999), Err(1));
    assert_eq!(retry_after(2000), Ok(()));
}

#[test]
fn full_window_limits_until_its_oldest_attempt_expires() {
    let rules = Rules::DEFAULT;
    let network = Tally {
        networks: [full(0), None, None],
        ..Tally::default()
    };
    let limited = rules.judge(&network, at(60_000)).unwrap_err();
    assert_eq!(
        (limited.limit, limited.retry_after_seconds()),
        (LimitKind::Network, 14 * 60)
    );
    assert_eq!(rules.judge(&network, at(15 * 60_000)), Ok(()));
    let account = Tally {
        account: full(0),
        ..Tally::default()
    };
    let limited = rules.judge(&account, at(60_000)).unwrap_err();
    assert_eq!(
        (limited.limit, limited.retry_after_seconds()),
        (LimitKind::Account, 59 * 60)
    );
    assert_eq!(rules.judge(&account, at(60 * 60_000)), Ok(()));
}

#[test]
fn wider_prefix_has_a_higher_limit() {
    let limits = NetworkTier::ALL.map(|tier| Rules::DEFAULT.network_limit(tier));
    assert_eq!(limits.map(|limit| limit.max_failures), [50, 100, 200]);
    assert!(
        limits
            .iter()
            .all(|limit| limit.window == TimeDelta::minutes(15))
    );
    for (index, limit) in [
        LimitKind::Network,
        LimitKind::Network56,
        LimitKind::Network48,
    ]
    .into_iter()
    .enumerate()
    {
        let mut tally = Tally::default();
        tally.networks[index] = full(0);
        let limited = Rules::DEFAULT.judge(&tally, at(60_000)).unwrap_err();
        assert_eq!((limited.limit, limited.retry_after_seconds()), (limit, 840));
    }
}

fn day(failures: u32, in_flight: u32) -> Tally {
    Tally {
        account_day: Some(AccountDay {
            failures,
            in_flight,
            since: at(0),
        }),
        ..Tally::default()
    }
}

#[test]
fn daily_limit_lasts_until_its_window_ends() {
    const HOURS: i64 = 3_600_000;
    let judge = |tally, now| {
        let judged = Rules::DEFAULT.judge(&tally, at(now));
        judged.map_err(|limited| (limited.limit, limited.retry_after_seconds()))
    };
    assert_eq!(judge(day(239, 0), 0), Ok(()));
    let limited = |hours: u32| Err((LimitKind::AccountDay, hours * 3600));
    assert_eq!(judge(day(240, 0), HOURS), limited(23));
    assert_eq!(judge(day(500, 260), HOURS), limited(23));
    assert_eq!(judge(day(240, 1), HOURS), Err((LimitKind::Concurrency, 1)));
    assert_eq!(judge(day(240, 0), 24 * HOURS), Ok(()));
}

#[test]
fn day_begins_with_its_first_failure_and_forgets_cleared_ones() {
    const HOURS: i64 = 3_600_000;
    let first = Rules::next_in_day(None, at(0));
    let last = Rules::next_in_day(Some(first), at(24 * HOURS - 1));
    assert_eq!((last.failures, last.since), (2, at(0)));
    let next = Rules::next_in_day(Some(last), at(24 * HOURS));
    assert_eq!((next.failures, next.since), (1, at(24 * HOURS)));
    assert_eq!(last.without(at(0)), Some(first));
    assert_eq!(first.without(at(0)), None);
    // The failure belongs to the previous window.
    assert_eq!(next.without(at(24 * HOURS - 1)), Some(next));
}

#[test]
fn streak_does_not_permit_the_allowance() {
    let permits = |tally| {
        let limited = Rules::DEFAULT.judge(&tally, at(0)).unwrap_err();
        (limited.limit, limited.permits_allowance)
    };
    assert_eq!(permits(day(240, 0)), (LimitKind::AccountDay, true));
    let streak = |failures, in_flight| Tally {
        streak: Some(Streak {
            failures,
            in_flight,
            last_at: at(0),
        }),
        ..day(240, 0)
    };
    assert_eq!(permits(streak(4, 0)), (LimitKind::AccountDay, true));
    assert_eq!(permits(streak(5, 0)), (LimitKind::AccountDay, false));
    assert_eq!(permits(streak(5, 1)), (LimitKind::AccountDay, false));
}

#[test]
fn several_reached_limits_apply_the_longest_delay() {
    let rules = Rules::DEFAULT;
    let all = Tally {
        networks: [full(-800_000), None, None],
        account: full(-3_599_000),
        ..streak(7)
    };
    let judge = |milliseconds| {
        rules
            .judge(&all, at(milliseconds))
            .map_err(|limited| limited.limit)
    };
    assert_eq!(judge(0), Err(LimitKind::Network));
    assert_eq!(judge(99_999), Err(LimitKind::Network));
    assert_eq!(judge(100_000), Ok(()));
}

#[test]
fn clock_that_was_set_back_lengthens_no_delay() {
    let rules = Rules::DEFAULT;
    let wait = |tally| {
        rules
            .judge(&tally, at(-86_400_000))
            .map_err(|limited| limited.retry_after_seconds())
    };
    assert_eq!(wait(streak(5)), Err(1));
    let full = Tally {
        networks: [full(0), None, None],
        ..Tally::default()
    };
    assert_eq!(wait(full), Err(900));
}

#[test]
fn failures_that_still_count_do_not_expire() {
    assert_eq!(Rules::DEFAULT.expiry_cutoff(at(3_600_000)), at(0));
    let rules = Rules {
        max_delay: TimeDelta::hours(5),
        ..Rules::DEFAULT
    };
    assert_eq!(rules.expiry_cutoff(at(5 * 3_600_000)), at(0));
    let second = Limit {
        max_failures: 1,
        window: TimeDelta::seconds(1),
    };
    let rules = Rules {
        max_delay: TimeDelta::seconds(1),
        network: second,
        account: second,
        ..rules
    };
    // An attempt in flight does not expire before its outcome.
    assert_eq!(rules.expiry_cutoff(at(15_000)), at(0));
}

proptest! {
    #[test]
    fn further_failure_never_shortens_the_delay(
        free in 1..50_u32, first in 1..100_i64, longest in 1..100_000_i64, failures in 0..200_u32,
    ) {
        let rules = Rules {
            free_failures: free,
            first_delay: TimeDelta::seconds(first),
            max_delay: TimeDelta::seconds(longest),
            ..Rules::DEFAULT
        };
        let wait = |failures| rules.delay_after(failures);
        prop_assert!(wait(failures) <= wait(failures + 1));
        prop_assert!(wait(failures) <= rules.max_delay);
        prop_assert_eq!(wait(failures) == TimeDelta::zero(), failures < free);
    }
}

/// Judges attempts of one account from one network: those in `settled` have failed, in this order.
fn counts(times: &[i64], settled: &[usize], now: i64) -> (Streak, AccountDay) {
    let rules = Rules::DEFAULT;
    let (mut streak, mut day) = (None, None);
    for index in settled {
        let at = at(times[*index]);
        streak = Some(rules.next_in_streak(streak, at));
        day = Some(Rules::next_in_day(day, at));
    }
    let left = (0..times.len()).filter(|index| !settled.contains(index));
    let left: Vec<i64> = left.map(|index| times[index]).collect();
    let in_flight = left
        .iter()
        .filter(|time| at(now) - at(**time) < IN_FLIGHT_TIMEOUT);
    let in_flight = u32::try_from(in_flight.count()).unwrap();
    let unsettled = left.iter().min().map(|first| Unsettled {
        count: left.len().try_into().unwrap(),
        in_flight,
        first_at: at(*first),
        last_at: at(*left.iter().max().unwrap()),
    });
    (
        rules.streak(streak, unsettled, at(now)).unwrap(),
        Rules::account_day(day, unsettled, at(now)).unwrap(),
    )
}

#[test]
fn expired_streak_and_day_do_not_count() {
    const HOUR: i64 = 3_600_000;
    let rules = Rules::DEFAULT;
    let stored = StoredStreak {
        failures: 3,
        last_at: at(0),
    };
    let streak = |now| rules.streak(Some(stored), None, at(now));
    assert_eq!(streak(HOUR - 1).map(|streak| streak.failures), Some(3));
    assert_eq!(streak(HOUR), None);
    let stored = StoredDay {
        failures: 3,
        since: at(0),
    };
    let day = |now| Rules::account_day(Some(stored), None, at(now));
    assert_eq!(day(24 * HOUR - 1).map(|day| day.failures), Some(3));
    assert_eq!(day(24 * HOUR), None);
    // Only the unsettled attempt counts.
    let unsettled = Unsettled {
        count: 1,
        in_flight: 1,
        first_at: at(24 * HOUR),
        last_at: at(24 * HOUR),
    };
    let counted = AccountDay {
        failures: 1,
        in_flight: 1,
        since: at(24 * HOUR),
    };
    let day = Rules::account_day(Some(stored), Some(unsettled), at(24 * HOUR));
    assert_eq!(day, Some(counted));
}

proptest! {
    /// The number and the order of known outcomes change no count but that of attempts in flight.
    #[test]
    fn failure_counts_the_same_before_and_after_its_outcome_is_known(
        times in proptest::collection::vec(1..3_600_000_i64, 1..20),
        order in Just((0..20).collect::<Vec<usize>>()).prop_shuffle(),
        settled in 0..20_usize,
    ) {
        let now = 3_600_000;
        let order = order.into_iter().filter(|index| *index < times.len());
        let settled: Vec<usize> = order.take(settled).collect();
        let (streak, day) = counts(&times, &settled, now);
        let (unsettled_streak, unsettled_day) = counts(&times, &[], now);
        prop_assert_eq!(Streak { in_flight: 0, ..streak }, Streak { in_flight: 0, ..unsettled_streak });
        prop_assert_eq!(AccountDay { in_flight: 0, ..day }, AccountDay { in_flight: 0, ..unsettled_day });
        prop_assert_eq!(streak.in_flight, day.in_flight);
        prop_assert_eq!(streak.failures as usize, times.len());
    }
}
