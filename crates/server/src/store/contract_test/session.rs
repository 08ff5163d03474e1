use super::*;
use crate::domain::session::SessionId;

async fn role_of(store: &Database, number: u128) -> Option<String> {
    let found = store.find_session(&token(number)).await.unwrap();
    found.map(|session| session.user.membership.role_name().to_owned())
}

async fn session_is_found_by_its_token(store: &Database) {
    add_tenant(store, "a.example").await;
    let night_shift = "Night Shift".parse().unwrap();
    store
        .create_role(&domain("a.example"), &night_shift, &context(0))
        .await
        .unwrap();
    add_user(store, "admin", "SystemAdmin").await;
    add_user(store, "alice@a.example", "StandardInternationalUser").await;
    add_user(store, "bob@a.example", "NIGHT SHIFT").await;
    for (number, user) in [(1, "admin"), (2, "alice@a.example"), (3, "bob@a.example")] {
        open(store, user, number, 60).await;
    }
    let found = store.find_session(&token(1)).await.unwrap().unwrap();
    assert_eq!((found.created_at, found.expires_at), (at(0), at(60)));
    let user = found.user;
    assert_eq!(user.username.as_typed(), "admin");
    assert_eq!(user.membership, membership("admin", "SystemAdmin"));
    assert_eq!((user.tenant_id, user.created_at), (None, at(0)));
    assert_eq!(user.id, find(store, "admin").await.unwrap().user);
    let alice = store.find_session(&token(2)).await.unwrap().unwrap().user;
    let bob = store.find_session(&token(3)).await.unwrap().unwrap().user;
    assert_ne!(alice.id, bob.id);
    assert!(alice.tenant_id.is_some());
    assert_eq!(alice.tenant_id, bob.tenant_id);
    assert_ne!(alice.public_id, bob.public_id);
    // The second look-up is served from memory if there is a cache.
    let again = store.find_session(&token(2)).await.unwrap().unwrap().user;
    assert_eq!(again, alice);
    assert_eq!(bob.membership, membership("bob@a.example", "Night Shift"));
    assert_eq!(
        role_of(store, 2).await.as_deref(),
        Some("StandardInternationalUser")
    );
    // The name of the role is spelled as when the role was created.
    assert_eq!(role_of(store, 3).await.as_deref(), Some("Night Shift"));
    assert_eq!(role_of(store, 4).await, None);
}

async fn live_session_is_extended_and_never_shortened(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    open(store, "bob", 1, 60).await;
    let extend = async |to, now| {
        let expiry = store.extend_session(&token(1), at(to), at(now)).await;
        expiry.unwrap()
    };
    assert_eq!(extend(90, 59).await, Some(at(90)));
    assert_eq!(extend(80, 60).await, Some(at(90)));
    let found = store.find_session(&token(1)).await.unwrap().unwrap();
    assert_eq!((found.created_at, found.expires_at), (at(0), at(90)));
    assert_eq!(extend(120, 90).await, None);
    let unknown = store.extend_session(&token(2), at(90), at(0)).await;
    assert_eq!(unknown.unwrap(), None);
    assert_eq!(live(store, 89).await, ["bob"]);
    assert_eq!(live(store, 90).await, [""; 0]);
}

async fn oldest_sessions_of_a_user_end_beyond_the_maximum(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    add_user(store, "carol", "Dealer").await;
    let opening = async |user, number, replaces: Option<u128>| {
        let login = find(store, user).await.unwrap();
        let session = NewSession {
            created_at: at(5),
            replaces: replaces.map(token),
            max_sessions: 3,
            ..new_session(&login, number, 60)
        };
        match store.open_session(session).await.unwrap() {
            OpenOutcome::Opened { ended } => ended,
            OpenOutcome::Refused => panic!("refused"),
        }
    };
    open(store, "carol", 100, 60).await;
    open(store, "bob", 0, 5).await;
    for number in 1..=3 {
        assert_eq!(opening("bob", number, None).await, []);
    }
    assert_eq!(opening("bob", 4, None).await, [token(1)]);
    assert_eq!(opening("bob", 5, Some(3)).await, [token(3)]);
    assert_eq!(role_of(store, 2).await.as_deref(), Some("Dealer"));
    // A replaced session of another user does not count towards the maximum, so the oldest own session ends too.
    assert_eq!(opening("bob", 6, Some(100)).await, [token(100), token(2)]);
    assert_eq!(live(store, 5).await, ["bob", "bob", "bob"]);
    // Sessions beyond a lowered limit all end with the next login.
    for number in 10..15 {
        open(store, "carol", number, 60).await;
    }
    assert_eq!(opening("carol", 20, None).await.len(), 3);
    assert_eq!(live(store, 5).await.len(), 6);
    // All of these are live, and exactly one is too many.
    add_user(store, "dave", "Dealer").await;
    for number in 31..=33 {
        assert_eq!(opening("dave", number, None).await, []);
    }
    assert_eq!(opening("dave", 34, None).await, [token(31)]);
}

async fn session_closes_once_and_not_after_its_expiry(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    let close =
        async |number, seconds| store.close_session(&token(number), &context(seconds)).await;
    for number in [1, 2, 3] {
        open(store, "bob", number, 60).await;
    }
    assert!(close(1, 59).await.unwrap());
    assert!(!close(1, 59).await.unwrap());
    assert_eq!(role_of(store, 1).await, None);
    assert!(!close(2, 60).await.unwrap());
    assert!(!close(4, 1).await.unwrap());
    assert_eq!(live(store, 59).await, ["bob", "bob"]);
    assert_eq!(live(store, 60).await, [""; 0]);
}

async fn sweep_deletes_only_expired_sessions_up_to_its_limit(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    for number in 1..=5 {
        open(store, "bob", number, 10 * i64::try_from(number).unwrap()).await;
    }
    let sweep = async |seconds, limit| store.sweep_sessions(at(seconds), limit).await.unwrap();
    assert_eq!(sweep(9, 10).await, 0);
    assert_eq!(sweep(10, 10).await, 1);
    assert_eq!(sweep(49, 2).await, 2);
    assert_eq!(sweep(49, 2).await, 1);
    assert_eq!(sweep(49, 2).await, 0);
    assert_eq!(role_of(store, 5).await.as_deref(), Some("Dealer"));
    assert_eq!(role_of(store, 4).await, None);
}

async fn sessions_are_listed_and_revoked_by_owner(store: &Database) {
    add_tenant(store, "a.example").await;
    add_tenant(store, "b.example").await;
    let users = ["bob", "bob@a.example", "bob@b.example", "carol@a.example"];
    for (number, user) in users.iter().enumerate() {
        let role = if user.contains('@') {
            "Admin"
        } else {
            "Dealer"
        };
        add_user(store, user, role).await;
        open(store, user, number as u128, 60).await;
        open(store, user, 10 + number as u128, 5).await;
    }
    let of_tenant = SessionFilter::OfTenant(domain("A.EXAMPLE"));
    let of_user = |user| SessionFilter::OfUser(key(user));
    let list = async |which: &SessionFilter| {
        let sessions = store.list_sessions(which, at(5)).await.unwrap();
        sessions.iter().map(owner).collect::<Vec<_>>()
    };
    let revoke =
        async |which: &SessionFilter| store.revoke_sessions(which, &context(5)).await.unwrap();

    assert_eq!(list(&SessionFilter::All).await, users);
    assert_eq!(list(&of_tenant).await, ["bob@a.example", "carol@a.example"]);
    assert_eq!(list(&of_user("bob")).await, ["bob"]);
    assert_eq!(list(&of_user("BOB@a.example")).await, ["bob@a.example"]);

    assert_eq!(revoke(&of_user("bob")).await, 1);
    assert_eq!(list(&SessionFilter::All).await, users[1..]);
    assert_eq!(revoke(&of_tenant).await, 2);
    assert_eq!(revoke(&of_tenant).await, 0);
    assert_eq!(list(&SessionFilter::All).await, ["bob@b.example"]);
    assert_eq!(revoke(&SessionFilter::All).await, 1);
    assert_eq!(list(&SessionFilter::All).await, [""; 0]);

    let session = store
        .list_sessions(&SessionFilter::All, at(0))
        .await
        .unwrap();
    assert_eq!(session, [], "expired sessions are revoked as well");
}

async fn sessions_are_revoked_by_id_all_or_none(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    for (number, seconds) in [(1, 60), (2, 5), (3, 60)] {
        open(store, "bob", number, seconds).await;
    }
    let sessions = store
        .list_sessions(&SessionFilter::All, at(0))
        .await
        .unwrap();
    let ids: Vec<SessionId> = sessions.iter().map(|session| session.id).collect();
    let first = &sessions[0];
    assert_eq!((first.created_at, first.expires_at), (at(0), at(60)));
    assert_eq!(first.role, "Dealer");

    let expired = store.revoke_session_ids(&ids, &context(5)).await;
    assert_eq!(
        conflict(expired),
        format!("there is no live session {}", ids[1])
    );
    assert_eq!(live(store, 5).await, ["bob", "bob"]);
    let both = [ids[0], ids[2]];
    assert_eq!(
        store.revoke_session_ids(&both, &context(5)).await.unwrap(),
        2
    );
    assert_eq!(live(store, 5).await, [""; 0]);

    // Ids are never reused.
    open(store, "bob", 4, 60).await;
    let again = store.revoke_session_ids(&both, &context(5)).await;
    assert_eq!(
        conflict(again),
        format!("there is no live session {}", ids[0])
    );
}

async fn live_sessions_are_counted(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    for (number, seconds) in [(1, 10), (2, 60), (3, 60)] {
        open(store, "bob", number, seconds).await;
    }
    let count = async |seconds| store.count_live_sessions(at(seconds)).await.unwrap();
    assert_eq!(count(9).await, 3);
    assert_eq!(count(10).await, 2);
    assert_eq!(count(60).await, 0);
}

super::contract_tests! {
    session_is_found_by_its_token
    live_session_is_extended_and_never_shortened
    oldest_sessions_of_a_user_end_beyond_the_maximum
    session_closes_once_and_not_after_its_expiry
    sweep_deletes_only_expired_sessions_up_to_its_limit
    sessions_are_listed_and_revoked_by_owner
    sessions_are_revoked_by_id_all_or_none
    live_sessions_are_counted
}
