//! Server processes, and what the system tells of them. Linux only: the figures come from `/proc`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::bare::Setup;
use crate::fill;

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(60);

/// A server that does nothing for so long has done what it does after its start.
const QUIET: Duration = Duration::from_millis(500);

/// A server that listens. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process until it listened.
    pub(crate) start_up: Duration,
}

impl Server {
    /// Our server, on a database in `folder`, with some settings as flags; it logs to nowhere.
    pub(crate) fn ours(binary: &Path, folder: &Path, settings: &[&str]) -> Result<Self> {
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PBX_LOGIN_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(folder)
            .args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "off"])
            .args(settings)
            .env("PBX_LOGIN_ADMIN_PASSWORD", fill::PASSWORD);
        Self::start(command)
    }

    /// The bare dropshot server.
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
        // Read to its end, whatever is done with it: a full pipe would stop the server.
        thread::spawn(move || {
            for text in stderr
                .into_iter()
                .flat_map(|stderr| BufReader::new(stderr).lines())
                .map_while(Result::ok)
            {
                let _ = line.send(text);
            }
        });
        let mut said = Vec::new();
        while let Ok(text) = lines.recv_timeout(START.saturating_sub(since.elapsed())) {
            if let Some(address) = listening(&text) {
                return Ok(Self {
                    child,
                    address,
                    start_up: since.elapsed(),
                });
            }
            said.push(text);
        }
        let _ = child.kill();
        let _ = child.wait();
        bail!("a server does not listen; it says: {}", said.join("\n"));
    }

    /// The processor time that all threads have used so far, in nanoseconds.
    pub(crate) fn processor_time(&self) -> Result<f64> {
        let mut sum = 0.0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end in between.
            let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            let used = text
                .split(' ')
                .next()
                .and_then(|used| used.parse::<f64>().ok());
            sum += used.unwrap_or_default();
        }
        Ok(sum)
    }

    /// Waits until the server has done what it does after its start, such as reading sessions into memory.
    pub(crate) async fn settle(&self) -> Result<()> {
        let mut before = self.processor_time()?;
        loop {
            tokio::time::sleep(QUIET).await;
            let now = self.processor_time()?;
            // A hundredth of the time: timers and the like.
            if (now - before).abs() < QUIET.as_nanos() as f64 / 100.0 {
                return Ok(());
            }
            before = now;
        }
    }

    /// The memory that the process holds, in MB: what it holds now, and the most that it ever held.
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
                .with_context(|| format!("/proc tells no {name}"))
        };
        // Kernel's kB are of 1024 bytes.
        Ok((field("VmRSS:")? * 1.024e-3, field("VmHWM:")? * 1.024e-3))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the line of a server that says where it listens.
fn listening(line: &str) -> Option<SocketAddr> {
    let address = line.strip_prefix("listening on http://")?;
    address.split(';').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_say_where_they_listen() {
        let address = Some("127.0.0.1:7".parse().unwrap());
        assert_eq!(listening("listening on http://127.0.0.1:7"), address);
        assert_eq!(
            listening("listening on http://127.0.0.1:7; to log in:"),
            address
        );
        assert_eq!(listening("created the administrator"), None);
    }
}
