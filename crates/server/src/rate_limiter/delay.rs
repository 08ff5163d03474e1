//! Delays the responses to logins that a shared limit refuses.
//!
//! At such a limit, the password of a user on a known network may still be verified, which takes time. Therefore, each
//! of these logins is answered a fixed time after it began. A client can delay one response per connection. Beyond
//! [`MAX_DELAYED`] responses, further ones are sent immediately, and no allowance is used.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// The time after which a response is sent: longer than a verification takes without load.
const RESPONSE_TIME: Duration = Duration::from_secs(1);

/// The maximum number of delayed responses, which with their connections and bodies take some 200 MB.
const MAX_DELAYED: usize = 4096;

/// Delays each response until a fixed time after its login began.
#[derive(Debug)]
pub struct ResponseDelay {
    /// The time from the beginning of a login to its response.
    pub response_time: Duration,
    delayed: Semaphore,
}

/// A response that is delayed.
#[derive(Debug)]
pub struct DelayedResponse<'a> {
    send_at: Instant,
    _permit: SemaphorePermit<'a>,
}

impl ResponseDelay {
    /// Delays the response of a login; returns `None` if it must be sent immediately.
    pub fn delay(&self, login_began: Instant) -> Option<DelayedResponse<'_>> {
        let send_at = login_began + self.response_time;
        if send_at <= Instant::now() {
            return None;
        }
        Some(DelayedResponse {
            send_at,
            _permit: self.delayed.try_acquire().ok()?,
        })
    }
}

impl Default for ResponseDelay {
    fn default() -> Self {
        Self {
            response_time: RESPONSE_TIME,
            delayed: Semaphore::new(MAX_DELAYED),
        }
    }
}

impl DelayedResponse<'_> {
    /// Waits until the response may be sent.
    pub async fn wait(&self) {
        sleep_until(self.send_at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn response_is_delayed_to_a_fixed_time_after_the_login_began() {
        let delay = ResponseDelay::default();
        let began = Instant::now();
        tokio::time::advance(Duration::from_millis(300)).await;
        delay.delay(began).unwrap().wait().await;
        assert_eq!(began.elapsed(), RESPONSE_TIME);
        assert!(delay.delay(began).is_none(), "the time is over");
    }

    #[tokio::test(start_paused = true)]
    async fn responses_beyond_the_maximum_are_not_delayed() {
        let delay = ResponseDelay::default();
        let began = Instant::now();
        let delayed: Vec<_> = (0..MAX_DELAYED)
            .map(|_| delay.delay(began).unwrap())
            .collect();
        assert!(delay.delay(began).is_none());
        drop(delayed);
        assert!(delay.delay(began).is_some());
    }
}
