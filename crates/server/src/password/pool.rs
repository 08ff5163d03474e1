//! The threads that hash: as many as there are cores, below everything else in priority.
//!
//! Hashing is the one thing here that takes long, on purpose. So it must not take anything from other work: its threads get
//! the processor when no other thread wants it, and each keeps the memory that it hashes in, so that a flood of logins of
//! any size needs no more than one piece a core. To hash, acquire a [`HashPermit`] first. There are few, and none if the
//! wait would be too long: the login is shed. A permit is released when it is dropped, and with it whatever still waits to
//! be hashed for it: a client that has gone costs nothing.

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

/// What a hash is worked out in.
pub(super) type Memory = Vec<Block>;

/// How much may wait to be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many passwords, beside those that are being hashed. It bounds the memory that logins take which wait.
    pub queue: usize,
    /// How long one of them may have to wait, by what hashing took lately.
    pub wait: Duration,
}

impl Limits {
    /// Two seconds: a person still waits for that; whoever would wait longer is better told so. And 1000 passwords, which is
    /// what six cores hash in that time: on fewer the time is the bound.
    pub const DEFAULT: Self = Self {
        queue: 1000,
        wait: Duration::from_secs(2),
    };
}

/// The lowest priority there is (`nice`, POSIX): against a thread of the usual one it gets one part in seventy of a core
/// (Linux, `sched_prio_to_weight`).
const NICE: i32 = 19;

/// How fast a thread hashes is averaged over about so much of its time: over many quick hashes, so that no moment in which
/// it got little of the processor turns anybody away, and over few slow ones, so that it soon shows that they are slow.
const AVERAGED: Duration = Duration::from_secs(1);

/// A password that has waited so many times as long as the limit is shed after all: hashing has become slower since it was
/// admitted, and others wait behind it.
const QUEUE_TIMEOUT_FACTOR: u32 = 2;

/// See the module's documentation. The threads start with the first password, and end when it is dropped.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    threads: NonZeroUsize,
    limits: Limits,
    /// How many blocks a usual hash takes: what a thread keeps.
    blocks: usize,
    metrics: Arc<Metrics>,
    queue: Mutex<Queue>,
    /// Told when there is a job, or none will come any more.
    wake: Condvar,
    /// How many permits are out.
    taken: AtomicUsize,
    /// How long a hash took lately, in nanoseconds: never 0.
    took: AtomicU64,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Box<dyn Job>>,
    started: bool,
    closed: bool,
}

/// Something to be hashed.
trait Job: Send {
    /// Whether anybody waits for it.
    fn wanted(&self) -> bool;
    /// Since when it waits.
    fn since(&self) -> Instant;
    fn run(self: Box<Self>, memory: &mut Memory);
    /// Replies that it is not begun, and how long the wait is.
    fn shed(self: Box<Self>, wait: Duration);
}

struct Work<H, T> {
    hash: H,
    reply: oneshot::Sender<Result<T, HasherError>>,
    since: Instant,
}

impl<H, T> Job for Work<H, T>
where
    H: FnOnce(&mut Memory) -> Result<T, HasherError> + Send,
    T: Send,
{
    fn wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn since(&self) -> Instant {
        self.since
    }

    fn run(self: Box<Self>, memory: &mut Memory) {
        let result = (self.hash)(memory);
        // Who asked may have gone meanwhile.
        let _ = self.reply.send(result);
    }

    fn shed(self: Box<Self>, wait: Duration) {
        let _ = self.reply.send(Err(HasherError::Overloaded { wait }));
    }
}

/// A permit to have passwords hashed, one after the other.
pub struct HashPermit {
    shared: Arc<Shared>,
}

impl Drop for HashPermit {
    fn drop(&mut self) {
        self.shared.taken.fetch_sub(1, Ordering::AcqRel);
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
        guess: Duration,
        metrics: Arc<Metrics>,
    ) -> Self {
        let guess = u64::try_from(guess.as_nanos()).unwrap_or(u64::MAX);
        Self {
            shared: Arc::new(Shared {
                threads,
                limits,
                blocks,
                metrics,
                queue: Mutex::default(),
                wake: Condvar::new(),
                taken: AtomicUsize::new(0),
                took: AtomicU64::new(guess.max(1)),
            }),
        }
    }

    /// Takes a permit.
    ///
    /// # Errors
    ///
    /// [`HasherError::Overloaded`] when there is none, or the wait would be too long.
    pub(super) fn try_acquire(&self) -> Result<HashPermit, HasherError> {
        let shared = Arc::clone(&self.shared);
        let before = shared.taken.fetch_add(1, Ordering::AcqRel);
        // Given back where it is refused.
        let permit = HashPermit { shared };
        self.shared.admit(before)?;
        Ok(permit)
    }

    /// Checks whether a permit is left if so many more are acquired before.
    ///
    /// # Errors
    ///
    /// As [`Pool::try_acquire`].
    pub(super) fn check_capacity(&self, ahead: usize) -> Result<(), HasherError> {
        let taken = self.shared.taken.load(Ordering::Acquire);
        self.shared.admit(taken.saturating_add(ahead))
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
    /// Has `hash` run by one of the threads, in turn. It is not begun once the returned future has been dropped.
    ///
    /// # Errors
    ///
    /// Those of `hash`; [`HasherError::Overloaded`] when its turn came much too late, [`HasherError::BrokenOff`] when the
    /// thread that hashes dies.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        hash: impl FnOnce(&mut Memory) -> Result<T, HasherError> + Send + 'static,
    ) -> Result<T, HasherError> {
        let (reply, answer) = oneshot::channel();
        let since = Instant::now();
        self.shared.push(Box::new(Work { hash, reply, since }))?;
        answer.await.map_err(|_| HasherError::BrokenOff)?
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a password before which so many permits are out, or sheds it.
    fn admit(&self, before: usize) -> Result<(), HasherError> {
        let wait = self.wait(before);
        let full = before >= self.threads.get().saturating_add(self.limits.queue);
        if full || wait > self.limits.wait {
            return Err(HasherError::Overloaded { wait });
        }
        Ok(())
    }

    /// Returns how long a password waits before which so many permits are out.
    fn wait(&self, before: usize) -> Duration {
        let threads = self.threads.get();
        // While a thread is free there is nothing to wait for.
        let rounds = before.saturating_sub(threads - 1) as u64;
        let took = self.took.load(Ordering::Relaxed);
        Duration::from_nanos(took.saturating_mul(rounds) / threads as u64)
    }

    fn push(self: &Arc<Self>, job: Box<dyn Job>) -> Result<(), HasherError> {
        let mut queue = self.queue();
        if !queue.started {
            self.start().map_err(|_| HasherError::BrokenOff)?;
            queue.started = true;
        }
        if queue.jobs.len() >= self.limits.queue {
            // Each job that is wanted has a permit, and there are only so many: the rest is of those who have gone.
            queue.jobs.retain(|job| job.wanted());
        }
        queue.jobs.push_back(job);
        self.metrics.hash_queue(queue.jobs.len());
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// Starts the threads; one is enough to go on.
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

    fn average(&self, took: Duration) {
        let took = took.as_nanos();
        let before = u128::from(self.took.load(Ordering::Relaxed));
        // Of hashes in a time, not of times: 1 / after = (1 - a) / before + a / took, where a = took / (averaged + took).
        let after = before * (AVERAGED.as_nanos() + took) / (AVERAGED.as_nanos() + before);
        let after = u64::try_from(after).unwrap_or(u64::MAX);
        // Another thread's figure may get lost: it is an average.
        self.took.store(after.max(1), Ordering::Relaxed);
    }
}

/// One of the threads.
struct Worker<'a> {
    shared: &'a Shared,
    memory: Memory,
    /// Whether the memory still holds what a hash was worked out from.
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
        // On Linux this is the thread's alone. Where the system refuses, it has the priority of the others.
        let _ = rustix::process::setpriority_process(None, NICE);
        while let Some(job) = self.next() {
            if !job.wanted() {
                continue;
            }
            if job.since().elapsed() > self.shared.limits.wait.saturating_mul(QUEUE_TIMEOUT_FACTOR)
            {
                let taken = self.shared.taken.load(Ordering::Relaxed);
                job.shed(self.shared.wait(taken));
            } else {
                self.run(job);
            }
        }
        self.rest();
    }

    /// The next job; none when there will be none any more. The memory is wiped before waiting for one, but not between
    /// two: the next hash writes over it, and to wipe it takes one part in twenty of what a hash does.
    fn next(&mut self) -> Option<Box<dyn Job>> {
        let shared = self.shared;
        let mut queue = shared.queue();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                shared.metrics.hash_queue(queue.jobs.len());
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            if self.dirty {
                drop(queue);
                self.rest();
                queue = shared.queue();
            } else {
                let woken = shared.wake.wait(queue);
                queue = woken.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn run(&mut self, job: Box<dyn Job>) {
        self.dirty = true;
        let begun = Instant::now();
        let waited = begun.saturating_duration_since(job.since());
        self.shared.metrics.hash_waited(waited);
        // A panic is told to who asked by the reply that does not come; the others must not suffer.
        let _ = catch_unwind(AssertUnwindSafe(|| job.run(&mut self.memory)));
        let took = begun.elapsed();
        self.shared.metrics.hash_took(took);
        self.shared.average(took);
    }

    /// Wipes the memory, and gives back what only an unusual hash needed.
    fn rest(&mut self) {
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
