//! HTTP/2 with prior knowledge: each request is refused, and the connection is closed.

#[path = "common/program.rs"]
mod program;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use program::{PASSWORD, Server, folder, with_password};

const STREAMS: u32 = 200;

/// A server that does not close a connection must fail a test, not block it.
const TIMEOUT: Duration = Duration::from_secs(60);

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload");
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Returns the preface and an empty SETTINGS frame (RFC 9113, section 3.4).
fn preface() -> Vec<u8> {
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[]),
    ]
    .concat()
}

/// Returns the heads of [`STREAMS`] logins, each with 200 headers of one byte and without a body.
fn heads() -> Vec<u8> {
    // `:method: POST`, `:scheme: http`, `:path: /login`, `:authority: x` (RFC 7541, appendix A).
    let mut head = vec![0x83, 0x86, 0x44, 6];
    head.extend(b"/login");
    head.extend([0x41, 1, b'x']);
    // `accept-encoding: gzip, deflate`, by its index in the static table.
    head.extend([0x90; 200]);
    // A frame HEADERS with END_HEADERS and without END_STREAM.
    (0..STREAMS)
        .flat_map(|stream| frame(1, 4, 2 * stream + 1, &head))
        .collect()
}

fn connect(server: &Server) -> TcpStream {
    let connection = TcpStream::connect(&server.address).expect("a connection");
    connection
        .set_read_timeout(Some(TIMEOUT))
        .expect("a timeout");
    connection
}

fn attack(mut connection: TcpStream) -> TcpStream {
    // Fails if the server has already closed the connection.
    let _ = connection.write_all(&[preface(), heads()].concat());
    connection
}

/// Returns the current and the maximum resident memory of the server, in KiB.
fn memory(server: &Server) -> (u64, u64) {
    let status = format!("/proc/{}/status", server.child.id());
    let status = std::fs::read_to_string(status).expect("Linux");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).expect("kB")
    };
    (field("VmRSS:"), field("VmHWM:"))
}

fn wait_until_closed(mut connection: TcpStream) {
    let mut answer = [0; 4096];
    loop {
        match connection.read(&mut answer) {
            Ok(0) => return,
            Ok(_) => {}
            // The rest of the requests may be on its way when the server closes.
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
                return;
            }
        }
    }
}

#[tokio::test]
async fn http_2_request_is_refused_and_its_connection_closed() {
    let folder = folder();
    let server = Server::start(folder.path(), with_password);
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .expect("a client");
    let answer = client.get(format!("{}/login", server.url())).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 505);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let body: serde_json::Value = answer.json().await.expect("JSON");
    assert_eq!(body["message"], "this server speaks HTTP/1.1 only");
    tokio::task::spawn_blocking({
        let connection = attack(connect(&server));
        move || wait_until_closed(connection)
    })
    .await
    .expect("closed");
    // HTTP/1.1 is served as before.
    server.login("admin", PASSWORD).await.expect("a session");
    let metrics = reqwest::get(format!("http://{}/metrics", server.ops)).await;
    let metrics = metrics.expect("an answer").text().await.expect("text");
    assert!(
        metrics.contains("pbx_login_connections_closed_total{reason=\"http2\"} 2"),
        "{metrics}"
    );
}

/// Returns by how many KiB the memory of the server grows during an attack.
fn growth(connections: usize) -> u64 {
    let folder = folder();
    // The first start hashes a password, which takes memory.
    drop(Server::start(folder.path(), with_password));
    let server = Server::start(folder.path(), with_password);
    let (before, _) = memory(&server);
    // All connections are open before the first one attacks.
    let connections: Vec<_> = (0..connections).map(|_| connect(&server)).collect();
    let connections: Vec<_> = connections.into_iter().map(attack).collect();
    connections.into_iter().for_each(wait_until_closed);
    let (_, most) = memory(&server);
    most.saturating_sub(before)
}

#[test]
fn streams_that_wait_for_a_body_take_no_memory() {
    let grown = growth(20);
    assert!(grown < 20 * 1024, "{grown} KiB more");
}

#[test]
fn memory_of_many_attacking_connections_is_limited() {
    // The usual limit on open files of this process permits no more connections. Each may take 100 KiB.
    let grown = growth(500);
    assert!(grown < 50 * 1024, "{grown} KiB more");
}
