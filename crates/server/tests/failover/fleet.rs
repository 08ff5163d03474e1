//! Three servers on one database, and commands on it.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use crate::program::{folder, program, with_password};

pub(crate) const SERVERS: usize = 3;

/// A server or command that is not finished after this time fails the test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

const CHECK_INTERVAL: Duration = Duration::from_millis(10);

pub(crate) struct Fleet {
    folder: TempDir,
    url: String,
    servers: [Mutex<Server>; SERVERS],
}

#[derive(Default)]
struct Server {
    process: Option<Child>,
    address: String,
    logs: Vec<PathBuf>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Server {
    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Fleet {
    /// Starts the servers.
    pub(crate) async fn start(url: String) -> Self {
        let fleet = Self {
            folder: folder(),
            url,
            servers: Default::default(),
        };
        for number in 0..SERVERS {
            fleet.start_server(number).await;
        }
        fleet
    }

    fn server(&self, number: usize) -> MutexGuard<'_, Server> {
        self.servers[number].lock().expect("no panic elsewhere")
    }

    /// Returns the address of a server, which need not be running.
    pub(crate) fn address(&self, number: usize) -> String {
        self.server(number).address.clone()
    }

    pub(crate) fn kill(&self, number: usize) {
        self.server(number).kill();
    }

    pub(crate) fn signal(&self, number: usize, signal: Signal) {
        let server = self.server(number);
        let process = server.process.as_ref().expect("a running server");
        let process = Pid::from_child(process);
        rustix::process::kill_process(process, signal).expect("a process of this test");
    }

    /// Starts a killed server and waits until it listens; restarts it if it exits, as a supervisor does.
    pub(crate) async fn start_server(&self, number: usize) {
        let since = Instant::now();
        while !self.try_start(number).await {
            assert!(since.elapsed() < DEADLINE, "server {number} does not start");
        }
    }

    async fn try_start(&self, number: usize) -> bool {
        let log = {
            let mut server = self.server(number);
            let name = format!("{number}-{}.log", server.logs.len());
            let log = self.folder.path().join(name);
            let file = File::create(&log).expect("a file");
            let mut command = self.command();
            command.args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "off"]);
            command
                .stderr(file.try_clone().expect("a file"))
                .stdout(file);
            server.logs.push(log.clone());
            server.process = Some(command.spawn().expect("a process"));
            log
        };
        let since = Instant::now();
        loop {
            let text = std::fs::read_to_string(&log).expect("a log");
            if let Some(address) = text.lines().find_map(listening_address) {
                self.server(number).address = address;
                return true;
            }
            if self.has_ended(number) {
                return false;
            }
            assert!(since.elapsed() < DEADLINE, "server {number} hangs: {text}");
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }

    fn has_ended(&self, number: usize) -> bool {
        let mut server = self.server(number);
        let process = server.process.as_mut().expect("it was started");
        process.try_wait().expect("a process").is_some()
    }

    fn command(&self) -> Command {
        let mut command = program(self.folder.path());
        with_password(&mut command);
        command
            .env("PBX_LOGIN_DATABASE", &self.url)
            // Fewer than there are concurrent operations.
            .env("PBX_LOGIN_POSTGRES_POOL_SIZE", "4")
            // The cheapest hashes that are allowed.
            .env("PBX_LOGIN_PASSWORD_MEMORY", "7168")
            .env("PBX_LOGIN_PASSWORD_PASSES", "5")
            // Each login has its own network, and a network that has reached a limit remains at it.
            .env("PBX_LOGIN_TRUSTED_PROXIES", "127.0.0.1")
            .env("PBX_LOGIN_THROTTLE_FIRST_WAIT", "1h")
            .env("PBX_LOGIN_THROTTLE_LONGEST_WAIT", "1h")
            // No login is shed because the machine is slow.
            .env("PBX_LOGIN_LOGIN_MAX_WAIT", "15s")
            .env("PBX_LOGIN_SESSION_PER_USER", "10000")
            .env("PBX_LOGIN_SESSION_LIFETIME", "2h")
            .env("PBX_LOGIN_LOG_LEVEL", "warn")
            .env("PBX_LOGIN_LOG_FORMAT", "json");
        command
    }

    /// Runs a command; returns whether it succeeded, and its output.
    pub(crate) async fn run(&self, line: &str, input: &str) -> (bool, String) {
        let output = tempfile::tempfile_in(self.folder.path()).expect("a file");
        let mut command = self.command();
        command
            .args(line.split(' '))
            .stdin(Stdio::piped())
            .stderr(output.try_clone().expect("a file"))
            .stdout(output.try_clone().expect("a file"));
        let mut process = command.spawn().expect("a process");
        let mut stdin = process.stdin.take().expect("piped");
        // It fails if the command ends without reading.
        let _ = std::io::Write::write_all(&mut stdin, input.as_bytes());
        drop(stdin);
        let since = Instant::now();
        let status = loop {
            if let Some(status) = process.try_wait().expect("a process") {
                break status;
            }
            if since.elapsed() > DEADLINE {
                let _ = process.kill();
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        };
        (status.success(), read_all(output))
    }

    /// Returns the resident memory of a server in bytes; `None` if it does not run.
    pub(crate) fn memory(&self, number: usize) -> Option<u64> {
        let process = self.server(number).process.as_ref()?.id();
        let pages = std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
        let resident: u64 = pages.split(' ').nth(1)?.parse().ok()?;
        Some(resident * 4096)
    }

    /// Returns the lines of all logs that contain a text.
    pub(crate) fn log_lines(&self, text: &str) -> Vec<String> {
        let logs = (0..SERVERS).flat_map(|number| self.server(number).logs.clone());
        let logs = logs.map(|log| std::fs::read_to_string(log).expect("a log"));
        let lines: Vec<String> = logs
            .flat_map(|log| log.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        lines.into_iter().filter(|it| it.contains(text)).collect()
    }
}

fn read_all(mut file: File) -> String {
    use std::io::{Read as _, Seek as _};
    file.rewind().expect("a file");
    let mut text = String::new();
    file.read_to_string(&mut text).expect("text");
    text
}

/// Returns the address in the line of standard error that announces it.
fn listening_address(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("listening on http://")?;
    Some(rest.split_once(';')?.0.to_owned())
}
