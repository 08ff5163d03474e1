use super::*;
use crate::domain::password::PasswordWeakness;

async fn login_record_is_found_only_in_its_scope(store: &Database) {
    add_tenant(store, "A.example").await;
    add_tenant(store, "b.example").await;
    add_user(store, "Alice", "Dealer").await;
    add_user(store, "ALICE@a.example", "Admin").await;
    add_user(store, "bob@b.example", "Admin").await;

    let of = async |username, domain| {
        let login = store.find_login(username, domain).await.unwrap();
        login.map(|login| login.user)
    };
    let system = of("alice", None).await.unwrap();
    let tenant = of("alice", Some("a.example")).await.unwrap();
    assert_ne!(system, tenant);
    for (username, domain) in [
        ("alice", Some("b.example")),
        ("alice", Some("c.example")),
        ("bob", None),
        ("bob", Some("a.example")),
        ("carol", None),
        ("carol", Some("a.example")),
    ] {
        assert_eq!(of(username, domain).await, None, "{username} {domain:?}");
    }
}

async fn login_record_is_enabled_only_if_user_and_tenant_are(store: &Database) {
    add_tenant(store, "a.example").await;
    add_user(store, "alice@a.example", "Admin").await;
    let (alice, a) = (key("alice@a.example"), domain("a.example"));
    let found = async || find(store, "alice@a.example").await.unwrap();
    assert!(found().await.enabled);
    assert_eq!(found().await.password_hash, password_hash("secret"));
    store
        .set_user_enabled(&alice, false, &context(1))
        .await
        .unwrap();
    assert!(!found().await.enabled);
    store
        .set_tenant_enabled(&a, false, &context(1))
        .await
        .unwrap();
    assert!(!found().await.enabled);
    store
        .set_user_enabled(&alice, true, &context(1))
        .await
        .unwrap();
    assert!(!found().await.enabled);
    store
        .set_tenant_enabled(&a, true, &context(1))
        .await
        .unwrap();
    assert!(found().await.enabled);
}

async fn look_up_of_any_text_finds_no_login(store: &Database) {
    add_user(store, "alice", "Dealer").await;
    let long = "x".repeat(100_000);
    for text in [
        "",
        "%",
        "_lice",
        "alice\0",
        "\0",
        "' OR 1=1 --",
        "\u{10FFFF}",
        "0",
        "NULL",
        &long,
    ] {
        for domain in [None, Some(text), Some("")] {
            let login = store.find_login(text, domain).await.unwrap();
            assert!(login.is_none(), "{text:?} {domain:?}");
        }
        let login = store.find_login("alice", Some(text)).await.unwrap();
        assert!(login.is_none(), "{text:?}");
    }
}

async fn session_is_refused_if_its_user_changed_after_verification(store: &Database) {
    add_tenant(store, "a.example").await;
    let (a, alice) = (domain("a.example"), key("alice@a.example"));
    add_user(store, "alice@a.example", "Admin").await;
    add_user(store, "bob", "Dealer").await;
    open(store, "bob", 1, 60).await;
    let verified = find(store, "alice@a.example").await.unwrap();
    let opening = async |number| {
        let session = NewSession {
            replaces: Some(token(1)),
            ..new_session(&verified, number, 60)
        };
        store.open_session(session).await.unwrap()
    };

    store
        .set_user_enabled(&alice, false, &context(1))
        .await
        .unwrap();
    assert_eq!(opening(2).await, OpenOutcome::Refused);
    store
        .set_user_enabled(&alice, true, &context(1))
        .await
        .unwrap();
    store
        .set_tenant_enabled(&a, false, &context(1))
        .await
        .unwrap();
    assert_eq!(opening(3).await, OpenOutcome::Refused);
    store
        .set_tenant_enabled(&a, true, &context(1))
        .await
        .unwrap();
    store
        .set_password(&alice, password_hash("other"), &context(1))
        .await
        .unwrap();
    assert_eq!(opening(4).await, OpenOutcome::Refused);
    assert_eq!(live(store, 1).await, ["bob"]);

    store
        .set_password(&alice, password_hash("secret"), &context(1))
        .await
        .unwrap();
    assert_opened(opening(5).await);
    store.delete_user(&alice, &context(1)).await.unwrap();
    assert_eq!(opening(6).await, OpenOutcome::Refused);
    // A new user with the same name does not get the session.
    add_user(store, "alice@a.example", "Admin").await;
    assert_eq!(opening(7).await, OpenOutcome::Refused);
    assert_eq!(live(store, 1).await, [""; 0]);
}

async fn new_session_ends_the_session_it_replaces(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    add_user(store, "carol", "Replicator").await;
    let carol = find(store, "carol").await.unwrap();
    for number in [1, 2] {
        open(store, "bob", number, 60).await;
    }
    let replacing = async |number, replaced| {
        let session = NewSession {
            replaces: Some(token(replaced)),
            ..new_session(&carol, number, 60)
        };
        assert_opened(store.open_session(session).await.unwrap());
    };
    // The replaced session may belong to another user.
    replacing(3, 1).await;
    assert_eq!(store.find_session(&token(1)).await.unwrap(), None);
    assert_eq!(live(store, 1).await, ["bob", "carol"]);
    replacing(4, 3).await;
    assert_eq!(live(store, 1).await, ["bob", "carol"]);
    replacing(5, 99).await;
    assert_eq!(live(store, 1).await, ["bob", "carol", "carol"]);
}

async fn concurrent_sessions_all_open(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    let bob = find(store, "bob").await.unwrap();
    // More sessions than fit in the writer's queue.
    let opening = (0..300).map(|number| store.open_session(new_session(&bob, number, 60)));
    let mut opening: Vec<_> = opening.collect();
    // The logins are polled in turn, so that all of them start before the first one ends.
    std::future::poll_fn(|context| {
        opening.retain_mut(|opening| match opening.as_mut().poll(context) {
            std::task::Poll::Ready(result) => {
                assert_opened(result.unwrap());
                false
            }
            std::task::Poll::Pending => true,
        });
        match opening.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    assert_eq!(live(store, 1).await.len(), 300);
}

async fn password_hash_is_replaced_only_if_it_is_the_expected_one(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    open(store, "bob", 1, 60).await;
    let user = find(store, "bob").await.unwrap().user;
    let replace = async |old, new| {
        let (old, new) = (password_hash(old), password_hash(new));
        let replaced = store.replace_password_hash(user, &old, &new);
        replaced.await.unwrap()
    };
    assert!(replace("secret", "the same secret").await);
    let stored = async || find(store, "bob").await.unwrap().password_hash;
    assert_eq!(stored().await, password_hash("the same secret"));
    assert!(!replace("secret", "another").await);
    assert_eq!(stored().await, password_hash("the same secret"));
    // The password is the same, so its session continues.
    assert_eq!(live(store, 1).await, ["bob"]);
}

async fn weakness_of_a_password_is_recorded_by_logins_and_cleared_by_a_new_password(
    store: &Database,
) {
    add_user(store, "bob", "Dealer").await;
    add_user(store, "carol", "Dealer").await;
    let log_in = async |user, number, password_weakness| {
        let session = NewSession {
            password_weakness,
            ..new_session(&find(store, user).await.unwrap(), number, 60)
        };
        store.open_session(session).await.unwrap()
    };
    let stored = async || {
        let users = store.list_users(None).await.unwrap();
        let weaknesses = users.iter().map(|user| user.password_weakness);
        weaknesses.collect::<Vec<_>>()
    };
    assert_eq!(stored().await, [None, None]);
    for weakness in [
        Some(PasswordWeakness::Common),
        Some(PasswordWeakness::Common),
        Some(PasswordWeakness::TooShort),
        None,
        Some(PasswordWeakness::ContainsUsername),
    ] {
        assert_opened(log_in("bob", 1, weakness).await);
        assert_eq!(stored().await, [weakness, None]);
        assert!(store.close_session(&token(1), &context(1)).await.unwrap());
    }
    let bob = key("bob");
    store
        .set_user_enabled(&bob, false, &context(1))
        .await
        .unwrap();
    assert_eq!(log_in("bob", 1, None).await, OpenOutcome::Refused);
    let weakness = Some(PasswordWeakness::ContainsUsername);
    assert_eq!(stored().await, [weakness, None]);
    store
        .set_password(&bob, password_hash("other"), &context(1))
        .await
        .unwrap();
    assert_eq!(stored().await, [None, None]);
}

super::contract_tests! {
    login_record_is_found_only_in_its_scope
    login_record_is_enabled_only_if_user_and_tenant_are
    look_up_of_any_text_finds_no_login
    session_is_refused_if_its_user_changed_after_verification
    new_session_ends_the_session_it_replaces
    concurrent_sessions_all_open
    password_hash_is_replaced_only_if_it_is_the_expected_one
    weakness_of_a_password_is_recorded_by_logins_and_cleared_by_a_new_password
}
