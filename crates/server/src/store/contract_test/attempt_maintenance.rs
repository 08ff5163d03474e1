use super::attempt::{RULES, account, fail, limited, network, succeed};
use super::*;
use crate::domain::attempt::{AccountKey, AttemptFilter};
use crate::domain::rate_limit::{LimitKind, Sweep};

async fn cleared_attempts_do_not_count(store: &Database) {
    let all_fail = async || {
        for (name, from) in [("bob", 1), ("bob", 1), ("bob", 2), ("bob", 2), ("carol", 1)] {
            fail(store, name, from, 0).await;
        }
    };
    let clear = async |user, network| {
        let which = AttemptFilter { user, network };
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

async fn sweep_deletes_expired_attempts_streaks_and_networks(store: &Database) {
    add_user(store, "dave", "Dealer").await;
    for (from, seconds) in [(1, 0), (2, 1), (3, 2), (4, 3)] {
        fail(store, "bob", from, seconds).await;
    }
    succeed(store, "dave", 1, 3).await;
    let sweep = async |expired, now, limit| {
        let swept = store
            .sweep_attempts(&Sweep::new(at(expired), at(now), limit))
            .await;
        swept.unwrap()
    };
    assert_eq!(sweep(-1, 3, 100).await, 0);
    assert_eq!(sweep(2, 3, 2).await, 4);
    assert_eq!(sweep(2, 3, 2).await, 2);
    assert_eq!(sweep(2, 3, 2).await, 0);
    assert_eq!(store.list_attempts(&RULES, at(3)).await.unwrap().len(), 1);
    // A network is known for 90 days.
    assert_eq!(sweep(2, 90 * 86_400 + 2, 100).await, 0);
    assert_eq!(sweep(2, 90 * 86_400 + 3, 100).await, 1);
}

async fn clock_that_is_set_back_lengthens_no_limit(store: &Database) {
    let sweep = async |seconds, limit| {
        let sweep = Sweep::new(at(seconds - 200), at(seconds), limit);
        store.sweep_attempts(&sweep).await.unwrap()
    };
    for (name, seconds) in [("bob", 50_000), ("carol", 50_061)] {
        fail(store, name, 1, seconds).await;
        fail(store, name, 1, seconds).await;
    }
    // Within the tolerance: the step of a correct clock may run late.
    assert_eq!(sweep(50_001, 100).await, 0);
    assert_eq!(
        limited(store, "bob", 1, 50_061).await,
        Some((LimitKind::Network, 39))
    );

    for name in ["bob", "carol"] {
        assert!(limited(store, name, 1, 0).await.is_some());
    }
    // Each failure has an attempt, each account a streak.
    assert_eq!(sweep(0, 3).await, 5);
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

super::contract_tests! {
    cleared_attempts_do_not_count
    sweep_deletes_expired_attempts_streaks_and_networks
    clock_that_is_set_back_lengthens_no_limit
    counted_failures_are_listed
}
