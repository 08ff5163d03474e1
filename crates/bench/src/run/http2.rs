//! An attack with HTTP/2: many streams, each with the head of a login, many headers and no body.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{Bench, WITHOUT_REQUEST_LOG};
use crate::report::{Goal, Measure};

/// The number of streams that hyper accepts at a time.
const STREAMS: u32 = 200;

/// Measures the maximum memory during an attack with HTTP/2, beyond that of an idle server.
pub(super) async fn attack(bench: &mut Bench<'_>) -> Result<()> {
    for (connections, goal) in [(20, 20.0), (1000, 100.0)] {
        let server = bench.start_settled(WITHOUT_REQUEST_LOG).await?;
        let before = server.memory()?.0;
        let open = send_heads(server.address, connections).await?;
        server.settle().await?;
        let most = server.memory()?.1;
        drop(open);
        bench.report(Measure {
            name: format!("memory of an HTTP/2 attack, {connections} connections of 200 streams"),
            unit: "MB",
            goal: Goal::AtMost(goal),
            rounds: vec![(most - before, None)],
        });
    }
    Ok(())
}

/// Opens connections that each send [`STREAMS`] heads of a login at the same time.
async fn send_heads(server: SocketAddr, connections: usize) -> Result<Vec<TcpStream>> {
    let bytes = Arc::<[u8]>::from([preface(), heads()].concat());
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(TcpStream::connect(server).await?);
    }
    let mut senders = JoinSet::new();
    for mut connection in open {
        let bytes = Arc::clone(&bytes);
        senders.spawn(async move {
            // Fails if the server has already closed the connection.
            let _ = connection.write_all(&bytes).await;
            connection
        });
    }
    Ok(senders.join_all().await)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Returns the preface and an empty SETTINGS frame (RFC 9113, section 3.4).
fn preface() -> Vec<u8> {
    let settings = frame(4, 0, 0, &[]);
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), settings].concat()
}

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
