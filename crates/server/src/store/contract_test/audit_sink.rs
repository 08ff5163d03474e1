use super::audit::{all, list, refusal};
use super::*;
use crate::domain::audit::AuditEntry;
use crate::domain::refusal::{Refusal, RefusalCause};

async fn committed_entries_are_published_as_they_are_listed(store: &Database) {
    add_tenant(store, "A.example").await;
    let a = domain("a.example");
    let night = "Night Shift".parse().unwrap();
    store.create_role(&a, &night, &context(1)).await.unwrap();
    add_user(store, "Alice@a.example", "Admin").await;
    add_user(store, "bob", "SystemAdmin").await;
    for number in 1..=3 {
        let login = find(store, "alice@a.example").await.unwrap();
        let session = NewSession {
            replaces: Some(token(number - 1)),
            max_sessions: 1,
            ..new_session(&login, number, 60)
        };
        assert_opened(store.open_session(session).await.unwrap());
    }
    open(store, "bob", 4, 60).await;
    store.close_session(&token(4), &context(2)).await.unwrap();
    store
        .revoke_sessions(&SessionFilter::All, &context(3))
        .await
        .unwrap();
    let refused = refusal(RefusalCause::UnknownAccount, "x", 1, 4);
    store.record_refusals(vec![refused]).await.unwrap();
    store.delete_tenant(&a, &context(5)).await.unwrap();
    let listed = list(store, &all()).await;
    assert_eq!(listed.len(), 14, "{listed:?}");
    assert_eq!(store.take_published(), listed);
}

async fn change_that_is_not_made_is_not_published(store: &Database) {
    add_user(store, "bob", "SystemAdmin").await;
    open(store, "bob", 1, 60).await;
    store.take_published();
    let refused = store
        .set_user_enabled(&key("bob"), false, &context(1))
        .await;
    refused.unwrap_err();
    // The first of the two sessions is ended before the second is found to be missing.
    let ids = [SessionId(1), SessionId(99)];
    let revoked = store.revoke_session_ids(&ids, &context(2)).await;
    revoked.unwrap_err();
    assert_eq!(store.take_published(), []);
    store.close_session(&token(1), &context(3)).await.unwrap();
    let events = store.take_published().into_iter().map(|entry| entry.event);
    assert_eq!(events.collect::<Vec<_>>(), ["logout"]);
}

async fn published_counts_of_coalesced_refusals_add_up(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    let bob = find(store, "bob").await.unwrap().user;
    let refusals = [(1, 0), (40, 10), (2, 5), (7, 60)].map(|(count, seconds)| Refusal {
        user: Some(bob),
        count,
        ..refusal(RefusalCause::WrongPassword, "bob", 1, seconds)
    });
    store.take_published();
    let [first, second, third, next_minute] = refusals;
    store.record_refusals(vec![first]).await.unwrap();
    store.record_refusals(vec![second, third]).await.unwrap();
    store.record_refusals(vec![next_minute]).await.unwrap();
    let published = store.take_published();
    let line = |entry: &AuditEntry| {
        let seconds = [entry.at, entry.last_at].map(|time| (time - at(0)).num_seconds());
        (entry.count, seconds, entry.username.clone().unwrap())
    };
    assert_eq!(
        published.iter().map(line).collect::<Vec<_>>(),
        [
            (1, [0, 0], "bob".to_owned()),
            (40, [0, 10], "bob".to_owned()),
            (2, [0, 10], "bob".to_owned()),
            (7, [60, 60], "bob".to_owned()),
        ]
    );
    assert!(
        published[..3]
            .iter()
            .all(|entry| entry.id == published[0].id)
    );
}

super::contract_tests! {
    committed_entries_are_published_as_they_are_listed
    change_that_is_not_made_is_not_published
    published_counts_of_coalesced_refusals_add_up
}
