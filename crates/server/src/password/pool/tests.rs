//! Tests of queueing and load shedding. Jobs block until they are released, instead of hashing.

use std::sync::mpsc;

use super::*;

const LIMITS: Limits = Limits {
    queue: 2,
    wait: Duration::from_secs(10),
};

fn pool(threads: usize, limits: Limits) -> Pool {
    let threads = NonZeroUsize::new(threads).unwrap();
    Pool::new(threads, limits, 8, Duration::ZERO, Arc::default())
}

/// A running job that blocks until it is released.
struct BlockingJob {
    release: mpsc::Sender<()>,
    task: tokio::task::JoinHandle<Result<(), HasherError>>,
}

impl BlockingJob {
    async fn start(pool: &Pool) -> Self {
        let permit = pool.try_acquire().unwrap();
        let (started, start) = oneshot::channel();
        let (release, released) = mpsc::channel();
        let task = tokio::spawn(async move {
            let job = move |_: &mut Memory| {
                let _ = started.send(());
                let _ = released.recv();
                Ok(())
            };
            permit.run(job).await
        });
        start.await.unwrap();
        Self { release, task }
    }

    async fn finish(self) {
        drop(self.release);
        self.task.await.unwrap().unwrap();
    }
}

/// Returns the estimated wait in seconds if a permit is refused.
fn refused_wait(pool: &Pool) -> Option<u64> {
    match pool.try_acquire() {
        Ok(_) => None,
        Err(HasherError::Overloaded { wait }) => Some(wait.as_secs()),
        Err(error) => panic!("{error}"),
    }
}

/// Returns the estimated wait in seconds if there is no capacity behind `ahead` logins.
fn wait_behind(pool: &Pool, ahead: usize) -> Option<u64> {
    match pool.check_capacity(ahead) {
        Ok(()) => None,
        Err(HasherError::Overloaded { wait }) => Some(wait.as_secs()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn hash_permits_are_limited_to_threads_and_queue() {
    let pool = pool(2, LIMITS);
    let mut permits: Vec<HashPermit> = (0..4).map(|_| pool.try_acquire().unwrap()).collect();
    assert_eq!(refused_wait(&pool), Some(0));
    assert_eq!(refused_wait(&pool), Some(0));
    permits.pop();
    assert_eq!(refused_wait(&pool), None);
    drop(permits);
    assert_eq!(pool.shared.acquired.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn password_that_would_wait_too_long_is_shed_immediately() {
    let limits = Limits {
        queue: 100,
        ..LIMITS
    };
    let pool = pool(2, limits);
    let five = Duration::from_secs(5);
    pool.shared
        .average_nanos
        .store(five.as_nanos() as u64, Ordering::SeqCst);
    // Two passwords are hashed; the next two wait for 2.5 s and 5 s, and so on.
    let permits: Vec<HashPermit> = (0..5).map(|_| pool.try_acquire().unwrap()).collect();
    let wait = |before| pool.shared.estimate_wait(before).as_secs_f64();
    assert_eq!([0, 1, 2, 3, 4].map(wait), [0.0, 0.0, 2.5, 5.0, 7.5]);
    let sixth = pool.try_acquire().unwrap();
    assert_eq!(refused_wait(&pool), Some(12));
    assert_eq!(wait_behind(&pool, 10), Some(37));
    drop((permits, sixth));
    assert_eq!(refused_wait(&pool), None);
    // No permit is acquired, but five or six logins are ahead.
    assert_eq!(
        [5, 6].map(|ahead| wait_behind(&pool, ahead)),
        [None, Some(12)]
    );
}

#[tokio::test]
async fn capacity_check_counts_queued_logins_as_permits() {
    let pool = pool(2, LIMITS);
    assert_eq!(
        [3, 4].map(|ahead| wait_behind(&pool, ahead)),
        [None, Some(0)]
    );
    let _permit = pool.try_acquire().unwrap();
    assert_eq!(
        [2, 3].map(|ahead| wait_behind(&pool, ahead)),
        [None, Some(0)]
    );
    assert!(wait_behind(&pool, usize::MAX).is_some());
}

#[tokio::test]
async fn wait_before_any_hash_uses_the_initial_estimate() {
    let estimate = Duration::from_secs(9);
    let pool = Pool::new(NonZeroUsize::MIN, LIMITS, 8, estimate, Arc::default());
    let _permits = [(); 2].map(|()| pool.try_acquire().unwrap());
    assert_eq!(refused_wait(&pool), Some(18));
    pool.shared.update_average(Duration::from_secs(3));
    assert_eq!(refused_wait(&pool), None);
}

#[tokio::test]
async fn hash_time_is_averaged_over_a_second() {
    let estimate = Duration::from_millis(10);
    let pool = Pool::new(NonZeroUsize::MIN, LIMITS, 8, estimate, Arc::default());
    let average_after = |milliseconds| {
        pool.shared
            .update_average(Duration::from_millis(milliseconds));
        pool.shared.average_nanos.load(Ordering::SeqCst) / 1_000_000
    };
    assert_eq!([10, 10, 20, 20].map(average_after), [10, 10, 10, 10]);
    // The rate drops from 100 hashes per second to 50.
    for _ in 0..48 {
        average_after(20);
    }
    assert_eq!(average_after(20), 14);
    // A hash that takes a second has half the weight.
    assert_eq!(average_after(1000), 28);
    for _ in 0..1000 {
        average_after(10);
    }
    assert_eq!(average_after(10), 10);
    for _ in 0..5 {
        average_after(1000);
    }
    assert_eq!(average_after(1000), 392);
}

#[tokio::test]
async fn average_of_zero_can_still_increase() {
    let pool = pool(1, LIMITS);
    for _ in 0..3 {
        pool.shared.update_average(Duration::ZERO);
    }
    assert_eq!(pool.shared.average_nanos.load(Ordering::SeqCst), 1);
    for _ in 0..100 {
        pool.shared.update_average(Duration::from_secs(9));
    }
    assert!(pool.shared.average_nanos.load(Ordering::SeqCst) > 8_000_000_000);
}

#[tokio::test]
async fn jobs_run_in_order_and_return_their_results() {
    let pool = pool(1, LIMITS);
    let permit = pool.try_acquire().unwrap();
    for number in 0..10 {
        assert_eq!(permit.run(move |_| Ok(number)).await.unwrap(), number);
    }
    let failed = permit.run::<()>(|_| Err(HasherError::Unusable("x"))).await;
    assert!(matches!(failed, Err(HasherError::Unusable("x"))));
}

#[tokio::test]
async fn job_without_a_caller_is_not_started_and_releases_its_permit() {
    let pool = pool(1, LIMITS);
    let job = BlockingJob::start(&pool).await;
    let (started, start) = mpsc::channel();
    for _ in 0..100 {
        let permit = pool.try_acquire().unwrap();
        let started = started.clone();
        let job = async move { permit.run(move |_| Ok(started.send(()))).await };
        // The job is queued and then abandoned.
        let abandoned = tokio::time::timeout(Duration::ZERO, job).await;
        assert!(abandoned.is_err());
    }
    // The queue stays within its limit, which bounds the memory of a flood.
    assert!(pool.shared.queue().jobs.len() <= LIMITS.queue);
    assert_eq!(pool.shared.acquired.load(Ordering::SeqCst), 1);
    job.finish().await;
    let permit = pool.try_acquire().unwrap();
    permit.run(|_| Ok(())).await.unwrap();
    drop(started);
    assert!(start.recv().is_err(), "the job was started");
}

#[tokio::test]
async fn job_that_waited_too_long_is_shed() {
    let waited = async |pool: &Pool, seconds| {
        let (reply, answer) = oneshot::channel();
        let queued_at = Instant::now().checked_sub(Duration::from_secs(seconds));
        let job = QueuedHash {
            hash: |_: &mut Memory| Ok(()),
            reply,
            queued_at: queued_at.unwrap(),
        };
        pool.shared.push(Box::new(job)).unwrap();
        answer.await.unwrap()
    };
    assert!(waited(&pool(1, LIMITS), 11).await.is_ok());
    // The error reports the current wait. The pool is new, because a thread averages its hash time after the reply.
    let pool = pool(1, LIMITS);
    let _permits = [(); 2].map(|()| pool.try_acquire().unwrap());
    pool.shared
        .average_nanos
        .store(3_000_000_000, Ordering::SeqCst);
    match waited(&pool, 21).await {
        Err(HasherError::Overloaded { wait }) => assert_eq!(wait.as_secs(), 6),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_jobs_do_not_exceed_threads() {
    let limits = Limits {
        queue: 100,
        ..LIMITS
    };
    let pool = pool(2, limits);
    let (running, max_running) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let (running, max_running) = (Arc::clone(&running), Arc::clone(&max_running));
            let permit = pool.try_acquire().unwrap();
            tokio::spawn(async move {
                let job = move |memory: &mut Memory| {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    max_running.fetch_max(now, Ordering::SeqCst);
                    memory.resize(8, Block::new());
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                };
                permit.run(job).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(max_running.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn job_that_panics_returns_an_error_and_the_thread_continues() {
    let pool = pool(1, LIMITS);
    let permit = pool.try_acquire().unwrap();
    let result = permit.run::<()>(|_| panic!("deliberate")).await;
    assert!(matches!(result, Err(HasherError::Interrupted)));
    assert_eq!(permit.run(|_| Ok(7)).await.unwrap(), 7);
}

#[tokio::test]
async fn idle_thread_has_wiped_its_memory_and_keeps_that_of_a_usual_hash() {
    let pool = pool(1, LIMITS);
    let mut worker = Worker::new(&pool.shared);
    worker.memory.resize(64, Block::new());
    for block in &mut worker.memory {
        block.as_mut().fill(u64::MAX);
    }
    worker.dirty = true;
    worker.wipe_memory();
    assert_eq!((worker.memory.len(), worker.memory.capacity()), (8, 8));
    let zero = worker
        .memory
        .iter()
        .all(|block| block.as_ref().iter().all(|word| *word == 0));
    assert!(zero && !worker.dirty);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn hashing_threads_have_the_lowest_priority() {
    let pool = pool(1, LIMITS);
    let nice = |text: &str| {
        // proc(5): nice is field 19; the fields after the name in parentheses start with the third.
        let (_, fields) = text.rsplit_once(')').unwrap();
        fields.split_whitespace().nth(16).unwrap().to_owned()
    };
    let read = || std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    // The tests may run under `nice` themselves.
    let before = nice(&read());
    let permit = pool.try_acquire().unwrap();
    let in_thread = permit.run(move |_| Ok(read())).await.unwrap();
    assert_eq!((nice(&in_thread), nice(&read())), ("19".to_owned(), before));
}

#[tokio::test]
async fn queued_jobs_run_after_the_pool_is_dropped() {
    let pool = pool(1, LIMITS);
    let job = BlockingJob::start(&pool).await;
    let permit = pool.try_acquire().unwrap();
    let waiting = tokio::spawn(async move { permit.run(|_| Ok(7)).await });
    tokio::task::yield_now().await;
    drop(pool);
    job.finish().await;
    assert_eq!(waiting.await.unwrap().unwrap(), 7);
}
