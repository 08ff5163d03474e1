//! Metrics of the process, with the names that Prometheus recommends for all programs.
//!
//! The feature `process` of the crate `prometheus` does the same, but its dependencies take 20 s of the first build.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::{Counter, Gauge, IntGauge, Registry};
use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::register;

/// The metrics of the process; a value that the system does not provide keeps its last value.
pub(super) struct ProcessMetrics {
    cpu: Counter,
    resident_memory: IntGauge,
    virtual_memory: IntGauge,
    open_files: IntGauge,
    max_open_files: IntGauge,
    threads: IntGauge,
}

impl ProcessMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauge = |name: &str, help: &str| register(registry, IntGauge::new(name, help));
        let start_time = register(
            registry,
            Gauge::new(
                "process_start_time_seconds",
                "Start time of the process since 1970.",
            ),
        );
        #[expect(
            clippy::disallowed_methods,
            reason = "the start of the process, which no test controls"
        )]
        let now = SystemTime::now();
        let since_1970 = now.duration_since(UNIX_EPOCH);
        start_time.set(since_1970.unwrap_or_default().as_secs_f64());
        Self {
            cpu: register(
                registry,
                Counter::new(
                    "process_cpu_seconds_total",
                    "Processor time in user and kernel mode.",
                ),
            ),
            resident_memory: gauge("process_resident_memory_bytes", "Resident memory."),
            virtual_memory: gauge("process_virtual_memory_bytes", "Virtual address space."),
            open_files: gauge("process_open_fds", "Open files, including connections."),
            max_open_files: gauge("process_max_fds", "Limit on open files."),
            threads: gauge("process_threads", "Threads."),
        }
    }

    /// Sets all metrics.
    ///
    /// Only a sampler calls this, because two concurrent calls could count processor time twice.
    pub(super) fn sample(&self) {
        if let Ok(time) = Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)) {
            let counted = self.cpu.get();
            self.cpu.inc_by((time.as_secs_f64() - counted).max(0.0));
        }
        if let Some(limit) = getrlimit(Resource::Nofile).current {
            self.max_open_files.set(saturate(limit));
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            // Without the file that is open to list them.
            let open = files.count().saturating_sub(1);
            self.open_files.set(saturate(open));
        }
        let stat = std::fs::read_to_string("/proc/self/stat");
        if let Some(stat) = stat.ok().as_deref().and_then(Stat::parse) {
            self.threads.set(saturate(stat.threads));
            self.virtual_memory.set(saturate(stat.virtual_bytes));
            let pages = stat.resident_pages;
            self.resident_memory
                .set(saturate(pages.saturating_mul(page_size() as u64)));
        }
    }
}

/// Fields of `/proc/self/stat`, which `proc_pid_stat(5)` describes.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    threads: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The second field is the name of the program in parentheses, and may contain any character.
        let (_, after_name) = text.rsplit_once(')')?;
        let mut fields = after_name.split_ascii_whitespace();
        Some(Self {
            threads: fields.nth(20 - 3)?.parse().ok()?,
            virtual_bytes: fields.nth(23 - 21)?.parse().ok()?,
            resident_pages: fields.next()?.parse().ok()?,
        })
    }
}

fn saturate(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_stat_are_found_after_any_program_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 100 0 0 0 12 34 0 0 20 0 5 0 999 123456 789 18446744073709551615";
        let expected = Stat {
            threads: 5,
            virtual_bytes: 123_456,
            resident_pages: 789,
        };
        assert_eq!(Stat::parse(stat), Some(expected));
        assert_eq!(Stat::parse("7 (name) S 1"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn sample_describes_this_process() {
        let metrics = ProcessMetrics::new(&Registry::new());
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        metrics.sample();
        let first = metrics.cpu.get();
        assert!(first > 0.0, "{first}");
        assert!(metrics.open_files.get() >= 1);
        assert!(metrics.max_open_files.get() > metrics.open_files.get());
        assert!(metrics.threads.get() >= 1);
        let resident = metrics.resident_memory.get();
        assert!(resident > 100_000 && metrics.virtual_memory.get() > resident);
        metrics.sample();
        assert!(metrics.cpu.get() >= first);
        drop(file);
    }
}
