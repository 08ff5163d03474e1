use super::*;

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

super::contract_tests! {
    custom_role_belongs_to_one_tenant_and_is_not_deleted_while_in_use
    custom_role_with_a_name_of_an_earlier_version_is_read_and_deleted
}
