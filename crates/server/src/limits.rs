//! Limits of the machine: open files, and so connections, and cores.

use std::num::NonZeroUsize;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The wanted limit. Each connection is an open file; an idle one costs about 3 KiB (measured; `docs/operations.md`), so that
/// this many cost some 200 MB and not the whole machine.
const WANTED_OPEN_FILES: u64 = 65_536;

/// Raises the limit on open files as far as the system allows, and returns it.
///
/// Shells and service managers start processes with a limit of 1024 for programs that use `select(2)`; this one does not.
pub(crate) fn raise_open_files() -> u64 {
    let before = getrlimit(Resource::Nofile);
    let most = before.maximum.unwrap_or(WANTED_OPEN_FILES);
    let Some(current) = before
        .current
        .filter(|current| *current < WANTED_OPEN_FILES.min(most))
    else {
        return before.current.unwrap_or(u64::MAX);
    };
    let wanted = Rlimit {
        current: Some(WANTED_OPEN_FILES.min(most)),
        maximum: before.maximum,
    };
    // A sandbox may forbid even this; the metric `process_max_fds` shows it.
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => WANTED_OPEN_FILES.min(most),
        Err(_) => current,
    }
}

/// Returns how many threads the machine runs at a time.
pub(crate) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
