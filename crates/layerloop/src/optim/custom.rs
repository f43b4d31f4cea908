//! User-defined schedules.

use super::Progress;
use crate::names::{Custom, Kind, Registry, find};
use crate::{Error, Result};

/// How a number of the training changes over a run. Any function of [`Progress`] is one.
pub trait Schedule: Send + Sync {
    /// The factor of the coming step on the number's base value: finite, at least 0.
    fn factor(&self, at: Progress) -> f64;
}

impl<F: Fn(Progress) -> f64 + Send + Sync> Schedule for F {
    fn factor(&self, at: Progress) -> f64 {
        self(at)
    }
}

static SCHEDULES: Registry<dyn Schedule> = Registry::new("schedule");

impl Kind for dyn Schedule {
    fn find(name: &str) -> Option<Custom<Self>> {
        SCHEDULES.find(name)
    }
}

/// Steps, and steps of an epoch, of the runs that a schedule is tried on: one step, one epoch, a last epoch that is cut
/// short, more steps than an epoch has.
const RUNS: [[u64; 2]; 5] = [[1, 1], [50, 50], [200, 7], [9_380, 469], [3, 1_000]];

/// Gives a schedule a name in the options of a run.
///
/// # Errors
/// [`Error::Config`] if the name is taken or not a name, or if a factor of some short runs is negative or not finite.
///
/// # Example
/// ```
/// use layerloop::custom::register_schedule;
/// use layerloop::train::{FitOptions, Progress};
/// let halves = register_schedule("halves", |at: Progress| if 2 * at.step < at.steps { 1.0 } else { 0.1 })?;
/// let options = FitOptions { schedule: halves.into(), ..FitOptions::default() };
/// let refused = register_schedule("below", |at: Progress| 1.0 - at.step as f64 / 64.0).unwrap_err().to_string();
/// assert_eq!(refused, "schedule: `below`: its factor at step 65 of 200 is -0.015625; a factor is finite and at least 0");
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn register_schedule(name: &str, schedule: impl Schedule + 'static) -> Result<Custom<dyn Schedule>> {
    for [steps, per_epoch] in RUNS {
        for step in 0..=steps {
            let factor = schedule.factor(Progress { step, steps, per_epoch });
            if !(factor >= 0.0 && factor.is_finite()) {
                let reason = format!(
                    "`{name}`: its factor at step {step} of {steps} is {factor}; a factor is finite and at least 0"
                );
                return Err(Error::config("schedule", reason));
            }
        }
    }
    SCHEDULES.add(name, Box::new(schedule), find::<super::Schedule>(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_factors_are_checked_first() {
        let refused = |name, factor: fn(Progress) -> f64| register_schedule(name, factor).unwrap_err().to_string();
        assert!(refused("cosine", |_| 1.0).contains("built-in"));
        assert!(refused("test-none", |_| f64::NAN).contains("is NaN; a factor"));
        assert!(refused("test-late", |at| 1.0 / (at.steps - at.step) as f64).contains("step 1 of 1 is inf"));
        assert!("test-late".parse::<crate::names::OrCustom<crate::optim::Schedule, dyn Schedule>>().is_err());
    }
}
