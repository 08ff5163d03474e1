//! Tests of queueing and load shedding. Jobs hash nothing and block until they are released.

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
struct Busy {
    end: mpsc::Sender<()>,
    task: tokio::task::JoinHandle<Result<(), HasherError>>,
}

impl Busy {
    async fn begin(pool: &Pool) -> Self {
        let permit = pool.try_acquire().unwrap();
        let (begun, begins) = oneshot::channel();
        let (end, ends) = mpsc::channel();
        let task = tokio::spawn(async move {
            let job = move |_: &mut Memory| {
                let _ = begun.send(());
                let _ = ends.recv();
                Ok(())
            };
            permit.work(job).await
        });
        begins.await.unwrap();
        Self { end, task }
    }

    async fn end(self) {
        drop(self.end);
        self.task.await.unwrap().unwrap();
    }
}

/// Returns the estimated wait in seconds if a permit is refused.
fn refused(pool: &Pool) -> Option<u64> {
    match pool.try_acquire() {
        Ok(_) => None,
        Err(HasherError::Overloaded { wait }) => Some(wait.as_secs()),
        Err(error) => panic!("{error}"),
    }
}

/// Returns the estimated wait in seconds if there is no capacity behind `ahead` logins.
fn no_room(pool: &Pool, ahead: usize) -> Option<u64> {
    match pool.check_capacity(ahead) {
        Ok(()) => None,
        Err(HasherError::Overloaded { wait }) => Some(wait.as_secs()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn hash_permits_are_limited_to_threads_and_queue() {
    let pool = pool(2, LIMITS);
    let mut places: Vec<HashPermit> = (0..4).map(|_| pool.try_acquire().unwrap()).collect();
    assert_eq!(refused(&pool), Some(0));
    assert_eq!(refused(&pool), Some(0));
    places.pop();
    assert_eq!(refused(&pool), None);
    drop(places);
    assert_eq!(pool.shared.taken.load(Ordering::SeqCst), 0);
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
        .took
        .store(five.as_nanos() as u64, Ordering::SeqCst);
    // Two passwords are hashed; the next two wait for 2.5 s and 5 s, and so on.
    let places: Vec<HashPermit> = (0..5).map(|_| pool.try_acquire().unwrap()).collect();
    let wait = |before| pool.shared.wait(before).as_secs_f64();
    assert_eq!([0, 1, 2, 3, 4].map(wait), [0.0, 0.0, 2.5, 5.0, 7.5]);
    let sixth = pool.try_acquire().unwrap();
    assert_eq!(refused(&pool), Some(12));
    assert_eq!(no_room(&pool, 10), Some(37));
    drop((places, sixth));
    assert_eq!(refused(&pool), None);
    // No permit is acquired, but five or six logins are ahead.
    assert_eq!([5, 6].map(|ahead| no_room(&pool, ahead)), [None, Some(12)]);
}

#[tokio::test]
async fn capacity_check_counts_queued_logins_as_permits() {
    let pool = pool(2, LIMITS);
    assert_eq!([3, 4].map(|ahead| no_room(&pool, ahead)), [None, Some(0)]);
    let _place = pool.try_acquire().unwrap();
    assert_eq!([2, 3].map(|ahead| no_room(&pool, ahead)), [None, Some(0)]);
    assert!(no_room(&pool, usize::MAX).is_some());
}

#[tokio::test]
async fn wait_before_any_hash_is_estimated_by_the_initial_guess() {
    let guess = Duration::from_secs(9);
    let pool = Pool::new(NonZeroUsize::MIN, LIMITS, 8, guess, Arc::default());
    let _places = [(); 2].map(|()| pool.try_acquire().unwrap());
    assert_eq!(refused(&pool), Some(18));
    pool.shared.average(Duration::from_secs(3));
    assert_eq!(refused(&pool), None);
}

#[tokio::test]
async fn hash_time_is_averaged_over_a_second() {
    let guess = Duration::from_millis(10);
    let pool = Pool::new(NonZeroUsize::MIN, LIMITS, 8, guess, Arc::default());
    let took = |milliseconds| {
        pool.shared.average(Duration::from_millis(milliseconds));
        pool.shared.took.load(Ordering::SeqCst) / 1_000_000
    };
    assert_eq!([10, 10, 20, 20].map(took), [10, 10, 10, 10]);
    // The rate falls from 100 hashes a second to 50.
    for _ in 0..48 {
        took(20);
    }
    assert_eq!(took(20), 14);
    // A hash that takes a second has half the weight.
    assert_eq!(took(1000), 28);
    for _ in 0..1000 {
        took(10);
    }
    assert_eq!(took(10), 10);
    for _ in 0..5 {
        took(1000);
    }
    assert_eq!(took(1000), 392);
}

#[tokio::test]
async fn average_of_zero_can_still_increase() {
    let pool = pool(1, LIMITS);
    for _ in 0..3 {
        pool.shared.average(Duration::ZERO);
    }
    assert_eq!(pool.shared.took.load(Ordering::SeqCst), 1);
    for _ in 0..100 {
        pool.shared.average(Duration::from_secs(9));
    }
    assert!(pool.shared.took.load(Ordering::SeqCst) > 8_000_000_000);
}

#[tokio::test]
async fn jobs_run_in_order_and_return_their_results() {
    let pool = pool(1, LIMITS);
    let permit = pool.try_acquire().unwrap();
    for number in 0..10 {
        assert_eq!(permit.work(move |_| Ok(number)).await.unwrap(), number);
    }
    let failed = permit.work::<()>(|_| Err(HasherError::Unusable("x"))).await;
    assert!(matches!(failed, Err(HasherError::Unusable("x"))));
}

#[tokio::test]
async fn job_without_a_caller_is_not_started_and_releases_its_permit() {
    let pool = pool(1, LIMITS);
    let busy = Busy::begin(&pool).await;
    let (begun, begins) = mpsc::channel();
    for _ in 0..100 {
        let permit = pool.try_acquire().unwrap();
        let begun = begun.clone();
        let job = async move { permit.work(move |_| Ok(begun.send(()))).await };
        // Queued, and then abandoned.
        let given_up = tokio::time::timeout(Duration::ZERO, job).await;
        assert!(given_up.is_err());
    }
    // The queue stays within its limit, which bounds the memory of a flood.
    assert!(pool.shared.queue().jobs.len() <= LIMITS.queue);
    assert_eq!(pool.shared.taken.load(Ordering::SeqCst), 1);
    busy.end().await;
    let permit = pool.try_acquire().unwrap();
    permit.work(|_| Ok(())).await.unwrap();
    drop(begun);
    assert!(begins.recv().is_err(), "it was begun");
}

#[tokio::test]
async fn job_that_waited_too_long_is_shed() {
    let waited = async |pool: &Pool, seconds| {
        let (reply, answer) = oneshot::channel();
        let since = Instant::now().checked_sub(Duration::from_secs(seconds));
        let work = Work {
            hash: |_: &mut Memory| Ok(()),
            reply,
            since: since.unwrap(),
        };
        pool.shared.push(Box::new(work)).unwrap();
        answer.await.unwrap()
    };
    assert!(waited(&pool(1, LIMITS), 11).await.is_ok());
    // The error reports the current wait. The pool is new, because a thread averages its hash time after the reply.
    let pool = pool(1, LIMITS);
    let _places = [(); 2].map(|()| pool.try_acquire().unwrap());
    pool.shared.took.store(3_000_000_000, Ordering::SeqCst);
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
    let (at_work, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let (at_work, most) = (Arc::clone(&at_work), Arc::clone(&most));
            let permit = pool.try_acquire().unwrap();
            tokio::spawn(async move {
                let job = move |memory: &mut Memory| {
                    let now = at_work.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    memory.resize(8, Block::new());
                    at_work.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                };
                permit.work(job).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(most.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn job_that_panics_returns_an_error_and_the_thread_continues() {
    let pool = pool(1, LIMITS);
    let permit = pool.try_acquire().unwrap();
    let result = permit.work::<()>(|_| panic!("deliberate")).await;
    assert!(matches!(result, Err(HasherError::Interrupted)));
    assert_eq!(permit.work(|_| Ok(7)).await.unwrap(), 7);
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
    worker.rest();
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
    let theirs = permit.work(move |_| Ok(read())).await.unwrap();
    assert_eq!((nice(&theirs), nice(&read())), ("19".to_owned(), before));
}

#[tokio::test]
async fn queued_jobs_run_after_the_pool_is_dropped() {
    let pool = pool(1, LIMITS);
    let busy = Busy::begin(&pool).await;
    let permit = pool.try_acquire().unwrap();
    let waiting = tokio::spawn(async move { permit.work(|_| Ok(7)).await });
    tokio::task::yield_now().await;
    drop(pool);
    busy.end().await;
    assert_eq!(waiting.await.unwrap().unwrap(), 7);
}
