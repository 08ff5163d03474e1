//! Where the time goes: how long each step of a run took, steps within steps.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// How long a step took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// What it did.
    pub step: &'static str,
    /// In how many other steps it lay.
    pub depth: usize,
    /// From its begin to its end, with all steps within.
    pub took: Duration,
}

/// Measures steps.
#[derive(Debug, Default)]
pub(crate) struct Timings {
    /// In the order in which they began.
    steps: RefCell<Vec<Timing>>,
    depth: Cell<usize>,
}

impl Timings {
    /// Runs a step and keeps how long it took.
    pub(crate) fn step<T>(&self, step: &'static str, run: impl FnOnce() -> T) -> T {
        let depth = self.depth.get();
        let place = {
            let mut steps = self.steps.borrow_mut();
            steps.push(Timing {
                step,
                depth,
                took: Duration::ZERO,
            });
            steps.len() - 1
        };
        self.depth.set(depth + 1);
        let begun = Instant::now();
        let outcome = run();
        self.steps.borrow_mut()[place].took = begun.elapsed();
        self.depth.set(depth);
        outcome
    }

    /// What was measured, each step before those within it.
    pub(crate) fn into_steps(self) -> Vec<Timing> {
        self.steps.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_kept_in_their_order_and_depth_and_a_step_lasts_as_long_as_those_within() {
        let timings = Timings::default();
        let sum = timings.step("outer", || {
            timings.step("first", || 1) + timings.step("second", || 2)
        });
        timings.step("after", || ());
        assert_eq!(sum, 3);
        let steps = timings.into_steps();
        let seen: Vec<_> = steps.iter().map(|it| (it.step, it.depth)).collect();
        assert_eq!(
            seen,
            [("outer", 0), ("first", 1), ("second", 1), ("after", 0)]
        );
        assert!(steps[0].took >= steps[1].took + steps[2].took);
    }
}
