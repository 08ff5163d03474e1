//! The command line from outside: the binary, its whole output, its exit code.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod audit;
mod backup;
mod copy;
mod manage;
mod migrate;
mod password;
mod print;
mod rules;
mod throttle;
mod usage;

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use pbx_login_server::app::login::{Attempt, login};
use pbx_login_server::clock::SystemClock;
use pbx_login_server::context::Context;
use pbx_login_server::domain::audit::Caller;
use pbx_login_server::domain::password_policy::PasswordPolicy;
use pbx_login_server::domain::rate_limit::Rules;
use pbx_login_server::domain::session::Lifetime;
use pbx_login_server::password::Hasher;
use pbx_login_server::proxies::TrustedProxies;
use pbx_login_server::random::OsRandom;
use pbx_login_server::rate_limiter::RateLimiter;
use pbx_login_server::store::{self, IfMissing, OpenOptions};

struct Cli {
    directory: tempfile::TempDir,
}

impl Cli {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pbx-login-server"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear();
        command
    }

    fn output(&self, command: &mut Command, input: &[u8]) -> String {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The process may have ended without reading its input.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        let mut text = String::from_utf8(output.stdout).unwrap();
        for line in String::from_utf8(output.stderr).unwrap().lines() {
            text.push_str(&format!("! {line}\n"));
        }
        match output.status.code().unwrap() {
            0 => {}
            code => text.push_str(&format!("exit {code}\n")),
        }
        let directory = self.directory.path().display().to_string();
        without_times(&text).replace(&directory, "DIRECTORY")
    }

    /// Runs a command line, which has no quoting; a `$ ` line shows it before the output.
    fn run(&self, line: &str) -> String {
        self.run_with(line, "")
    }

    fn run_with(&self, line: &str, input: &str) -> String {
        let arguments: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        // An underscore represents a space within a word.
        let arguments: Vec<String> = arguments
            .iter()
            .map(|word| word.replace('_', " "))
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = self.output(&mut self.command(&arguments), input.as_bytes());
        format!("$ {line}\n{output}")
    }

    fn session(&self, lines: &[&str]) -> String {
        lines.iter().map(|line| self.run(line)).collect()
    }

    fn user(&self, arguments: &str) {
        let output = self.run_with(
            &format!("user create {arguments} --password-stdin"),
            "correct horse",
        );
        assert!(output.contains("created"), "{output}");
    }

    async fn log_in(&self, username: &str, password: &str, domain: Option<&str>) -> bool {
        let url = format!("sqlite:{}/pbx-login.db", self.directory.path().display());
        let options = OpenOptions::new(IfMissing::Fail);
        let opened = store::open(&url.parse().unwrap(), options).await;
        let database = opened.unwrap();
        let context = Context {
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            store: database.store,
            session_lookup: database.session_lookup,
            hasher: Hasher::for_this_machine(),
            password_policy: PasswordPolicy::DEFAULT,
            audit: Arc::default(),
            // The delay is longer than the test, even on a slow machine.
            rate_limiter: Some(RateLimiter::new(Rules {
                first_delay: Rules::DEFAULT.max_delay,
                ..Rules::DEFAULT
            })),
            client_addresses: Arc::default(),
            connections: Arc::default(),
            metrics: Arc::default(),
            session_lifetime: Lifetime::DEFAULT,
            session_max_lifetime: Lifetime::DEFAULT,
            sessions_per_user: 100,
            secure_cookie: false,
            trusted_proxies: TrustedProxies::default(),
        };
        let attempt = Attempt {
            username,
            password,
            domain,
            previous: None,
            caller: Caller {
                address: [127, 0, 0, 1].into(),
                user_agent: None,
                request_id: "a test".to_owned(),
            },
        };
        login(&context, attempt).await.is_ok()
    }
}

/// Replaces times such as `2026-03-01T08:00:00Z`, and UUIDs, with placeholders of the same width.
fn without_times(text: &str) -> String {
    const SHAPES: [(&str, &str); 2] = [
        ("dddd-dd-ddTdd:dd:ddZ", "________TIME________"),
        (
            "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
            "_________________ID_________________",
        ),
    ];
    let has_shape = |part: &str, shape: &str| {
        part.chars()
            .zip(shape.chars())
            .all(|(c, shape)| match shape {
                'd' => c.is_ascii_digit(),
                'x' => c.is_ascii_hexdigit(),
                shape => c == shape,
            })
    };
    let mut result = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let found = SHAPES.iter().find(|(shape, _)| {
            let part = rest.get(..shape.len());
            part.is_some_and(|part| has_shape(part, shape))
        });
        if let Some((shape, replacement)) = found {
            result.push_str(replacement);
            rest = &rest[shape.len()..];
        } else {
            result.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    result
}
