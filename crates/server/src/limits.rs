//! Limits of the process: open files, which limit the connections; core dumps; and processor cores.

use std::num::NonZeroUsize;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// An idle connection costs about 3 KiB (measured, `docs/operations.md`): this many cost some 200 MB.
const DESIRED_OPEN_FILES: u64 = 65_536;

/// Raises the limit of 1024, which is usual because of `select(2)`; returns the new limit.
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

/// Forbids core dumps, and prevents other processes of the same user from reading the memory.
///
/// The memory contains passwords and keys. Root and processes with `CAP_SYS_PTRACE` can still read it.
pub(crate) fn forbid_dumps() {
    // Lowering a limit is always permitted.
    let _ = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    );
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

pub(crate) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
