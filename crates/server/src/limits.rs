//! How many connections the process may have open at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is wanted: each connection is an open file, and so are the database's. One that says nothing costs about 3 KiB
/// (measured; `docs/operations.md`), so that this many cost some 200 MB and not the whole machine.
const WANTED: u64 = 65_536;

/// Raises the limit on open files to [`WANTED`], or to what the process may have at most, and gives it. Shells and service
/// managers start processes with 1024, for the sake of programs that use `select(2)`; this one does not.
pub(crate) fn raise_open_files() -> u64 {
    let before = getrlimit(Resource::Nofile);
    let most = before.maximum.unwrap_or(WANTED);
    let Some(current) = before.current.filter(|current| *current < WANTED.min(most)) else {
        return before.current.unwrap_or(u64::MAX);
    };
    let wanted = Rlimit {
        current: Some(WANTED.min(most)),
        maximum: before.maximum,
    };
    // A sandbox may forbid even this; the metric `process_max_fds` shows it.
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => WANTED.min(most),
        Err(_) => current,
    }
}
