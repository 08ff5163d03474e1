//! Audit log streaming: writes each audit entry as a line of JSON, for a log collector.
//!
//! The store publishes an entry after its transaction is committed. A separate thread writes the line, so that a slow
//! disk or reader delays no login. A line that cannot be written is lost and reported; its entry remains in the audit
//! log.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::line::AuditLine;
use super::output::{AppendFile, LineOutput, Lines};
use crate::domain::audit::AuditEntry;
use crate::store::AuditSink;

/// The maximum number of entries waiting to be written, which take up to 10 MB.
const MAX_QUEUED_ENTRIES: usize = 16 * 1024;

/// How long closing a stream waits until the queued lines are written.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Where the lines are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamTarget {
    /// Standard output.
    Stdout,
    /// The end of a file, which is created if necessary.
    File(PathBuf),
}

/// The reason why a line was lost.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum LineLost {
    #[error("too many lines are waiting to be written")]
    QueueFull,
    #[error(transparent)]
    Write(io::Error),
    #[error("the queued lines were not written within a second")]
    Stalled,
    #[error("the process is stopping")]
    Closed,
}

type Report = Arc<dyn Fn(LineLost) + Send + Sync>;

/// Writes published audit entries as lines.
pub struct AuditStream {
    /// `None` if the stream is closed.
    queue: Mutex<Option<SyncSender<AuditEntry>>>,
    /// Disconnected when the thread has ended.
    ended: Mutex<Receiver<()>>,
    report: Report,
}

impl AuditStream {
    /// Opens the target and starts the thread; `report` is called for each lost line and must not block.
    pub fn start(
        target: &StreamTarget,
        report: impl Fn(LineLost) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        match target {
            StreamTarget::Stdout => {
                Self::start_with(Lines::new(io::stdout()), MAX_QUEUED_ENTRIES, report)
            }
            StreamTarget::File(path) => {
                Self::start_with(AppendFile::open(path)?, MAX_QUEUED_ENTRIES, report)
            }
        }
    }

    /// Like [`AuditStream::start`], but opens the file with the first line.
    ///
    /// A process that publishes nothing creates no file.
    pub fn start_on_demand(
        path: &Path,
        report: impl Fn(LineLost) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::start_with(AppendFile::new(path), MAX_QUEUED_ENTRIES, report)
    }

    fn start_with(
        mut output: impl LineOutput + 'static,
        max_queued: usize,
        report: impl Fn(LineLost) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let report: Report = Arc::new(report);
        let (queue, entries) = mpsc::sync_channel(max_queued);
        let (end, ended) = mpsc::channel();
        let report_of_thread = Arc::clone(&report);
        std::thread::Builder::new()
            .name("audit-stream".to_owned())
            .spawn(move || {
                for entry in entries {
                    if let Err(error) = write(&mut output, entry) {
                        report_of_thread(LineLost::Write(error));
                    }
                }
                drop(end);
            })?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            ended: Mutex::new(ended),
            report,
        })
    }

    /// Writes the queued lines, for at most a second; entries that are published later are lost.
    pub fn close(&self) {
        let queue = self
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if queue.is_none() {
            return;
        }
        drop(queue);
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(CLOSE_TIMEOUT) == Err(RecvTimeoutError::Timeout) {
            (self.report)(LineLost::Stalled);
        }
    }
}

fn write(output: &mut impl LineOutput, entry: AuditEntry) -> io::Result<()> {
    let mut line = serde_json::to_vec(&AuditLine::from(entry))?;
    line.push(b'\n');
    output.write_line(&line)
}

impl AuditSink for AuditStream {
    fn publish(&self, entry: AuditEntry) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = match &*queue {
            Some(queue) => queue.try_send(entry).map_err(|error| match error {
                TrySendError::Full(_) => LineLost::QueueFull,
                TrySendError::Disconnected(_) => LineLost::Closed,
            }),
            None => Err(LineLost::Closed),
        };
        if let Err(lost) = sent {
            (self.report)(lost);
        }
    }
}

impl Drop for AuditStream {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for AuditStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditStream")
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn entry(id: i64) -> AuditEntry {
        AuditEntry {
            id,
            at: DateTime::UNIX_EPOCH,
            last_at: DateTime::UNIX_EPOCH,
            count: 1,
            event: "login".to_owned(),
            cause: None,
            username: Some("alice".to_owned()),
            domain: None,
            source: "request".to_owned(),
            operator: None,
            address: Some("192.0.2.1".to_owned()),
            user_agent: Some("a \"test\"".to_owned()),
            request_id: None,
            detail: None,
        }
    }

    /// Returns a function that records the lost lines, and the records.
    fn recorder() -> (impl Fn(LineLost) + Send + Sync, Arc<Mutex<Vec<String>>>) {
        let lost = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&lost);
        let report = move |line: LineLost| record.lock().unwrap().push(line.to_string());
        (report, lost)
    }

    #[test]
    fn published_entries_are_written_before_the_stream_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let (report, lost) = recorder();
        let stream = AuditStream::start(&StreamTarget::File(path.clone()), report).unwrap();
        for id in 1..=1000 {
            stream.publish(entry(id));
        }
        stream.close();
        stream.publish(entry(1001));
        drop(stream);
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 1000);
        insta::assert_snapshot!(text.lines().nth(41).unwrap(), @r#"{"id":42,"at":"1970-01-01T00:00:00Z","last_at":"1970-01-01T00:00:00Z","event":"login","cause":null,"username":"alice","domain":null,"count":1,"source":"request","operator":null,"address":"192.0.2.1","user_agent":"a \"test\"","request_id":null,"detail":null}"#);
        assert_eq!(*lost.lock().unwrap(), ["the process is stopping"]);
    }

    /// Waits for a message before each line, then reports an error.
    struct Blocked(Receiver<()>);

    impl LineOutput for Blocked {
        fn write_line(&mut self, _line: &[u8]) -> io::Result<()> {
            let _ = self.0.recv();
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn blocked_output_delays_no_publisher_and_each_lost_line_is_reported() {
        let (permit, permitted) = mpsc::channel();
        let (report, lost) = recorder();
        let stream = AuditStream::start_with(Blocked(permitted), 20, report).unwrap();
        // The thread has taken one of them, or it is still in the queue.
        for id in 0..30 {
            stream.publish(entry(id));
        }
        let full = lost.lock().unwrap().len();
        assert!((9..=10).contains(&full), "{full}");
        drop(permit);
        stream.close();
        let lost = lost.lock().unwrap();
        let is_full = |line: &&String| *line == "too many lines are waiting to be written";
        assert_eq!(lost.iter().filter(is_full).count(), full);
        assert_eq!(lost.len(), 30);
    }

    #[test]
    fn stalled_output_delays_the_end_for_a_limited_time() {
        let (_permit, permitted) = mpsc::channel();
        let (report, lost) = recorder();
        let stream = AuditStream::start_with(Blocked(permitted), 20, report).unwrap();
        stream.publish(entry(1));
        drop(stream);
        assert_eq!(
            *lost.lock().unwrap(),
            ["the queued lines were not written within a second"]
        );
    }
}
