//! Limits of the machine: open files, which limit connections, and cores.

use std::num::NonZeroUsize;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// An idle connection costs about 3 KiB (measured, `docs/operations.md`): this many cost some 200 MB.
const DESIRED_OPEN_FILES: u64 = 65_536;

/// Raises the usual limit of 1024, which is for programs that use `select(2)`; returns the new limit.
pub(crate) fn raise_open_files() -> u64 {
    let before = getrlimit(Resource::Nofile);
    let maximum = before.maximum.unwrap_or(DESIRED_OPEN_FILES);
    let Some(current) = before
        .current
        .filter(|current| *current < DESIRED_OPEN_FILES.min(maximum))
    else {
        return before.current.unwrap_or(u64::MAX);
    };
    let desired = Rlimit {
        current: Some(DESIRED_OPEN_FILES.min(maximum)),
        maximum: before.maximum,
    };
    // A sandbox may forbid this; the metric `process_max_fds` shows the limit in effect.
    match setrlimit(Resource::Nofile, desired) {
        Ok(()) => DESIRED_OPEN_FILES.min(maximum),
        Err(_) => current,
    }
}

pub(crate) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
