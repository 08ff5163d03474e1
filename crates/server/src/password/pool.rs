//! The hashing threads: one per core, at the lowest priority, so that hashing delays no other work.
//!
//! Each thread reuses its memory, so that a flood of logins needs only the memory of one hash per core. A login
//! acquires a [`HashPermit`] to hash, and is shed if it would wait too long. Dropping the permit also cancels its
//! queued job, so that a disconnected client costs nothing.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use argon2::Block;
use tokio::sync::oneshot;
use zeroize::Zeroize as _;

use super::HasherError;
use crate::metrics::Metrics;

pub(super) type Memory = Vec<Block>;

/// Bounds of the hashing queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The maximum number of queued passwords, which bounds the memory of waiting logins.
    pub queue: usize,
    /// The longest wait, estimated from recent hash times.
    pub wait: Duration,
}

impl Limits {
    /// Two seconds, which people accept, and 1000 passwords, which six cores hash in that time.
    ///
    /// On fewer cores, the wait is the effective limit.
    pub const DEFAULT: Self = Self {
        queue: 1000,
        wait: Duration::from_secs(2),
    };
}

/// The lowest POSIX priority.
///
/// Next to a thread of default priority, it gets about 1/70 of a core (Linux, `sched_prio_to_weight`).
const NICE: i32 = 19;

/// The period over which hash times are averaged.
///
/// It spans many fast hashes, so that a brief shortage of processor time does not cause load shedding, but only a few
/// slow ones, so that the average adapts quickly.
const AVERAGING_PERIOD: Duration = Duration::from_secs(1);

/// The multiple of the maximum wait after which a queued job is shed.
///
/// This happens if hashing became slower after the job was admitted. Others wait behind it.
const QUEUE_TIMEOUT_FACTOR: u32 = 2;

/// The hashing threads, from the first job until the pool is dropped, and their queue.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    threads: NonZeroUsize,
    limits: Limits,
    /// The memory blocks of a hash of the current cost, which a thread keeps.
    blocks: usize,
    metrics: Arc<Metrics>,
    queue: Mutex<Queue>,
    /// Notified when a job is queued or the pool is closed.
    wake: Condvar,
    acquired: AtomicUsize,
    /// The average hash time in nanoseconds: never 0.
    average_nanos: AtomicU64,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Box<dyn Job>>,
    started: bool,
    closed: bool,
}

trait Job: Send {
    fn has_caller(&self) -> bool;
    fn queued_at(&self) -> Instant;
    fn run(self: Box<Self>, memory: &mut Memory);
    /// Replies [`HasherError::Overloaded`] with the current wait.
    fn shed(self: Box<Self>, wait: Duration);
}

struct QueuedHash<H, T> {
    hash: H,
    reply: oneshot::Sender<Result<T, HasherError>>,
    queued_at: Instant,
}

impl<H, T> Job for QueuedHash<H, T>
where
    H: FnOnce(&mut Memory) -> Result<T, HasherError> + Send,
    T: Send,
{
    fn has_caller(&self) -> bool {
        !self.reply.is_closed()
    }

    fn queued_at(&self) -> Instant {
        self.queued_at
    }

    fn run(self: Box<Self>, memory: &mut Memory) {
        let result = (self.hash)(memory);
        // The caller may have been dropped.
        let _ = self.reply.send(result);
    }

    fn shed(self: Box<Self>, wait: Duration) {
        let _ = self.reply.send(Err(HasherError::Overloaded { wait }));
    }
}

/// A permit to hash passwords, one at a time.
pub struct HashPermit {
    shared: Arc<Shared>,
}

impl Drop for HashPermit {
    fn drop(&mut self) {
        self.shared.acquired.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for HashPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashPermit")
    }
}

impl Pool {
    pub(super) fn new(
        threads: NonZeroUsize,
        limits: Limits,
        blocks: usize,
        estimate: Duration,
        metrics: Arc<Metrics>,
    ) -> Self {
        let estimate = u64::try_from(estimate.as_nanos()).unwrap_or(u64::MAX);
        Self {
            shared: Arc::new(Shared {
                threads,
                limits,
                blocks,
                metrics,
                queue: Mutex::default(),
                wake: Condvar::new(),
                acquired: AtomicUsize::new(0),
                average_nanos: AtomicU64::new(estimate.max(1)),
            }),
        }
    }

    /// Acquires a permit; fails if the queue is full or the wait would be too long.
    pub(super) fn try_acquire(&self) -> Result<HashPermit, HasherError> {
        let shared = Arc::clone(&self.shared);
        let before = shared.acquired.fetch_add(1, Ordering::AcqRel);
        // If the permit is refused, dropping it releases it.
        let permit = HashPermit { shared };
        self.shared.admit(before)?;
        Ok(permit)
    }

    /// Checks whether a permit would be available after `ahead` more are acquired.
    pub(super) fn check_capacity(&self, ahead: usize) -> Result<(), HasherError> {
        let acquired = self.shared.acquired.load(Ordering::Acquire);
        self.shared.admit(acquired.saturating_add(ahead))
    }

    pub(super) fn max_wait(&self) -> Duration {
        self.shared.limits.wait
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.wake.notify_all();
    }
}

impl HashPermit {
    /// Runs `hash` on a thread, in queue order; skips it if the returned future was dropped before.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        hash: impl FnOnce(&mut Memory) -> Result<T, HasherError> + Send + 'static,
    ) -> Result<T, HasherError> {
        let (reply, answer) = oneshot::channel();
        let queued_at = Instant::now();
        self.shared.push(Box::new(QueuedHash {
            hash,
            reply,
            queued_at,
        }))?;
        answer.await.map_err(|_| HasherError::Interrupted)?
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, before: usize) -> Result<(), HasherError> {
        let wait = self.estimate_wait(before);
        let full = before >= self.threads.get().saturating_add(self.limits.queue);
        if full || wait > self.limits.wait {
            return Err(HasherError::Overloaded { wait });
        }
        Ok(())
    }

    /// Estimates the wait of a password behind `before` other permits.
    fn estimate_wait(&self, before: usize) -> Duration {
        let threads = self.threads.get();
        // A password does not wait if a thread is free.
        let rounds = before.saturating_sub(threads - 1) as u64;
        let average = self.average_nanos.load(Ordering::Relaxed);
        Duration::from_nanos(average.saturating_mul(rounds) / threads as u64)
    }

    fn push(self: &Arc<Self>, job: Box<dyn Job>) -> Result<(), HasherError> {
        let mut queue = self.queue();
        if !queue.started {
            self.start().map_err(|_| HasherError::Interrupted)?;
            queue.started = true;
        }
        if queue.jobs.len() >= self.limits.queue {
            // Permits limit the jobs with a caller; all other jobs belong to disconnected clients.
            queue.jobs.retain(|job| job.has_caller());
        }
        queue.jobs.push_back(job);
        self.metrics.set_hash_queue(queue.jobs.len());
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// Starts the threads; fails only if the first cannot start.
    fn start(self: &Arc<Self>) -> std::io::Result<()> {
        for number in 0..self.threads.get() {
            let shared = Arc::clone(self);
            let thread = thread::Builder::new().name(format!("hash-{number}"));
            let started = thread.spawn(move || Worker::new(&shared).serve());
            if number == 0 {
                started?;
            }
        }
        Ok(())
    }

    fn update_average(&self, elapsed: Duration) {
        let elapsed = elapsed.as_nanos();
        let before = u128::from(self.average_nanos.load(Ordering::Relaxed));
        // Rates are averaged, not times: 1 / after = (1 - a) / before + a / elapsed, with a = elapsed /
        // (AVERAGING_PERIOD + elapsed).
        let after = before * (AVERAGING_PERIOD.as_nanos() + elapsed)
            / (AVERAGING_PERIOD.as_nanos() + before);
        let after = u64::try_from(after).unwrap_or(u64::MAX);
        // A concurrent update may be lost, which an average tolerates.
        self.average_nanos.store(after.max(1), Ordering::Relaxed);
    }
}

struct Worker<'a> {
    shared: &'a Shared,
    memory: Memory,
    /// Whether the memory was used since it was wiped.
    dirty: bool,
}

impl<'a> Worker<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            memory: Memory::new(),
            dirty: false,
        }
    }

    fn serve(mut self) {
        // On Linux this affects only the thread. If it fails, the thread keeps the default priority.
        let _ = rustix::process::setpriority_process(None, NICE);
        while let Some(job) = self.next() {
            if !job.has_caller() {
                continue;
            }
            if job.queued_at().elapsed()
                > self.shared.limits.wait.saturating_mul(QUEUE_TIMEOUT_FACTOR)
            {
                let acquired = self.shared.acquired.load(Ordering::Relaxed);
                job.shed(self.shared.estimate_wait(acquired));
            } else {
                self.run(job);
            }
        }
        self.wipe_memory();
    }

    /// Waits for the next job; returns `None` when the pool is closed.
    ///
    /// The memory is wiped before the wait, but not between two jobs: the next hash overwrites it, and wiping costs
    /// 1/20 of a hash.
    fn next(&mut self) -> Option<Box<dyn Job>> {
        let shared = self.shared;
        let mut queue = shared.queue();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                shared.metrics.set_hash_queue(queue.jobs.len());
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            if self.dirty {
                drop(queue);
                self.wipe_memory();
                queue = shared.queue();
            } else {
                let woken = shared.wake.wait(queue);
                queue = woken.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn run(&mut self, job: Box<dyn Job>) {
        self.dirty = true;
        let started_at = Instant::now();
        let waited = started_at.saturating_duration_since(job.queued_at());
        self.shared.metrics.record_hash_wait(waited);
        // The caller detects a panic by the missing reply; other jobs must still run.
        let _ = catch_unwind(AssertUnwindSafe(|| job.run(&mut self.memory)));
        let elapsed = started_at.elapsed();
        self.shared.metrics.record_hash_time(elapsed);
        self.shared.update_average(elapsed);
    }

    /// Wipes the memory, and frees what exceeds a hash of the current cost.
    fn wipe_memory(&mut self) {
        for block in &mut self.memory {
            block.zeroize();
        }
        self.memory.truncate(self.shared.blocks);
        self.memory.shrink_to_fit();
        self.dirty = false;
    }
}

#[cfg(test)]
mod tests;
