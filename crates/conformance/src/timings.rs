use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// The duration of a step of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The name of the step.
    pub step: &'static str,
    /// The number of enclosing steps.
    pub depth: usize,
    /// The duration, including inner steps.
    pub duration: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Timings {
    steps: RefCell<Vec<Timing>>,
    depth: Cell<usize>,
}

impl Timings {
    pub(crate) fn step<T>(&self, step: &'static str, run: impl FnOnce() -> T) -> T {
        let depth = self.depth.get();
        let index = {
            let mut steps = self.steps.borrow_mut();
            steps.push(Timing {
                step,
                depth,
                duration: Duration::ZERO,
            });
            steps.len() - 1
        };
        self.depth.set(depth + 1);
        let start = Instant::now();
        let outcome = run();
        self.steps.borrow_mut()[index].duration = start.elapsed();
        self.depth.set(depth);
        outcome
    }

    pub(crate) fn into_steps(self) -> Vec<Timing> {
        self.steps.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_recorded_in_order_with_their_depth() {
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
        assert!(steps[0].duration >= steps[1].duration + steps[2].duration);
    }
}
