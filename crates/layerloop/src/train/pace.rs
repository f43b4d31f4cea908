//! Whether a team is worth its while for a small step. Only a clock knows who else is using the processors and whether they
//! share a cache, so from time to time some steps are taken alone and some together. No bit depends on who takes them.

/// Steps from one trial to the next.
const PERIOD: u64 = 2048;

/// Steps of each kind in a trial; the first of each, which may have to wake somebody, does not count.
const TRIAL: u64 = 8;

/// Decides who takes a step.
#[derive(Debug)]
pub(super) struct Pace {
    step: u64,
    /// The shortest step of the last trial, alone and together, in seconds.
    shortest: [f64; 2],
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { step: 0, shortest: [f64::INFINITY; 2] }
    }

    /// Whether the coming step is taken together.
    pub(super) fn together(&self) -> bool {
        match self.step % PERIOD {
            at if at < TRIAL => false,
            at if at < 2 * TRIAL => true,
            _ => self.shortest[1] <= self.shortest[0],
        }
    }

    /// Whether the coming step has to be timed.
    pub(super) fn on_trial(&self) -> bool {
        self.step % PERIOD < 2 * TRIAL
    }

    /// Takes note of a step, and of its seconds where it was on trial.
    pub(super) fn took(&mut self, seconds: f64) {
        if self.on_trial() {
            let shortest = &mut self.shortest[usize::from(self.together())];
            *shortest = match self.step % PERIOD % TRIAL {
                0 => f64::INFINITY,
                _ => shortest.min(seconds),
            };
        }
        self.step += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of so many steps, how many were taken together.
    fn taken_together(steps: u64, seconds: impl Fn(u64, bool) -> f64) -> u64 {
        let mut pace = Pace::new();
        let mut count = 0;
        for step in 0..steps {
            let together = pace.together();
            count += u64::from(together);
            pace.took(seconds(step, together));
        }
        count
    }

    #[test]
    fn the_shorter_way_is_taken_and_tried_again() {
        let faster = |_, together| if together { 1.0 } else { 2.0 };
        assert_eq!(taken_together(2 * PERIOD, faster), 2 * (PERIOD - TRIAL));
        let slower = |_, together| if together { 2.0 } else { 1.0 };
        assert_eq!(taken_together(2 * PERIOD, slower), 2 * TRIAL);
        let slower_from_the_second_period_on =
            |step, together| if together && step >= PERIOD { 9.0 } else { faster(step, together) };
        assert_eq!(taken_together(2 * PERIOD, slower_from_the_second_period_on), PERIOD);
    }

    #[test]
    fn the_first_step_of_each_kind_does_not_count() {
        let first_takes_long = |step, _| if step % TRIAL == 0 { 100.0 } else { 1.0 };
        assert_eq!(taken_together(PERIOD, first_takes_long), PERIOD - TRIAL);
    }
}
