use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::report::Problem;

/// The time limit for a server to start listening.
///
/// Before that, a debug build creates a database and hashes a password.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The maximum number of bytes that are kept of a server's stderr.
const MAX_STDERR_BYTES: u64 = 64 * 1024;

#[derive(Debug)]
pub(crate) struct RunningServer {
    child: KillOnDrop,
    address: String,
}

/// Kills the process on drop, so that it never outlives a run of `verify`.
#[derive(Debug)]
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl RunningServer {
    /// Starts a server and waits until a line of its standard output contains its address.
    ///
    /// An error includes what the server wrote to stderr.
    pub(crate) fn start(
        command: &mut Command,
        listening: fn(&str) -> Option<String>,
    ) -> Result<Self, Problem> {
        Self::start_within(command, listening, START_TIMEOUT)
    }

    fn start_within(
        command: &mut Command,
        listening: fn(&str) -> Option<String>,
        limit: Duration,
    ) -> Result<Self, Problem> {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = KillOnDrop(
            child
                .map_err(|error| Problem::new(format!("the server cannot be started: {error}")))?,
        );
        let stdout = child.0.stdout.take();
        let stderr = child.0.stderr.take();

        // Both pipes are read to the end, because a full pipe would block the server.
        let (line, lines) = mpsc::channel();
        thread::spawn(move || {
            for text in stdout
                .into_iter()
                .flat_map(|stdout| BufReader::new(stdout).split(b'\n'))
                .map_while(Result::ok)
            {
                let _ = line.send(text);
            }
        });
        let stderr = thread::spawn(move || {
            let mut kept = Vec::new();
            if let Some(mut stderr) = stderr {
                let _ = stderr
                    .by_ref()
                    .take(MAX_STDERR_BYTES)
                    .read_to_end(&mut kept);
                let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            }
            String::from_utf8_lossy(&kept).into_owned()
        });

        let deadline = Instant::now() + limit;
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(text) => {
                    if let Some(address) = listening(&String::from_utf8_lossy(&text)) {
                        return Ok(Self { child, address });
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    let message = format!(
                        "the server did not print its address within {} s",
                        limit.as_secs()
                    );
                    return Err(with_stderr(message, child, stderr));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let message = match child.0.wait() {
                        Ok(status) => format!("the server ended before it listened, with {status}"),
                        Err(error) => format!("the server ended before it listened: {error}"),
                    };
                    return Err(with_stderr(message, child, stderr));
                }
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn ended(&mut self) -> Option<String> {
        self.child
            .0
            .try_wait()
            .ok()
            .flatten()
            .map(|status| status.to_string())
    }
}

fn with_stderr(message: String, child: KillOnDrop, stderr: JoinHandle<String>) -> Problem {
    // Killing the process closes its pipe, which ends the reading thread.
    drop(child);
    let text = stderr.join().unwrap_or_default();
    let text = text.trim_end();
    Problem::new(message).detail("stderr", if text.is_empty() { "(nothing)" } else { text })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null());
        command
    }

    fn address(line: &str) -> Option<String> {
        line.contains(':').then(|| line.to_owned())
    }

    fn failure(script: &str, limit: Duration) -> String {
        let problem = RunningServer::start_within(&mut shell(script), address, limit)
            .expect_err("it does not listen");
        let mut out = String::new();
        problem.render(&mut out);
        anstream::adapter::strip_str(&out).to_string()
    }

    #[test]
    fn server_address_is_read_from_its_output() {
        let script = r#"echo 'text'; echo '127.0.0.1:7'; exec sleep 3600"#;
        let mut server =
            RunningServer::start(&mut shell(script), address).expect("the server listens");
        assert_eq!(server.url(), "http://127.0.0.1:7");
        assert_eq!(server.ended(), None);
        // If the process were not killed, this would block.
        drop(server);
    }

    #[test]
    fn server_that_ends_early_is_reported_with_its_stderr() {
        let text = failure("echo 'error: no such database' >&2; exit 3", START_TIMEOUT);
        insta::assert_snapshot!(text, @"
        the server ended before it listened, with exit status: 3
          stderr: error: no such database
        ");
    }

    #[test]
    fn server_that_never_listens_is_killed_at_the_time_limit() {
        insta::assert_snapshot!(failure("exec sleep 60", Duration::ZERO), @"
        the server did not print its address within 0 s
          stderr: (nothing)
        ");
    }
}
