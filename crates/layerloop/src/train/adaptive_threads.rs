//! Whether a team is faster than one thread. That depends on other processes and on shared caches, so it is measured: steps are
//! taken together for as long as that is no slower than alone. The bits do not depend on it.

/// Steps, at least, of a period alone, and of one together.
const STEPS: u32 = 4;

/// Seconds of steps taken together whose mean is compared: longer than another process keeps a processor at a time.
const COMPARED: f64 = 8e-3;

/// Seconds alone before together is tried again, the first time and the last: each unsuccessful attempt doubles them.
const PATIENCE: [f64; 2] = [0.03, 0.25];

/// Seconds together after which it is looked again how long a step takes alone.
const FORGOTTEN: f64 = 2.0;

/// Decides who takes a step.
#[derive(Debug)]
pub(super) struct AdaptiveThreads {
    together: bool,
    /// Steps of this period, alone or together, and the seconds of all but the first, which may have to wake threads.
    steps: u32,
    seconds: f64,
    /// The shortest of them.
    shortest: f64,
    /// Seconds of a step alone.
    alone: f64,
    /// Seconds to stay alone.
    patience: f64,
    /// Seconds together since it was looked how long a step takes alone.
    since: f64,
}

impl AdaptiveThreads {
    pub(super) fn new() -> Self {
        Self { together: false, steps: 0, seconds: 0.0, shortest: f64::INFINITY, alone: 0.0, patience: 0.0, since: 0.0 }
    }

    /// Whether the coming step is taken together.
    pub(super) fn together(&self) -> bool {
        self.together
    }

    /// Takes the seconds of a step.
    pub(super) fn took(&mut self, seconds: f64) {
        self.steps += 1;
        if self.steps > 1 {
            self.seconds += seconds;
            self.shortest = self.shortest.min(seconds);
        }
        if self.steps < STEPS {
            return;
        }
        let mean = self.seconds / f64::from(self.steps - 1);
        if !self.together {
            if self.seconds >= self.patience {
                (self.alone, self.since) = (mean, 0.0);
                self.begin(true);
            }
        } else if self.shortest > self.alone || self.seconds >= COMPARED && mean > self.alone {
            self.patience = (2.0 * self.patience).clamp(PATIENCE[0], PATIENCE[1]);
            self.begin(false);
        } else if self.seconds >= COMPARED {
            self.patience = 0.0;
            self.since += self.seconds;
            self.begin(self.since < FORGOTTEN);
        }
    }

    fn begin(&mut self, together: bool) {
        (self.together, self.steps, self.seconds, self.shortest) = (together, 0, 0.0, f64::INFINITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of so many steps, the share that was taken together.
    fn taken_together(steps: u32, seconds: impl Fn(u32, bool) -> f64) -> f64 {
        let mut threads = AdaptiveThreads::new();
        let mut count = 0;
        for step in 0..steps {
            let together = threads.together();
            count += u32::from(together);
            threads.took(seconds(step, together));
        }
        f64::from(count) / f64::from(steps)
    }

    #[test]
    fn the_shorter_way_is_taken_and_the_other_tried_now_and_then() {
        let faster = taken_together(20_000, |_, together| if together { 1e-4 } else { 2e-4 });
        assert!((0.99..1.0).contains(&faster), "{faster}");
        let slower = taken_together(20_000, |_, together| if together { 2e-4 } else { 1e-4 });
        assert!((0.001..0.05).contains(&slower), "{slower}");
        let busy_from_here = |step, together| match together {
            true if step < 5_000 => 5e-5,
            true => 9e-4,
            false => 1e-4,
        };
        let busy = taken_together(10_000, busy_from_here);
        assert!((0.5..0.55).contains(&busy), "{busy}");
    }

    /// Another process takes a processor for 3 ms at a time; in between, together is twice as fast.
    #[test]
    fn steps_that_are_interrupted_now_and_then_count_by_their_mean() {
        let interrupted = |step, together| match together {
            true if step % 20 == 0 => 6e-3,
            true => 1e-4,
            false => 2e-4,
        };
        let share = taken_together(20_000, interrupted);
        assert!(share < 0.05, "{share}");
    }

    #[test]
    fn the_first_step_of_a_period_does_not_count() {
        let mut last = false;
        let mut threads = AdaptiveThreads::new();
        for _ in 0..10_000 {
            let woken = threads.together() != last;
            last = threads.together();
            threads.took(if woken {
                5e-2
            } else if last {
                1e-4
            } else {
                2e-4
            });
        }
        assert!(last);
    }
}
