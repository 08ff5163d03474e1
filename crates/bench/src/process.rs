//! Server processes and their use of resources, from `/proc` (Linux only).

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::backend::Database;
use crate::bare::Setup;
use crate::fill;
use crate::processor::scheduled_time;

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A server that is idle for this long has finished its work at startup.
const IDLE_TIME: Duration = Duration::from_millis(500);

/// A running server, which is killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) start_up: Duration,
}

impl Server {
    /// Starts our server on a database, with settings as flags; the log is discarded.
    pub(crate) fn ours(binary: &Path, database: &Database<'_>, settings: &[&str]) -> Result<Self> {
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PBX_LOGIN_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(database.folder())
            .args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "off"])
            .args(settings)
            .env("PBX_LOGIN_DATABASE", database.url())
            .env("PBX_LOGIN_ADMIN_PASSWORD", fill::PASSWORD);
        Self::start(command)
    }

    pub(crate) fn bare(setup: Setup) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bare");
        if setup.tuned {
            command.arg("--tuned");
        }
        if setup.log {
            command.arg("--log");
        }
        Self::start(command)
    }

    fn start(mut command: Command) -> Result<Self> {
        let since = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let stderr = child.stderr.take();
        let (line, lines) = mpsc::channel();
        // The output is read to the end, because a full pipe would block the server.
        thread::spawn(move || {
            for text in stderr
                .into_iter()
                .flat_map(|stderr| BufReader::new(stderr).lines())
                .map_while(Result::ok)
            {
                let _ = line.send(text);
            }
        });
        let mut messages = Vec::new();
        while let Ok(text) = lines.recv_timeout(START_TIMEOUT.saturating_sub(since.elapsed())) {
            if let Some(address) = announced_address(&text) {
                return Ok(Self {
                    child,
                    address,
                    start_up: since.elapsed(),
                });
            }
            messages.push(text);
        }
        let _ = child.kill();
        let _ = child.wait();
        bail!(
            "the server does not listen; its output is: {}",
            messages.join("\n")
        );
    }

    /// Returns the processor time of all threads since the start, in nanoseconds.
    pub(crate) fn processor_time(&self) -> Result<f64> {
        let mut sum = 0.0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            sum += scheduled_time(&task?.path()).unwrap_or_default();
        }
        Ok(sum)
    }

    /// Waits until the work at startup is finished, such as loading sessions into memory.
    pub(crate) async fn settle(&self) -> Result<()> {
        let mut before = self.processor_time()?;
        loop {
            tokio::time::sleep(IDLE_TIME).await;
            let now = self.processor_time()?;
            // The server uses at most one percent of a core, for example for timers.
            if (now - before).abs() < IDLE_TIME.as_nanos() as f64 / 100.0 {
                return Ok(());
            }
            before = now;
        }
    }

    /// Returns the current and the maximum resident memory of the process, in MB.
    pub(crate) fn memory(&self) -> Result<(f64, f64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| {
                    line.strip_prefix(name)?
                        .split_whitespace()
                        .next()?
                        .parse::<f64>()
                        .ok()
                })
                .with_context(|| format!("/proc has no {name}"))
        };
        // The kernel counts 1024 bytes as a kB.
        Ok((field("VmRSS:")? * 1.024e-3, field("VmHWM:")? * 1.024e-3))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn announced_address(line: &str) -> Option<SocketAddr> {
    let address = line.strip_prefix("listening on http://")?;
    address.split(';').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_read_from_the_output_of_both_servers() {
        let address = Some("127.0.0.1:7".parse().unwrap());
        assert_eq!(
            announced_address("listening on http://127.0.0.1:7"),
            address
        );
        assert_eq!(
            announced_address("listening on http://127.0.0.1:7; to log in:"),
            address
        );
        assert_eq!(announced_address("created the administrator"), None);
    }
}
