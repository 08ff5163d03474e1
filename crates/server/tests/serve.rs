//! The server program, from its first start to its shutdown.

#[path = "common/program.rs"]
mod program;

use std::time::{Duration, Instant};

use pbx_login_client::{Error, Session};
use program::{PASSWORD, Server, folder, program, with_password};

#[tokio::test]
async fn first_start_generates_a_password_and_shows_it_once() {
    let folder = folder();
    let first = Server::start(folder.path(), |_| {});
    let (address, url) = (first.address.clone(), first.url());
    first.signal("TERM");
    let (_, messages, _) = first.end();
    let password = messages
        .lines()
        .find_map(|line| line.strip_prefix("    "))
        .expect("a password");
    assert_eq!(
        messages,
        format!(
            "created the administrator `admin` with this password, which is not shown again:\n\n    {password}\n\n\
             listening on {url}; to log in, run this in bash and enter the password:\n\n    read -rs PASSWORD\n    \
             printf '{{\"username\": \"admin\", \"password\": \"%s\"}}' \"$PASSWORD\" |\n        \
             curl -i -H 'Content-Type: application/json' -d @- http://{address}/login\n\n"
        )
    );

    let second = Server::start(folder.path(), |_| {});
    second.login("admin", password).await.expect("a session");
    second.signal("TERM");
    let (_, messages, _) = second.end();
    assert!(
        !messages.contains(password) && !messages.contains("created"),
        "{messages}"
    );
}

#[tokio::test]
async fn password_file_is_read_by_the_first_start_only() {
    let folder = folder();
    let file = folder.path().join("first-password");
    std::fs::write(&file, format!("{PASSWORD}\n")).expect("a file");
    let named = |command: &mut std::process::Command| {
        command.env("PBX_LOGIN_ADMIN_PASSWORD_FILE", "first-password");
    };
    let first = Server::start(folder.path(), named);
    first.login("admin", PASSWORD).await.expect("a session");
    first.signal("TERM");
    let (_, messages, _) = first.end();
    assert!(!messages.contains(PASSWORD), "{messages}");

    std::fs::remove_file(&file).expect("the file");
    let second = Server::start(folder.path(), named);
    second.login("admin", PASSWORD).await.expect("a session");
}

#[tokio::test]
async fn systemd_credential_is_the_first_password() {
    let folder = folder();
    let credentials = folder.path().join("credentials");
    std::fs::create_dir(&credentials).expect("a folder");
    std::fs::write(credentials.join("pbx-login.admin_password"), PASSWORD).expect("a file");
    let server = Server::start(folder.path(), |command| {
        command.env("CREDENTIALS_DIRECTORY", &credentials);
    });
    server.login("admin", PASSWORD).await.expect("a session");
}

#[test]
fn weak_or_unreadable_first_password_is_refused() {
    let errors = [
        ("PBX_LOGIN_ADMIN_PASSWORD", "qwertyuiop"),
        ("PBX_LOGIN_ADMIN_PASSWORD", "administrator-admin"),
        ("PBX_LOGIN_ADMIN_PASSWORD_FILE", "missing"),
    ]
    .map(|(variable, value)| {
        let output = program(folder().path())
            .args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "off"])
            .env(variable, value)
            .output()
            .expect("a process");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).expect("UTF-8")
    });
    insta::assert_snapshot!(errors.concat(), @"
    error: the first administrator was not created: the password is on the list of common passwords, which attackers try first; choose another one
    error: the first administrator was not created: the password contains the user name; choose one that does not
    error: cannot read the password from missing: No such file or directory (os error 2)
    ");
}

#[tokio::test]
async fn configured_password_is_used_and_not_shown() {
    let folder = folder();
    let server = Server::start(folder.path(), with_password);
    server.login("admin", PASSWORD).await.expect("a session");
    server.signal("INT");
    let (_, messages, status) = server.end();
    assert!(!messages.contains(PASSWORD), "{messages}");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn public_address_without_tls_is_refused() {
    let folder = folder();
    let output = program(folder.path())
        .args(["serve", "--listen", "0.0.0.0:0"])
        .output();
    let output = output.expect("a process");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: 0.0.0.0:0 is reachable from other machines, and passwords would be sent unencrypted; listen on 127.0.0.1, \
         set --tls-certificate and --tls-key, or pass --tls-terminated if a reverse proxy terminates TLS\n"
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("a folder").count(),
        0,
        "nothing was created"
    );
}

#[test]
fn address_in_use_is_reported() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let output = program(folder.path())
        .args(["--listen", &address])
        .output()
        .expect("a process");
    let messages = String::from_utf8_lossy(&output.stderr);
    let error = messages.lines().last().expect("an error");
    assert_eq!(
        error,
        format!(
            "error: cannot listen on {address} (failed to bind to {address}: Address already in use (os error 98)); \
             free the address or choose another with --listen"
        )
    );
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn acknowledged_changes_survive_a_kill() {
    let folder = folder();
    let server = Server::start(folder.path(), with_password);
    let kept = server.login("admin", PASSWORD).await.expect("a session");
    let ended = server.login("admin", PASSWORD).await.expect("a session");
    ended.clone().log_out().await.expect("logged out");
    server.signal("KILL");
    server.end();

    let server = Server::start(folder.path(), |_| {});
    let at = |session: &Session| {
        Session::resume(&server.url(), session.access_token().expose()).expect("a session")
    };
    assert_eq!(at(&kept).status().await.expect("live").role, "SystemAdmin");
    assert!(matches!(at(&ended).status().await, Err(Error::Expired)));
}

#[tokio::test]
async fn session_ended_by_a_command_is_refused_within_a_second() {
    let folder = folder();
    let server = Server::start(folder.path(), with_password);
    let session = server.login("admin", PASSWORD).await.expect("a session");
    // The session is now cached.
    for _ in 0..3 {
        session.status().await.expect("it is live");
    }

    let revoked = program(folder.path())
        .args(["session", "revoke", "--all"])
        .output()
        .expect("a process");
    let ended = Instant::now();
    assert!(revoked.status.success(), "{revoked:?}");
    while session.status().await.is_ok() {
        assert!(ended.elapsed() < Duration::from_secs(1), "still accepted");
    }
    for _ in 0..3 {
        assert!(matches!(session.status().await, Err(Error::Expired)));
    }
}

#[tokio::test]
async fn rate_limited_logins_are_all_audited_at_shutdown() {
    let folder = folder();
    let server = Server::start(folder.path(), |command| {
        with_password(command);
        // The delay is longer than the test.
        command.args(["--throttle-first-wait", "15m"]);
    });
    for _ in 0..5 {
        let refused = server.login("admin", "wrong").await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    }
    for _ in 0..40 {
        let limited = server.login("admin", PASSWORD).await;
        assert!(
            matches!(limited, Err(Error::Throttled { .. })),
            "{limited:?}"
        );
    }
    server.signal("TERM");
    server.end();
    let audit = program(folder.path())
        .args(["audit", "list", "--user", "admin", "--format", "json"])
        .output()
        .expect("a process");
    let counts = |event: &str| -> u64 {
        let text = String::from_utf8_lossy(&audit.stdout).into_owned();
        let entries = text.lines().map(|line| -> serde_json::Value {
            serde_json::from_str(line).expect("one object per line")
        });
        // Refusals are coalesced per minute, and a new minute may have begun meanwhile.
        entries
            .filter(|entry| entry["event"] == event)
            .map(|entry| entry["count"].as_u64().expect("a number"))
            .sum()
    };
    assert_eq!(
        (counts("login-refused"), counts("login-throttled")),
        (5, 40)
    );
}

#[tokio::test]
async fn request_in_flight_is_finished_before_shutdown() {
    let folder = folder();
    let server = Server::start(folder.path(), with_password);
    // The body of this login is completed only after the signal.
    let (sender, body) = futures::channel::mpsc::unbounded::<Result<String, std::io::Error>>();
    let credentials = serde_json::json!({ "username": "admin", "password": PASSWORD }).to_string();
    let (start, rest) = credentials.split_at(10);
    sender.unbounded_send(Ok(start.to_owned())).expect("sent");
    let request = reqwest::Client::new()
        .post(format!("{}/login", server.url()))
        .header("Content-Type", "application/json")
        .body(reqwest::Body::wrap_stream(body));
    let response = tokio::spawn(request.send());
    // A response on another connection shows that the server has started to read this request.
    tokio::task::yield_now().await;
    server.login("admin", "wrong").await.expect_err("refused");
    server.signal("TERM");
    sender.unbounded_send(Ok(rest.to_owned())).expect("sent");
    drop(sender);
    assert_eq!(
        response
            .await
            .expect("no panic")
            .expect("a response")
            .status(),
        200
    );
    let (log, _, status) = server.end();
    assert_eq!(status.code(), Some(0));
    assert!(
        log.iter().any(|line| line.contains("\"stopped\"")),
        "{log:?}"
    );
}

#[tokio::test]
async fn log_has_one_line_per_request_and_contains_no_secret() {
    let folder = folder();
    let server = Server::start(folder.path(), |command| {
        with_password(command);
        command.args(["--log-level", "info"]);
    });
    let session = server.login("admin", PASSWORD).await.expect("a session");
    let token = session.access_token().expose().to_owned();
    session.status().await.expect("live");
    server
        .login("admin", "a wrong password")
        .await
        .expect_err("refused");
    let get = |path: String| reqwest::get(format!("{}{path}", server.url()));
    get(format!("/login?access_token={token}"))
        .await
        .expect("a response");
    get(format!("/{token}")).await.expect("a response");
    session.log_out().await.expect("logged out");
    server.signal("TERM");
    let (log, messages, _) = server.end();

    let all = format!("{messages}{}", log.concat());
    for secret in [&*token, PASSWORD, "a wrong password"] {
        assert!(!all.contains(secret), "{all}");
    }
    let requests: Vec<_> = log
        .iter()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|line| line["msg"] == "request")
        .map(|line| (line["operation"].clone(), line["status"].clone()))
        .collect();
    let expected = [
        ("login".into(), 200.into()),
        ("getLoginStatus".into(), 200.into()),
        ("login".into(), 401.into()),
        ("getLoginStatus".into(), 401.into()),
        (serde_json::Value::Null, 404.into()),
        ("logout".into(), 204.into()),
    ];
    assert_eq!(requests, expected);
}

#[tokio::test]
async fn unread_log_does_not_block_shutdown() {
    let folder = folder();
    let mut server = Server::start(folder.path(), with_password);
    // The server writes more lines than a pipe holds (64 KiB on Linux).
    let client = reqwest::Client::new();
    for _ in 0..600 {
        let response = client.get(server.url()).send().await.expect("a response");
        assert_eq!(response.status(), 404);
    }
    server.signal("TERM");
    assert_eq!(
        server.child.wait().expect("the process exits").code(),
        Some(0)
    );
}

#[test]
fn ready_command_succeeds_only_while_the_server_is_ready() {
    let folder = folder();
    let mut server = Server::start(folder.path(), with_password);
    let address = server.ops.clone();
    let ready = |address: &str| {
        let mut command = program(folder.path());
        let command = command.arg("ready").env("PBX_LOGIN_OPS_LISTEN", address);
        let output = command.output().expect("a process");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        (text, output.status.code())
    };
    assert_eq!(ready(&address), ("ready\n".to_owned(), Some(0)));
    let database = folder.path().join("pbx-login.db");
    let away = folder.path().join("away.db");
    std::fs::rename(&database, &away).expect("moved");
    let deadline = Instant::now() + Duration::from_secs(30);
    let (mut text, mut code) = ready(&address);
    while code == Some(0) && Instant::now() < deadline {
        (text, code) = ready(&address);
    }
    assert_eq!(code, Some(1));
    let expected = "error: the server is not ready: ";
    assert!(text.starts_with(expected), "{text}");
    server.child.kill().expect("killed");
    server.child.wait().expect("the process exits");
    let (text, code) = ready(&address);
    assert_eq!(code, Some(1));
    assert!(text.starts_with("error: no response from "), "{text}");
    assert_eq!(
        ready("off"),
        (
            "error: ops.listen is off; set it to an address\n".to_owned(),
            Some(1)
        )
    );
}
