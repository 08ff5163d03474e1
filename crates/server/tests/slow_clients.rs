//! Clients that connect and send nothing, or send slowly.

#[path = "common/program.rs"]
mod program;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use program::{PASSWORD, Server, folder, with_password};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(&server.address)
        .await
        .expect("a connection")
}

async fn begin(server: &Server) -> TcpStream {
    let mut connection = connect(server).await;
    let begun = connection.write_all(b"GET /login HTTP/1.1\r\nhost: x\r\n");
    begun.await.expect("written");
    connection
}

/// Returns the median and the 99th percentile of session checks on one connection.
async fn checks(server: &Server, token: &str, count: usize) -> (Duration, Duration) {
    let mut connection = connect(server).await;
    let request =
        format!("GET /login HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    let mut times = Vec::with_capacity(count);
    let mut response = vec![0; 4096];
    for _ in 0..count {
        let since = Instant::now();
        connection
            .write_all(request.as_bytes())
            .await
            .expect("written");
        let length = connection.read(&mut response).await.expect("a response");
        times.push(since.elapsed());
        assert!(response[..length].starts_with(b"HTTP/1.1 200 "));
    }
    times.sort_unstable();
    (times[count / 2], times[count * 99 / 100])
}

#[tokio::test]
async fn slow_clients_do_not_delay_others() {
    let folder = folder();
    // The usual soft limit of a shell is low; the server must raise it.
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -S -n 64; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_pbx-login-server"))
        .current_dir(folder.path());
    let server = Server::start_by(shell, |command| {
        with_password(command);
    });
    let session = server.login("admin", PASSWORD).await.expect("a session");
    let token = session.access_token().expose().to_owned();
    let mut silent = Vec::new();
    let mut slow = Vec::new();
    for _ in 0..100 {
        silent.push(connect(&server).await);
        slow.push(begin(&server).await);
    }
    checks(&server, &token, 100).await;
    server.login("admin", PASSWORD).await.expect("a session");
    for mut connection in slow {
        let rest = format!("authorization: Bearer {token}\r\nconnection: close\r\n\r\n");
        connection
            .write_all(rest.as_bytes())
            .await
            .expect("written");
        let mut response = String::new();
        let read = connection.read_to_string(&mut response);
        read.await.expect("a response");
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    }
}

/// Prints the figures in `docs/operations.md`. Slow clients are disconnected after about forty seconds.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; run it with --release and --nocapture"]
async fn slow_clients_are_measured() {
    const SILENT: usize = 5_000;
    const SLOW: usize = 500;
    const CHECKS: usize = 10_000;
    let _ = Command::new("prlimit")
        .args(["--pid", &std::process::id().to_string(), "--nofile=20000:"])
        .stdout(Stdio::null())
        .status();
    let folder = folder();
    let server = Server::start(folder.path(), with_password);
    let session = server.login("admin", PASSWORD).await.expect("a session");
    let token = session.access_token().expose().to_owned();
    let memory = || {
        let status = format!("/proc/{}/status", server.child.id());
        let status = std::fs::read_to_string(status).expect("Linux");
        let line = status.lines().find(|line| line.starts_with("VmRSS"));
        line.expect("a line").to_owned()
    };
    checks(&server, &token, CHECKS).await;
    println!(
        "alone          {:?}, {}",
        checks(&server, &token, CHECKS).await,
        memory()
    );
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        silent.push(connect(&server).await);
    }
    println!(
        "silent         {:?}, {}",
        checks(&server, &token, CHECKS).await,
        memory()
    );
    let since = Instant::now();
    let mut slow_clients = tokio::task::JoinSet::new();
    for _ in 0..SLOW {
        let mut connection = begin(&server).await;
        slow_clients.spawn(async move {
            while connection.write_all(b"x-slow: 1\r\n").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            since.elapsed()
        });
    }
    println!(
        "silent, slow   {:?}, {}",
        checks(&server, &token, CHECKS).await,
        memory()
    );
    println!("again          {:?}", checks(&server, &token, CHECKS).await);
    let mut last = Duration::ZERO;
    while let Some(ended) = slow_clients.join_next().await {
        last = last.max(ended.expect("no panic"));
    }
    println!("slow clients were disconnected after {last:?} at the latest");
    let open = {
        let mut open = 0;
        for connection in &silent {
            let mut byte = [0];
            let read = connection.try_read(&mut byte);
            open += usize::from(read.is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock));
        }
        open
    };
    println!("{open} silent clients are still connected");
}
