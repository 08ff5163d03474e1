use super::*;

async fn open_database_is_ready(store: &Database) {
    store.check_ready().await.unwrap();
    add_user(store, "bob", "Dealer").await;
    store.check_ready().await.unwrap();
    assert_eq!(store.list_users(None).await.unwrap().len(), 1);
}

super::contract_tests! {
    open_database_is_ready
}
