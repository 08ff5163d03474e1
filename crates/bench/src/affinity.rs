//! The processors that threads and processes run on (Linux only).

use anyhow::Result;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::processor;

/// While it exists, a process and its children have a processor of their own.
///
/// This thread, and the threads and processes that it starts meanwhile, use the other processors.
#[derive(Debug)]
pub(crate) struct Separation {
    all: CpuSet,
    process: u32,
}

impl Separation {
    /// Returns `None` if there is only one processor.
    pub(crate) fn of(process: u32) -> Result<Option<Self>> {
        let all = sched_getaffinity(None)?;
        let processors = (0..CpuSet::MAX_CPU).filter(|processor| all.is_set(*processor));
        let Some(last) = processors.skip(1).last() else {
            return Ok(None);
        };
        let separation = Self { all, process };
        let (mut own, mut others) = (CpuSet::new(), all);
        own.set(last);
        others.unset(last);
        separation.apply(&own, &others)?;
        Ok(Some(separation))
    }

    fn apply(&self, own: &CpuSet, others: &CpuSet) -> Result<()> {
        sched_setaffinity(None, others)?;
        for process in processor::with_children(self.process)? {
            // A child may have ended.
            let _ = sched_setaffinity(Pid::from_raw(process.try_into()?), own);
        }
        Ok(())
    }
}

impl Drop for Separation {
    fn drop(&mut self) {
        // The measurements that follow would only be slower.
        let _ = self.apply(&self.all, &self.all);
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};
    use std::thread;

    use super::*;

    #[derive(Debug)]
    struct Sleeping(Child);

    impl Drop for Sleeping {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    #[test]
    fn process_has_the_last_processor_until_the_separation_ends() {
        let child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let child = Sleeping(child);
        let pid = Pid::from_raw(child.0.id().try_into().unwrap());
        let all = sched_getaffinity(None).unwrap();
        if let Some(separation) = Separation::of(child.0.id()).unwrap() {
            let own = sched_getaffinity(pid).unwrap();
            let inherited = thread::spawn(|| sched_getaffinity(None).unwrap());
            let others = inherited.join().unwrap();
            assert_eq!((own.count(), others.count()), (1, all.count() - 1));
            let last = (0..CpuSet::MAX_CPU).rfind(|processor| all.is_set(*processor));
            assert!(own.is_set(last.unwrap()) && !others.is_set(last.unwrap()));
            drop(separation);
        }
        assert_eq!(sched_getaffinity(pid).unwrap(), all);
        assert_eq!(sched_getaffinity(None).unwrap(), all);
    }
}
