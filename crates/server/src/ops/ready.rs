//! Whether the server can serve: looked at now and then, told to all who ask.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// For how long an answer holds. Looking writes to the database, so that whoever asks without pause must not make the disk
/// busy: one write a second is nothing beside a login's.
const HOLDS: Duration = Duration::from_secs(1);

/// For how long a look may take. Kubernetes gives a probe one second by default; a lock that lasts longer than this is
/// a fault.
const PATIENCE: Duration = Duration::from_millis(900);

/// Why the server cannot serve, or nothing.
type Answer = Result<(), String>;

/// The last answer.
#[derive(Debug, Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, Answer)>>);

impl Readiness {
    /// The answer of the last look, if it still holds at `now`; else of `look`. Only one looks at a time: the others wait
    /// for it.
    pub(super) async fn ask<F>(&self, now: Instant, look: impl FnOnce() -> F) -> Answer
    where
        F: Future<Output = Answer>,
    {
        let mut last = self.0.lock().await;
        if let Some((since, answer)) = &*last
            && now.saturating_duration_since(*since) < HOLDS
        {
            return answer.clone();
        }
        let late = || Err("the database does not answer".to_owned());
        let answer = tokio::time::timeout(PATIENCE, look()).await;
        let answer = answer.unwrap_or_else(|_| late());
        *last = Some((now, answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn an_answer_holds_for_a_second() {
        let (readiness, looks) = (Readiness::default(), AtomicU32::new(0));
        let start = Instant::now();
        let mut answers = Vec::new();
        for milliseconds in [0, 999, 1000, 1001, 2000] {
            let now = start + Duration::from_millis(milliseconds);
            let look = || async {
                match looks.fetch_add(1, Ordering::SeqCst) {
                    0 => Ok(()),
                    number => Err(format!("reason {number}")),
                }
            };
            answers.push(readiness.ask(now, look).await);
        }
        let because = |text: &str| Err(text.to_owned());
        assert_eq!(
            answers,
            [
                Ok(()),
                Ok(()),
                because("reason 1"),
                because("reason 1"),
                because("reason 2")
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_takes_too_long_is_an_answer() {
        let readiness = Readiness::default();
        let answer = readiness.ask(Instant::now(), std::future::pending).await;
        assert_eq!(answer, Err("the database does not answer".to_owned()));
    }
}
