//! Streaming of audit entries to a file or to standard output.

#[path = "common/program.rs"]
mod program;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use program::{PASSWORD, Server, folder, program, with_password};

fn to_file(command: &mut Command) {
    with_password(command);
    command.args(["--audit-log", "audit.jsonl"]);
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file")
}

/// Runs a command with the same target as the server, and returns its messages.
fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = program(folder)
        .args(arguments)
        .env("PBX_LOGIN_AUDIT_LOG", "audit.jsonl")
        .output()
        .expect("a process");
    assert!(output.status.success(), "{output:?}");
    let texts = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text"));
    texts.concat()
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[tokio::test]
async fn file_has_the_lines_of_audit_list_and_no_secret() {
    let folder = folder();
    let server = Server::start(folder.path(), to_file);
    let session = server.login("admin", PASSWORD).await.expect("a session");
    let token = session.access_token().expose().to_owned();
    for name in ["admin", "hunter2"] {
        let refused = server.login(name, "a wrong password").await;
        refused.expect_err("refused");
    }
    run(folder.path(), &["tenant", "create", "pbx.example.com"]);
    session.log_out().await.expect("logged out");
    server.signal("TERM");
    server.end();

    let path = folder.path().join("audit.jsonl");
    let text = read(&path);
    let listed = run(folder.path(), &["audit", "list", "--format", "json"]);
    assert_eq!(sorted(&text), sorted(&listed));
    let events = text.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        line["event"].as_str().expect("an event").to_owned()
    });
    assert_eq!(
        events.collect::<Vec<_>>(),
        [
            "user-created",
            "login",
            "login-refused",
            "login-refused",
            "tenant-created",
            "logout"
        ]
    );
    for secret in [&*token, PASSWORD, "a wrong password", "hunter2"] {
        assert!(!text.contains(secret), "{text}");
    }
    let mode = std::fs::metadata(&path).expect("a file").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
}

#[tokio::test]
async fn rotated_file_is_continued_in_a_new_one() {
    let folder = folder();
    let server = Server::start(folder.path(), to_file);
    let session = server.login("admin", PASSWORD).await.expect("a session");
    let path = folder.path().join("audit.jsonl");
    let rotated = folder.path().join("audit.jsonl.1");
    // The line of the login is written by another thread.
    while read(&path).lines().count() < 2 {
        tokio::task::yield_now().await;
    }
    std::fs::rename(&path, &rotated).expect("renamed");
    session.log_out().await.expect("logged out");
    server.signal("TERM");
    server.end();
    assert!(read(&rotated).ends_with("}\n"));
    let text = read(&path);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains(r#""event":"logout""#), "{text}");
}

#[tokio::test]
async fn standard_output_has_audit_entries_and_log_lines() {
    let folder = folder();
    let server = Server::start(folder.path(), |command| {
        with_password(command);
        command.args(["--audit-log", "stdout"]);
    });
    server.login("admin", PASSWORD).await.expect("a session");
    server.signal("TERM");
    let (lines, _, _) = server.end();
    // Each line is valid JSON.
    let lines = lines.iter().filter(|line| !line.is_empty());
    let lines: Vec<serde_json::Value> = lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let events = lines.iter().filter_map(|line| line["event"].as_str());
    assert_eq!(events.collect::<Vec<_>>(), ["user-created", "login"]);
    assert!(lines.iter().any(|line| line["msg"] == "request"));
}

#[test]
fn file_that_cannot_be_opened_stops_the_server_but_no_command() {
    let folder = folder();
    let output = program(folder.path())
        .args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "off"])
        .args(["--audit-log", "missing/audit.jsonl"])
        .output()
        .expect("a process");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: cannot open audit.log missing/audit.jsonl; check the path and its permissions: \
         No such file or directory (os error 2)\n"
    );
    let output = program(folder.path())
        .args(["tenant", "create", "a.example"])
        .env("PBX_LOGIN_AUDIT_LOG", "missing/audit.jsonl")
        .output()
        .expect("a process");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "warning: an audit entry was not written to audit.log missing/audit.jsonl (No such file or directory \
         (os error 2)); it is in the database\n"
    );
    // A command that changes nothing does not open the file.
    let listed = run(folder.path(), &["tenant", "list"]);
    assert!(listed.contains("a.example"), "{listed}");
    assert!(!folder.path().join("audit.jsonl").exists());
}
