use super::*;
use crate::domain::change::Change;
use crate::domain::tenant::DeletedTenant;

async fn disabling_ends_sessions_and_enabling_restores_none(store: &Database) {
    add_tenant(store, "a.example").await;
    add_tenant(store, "b.example").await;
    for (number, user) in ["bob@a.example", "carol@a.example", "bob@b.example"]
        .iter()
        .enumerate()
    {
        add_user(store, user, "Admin").await;
        open(store, user, number as u128, 60).await;
        open(store, user, 10 + number as u128, 5).await;
    }
    let (a, bob) = (domain("a.example"), key("bob@a.example"));
    let user = async |enabled| {
        store
            .set_user_enabled(&bob, enabled, &context(5))
            .await
            .unwrap()
    };
    let tenant = async |enabled| {
        store
            .set_tenant_enabled(&a, enabled, &context(5))
            .await
            .unwrap()
    };

    assert_eq!(user(true).await, Change::Unchanged);
    assert_eq!(user(false).await, Change::Applied { ended: 1 });
    assert_eq!(user(false).await, Change::Unchanged);
    assert_eq!(live(store, 5).await, ["carol@a.example", "bob@b.example"]);
    assert_eq!(user(true).await, Change::Applied { ended: 0 });
    assert_eq!(store.find_session(&token(0)).await.unwrap(), None);

    assert_eq!(tenant(true).await, Change::Unchanged);
    assert_eq!(tenant(false).await, Change::Applied { ended: 1 });
    assert_eq!(tenant(false).await, Change::Unchanged);
    assert_eq!(tenant(true).await, Change::Applied { ended: 0 });
    assert_eq!(live(store, 0).await, ["bob@b.example", "bob@b.example"]);
}

async fn deletion_removes_everything_that_belongs_to_the_object(store: &Database) {
    for tenant in ["a.example", "b.example"] {
        add_tenant(store, tenant).await;
        store
            .create_role(&domain(tenant), &role_name("Night Shift"), &context(0))
            .await
            .unwrap();
    }
    let users = ["bob@a.example", "carol@a.example", "bob@b.example"];
    for (number, user) in users.iter().enumerate() {
        add_user(store, user, "Night Shift").await;
        open(store, user, number as u128, 60).await;
        open(store, user, 10 + number as u128, 5).await;
    }
    assert_eq!(
        store
            .delete_user(&key("BOB@a.example"), &context(5))
            .await
            .unwrap(),
        1
    );
    assert!(find(store, "bob@a.example").await.is_none());
    let deleted = store
        .delete_tenant(&domain("A.example"), &context(5))
        .await
        .unwrap();
    assert_eq!(deleted, DeletedTenant { users: 1, ended: 1 });
    assert!(find(store, "carol@a.example").await.is_none());
    assert_eq!(live(store, 0).await, ["bob@b.example", "bob@b.example"]);

    // A new tenant and user with the old names inherit nothing.
    add_tenant(store, "a.example").await;
    assert_eq!(
        store.list_roles(Some(&domain("a.example"))).await.unwrap(),
        []
    );
    add_user(store, "bob@a.example", "Admin").await;
    assert_eq!(live(store, 0).await, ["bob@b.example", "bob@b.example"]);
}

super::contract_tests! {
    disabling_ends_sessions_and_enabling_restores_none
    deletion_removes_everything_that_belongs_to_the_object
}
