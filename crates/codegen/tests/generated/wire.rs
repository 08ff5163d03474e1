//! A generated API that serves one request over TCP.

use dropshot::{ApiDescription, ConfigDropshot, ServerBuilder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Serves one request on a free port and returns the response, without values that differ each time.
pub(crate) async fn response_to(api: ApiDescription<()>, request: &str) -> String {
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let server = ServerBuilder::new(api, (), log)
        .config(ConfigDropshot {
            bind_address: ([127, 0, 0, 1], 0).into(),
            ..Default::default()
        })
        .start()
        .unwrap();
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    server.close().await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let mut head: Vec<_> = head
        .lines()
        .filter(|line| !line.starts_with("date: ") && !line.starts_with("x-request-id: "))
        .collect();
    head[1..].sort_unstable();
    let body = match serde_json::from_str::<serde_json::Value>(body) {
        Ok(mut body) => {
            if let Some(id) = body.get_mut("request_id") {
                *id = "-".into();
            }
            format!("{body:#}")
        }
        Err(_) => body.to_owned(),
    };
    format!("{}\n\n{body}", head.join("\n"))
}

/// Writes a request; its body is JSON unless a header declares another type.
pub(crate) fn request(line: &str, headers: &[&str], body: &str) -> String {
    let mut request = format!("{line} HTTP/1.1\r\nHost: test\r\n");
    let given = |name: &str| headers.iter().any(|header| header.starts_with(name));
    if !given("Connection: ") {
        request.push_str("Connection: close\r\n");
    }
    for header in headers {
        request.push_str(&format!("{header}\r\n"));
    }
    if !body.is_empty() {
        let length = body.len();
        if !given("Content-Type: ") {
            request.push_str("Content-Type: application/json\r\n");
        }
        request.push_str(&format!("Content-Length: {length}\r\n"));
    }
    format!("{request}\r\n{body}")
}
