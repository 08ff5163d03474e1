//! Audit entries of requests.

mod common;

use common::{PASSWORD, TestServer, credentials};
use pbx_login_server::app::audit;
use pbx_login_server::domain::audit::{AuditEntry, AuditFilter};

async fn request_entries(server: &TestServer) -> Vec<AuditEntry> {
    let filter = AuditFilter {
        limit: 100,
        ..AuditFilter::default()
    };
    let entries = audit::list(&server.context, &filter).await;
    let mut entries = entries.expect("a list");
    entries.retain(|entry| entry.source == "request");
    entries
}

#[tokio::test]
async fn audit_entry_has_the_request_id_address_and_user_agent() {
    let server = TestServer::start_with(|context| {
        context.trusted_proxies = "127.0.0.1".parse().expect("an address");
    })
    .await;
    server.user("admin", None, "SystemAdmin").await;
    let login = |password| {
        server
            .request("POST", "/login")
            .header("Content-Type", "application/json")
            .header("X-Forwarded-For", "2001:db8::7")
            .header("User-Agent", "a phone\t ü".as_bytes())
            .body(credentials("ADMIN", password, None))
    };
    let mut responses = vec![server.send(login("wrong")).await];
    responses.push(server.send(login(PASSWORD)).await);
    let token = responses[1].token().expect("a session");
    responses.push(server.logout(&token).await);

    let entries = request_entries(&server).await;
    let ids: Vec<&str> = responses
        .iter()
        .map(|response| response.header("x-request-id").expect("an id"))
        .collect();
    let shown = entries.iter().zip(&ids).map(|(entry, id)| {
        assert_eq!(entry.request_id.as_deref(), Some(*id));
        let texts = [
            &entry.username,
            &entry.cause,
            &entry.address,
            &entry.user_agent,
        ];
        let texts = texts.map(|text| text.as_deref().unwrap_or("-"));
        format!("{} {}", entry.event, texts.join(" | "))
    });
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"), @r"
    login-refused admin | wrong-password | 2001:db8::7 | a phone\t \u{fc}
    login admin | - | 2001:db8::7 | a phone\t \u{fc}
    logout admin | - | 127.0.0.1 | -
    ");
}

#[tokio::test]
async fn malformed_logins_and_unknown_tokens_are_not_audited() {
    let server = TestServer::start().await;
    server.post_login("{}").await;
    server.post_login("no JSON").await;
    server.status("0123456789ABCDEF0123456789ABCDEF").await;
    server.logout("0123456789ABCDEF0123456789ABCDEF").await;
    assert_eq!(request_entries(&server).await, []);
}
