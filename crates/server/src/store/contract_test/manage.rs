use super::*;
use crate::domain::change::Change;
use crate::domain::role::RoleName;
use crate::domain::tenant::DeletedTenant;

fn role_name(typed: &str) -> RoleName {
    typed.parse().unwrap()
}

async fn existing_name_in_another_spelling_is_a_conflict(store: &Database) {
    for typed in ["a.example", "2001:db8::1", "192.0.2.7"] {
        add_tenant(store, typed).await;
    }
    add_user(store, "bob", "Dealer").await;
    add_user(store, "bob@a.example", "Admin").await;
    add_user(store, "BOB@2001:db8::1", "Admin").await;
    let (a, night) = (domain("a.example"), role_name("Night Shift"));
    store.create_role(&a, &night, &context(0)).await.unwrap();
    store
        .create_role(&domain("2001:db8::1"), &night, &context(0))
        .await
        .unwrap();

    let tenant = async |typed| {
        conflict(
            store
                .create_tenant(new_id(), &domain(typed), &context(0))
                .await,
        )
    };
    let refusals = [
        tenant("A.Example.").await,
        tenant("[2001:DB8:0::1]").await,
        tenant("::ffff:192.0.2.7").await,
        conflict(try_add_user(store, "Bob", "Replicator").await),
        conflict(try_add_user(store, "BOB@A.example", "Admin").await),
        conflict(
            store
                .create_role(&a, &role_name("night shift"), &context(0))
                .await,
        ),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @"
    the tenant A.Example. already exists
    the tenant [2001:DB8:0::1] already exists
    the tenant ::ffff:192.0.2.7 already exists
    system user Bob already exists
    user BOB of A.example already exists
    the role night shift of a.example already exists
    ");
}

async fn missing_object_is_a_conflict(store: &Database) {
    add_tenant(store, "a.example").await;
    add_user(store, "bob@a.example", "Admin").await;
    let (nowhere, absent, stranger) = (domain("b.example"), key("bob"), key("bob@b.example"));
    let (carol, night) = (key("carol@a.example"), role_name("Night Shift"));
    let set_role = async |user, to| {
        let user_key = key(user);
        conflict(
            store
                .set_role(&user_key.username, &membership(user, to), &context(0))
                .await,
        )
    };
    let refusals = [
        conflict(store.set_tenant_enabled(&nowhere, false, &context(0)).await),
        conflict(store.delete_tenant(&nowhere, &context(0)).await),
        conflict(try_add_user(store, "bob@b.example", "Admin").await),
        conflict(try_add_user(store, "carol@a.example", "Night Shift").await),
        conflict(store.list_users(Some(&nowhere)).await),
        conflict(store.set_user_enabled(&absent, false, &context(0)).await),
        conflict(store.set_user_enabled(&stranger, true, &context(0)).await),
        conflict(store.delete_user(&carol, &context(0)).await),
        conflict(
            store
                .set_password(&carol, password_hash("x"), &context(0))
                .await,
        ),
        set_role("carol@a.example", "Admin").await,
        set_role("bob@a.example", "Night Shift").await,
        set_role("bob", "Dealer").await,
        conflict(store.create_role(&nowhere, &night, &context(0)).await),
        conflict(store.list_roles(Some(&nowhere)).await),
        conflict(store.delete_role(&nowhere, &night, &context(0)).await),
        conflict(
            store
                .delete_role(&domain("a.example"), &night, &context(0))
                .await,
        ),
        conflict(
            store
                .list_sessions(&SessionFilter::OfTenant(nowhere.clone()), at(0))
                .await,
        ),
        conflict(
            store
                .revoke_sessions(&SessionFilter::OfUser(carol.clone()), &context(0))
                .await,
        ),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @"
    there is no tenant b.example
    there is no tenant b.example
    there is no tenant b.example
    there is no role Night Shift of a.example
    there is no tenant b.example
    there is no system user bob
    there is no tenant b.example
    there is no user carol of a.example
    there is no user carol of a.example
    there is no user carol of a.example
    there is no role Night Shift of a.example
    there is no system user bob
    there is no tenant b.example
    there is no tenant b.example
    there is no tenant b.example
    there is no role Night Shift of a.example
    there is no tenant b.example
    there is no user carol of a.example
    ");
}

async fn objects_are_listed_in_order(store: &Database) {
    assert!(!store.has_system_admin().await.unwrap());
    for typed in ["B.example", "a.example"] {
        add_tenant(store, typed).await;
    }
    let (a, b) = (domain("a.example"), domain("b.example"));
    store
        .create_role(&b, &role_name("Second"), &context(1))
        .await
        .unwrap();
    store
        .create_role(&b, &role_name("first"), &context(2))
        .await
        .unwrap();
    store
        .create_role(&a, &role_name("Third"), &context(3))
        .await
        .unwrap();
    for (user, role) in [
        ("zoe", "SystemAdmin"),
        ("Bob@b.example", "FIRST"),
        ("alice@b.example", "QueueManager"),
        ("carol@a.example", "Admin"),
        ("Dave", "Replicator"),
    ] {
        add_user(store, user, role).await;
    }
    store
        .set_user_enabled(&key("bob@b.example"), false, &context(1))
        .await
        .unwrap();
    store
        .set_tenant_enabled(&a, false, &context(1))
        .await
        .unwrap();
    assert!(store.has_system_admin().await.unwrap());

    let mut lines = Vec::new();
    for tenant in store.list_tenants().await.unwrap() {
        lines.push(format!(
            "{} {} {}",
            tenant.domain, tenant.enabled, tenant.users
        ));
        assert_eq!(tenant.created_at, at(0));
    }
    for only in [None, Some(&a), Some(&b)] {
        for role in store.list_roles(only).await.unwrap() {
            let made = role.created_at - at(0);
            lines.push(format!(
                "role {} {} {} {made}",
                role.domain, role.name, role.users
            ));
        }
        for user in store.list_users(only).await.unwrap() {
            let role = user.membership.role_name();
            let key = UserKey {
                scope: user.membership.scope(),
                username: user.username,
            };
            lines.push(format!("{key} {role} {}", user.enabled));
            assert_eq!(user.created_at, at(0));
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    a.example false 1
    B.example true 2
    role a.example Third 0 PT3S
    role B.example first 1 PT2S
    role B.example Second 0 PT1S
    system user Dave Replicator true
    system user zoe SystemAdmin true
    user carol of a.example Admin true
    user alice of B.example QueueManager true
    user Bob of B.example first false
    role a.example Third 0 PT3S
    user carol of a.example Admin true
    role B.example first 1 PT2S
    role B.example Second 0 PT1S
    user alice of B.example QueueManager true
    user Bob of B.example first false
    ");
}

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

async fn custom_role_belongs_to_one_tenant_and_is_not_deleted_while_in_use(store: &Database) {
    for tenant in ["a.example", "b.example"] {
        add_tenant(store, tenant).await;
    }
    let (a, night) = (domain("a.example"), role_name("NIGHT shift"));
    store
        .create_role(&a, &role_name("Night Shift"), &context(0))
        .await
        .unwrap();
    let foreign = try_add_user(store, "bob@b.example", "Night Shift").await;
    assert_eq!(
        conflict(foreign),
        "there is no role Night Shift of b.example"
    );

    add_user(store, "bob@a.example", "Night Shift").await;
    let held = store.delete_role(&a, &night, &context(0)).await;
    assert_eq!(
        conflict(held),
        "the role NIGHT shift of a.example is assigned to 1 user"
    );
    add_user(store, "carol@a.example", "Night Shift").await;
    let held = store.delete_role(&a, &night, &context(0)).await;
    assert_eq!(
        conflict(held),
        "the role NIGHT shift of a.example is assigned to 2 users"
    );

    store
        .delete_user(&key("carol@a.example"), &context(0))
        .await
        .unwrap();
    let admin = membership("bob@a.example", "Admin");
    store
        .set_role(&key("bob").username, &admin, &context(0))
        .await
        .unwrap();
    store.delete_role(&a, &night, &context(0)).await.unwrap();
    assert_eq!(store.list_roles(None).await.unwrap(), []);
}

async fn custom_role_with_a_name_of_an_earlier_version_is_read_and_deleted(store: &Database) {
    add_tenant(store, "a.example").await;
    // The name cannot be given to a new role.
    let (a, old) = (domain("a.example"), "Büro\u{200b}");
    store
        .create_role(&a, &role_name(old), &context(0))
        .await
        .unwrap();
    let roles = store.list_roles(Some(&a)).await.unwrap();
    assert_eq!(roles[0].name.as_typed(), old);
    add_user(store, "bob@a.example", old).await;
    open(store, "bob@a.example", 1, 60).await;
    let session = store.find_session(&token(1)).await.unwrap().unwrap();
    assert_eq!(session.user.role_name(), old);
    let users = store.list_users(None).await.unwrap();
    assert_eq!(users[0].membership.role_name(), old);

    let admin = membership("bob@a.example", "Admin");
    store
        .set_role(&key("bob").username, &admin, &context(0))
        .await
        .unwrap();
    store
        .delete_role(&a, &role_name(old), &context(0))
        .await
        .unwrap();
    assert_eq!(store.list_roles(None).await.unwrap(), []);
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
    existing_name_in_another_spelling_is_a_conflict
    missing_object_is_a_conflict
    objects_are_listed_in_order
    disabling_ends_sessions_and_enabling_restores_none
    new_password_or_role_ends_sessions
    deletion_removes_everything_that_belongs_to_the_object
    custom_role_belongs_to_one_tenant_and_is_not_deleted_while_in_use
    custom_role_with_a_name_of_an_earlier_version_is_read_and_deleted
    last_enabled_system_admin_cannot_be_removed
}
