use std::net::{IpAddr, Ipv6Addr};

use super::attempt::{
    RULES, account, attempt, commit_failure, fail, limited, network, reserve_by, succeed,
};
use super::*;
use crate::domain::attempt::{AccountKey, AttemptFilter, NewAttempt};
use crate::domain::network::Network;
use crate::domain::rate_limit::{LimitKind, Rules};
use crate::domain::sweep::Sweep;

async fn cleared_attempts_do_not_count(store: &Database) {
    let all_fail = async || {
        for (name, from) in [("bob", 1), ("bob", 1), ("bob", 2), ("bob", 2), ("carol", 1)] {
            fail(store, name, from, 0).await;
        }
    };
    let clear = async |user, network: Option<Network>| {
        let which = AttemptFilter {
            user,
            network: network.map(Into::into),
        };
        store.clear_attempts(&which, &context(0)).await.unwrap()
    };
    let is_limited = async |from| limited(store, "bob", from, 0).await.is_some();
    all_fail().await;
    assert_eq!(clear(Some(key("bob")), Some(network(2))).await, 2);
    assert_eq!((is_limited(1).await, is_limited(2).await), (true, false));
    assert_eq!(clear(Some(key("CAROL")), None).await, 1);
    assert_eq!(clear(None, Some(network(1))).await, 2);
    assert!(!is_limited(1).await);
    assert_eq!(clear(None, None).await, 0);
    all_fail().await;
    assert_eq!(clear(None, None).await, 5);
    assert_eq!((is_limited(1).await, is_limited(2).await), (false, false));
}

async fn attempts_without_an_outcome_are_listed_and_cleared(store: &Database) {
    let rules = Rules {
        account_daily_failures: 3,
        ..RULES
    };
    let reserve = async |name: &str, from, seconds| {
        let reserved = reserve_by(store, &rules, &attempt(name, from, seconds)).await;
        reserved.unwrap()
    };
    let listed = async |seconds| {
        let listed = store.list_attempts(&rules, at(seconds)).await.unwrap();
        let lines = listed.iter().map(|count| {
            let network = count.network.map(|network| network.to_string());
            let seconds = (count.last_at - at(0)).num_seconds();
            format!("{network:?} {} {seconds}", count.failures)
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let clear = async |user: Option<_>, from: Option<u8>| {
        let filter = AttemptFilter {
            user,
            network: from.map(|from| network(from).into()),
        };
        store.clear_attempts(&filter, &context(9)).await.unwrap()
    };
    fail(store, "bob", 1, 0).await;
    let cleared = reserve("bob", 1, 1).await;
    reserve("bob", 2, 2).await;
    insta::assert_snapshot!(listed(9).await, @r#"
    None 3 2
    Some("192.0.2.2") 1 2
    Some("192.0.2.1") 2 1
    "#);
    assert_eq!(clear(None, Some(1)).await, 2);
    // The outcome of a cleared attempt counts nothing.
    commit_failure(store, "bob", cleared, 1, 3).await;
    fail(store, "bob", 3, 3).await;
    insta::assert_snapshot!(listed(9).await, @r#"
    Some("192.0.2.3") 1 3
    Some("192.0.2.2") 1 2
    "#);
    assert_eq!(clear(Some(key("bob")), None).await, 2);
    assert_eq!(listed(9).await, "");

    // Clearing a network removes only failures from the day of the account.
    fail(store, "bob", 1, 4).await;
    fail(store, "bob", 2, 4).await;
    reserve("bob", 2, 4).await;
    assert_eq!(clear(None, Some(2)).await, 2);
    let rules = Rules {
        account_daily_failures: 1,
        ..RULES
    };
    // The attempts have expired, but the day still counts the failure from the other network.
    let listed = store.list_attempts(&rules, at(300)).await.unwrap();
    let failures: Vec<u32> = listed.iter().map(|count| count.failures).collect();
    assert_eq!(failures, [1]);
    assert_eq!(clear(Some(key("bob")), None).await, 1);
}

async fn reservation_deletes_expired_rows(store: &Database) {
    let sweep = async |seconds| {
        let plan = Sweep::new(Some(&RULES), at(seconds), 100);
        store.sweep_attempts(&plan).await.unwrap()
    };
    fail(store, "bob", 1, 0).await;
    // The attempt and its streak expire first, and then the day.
    for seconds in [200, 86_400] {
        assert_eq!(limited(store, "carol", 1, seconds).await, None);
        assert_eq!(sweep(seconds).await, 0);
    }
}

async fn sweep_deletes_expired_attempts_streaks_and_networks(store: &Database) {
    add_user(store, "dave", "Dealer").await;
    for (from, seconds) in [(1, 0), (2, 1), (3, 2), (4, 3)] {
        fail(store, "bob", from, seconds).await;
    }
    succeed(store, "dave", 1, 3).await;
    let sweep = async |expired, now, limit| {
        let plan = Sweep {
            expired: at(expired),
            ..Sweep::new(Some(&RULES), at(now), limit)
        };
        store.sweep_attempts(&plan).await.unwrap()
    };
    assert_eq!(sweep(-1, 3, 100).await, 0);
    assert_eq!(sweep(2, 3, 2).await, 4);
    assert_eq!(sweep(2, 3, 2).await, 2);
    assert_eq!(sweep(2, 3, 2).await, 0);
    assert_eq!(store.list_attempts(&RULES, at(3)).await.unwrap().len(), 1);
    // The day of bob's account still counts.
    assert_eq!(sweep(2, 86_399, 100).await, 0);
    assert_eq!(sweep(2, 86_400, 100).await, 1);
    // A network is known for 90 days.
    assert_eq!(sweep(2, 90 * 86_400 + 2, 100).await, 0);
    assert_eq!(sweep(2, 90 * 86_400 + 3, 100).await, 1);
}

async fn sweep_deletes_the_oldest_excess_and_the_days_with_the_fewest_failures(store: &Database) {
    // The first account has the most failures, and the oldest ones.
    for (name, failures) in [("bob", 3), ("carol", 2), ("dave", 1)] {
        for from in 0..failures {
            let seconds = 10 * (3 - i64::from(failures)) + i64::from(from);
            fail(store, name, from, seconds).await;
        }
    }
    let rules = Rules {
        account_daily_failures: 1,
        ..RULES
    };
    let sweep = async |max_rows| {
        let plan = Sweep {
            max_rows,
            ..Sweep::new(Some(&rules), at(30), 100)
        };
        store.sweep_attempts(&plan).await.unwrap()
    };
    let listed = async || {
        let listed = store.list_attempts(&rules, at(30)).await.unwrap();
        let seconds = listed.iter().map(|failures| {
            let last_at = (failures.last_at - at(0)).num_seconds();
            (failures.network.is_none(), last_at)
        });
        seconds.collect::<Vec<_>>()
    };
    assert_eq!(sweep(6).await, 0);
    // The sweep deletes four attempts, four streaks and one day.
    assert_eq!(sweep(2).await, 9);
    let (days, streaks) = ([(true, 11), (true, 2)], [(false, 20), (false, 11)]);
    assert_eq!(listed().await, [days, streaks].concat());
    assert_eq!(sweep(2).await, 0);
}

async fn clock_that_is_set_back_lengthens_no_limit(store: &Database) {
    let sweep = async |seconds, limit| {
        let sweep = Sweep::new(Some(&RULES), at(seconds), limit);
        store.sweep_attempts(&sweep).await.unwrap()
    };
    for (name, seconds) in [("bob", 50_000), ("carol", 50_061)] {
        fail(store, name, 1, seconds).await;
        fail(store, name, 1, seconds).await;
    }
    // A minute ahead is within the tolerance: a sweep may wait for the writer while attempts are stored.
    assert_eq!(sweep(50_001, 100).await, 0);
    assert_eq!(
        limited(store, "bob", 1, 50_061).await,
        Some((LimitKind::Network, 39))
    );

    for name in ["bob", "carol"] {
        assert!(limited(store, name, 1, 0).await.is_some());
    }
    // Each failure has an attempt, each account a streak and a day.
    assert_eq!(sweep(0, 3).await, 7);
    assert_eq!(sweep(0, 3).await, 1);
    assert_eq!(sweep(0, 3).await, 0);
    assert_eq!(
        limited(store, "bob", 1, 0).await,
        Some((LimitKind::Network, 100))
    );
    assert_eq!(
        limited(store, "carol", 1, 99).await,
        Some((LimitKind::Network, 1))
    );
    assert_eq!(limited(store, "bob", 1, 100).await, None);
}

async fn counted_failures_are_listed(store: &Database) {
    for (name, from, seconds) in [
        ("bob", 1, 0),
        ("bob", 1, 1),
        ("carol", 1, 2),
        ("dave", 1, 3),
        ("bob", 2, 4),
        ("bob", 3, 5),
        ("bob", 4, 6),
    ] {
        fail(store, name, from, seconds).await;
    }
    let named = |key: Option<AccountKey>| {
        let names = ["bob", "carol", "dave"];
        names.into_iter().find(|name| Some(account(name)) == key)
    };
    let listed = store.list_attempts(&RULES, at(6)).await.unwrap();
    let lines = listed.iter().map(|failures| {
        let outcome = RULES.judge(&failures.tally, at(6));
        format!(
            "{:?} {:?} {} {} {:?}",
            named(failures.account),
            failures.network.map(|network| network.to_string()),
            failures.failures,
            (failures.last_at - at(0)).num_seconds(),
            outcome.map_err(|limited| limited.retry_after_seconds()),
        )
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    None Some("192.0.2.1") 4 3 Err(94)
    Some("bob") None 5 6 Err(194)
    Some("bob") Some("192.0.2.4") 1 6 Ok(())
    Some("bob") Some("192.0.2.3") 1 5 Ok(())
    Some("bob") Some("192.0.2.2") 1 4 Ok(())
    Some("dave") Some("192.0.2.1") 1 3 Ok(())
    Some("carol") Some("192.0.2.1") 1 2 Ok(())
    Some("bob") Some("192.0.2.1") 2 1 Err(5)
    "#);
    let later = store.list_attempts(&RULES, at(206)).await.unwrap();
    assert_eq!(later, []);
}

async fn limited_prefixes_and_days_are_listed(store: &Database) {
    let rules = Rules {
        account_daily_failures: 3,
        ..RULES
    };
    // Two failures from each of four networks in two /56s of one /48.
    for number in 0..16_u128 {
        let address = 0x2001_0db8_0001_0000 << 64 | (number / 8) << 72 | (number % 4) << 64;
        let name = format!("user{number}");
        let network = IpAddr::from(Ipv6Addr::from_bits(address)).into();
        let attempt = NewAttempt {
            network,
            ..attempt(&name, 0, 0)
        };
        let reserved = reserve_by(store, &rules, &attempt).await.unwrap();
        commit_failure(store, &name, reserved, 0, 0).await;
    }
    for (from, seconds) in [(1, 1), (2, 2), (3, 3)] {
        let reserved = reserve_by(store, &rules, &attempt("bob", from, seconds)).await;
        commit_failure(store, "bob", reserved.unwrap(), from, seconds).await;
    }
    let listed = async |seconds| {
        let listed = store.list_attempts(&rules, at(seconds)).await.unwrap();
        let lines = listed.iter().filter_map(|failures| {
            let limited = rules.judge(&failures.tally, at(seconds)).err()?;
            let network = failures.network.map(|network| network.to_string());
            Some(format!(
                "{:?} {network:?} {} {}",
                limited.limit,
                failures.failures,
                limited.retry_after_seconds()
            ))
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(listed(3).await, @r#"
    Network56 Some("2001:db8:1:100::/56") 8 97
    Network56 Some("2001:db8:1::/56") 8 97
    Network48 Some("2001:db8:1::/48") 16 97
    AccountDay None 3 86398
    "#);
    // The failures have expired, but the day still counts them until it is cleared.
    insta::assert_snapshot!(listed(300).await, @"AccountDay None 3 86101");
    let bob = AttemptFilter {
        user: Some(key("bob")),
        network: None,
    };
    assert_eq!(store.clear_attempts(&bob, &context(300)).await.unwrap(), 3);
    assert_eq!(listed(300).await, "");
}

async fn prefix_clears_the_failures_of_its_networks(store: &Database) {
    let networks = [
        "2001:db8::1",
        "2001:db8:0:1::1",
        "2001:db8:0:100::1",
        "2001:db8:1::1",
        "32.1.13.184",
    ];
    for address in networks {
        let attempt = NewAttempt {
            network: address.parse::<IpAddr>().unwrap().into(),
            ..attempt("bob", 0, 0)
        };
        let reserved = reserve_by(store, &RULES, &attempt).await.unwrap();
        commit_failure(store, "bob", reserved, 0, 0).await;
    }
    let clear = async |prefix: &str| {
        let filter = AttemptFilter {
            user: None,
            network: Some(prefix.parse().unwrap()),
        };
        store.clear_attempts(&filter, &context(0)).await.unwrap()
    };
    assert_eq!(clear("2001:db8::7").await, 1);
    assert_eq!(clear("2001:db8::/56").await, 1);
    assert_eq!(clear("2001:db8::/48").await, 1);
    // The bytes of this address are also the first four of 2001:db8:1::, which is not cleared.
    assert_eq!(clear("32.1.13.184").await, 1);
    assert_eq!(clear("2001:db8:1::/48").await, 1);
    let all = AttemptFilter {
        user: None,
        network: None,
    };
    // The failures of the day were cleared as well.
    assert_eq!(store.clear_attempts(&all, &context(0)).await.unwrap(), 0);
}

super::contract_tests! {
    cleared_attempts_do_not_count
    attempts_without_an_outcome_are_listed_and_cleared
    reservation_deletes_expired_rows
    sweep_deletes_expired_attempts_streaks_and_networks
    sweep_deletes_the_oldest_excess_and_the_days_with_the_fewest_failures
    clock_that_is_set_back_lengthens_no_limit
    counted_failures_are_listed
    limited_prefixes_and_days_are_listed
    prefix_clears_the_failures_of_its_networks
}
