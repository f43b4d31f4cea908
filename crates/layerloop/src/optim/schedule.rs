//! Schedules: factors that change a number of the training as a run goes on. Pure functions, by `libm` alone.

use crate::names::serialised::serde_as_text;
use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

use layerloop_kernels::named_enum;

use super::custom;
use crate::names::OrCustom;
use crate::{Error, Result};

/// The progress of a run.
///
/// # Example
/// ```
/// use layerloop::train::{Progress, Schedule};
/// let cosine = Schedule::Cosine { least: 0.0 };
/// let factor = |step| cosine.factor(Progress { step, steps: 100, per_epoch: 10 });
/// assert_eq!(format!("{:.3} {:.3} {:.3}", factor(0), factor(50), factor(100)), "1.000 0.500 0.000");
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Steps taken so far: 0 before the first.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// Steps of an epoch.
    pub per_epoch: u64,
}

impl Progress {
    /// The steps of `epochs`, which need not be whole.
    fn steps_of(self, epochs: f64) -> f64 {
        epochs * self.per_epoch as f64
    }

    /// The share of the run that is done, t.
    fn share(self) -> f64 {
        self.step.min(self.steps) as f64 / self.steps.max(1) as f64
    }
}

named_enum! {
    /// How a number, such as the learning rate, changes over a run: by a factor f on its base value.
    ///
    /// Here n are the steps taken so far, e the same in epochs, t the same as a share of the run, from 0 to 1.
    ///
    /// # Source
    /// Where PyTorch has such a schedule (torch.optim.lr_scheduler), its numbers are followed.
    pub enum Schedule: "schedule" {
        /// f = 1
        Constant = "constant" | "none",
        /// f = factor^floor(e / every)
        Step = "step" | "step-lr" {
            /// Epochs between two reductions.
            every: f64 = 10.0, "a number above 0" if every > 0.0 && every.is_finite(),
            /// The factor of one reduction.
            factor: f64 = 0.1, "a number above 0" if factor > 0.0 && factor.is_finite(),
        },
        /// f = factor^k, k of the milestones being reached
        MultiStep = "multi-step" {
            /// The epochs after which it is reduced.
            at: Milestones = Milestones::two(10.0, 15.0), "one to eight ascending epochs, such as 10/15" if true,
            /// The factor of one reduction.
            factor: f64 = 0.1, "a number above 0" if factor > 0.0 && factor.is_finite(),
        },
        /// f = factor^e
        Exponential = "exponential" | "exp" {
            /// What an epoch leaves; above 1 it grows.
            factor: f64 = 0.9, "a number above 0" if factor > 0.0 && factor.is_finite(),
        },
        /// f = (1 - t)^power
        ///
        /// With power 1 a straight line to 0.
        Polynomial = "polynomial" | "poly" {
            /// How it is bent.
            power: f64 = 1.0, "a number above 0" if power > 0.0 && power.is_finite(),
        },
        /// f = 1 / (1 + n)^power
        ///
        /// As scikit-learn's `invscaling`, whose perceptron counts samples where we count steps.
        InvScaling = "invscaling" | "inverse-scaling" {
            /// How fast it decreases.
            power: f64 = 0.5, "a number above 0" if power > 0.0 && power.is_finite(),
        },
        /// f = least + (1 - least) (1 + cos(pi t)) / 2
        ///
        /// Source: Loshchilov and Hutter 2017, without restarts.
        Cosine = "cosine" | "cosine-annealing" {
            /// Where it ends.
            least: f64 = 0.0, "at least 0 and at most 1" if (0.0..=1.0).contains(&least),
        },
        /// f = least + (1 - least) (1 + cos(pi c)) / 2, c the share of the cycle that is done
        ///
        /// A new cycle starts at 1 again. Source: Loshchilov and Hutter 2017.
        CosineRestarts = "cosine-restarts" | "sgdr" | "cosine-annealing-warm-restarts" {
            /// Epochs of the first cycle.
            first: f64 = 1.0, "a number above 0" if first > 0.0 && first.is_finite(),
            /// How many times longer each cycle is than the one before.
            longer: f64 = 2.0, "a number, at least 1" if longer >= 1.0 && longer.is_finite(),
            /// Where a cycle ends.
            least: f64 = 0.0, "at least 0 and at most 1" if (0.0..=1.0).contains(&least),
        },
        /// f rises from start to 1 over the share `rise` of the run, then decreases to end: half a cosine each
        ///
        /// The momentum is left as it is; the peak is the step rise * steps - 1, the end the last step. Source: Smith and
        /// Topin 2018, in the form of PyTorch's `OneCycleLR`.
        OneCycle = "one-cycle" {
            /// The share of the run until the peak.
            rise: f64 = 0.3, "at least 0 and at most 1" if (0.0..=1.0).contains(&rise),
            /// The factor of the first step.
            start: f64 = 0.04, "at least 0 and at most 1" if (0.0..=1.0).contains(&start),
            /// The factor of the last step.
            end: f64 = 4e-6, "at least 0 and at most 1" if (0.0..=1.0).contains(&end),
        },
        /// f = 1 until t = flat, then least + (1 - least) (1 + cos(pi (t - flat) / (1 - flat))) / 2
        ///
        /// RealMLP (Holzmüller et al. 2024) has it with flat = 0.5. Source: fastai's `fit_flat_cos`, which ends at 1e-5.
        FlatCosine = "flat-cosine" {
            /// The share of the run before it decreases.
            flat: f64 = 0.75, "at least 0 and below 1" if (0.0..1.0).contains(&flat),
            /// Where it ends.
            least: f64 = 0.0, "at least 0 and at most 1" if (0.0..=1.0).contains(&least),
        },
        /// f = (1 - cos(2 pi log2(1 + 15 t))) / 2
        ///
        /// Four waves, each twice as long as the one before, from 0 to 0. Source: Holzmüller et al. 2024, RealMLP.
        CosLog4 = "coslog4",
        /// f is multiplied by factor when the loss of an epoch has not fallen for more than `patience` epochs
        ///
        /// No function of the time: a [`Plateau`](super::Plateau) follows the losses, and [`Schedule::factor`] is 1.
        ReduceOnPlateau = "reduce-on-plateau" | "plateau" | "reduce-lr-on-plateau" {
            /// The factor of one reduction.
            factor: f64 = 0.1, "at least 0 and below 1" if (0.0..1.0).contains(&factor),
            /// Epochs without improvement before a reduction.
            patience: u32 = 10, "a whole number" if true,
            /// A loss is better if it is below best - threshold |best|.
            threshold: f64 = 1e-4, "at least 0 and below 1" if (0.0..1.0).contains(&threshold),
            /// Epochs after a reduction that do not count.
            cooldown: u32 = 0, "a whole number" if true,
            /// The least f.
            least: f64 = 0.0, "at least 0 and at most 1" if (0.0..=1.0).contains(&least),
        },
    }
}

serde_as_text!(Schedule);

impl OrCustom<Schedule, dyn custom::Schedule> {
    /// The factor of the coming step.
    #[must_use]
    pub fn factor(self, at: Progress) -> f64 {
        match self {
            Self::BuiltIn(schedule) => schedule.factor(at),
            Self::Custom(schedule) => custom::Schedule::factor(&*schedule, at),
        }
    }
}

impl Schedule {
    /// The factor f of the coming step: on the learning rate, on a dropout's rate, on a weight decay.
    ///
    /// # Example
    /// ```
    /// use layerloop::train::{Progress, Schedule};
    /// let at = |step| Progress { step, steps: 100, per_epoch: 10 };
    /// let halving = Schedule::Exponential { factor: 0.5 };
    /// assert_eq!([0, 10, 20].map(|step| halving.factor(at(step))), [1.0, 0.5, 0.25]);
    /// ```
    #[must_use]
    pub fn factor(self, at: Progress) -> f64 {
        let n = at.step as f64;
        match self {
            Self::Constant | Self::ReduceOnPlateau { .. } => 1.0,
            Self::Step { every, factor } => libm::pow(factor, libm::floor(n / at.steps_of(every))),
            Self::MultiStep { at: milestones, factor } => libm::pow(factor, milestones.reached(at) as f64),
            Self::Exponential { factor } => libm::pow(factor, n / at.steps_of(1.0)),
            Self::Polynomial { power } => libm::pow(1.0 - at.share(), power),
            Self::InvScaling { power } => 1.0 / libm::pow(1.0 + n, power),
            Self::Cosine { least } => half_cosine(1.0, least, at.share()),
            Self::CosineRestarts { first, longer, least } => {
                half_cosine(1.0, least, share_of_cycle(n, at.steps_of(first), longer))
            }
            Self::OneCycle { rise, start, end } => one_cycle(at, rise, start, end),
            Self::FlatCosine { flat, least } => half_cosine(1.0, least, ((at.share() - flat) / (1.0 - flat)).max(0.0)),
            Self::CosLog4 => (1.0 - libm::cos(2.0 * PI * libm::log2(1.0 + 15.0 * at.share()))) / 2.0,
        }
    }
}

/// The factor of a linear warm-up over the first `epochs`: (n + 1) / w at step n of w, then 1.
///
/// It multiplies whatever schedule there is, whose epochs count from the start of the run, warm-up included (Goyal et al.
/// 2017).
///
/// # Units
/// Epochs, which need not be whole: 0.5 are half of the first epoch's steps.
///
/// # Example
/// ```
/// use layerloop::train::{Progress, warm_up};
/// let at = |step| Progress { step, steps: 100, per_epoch: 10 };
/// assert_eq!([0, 1, 4, 5].map(|step| warm_up(at(step), 0.5)), [0.2, 0.4, 1.0, 1.0]);
/// ```
#[must_use]
pub fn warm_up(at: Progress, epochs: f64) -> f64 {
    let steps = libm::round(at.steps_of(epochs));
    if steps > 0.0 { ((at.step as f64 + 1.0) / steps).min(1.0) } else { 1.0 }
}

/// Half a cosine from `from`, at share 0, to `to`, at share 1.
fn half_cosine(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) * (1.0 + libm::cos(PI * share)) / 2.0
}

/// The share of the current cycle that is done after `n` steps; the first has `length` steps, each of the others `longer`
/// times as many as the one before.
fn share_of_cycle(mut n: f64, mut length: f64, longer: f64) -> f64 {
    if longer <= 1.0 {
        // Cycles that get shorter, which no option allows, would never reach some steps.
        return libm::fmod(n, length) / length;
    }
    while n >= length {
        n -= length;
        length *= longer;
    }
    n / length
}

fn one_cycle(at: Progress, rise: f64, start: f64, end: f64) -> f64 {
    let (n, steps) = (at.step as f64, at.steps as f64);
    let peak = (rise * steps - 1.0).max(0.0);
    if n < peak {
        half_cosine(start, 1.0, n / peak)
    } else {
        // A run of one step is all peak.
        half_cosine(1.0, end, ((n - peak) / (steps - 1.0 - peak).max(f64::MIN_POSITIVE)).min(1.0))
    }
}

/// One to eight moments of a run, ascending, in epochs: written `30/60/80`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Milestones([f64; 8]);

impl Milestones {
    const fn two(first: f64, second: f64) -> Self {
        let mut all = [f64::INFINITY; 8];
        all[0] = first;
        all[1] = second;
        Self(all)
    }

    /// How many of them have been reached.
    fn reached(self, at: Progress) -> usize {
        self.0.iter().filter(|&&epochs| at.step as f64 >= at.steps_of(epochs)).count()
    }
}

impl fmt::Display for Milestones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given: Vec<String> = self.0.iter().filter(|at| at.is_finite()).map(f64::to_string).collect();
        f.write_str(&given.join("/"))
    }
}

impl FromStr for Milestones {
    type Err = Error;

    /// # Errors
    /// [`Error::Config`] if these are not one to eight ascending numbers above 0.
    fn from_str(text: &str) -> Result<Self> {
        let wrong =
            || Error::config("milestones", format!("`{text}`; expected one to eight ascending numbers above 0"));
        let mut all = [f64::INFINITY; 8];
        let mut last = 0.0;
        for (i, part) in text.split('/').enumerate() {
            let at = part.trim().parse().ok().filter(|&at: &f64| at > last && at.is_finite()).ok_or_else(wrong)?;
            *all.get_mut(i).ok_or_else(wrong)? = at;
            last = at;
        }
        Ok(Self(all))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::Plateau;
    use super::*;
    use crate::names::{NamedEnum as _, parse, text};

    /// A run of `tests/reference/schedules.py`.
    #[derive(Deserialize)]
    struct Reference {
        schedule: String,
        warmup: f64,
        steps: u64,
        per_epoch: u64,
        /// Of each epoch, for a schedule that follows them.
        losses: Vec<f64>,
        factors: Vec<f64>,
    }

    #[test]
    fn factors_are_those_of_pytorch() {
        let runs = include_str!("../../../../tests/reference/schedules.json");
        let runs: Vec<Reference> = serde_json::from_str(runs).unwrap();
        for run in &runs {
            let schedule: Schedule = parse(&run.schedule).unwrap();
            let mut plateau = Plateau::of(schedule);
            assert_eq!(run.factors.len() as u64, run.steps, "{}", run.schedule);
            for (step, &truth) in (0..).zip(&run.factors) {
                let at = Progress { step, steps: run.steps, per_epoch: run.per_epoch };
                let waited = plateau.as_ref().map_or(1.0, Plateau::factor);
                let factor = schedule.factor(at) * warm_up(at, run.warmup) * waited;
                assert!((factor - truth).abs() <= 1e-12, "{} at {at:?}: {factor}, not {truth}", run.schedule);
                if let Some(plateau) = &mut plateau {
                    plateau.observe(run.losses[step as usize]);
                }
            }
        }
        for schedule in Schedule::ALL {
            let is_it = |run: &Reference| parse::<Schedule>(&run.schedule).unwrap().is(*schedule);
            assert!(runs.iter().any(is_it), "{schedule:?} has no reference");
        }
    }

    #[test]
    fn no_run_is_too_short_and_no_factor_is_senseless() {
        for schedule in Schedule::ALL {
            for (steps, per_epoch) in [(1, 1), (2, 1), (3, 7), (10, 3)] {
                for step in 0..=steps {
                    let factor = schedule.factor(Progress { step, steps, per_epoch });
                    assert!((0.0..=1.0).contains(&factor), "{schedule:?} at {step} of {steps}: {factor}");
                }
            }
        }
    }

    #[test]
    fn milestones_are_written_as_they_are_read() {
        let schedule: Schedule = parse("multi-step(at=1.5/30/80, factor=0.2)").unwrap();
        assert_eq!(text(schedule), "multi-step(at=1.5/30/80, factor=0.2)");
        assert_eq!(text(parse::<Schedule>("multi-step").unwrap()), "multi-step");
        for wrong in ["", "0", "2/1", "1/1", "1/x", "1/2/3/4/5/6/7/8/9", "inf"] {
            let error = parse::<Schedule>(&format!("multi-step(at={wrong})")).unwrap_err().to_string();
            assert!(error.contains("it is one to eight ascending epochs, such as 10/15"), "{error}");
        }
    }
}
