//! Processor time of threads and processes, from `/proc` (Linux only).

use std::fs;
use std::path::Path;

use anyhow::Result;

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
    let folder = |process: u32| Path::new("/proc").join(process.to_string());
    let ended = read_stat(&folder(parent)).map_or(0.0, |stat| stat.ended_children);
    let processes = with_children(parent)?.into_iter();
    let running = processes.filter_map(|process| scheduled_time(&folder(process)));
    Ok(running.sum::<f64>() + ended * NANOSECONDS_PER_TICK)
}

/// Returns the ids of a process and its children.
pub(crate) fn with_children(parent: u32) -> Result<Vec<u32>> {
    let mut processes = vec![parent];
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let id = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok());
        let is_child = || read_stat(&entry.path()).is_some_and(|stat| stat.parent == parent);
        processes.extend(id.filter(|_| is_child()));
    }
    Ok(processes)
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

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
