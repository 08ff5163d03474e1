use super::*;
use crate::domain::change::Change;

async fn new_password_or_role_ends_sessions(store: &Database) {
    add_tenant(store, "a.example").await;
    add_user(store, "bob@a.example", "Admin").await;
    add_user(store, "carol@a.example", "Admin").await;
    open(store, "carol@a.example", 99, 60).await;
    let bob = key("bob@a.example");
    let set_role = async |to| {
        let membership = membership("bob@a.example", to);
        store
            .set_role(&bob.username, &membership, &context(5))
            .await
            .unwrap()
    };

    open(store, "bob@a.example", 1, 60).await;
    open(store, "bob@a.example", 2, 5).await;
    assert_eq!(set_role("admin").await, Change::Unchanged);
    assert_eq!(live(store, 5).await, ["carol@a.example", "bob@a.example"]);
    assert_eq!(set_role("QueueManager").await, Change::Applied { ended: 1 });
    assert_eq!(live(store, 0).await, ["carol@a.example"]);

    open(store, "bob@a.example", 3, 60).await;
    open(store, "bob@a.example", 4, 5).await;
    let session = store.find_session(&token(3)).await.unwrap().unwrap();
    let role = session.user.membership.role_name();
    assert_eq!(role, "QueueManager");
    assert_eq!(
        store
            .set_password(&bob, password_hash("new"), &context(5))
            .await
            .unwrap(),
        1
    );
    assert_eq!(live(store, 0).await, ["carol@a.example"]);
    assert_eq!(
        find(store, "bob@a.example").await.unwrap().password_hash,
        password_hash("new")
    );
    assert_eq!(
        find(store, "carol@a.example").await.unwrap().password_hash,
        password_hash("secret")
    );
}

async fn last_enabled_system_admin_cannot_be_removed(store: &Database) {
    let chief = key("chief");
    let deputy = key("deputy");
    add_user(store, "chief", "SystemAdmin").await;
    add_user(store, "dealer", "Dealer").await;
    open(store, "chief", 1, 60).await;
    let demote = async |user: &UserKey| {
        let dealer = membership("deputy", "Dealer");
        store.set_role(&user.username, &dealer, &context(1)).await
    };
    let refused = async |user: &UserKey| {
        let results = [
            conflict(store.set_user_enabled(user, false, &context(1)).await),
            conflict(store.delete_user(user, &context(1)).await),
            conflict(demote(user).await),
        ];
        let expected = format!("{user} is the last enabled system administrator");
        assert_eq!(results, [&expected; 3].map(String::clone));
    };
    refused(&chief).await;

    // A disabled administrator does not count, and may be deleted.
    add_user(store, "deputy", "SystemAdmin").await;
    store
        .set_user_enabled(&deputy, false, &context(1))
        .await
        .unwrap();
    refused(&chief).await;
    store.delete_user(&deputy, &context(1)).await.unwrap();
    store
        .delete_user(&key("dealer"), &context(1))
        .await
        .unwrap();

    assert!(find(store, "chief").await.unwrap().enabled);
    assert_eq!(live(store, 1).await, ["chief"]);

    add_user(store, "deputy", "SystemAdmin").await;
    assert_eq!(
        store
            .set_user_enabled(&chief, false, &context(1))
            .await
            .unwrap(),
        Change::Applied { ended: 1 }
    );
    refused(&deputy).await;
    store
        .set_user_enabled(&chief, true, &context(1))
        .await
        .unwrap();
    assert_eq!(demote(&deputy).await.unwrap(), Change::Applied { ended: 0 });
    refused(&chief).await;
}

super::contract_tests! {
    new_password_or_role_ends_sessions
    last_enabled_system_admin_cannot_be_removed
}
