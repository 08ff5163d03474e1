//! Tests the server through the generated client.

#![expect(clippy::unwrap_used, reason = "a test that panics fails")]

use notes_client::{Client, connect, types::NewNote};
use progenitor_client::ClientInfo as _;

const KEY: &str = "k3y";

fn start() -> String {
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let server = notes::start(([127, 0, 0, 1], 0).into(), KEY, log).unwrap();
    let url = format!("http://{}", server.local_addr());
    tokio::spawn(server);
    url
}

async fn create(client: &Client, text: &str) -> i64 {
    let text = text.parse().unwrap();
    client.create_note(&NewNote { text }).await.unwrap().id.0
}

fn status<T: std::fmt::Debug, E: std::fmt::Debug>(
    result: Result<T, progenitor_client::Error<E>>,
) -> u16 {
    result.unwrap_err().status().unwrap().as_u16()
}

#[tokio::test]
async fn created_note_is_shown_until_it_is_deleted() {
    let client = connect(&start(), KEY).unwrap();
    let id = create(&client, "Buy milk").await;
    assert_eq!(
        client.show_note(&id.into()).await.unwrap().text.as_str(),
        "Buy milk"
    );
    client.delete_note(&id.into()).await.unwrap();
    assert_eq!(status(client.show_note(&id.into()).await), 404);
    assert_eq!(status(client.delete_note(&id.into()).await), 404);
}

#[tokio::test]
async fn notes_are_listed_page_by_page_in_the_order_of_creation() {
    let client = connect(&start(), KEY).unwrap();
    let mut ids = Vec::new();
    for text in ["one", "two", "three"] {
        ids.push(create(&client, text).await);
    }
    let (limit, mut token, mut listed) = ("2".parse().ok(), None, Vec::new());
    loop {
        let page = client
            .list_notes(limit, token.as_deref())
            .await
            .unwrap()
            .into_inner();
        listed.extend(page.items.iter().map(|note| note.id.0));
        token = page.next_page;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(listed, ids);
}

#[tokio::test]
async fn wrong_api_key_returns_401() {
    let client = connect(&start(), "wrong").unwrap();
    assert_eq!(status(client.list_notes(None, None).await), 401);
}

#[tokio::test]
async fn wrong_api_key_returns_401_before_a_malformed_parameter_returns_400() {
    let url = start();
    for (key, expected) in [("wrong", 401), (KEY, 400)] {
        let client = connect(&url, key).unwrap();
        let request = client.client().get(format!("{url}/notes/none"));
        let status = request.send().await.unwrap().status();
        assert_eq!(status, expected, "{key}");
    }
}
