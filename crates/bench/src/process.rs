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

/// Returns the processor time of a thread in nanoseconds, if its directory in `/proc` still exists.
pub(crate) fn scheduled_time(thread: &Path) -> Option<f64> {
    let text = fs::read_to_string(thread.join("schedstat")).ok()?;
    text.split(' ').next()?.parse().ok()
}

/// The unit of times in `/proc/PID/stat`: a hundredth of a second on all platforms with a `/proc`.
const NANOSECONDS_PER_TICK: f64 = 1e7;

/// Returns the processor time of a process and its children in nanoseconds, if each has one thread.
///
/// The times of children that have ended are rounded to a hundredth of a second.
pub(crate) fn processor_time_with_children(parent: u32) -> Result<f64> {
    let mut sum = 0.0;
    for process in fs::read_dir("/proc")? {
        let folder = process?.path();
        let Some(stat) = read_stat(&folder) else {
            continue;
        };
        let is_parent = folder.file_name() == Some(parent.to_string().as_ref());
        if is_parent {
            sum += stat.ended_children * NANOSECONDS_PER_TICK;
        }
        if is_parent || stat.parent == parent {
            sum += scheduled_time(&folder).unwrap_or_default();
        }
    }
    Ok(sum)
}

#[derive(Debug, PartialEq)]
struct Stat {
    parent: u32,
    /// The processor time of children that have ended, in ticks.
    ended_children: f64,
}

fn read_stat(process: &Path) -> Option<Stat> {
    parse_stat(&fs::read_to_string(process.join("stat")).ok()?)
}

/// Parses the fields after the name, which ends with the last parenthesis (proc_pid_stat(5)).
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        ended_children: ticks(13)? + ticks(14)?,
    })
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
    #[test]
    fn parent_and_time_of_ended_children_are_read_after_the_name() {
        let text = "7 (a) b (c) S 42 3 4 5 6 7 8 9 10 11 100 200 30 4 20 0 1 0";
        let stat = Stat {
            parent: 42,
            ended_children: 34.0,
        };
        assert_eq!(parse_stat(text), Some(stat));
        assert_eq!(parse_stat("7 (a) S"), None);
    }

    #[test]
    fn processor_time_includes_children_that_run_and_that_have_ended() {
        let parent = std::process::id();
        let busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let before = processor_time_with_children(parent).unwrap();
        let status = Command::new("sh").args(["-c", busy]).status().unwrap();
        assert!(status.success());
        let ended = processor_time_with_children(parent).unwrap();
        assert!(ended - before > 2e7, "{before} {ended}");
    }
}
