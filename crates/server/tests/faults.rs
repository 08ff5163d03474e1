//! Tests of what clients observe during and after a fault.

mod common;
#[path = "common/program.rs"]
mod program;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use common::TestServer;
use insta::assert_snapshot;
use pbx_login_client::Session;
use pbx_login_server::clock::{Clock, SystemClock};
use program::{PASSWORD, Server, folder, with_password};

#[tokio::test]
async fn operations_without_the_database_return_503_and_lose_nothing() {
    let server = TestServer::start().await;
    server.user("admin", None, "SystemAdmin").await;
    let token = server.token("admin", None).await;
    let database = server.directory.path().join("test.db");
    let away = server.directory.path().join("away.db");
    std::fs::rename(&database, &away).expect("renamed");

    // A read does not check whether the file exists; a background task does, every quarter of a second.
    while server.status(&token).await.status == 200 {}
    let responses = [
        server.login("admin", None).await.text(),
        server.status(&token).await.text(),
        server.logout(&token).await.text(),
    ];
    assert_snapshot!(responses[0], @r#"
    503
    cache-control: no-store
    content-length: 176
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    retry-after: 5
    x-content-type-options: nosniff

    {
      "request_id": "ID",
      "error_code": "Overloaded",
      "message": "the server is temporarily unavailable; wait for the time in Retry-After"
    }
    "#);
    assert_eq!(responses[0], responses[1]);
    assert_eq!(responses[0], responses[2]);
    assert!(!database.exists());

    std::fs::rename(&away, &database).expect("renamed");
    while server.status(&token).await.status == 503 {}
    assert!(server.is_live(&token).await);
    server.token("admin", None).await;
}

/// A clock that panics once.
#[derive(Debug)]
struct PanickingClock(AtomicBool);

impl Clock for PanickingClock {
    fn now(&self) -> DateTime<Utc> {
        assert!(self.0.swap(true, Ordering::SeqCst), "deliberate");
        SystemClock.now()
    }
}

#[tokio::test]
async fn request_after_a_panicked_handler_is_served() {
    let panicking = Arc::new(PanickingClock(AtomicBool::new(true)));
    let clock = Arc::clone(&panicking);
    let server = TestServer::start_with(|context| context.clock = clock).await;
    server.user("admin", None, "SystemAdmin").await;
    let token = server.token("admin", None).await;
    panicking.0.store(false, Ordering::SeqCst);
    let response = server.status(&token).await;
    assert_snapshot!(response.text(), @r#"
    500
    cache-control: no-store
    content-length: 124
    content-security-policy: default-src 'none'; base-uri 'none'; frame-ancestors 'none'
    content-type: application/json
    referrer-policy: no-referrer
    x-content-type-options: nosniff

    {
      "request_id": "ID",
      "error_code": "Internal",
      "message": "Internal Server Error"
    }
    "#);
    assert_eq!(server.status(&token).await.status, 200);
}

/// Limits the size of the files that the process may write, which has the effect of a full disk.
#[cfg(target_os = "linux")]
fn limit_files(server: &Server, bytes: &str) {
    let status = Command::new("prlimit")
        .args(["--pid", &server.child.id().to_string()])
        .arg(format!("--fsize={bytes}:"))
        .status();
    assert!(status.expect("prlimit, of util-linux").success());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn full_disk_fails_logins_but_not_session_checks_and_loses_nothing() {
    let folder = folder();
    // The limit raises SIGXFSZ, which ends a process unless it ignores the signal.
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_pbx-login-server"))
        .current_dir(folder.path());
    let server = Server::start_by(shell, |command| {
        with_password(command);
    });
    let before = server.login("admin", PASSWORD).await.expect("a session");
    let log = folder.path().join("pbx-login.db-wal");
    let size = std::fs::metadata(log).expect("a log").len();
    limit_files(&server, &size.to_string());

    for _ in 0..3 {
        let refused = server.login("admin", PASSWORD).await;
        let refused = refused.expect_err("no room").to_string();
        assert_eq!(
            refused,
            "too many attempts, or the server is overloaded; try again in 5 s"
        );
    }
    before.status().await.expect("live");

    limit_files(&server, "unlimited");
    let after = server.login("admin", PASSWORD).await.expect("a session");
    server.signal("KILL");
    let (lines, ..) = server.end();
    assert!(
        lines.iter().any(|line| line.contains("disk")),
        "the cause is in the log: {lines:?}"
    );

    let server = Server::start(folder.path(), |_| {});
    for session in [before, after] {
        let token = session.access_token().expose().to_owned();
        let session = Session::resume(&server.url(), &token).expect("a session");
        session.status().await.expect("live");
    }
}
