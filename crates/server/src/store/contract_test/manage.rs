use super::*;

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

super::contract_tests! {
    existing_name_in_another_spelling_is_a_conflict
    missing_object_is_a_conflict
    objects_are_listed_in_order
}
