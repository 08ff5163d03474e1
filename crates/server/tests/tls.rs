//! TLS termination by the server.

#[path = "common/program.rs"]
mod program;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use program::{PASSWORD, Server, folder, program, with_password};
use reqwest::Certificate;

fn set_mode(file: &Path, mode: u32) {
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(file, permissions).expect("the file");
}

fn certify(folder: &Path) -> Certificate {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    std::fs::write(folder.join("certificate.pem"), made.cert.pem()).expect("written");
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("written");
    set_mode(&folder.join("key.pem"), 0o600);
    Certificate::from_pem(made.cert.pem().as_bytes()).expect("a certificate")
}

fn start(folder: &Path) -> Server {
    Server::start(folder, |command| {
        with_password(command);
        command.args(["--tls-certificate", "certificate.pem"]);
        command.args(["--tls-key", "key.pem"]);
    })
}

fn client(certificate: &Certificate) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([certificate.clone()])
}

/// Returns a client that offers HTTP/2 and HTTP/1.1, as browsers do.
fn trusting(certificate: &Certificate) -> reqwest::Client {
    client(certificate).build().expect("a client")
}

async fn log_in(client: &reqwest::Client, server: &Server) -> reqwest::Result<reqwest::Response> {
    let body = serde_json::json!({ "username": "admin", "password": PASSWORD });
    client
        .post(format!("https://{}/login", server.address))
        .header("content-type", "application/json")
        .body(body.to_string())
        .send()
        .await
}

/// Returns the next line of the log that is not about a request or a failed handshake.
fn next_event(server: &mut Server) -> serde_json::Value {
    loop {
        let line = server.line().expect("a line");
        let message = line["msg"].as_str().expect("a message");
        if message != "request" && !message.starts_with("tls accept err") {
            return line;
        }
    }
}

#[tokio::test]
async fn server_with_a_certificate_serves_only_tls_and_secure_cookies() {
    let folder = folder();
    let certificate = certify(folder.path());
    let server = start(folder.path());
    let response = log_in(&trusting(&certificate), &server).await;
    let response = response.expect("a response");
    assert_eq!(response.status(), 200);
    let cookie = response.headers()["set-cookie"].to_str().expect("text");
    let (_, attributes) = cookie.split_once(';').expect("attributes");
    assert_eq!(
        attributes,
        " HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=1800"
    );
    let plain = reqwest::get(format!("http://{}/login", server.address)).await;
    plain.expect_err("no response without TLS");
    let address = server.address.clone();
    server.signal("TERM");
    let (_, messages, _) = server.end();
    assert!(
        messages.contains(&format!(
            "listening on https://{address}; to log in, run this in bash"
        )),
        "{messages}"
    );
}

#[tokio::test]
async fn every_response_over_tls_has_the_hsts_policy() {
    let folder = folder();
    let certificate = certify(folder.path());
    let server = start(folder.path());
    let client = trusting(&certificate);
    let policy = |response: reqwest::Response| {
        let policy = response.headers().get("strict-transport-security").cloned();
        (response.status().as_u16(), policy)
    };
    let mut policies = vec![policy(log_in(&client, &server).await.expect("a response"))];
    for path in ["/login", "/nothing"] {
        let request = client.get(format!("https://{}{path}", server.address));
        policies.push(policy(request.send().await.expect("a response")));
    }
    let expected = reqwest::header::HeaderValue::from_static("max-age=31536000; includeSubDomains");
    assert_eq!(
        policies,
        [200, 401, 404].map(|status| (status, Some(expected.clone())))
    );
}

#[tokio::test]
async fn http_1_1_is_negotiated_and_requests_are_logged_and_counted_by_operation() {
    let folder = folder();
    let certificate = certify(folder.path());
    let mut server = start(folder.path());
    let http1 = client(&certificate).http1_only().build();
    for client in [http1.expect("a client"), trusting(&certificate)] {
        let response = log_in(&client, &server).await.expect("a response");
        assert_eq!(
            (response.status().as_u16(), response.version()),
            (200, reqwest::Version::HTTP_11)
        );
        let line = server.line().expect("a line");
        assert_eq!(
            (line["msg"].as_str(), line["operation"].as_str()),
            (Some("request"), Some("login"))
        );
    }
    let metrics = reqwest::get(format!("http://{}/metrics", server.ops)).await;
    let metrics = metrics.expect("a response").text().await.expect("text");
    let counted: Vec<_> = metrics
        .lines()
        .filter(|line| line.starts_with("pbx_login_request_duration_seconds_count"))
        .collect();
    assert_eq!(
        counted,
        [r#"pbx_login_request_duration_seconds_count{operation="login",status="200"} 2"#]
    );
}

#[tokio::test]
async fn sighup_loads_a_new_certificate_without_dropping_connections() {
    let folder = folder();
    let old = certify(folder.path());
    let mut server = start(folder.path());
    let before = trusting(&old);
    log_in(&before, &server).await.expect("a response");

    let new = certify(folder.path());
    server.signal("HUP");
    assert_eq!(next_event(&mut server)["msg"], "certificate reloaded");
    // The first client uses its existing connection, the second one a new connection.
    log_in(&before, &server).await.expect("still connected");
    let after = trusting(&new);
    log_in(&after, &server).await.expect("a response");
    let refused = log_in(&trusting(&old), &server).await;
    refused.expect_err("the old certificate is gone");

    // An invalid key changes nothing.
    std::fs::write(folder.path().join("key.pem"), "nonsense").expect("written");
    server.signal("HUP");
    let line = next_event(&mut server);
    assert_eq!(
        (line["msg"].as_str(), line["cause"].as_str()),
        (
            Some("certificate not reloaded; the old one remains in use"),
            Some(
                "key.pem contains no PEM private key; expected a line such as -----BEGIN PRIVATE KEY-----"
            )
        )
    );
    log_in(&trusting(&new), &server).await.expect("a response");
}

#[tokio::test]
async fn sighup_without_a_certificate_changes_nothing() {
    let folder = folder();
    let mut server = Server::start(folder.path(), with_password);
    server.signal("HUP");
    assert_eq!(
        next_event(&mut server)["msg"],
        "no certificate to reload, because TLS is not enabled"
    );
    server.login("admin", PASSWORD).await.expect("a session");
}

#[test]
fn server_with_an_unusable_certificate_does_not_start() {
    let folder = folder();
    certify(folder.path());
    let errors = |arguments: &[&str]| {
        let output = program(folder.path())
            .args(["serve", "--listen", "0.0.0.0:0", "--ops-listen", "off"])
            .args(arguments)
            .output()
            .expect("a process");
        assert_eq!(output.status.code().map(|code| code > 0), Some(true));
        String::from_utf8(output.stderr).expect("text")
    };
    let certificate = ["--tls-certificate", "certificate.pem"];
    let lines = [
        errors(&[&certificate[..], &["--tls-key", "certificate.pem"]].concat()),
        errors(&[&certificate[..], &["--tls-key", "missing.pem"]].concat()),
        errors(&certificate),
        errors(&["--tls-key", "key.pem"]),
        errors(&["--tls-key", "key.pem", "--tls-certificate", ""]),
    ];
    insta::assert_snapshot!(lines.concat(), @r#"
    error: certificate.pem contains no PEM private key; expected a line such as -----BEGIN PRIVATE KEY-----
    error: cannot read missing.pem (No such file or directory (os error 2)); check the path and its permissions
    error: invalid tls.certificate "certificate.pem" (--tls-certificate): tls.certificate and tls.key must be set together; set tls.key as well
    error: invalid tls.key "key.pem" (--tls-key): tls.certificate and tls.key must be set together; set tls.certificate as well
    error: invalid tls.certificate "" (--tls-certificate): expected the path of a file
    "#);
    let database = folder.path().join("pbx-login.db");
    assert!(!database.exists(), "nothing was created");
}

#[test]
fn server_warns_once_about_each_file_that_other_users_can_access() {
    let folder = folder();
    certify(folder.path());
    std::fs::write(folder.path().join("first password"), PASSWORD).expect("a file");
    let files = ["pbx-login.db", "key.pem", "first password"].map(|name| folder.path().join(name));
    let start = || {
        let server = Server::start(folder.path(), |command| {
            command.args(["--admin-password-file", "first password"]);
            command.args(["--tls-certificate", "certificate.pem"]);
            command.args(["--tls-key", "key.pem"]);
        });
        server.signal("TERM");
        let (log, _, _) = server.end();
        let lines = log.iter().filter(|line| !line.is_empty());
        let lines =
            lines.map(|line| -> serde_json::Value { serde_json::from_str(line).expect("JSON") });
        let warnings = lines.filter(|line| line["level"] == "WARN");
        let texts = warnings.map(|line| {
            let text = |key: &str| line[key].as_str().expect("a text").to_owned();
            format!("{}: {}", text("msg"), text("command"))
        });
        // The write-ahead log is named by its absolute path.
        let real = folder.path().canonicalize().expect("the folder");
        let real = format!("{}/", real.display());
        texts.collect::<Vec<_>>().join("\n").replace(&real, "")
    };
    set_mode(&files[2], 0o600);
    assert_eq!(start(), "");
    for file in &files {
        set_mode(file, 0o644);
    }
    insta::assert_snapshot!(start(), @"
    other users can access a file with secrets; run the command: chmod 600 pbx-login.db
    other users can access a file with secrets; run the command: chmod 600 pbx-login.db-wal
    other users can access a file with secrets; run the command: chmod 600 pbx-login.db-shm
    other users can access a file with secrets; run the command: chmod 600 key.pem
    other users can access a file with secrets; run the command: chmod 600 'first password'
    ");
    for file in &files {
        set_mode(file, 0o600);
    }
    assert_eq!(start(), "");
}
