//! Reduce on plateau: the only schedule that depends on the loss.

use serde::{Deserialize, Serialize};

use super::schedule::Schedule;

/// Follows [`Schedule::ReduceOnPlateau`]: as PyTorch's `ReduceLROnPlateau`, mode `min`, threshold relative.
///
/// # Example
/// ```
/// use layerloop::train::{Plateau, Schedule};
/// let halving = layerloop::names::parse("reduce-on-plateau(factor=0.5, patience=1)")?;
/// let mut plateau = Plateau::of(halving).expect("a schedule that waits");
/// let factors = [2.0, 1.0, 1.0, 1.0, 0.5].map(|loss| plateau.observe(loss));
/// assert_eq!(factors, [1.0, 1.0, 1.0, 0.5, 0.5]);
/// assert!(Plateau::of(Schedule::Constant).is_none());
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    falls_to: f64,
    least: f64,
    threshold: f64,
    patience: u32,
    cooldown: u32,
    /// The product of the reductions so far.
    factor: f64,
    best: Option<f64>,
    /// Epochs without a better loss.
    bad: u32,
    /// Epochs that still do not count.
    resting: u32,
}

impl Plateau {
    /// The start of `schedule`, if it is one that waits.
    #[must_use]
    pub fn of(schedule: Schedule) -> Option<Self> {
        let Schedule::ReduceOnPlateau { factor, patience, threshold, cooldown, least } = schedule else { return None };
        let (best, bad, resting) = (None, 0, 0);
        Some(Self { falls_to: factor, least, threshold, patience, cooldown, factor: 1.0, best, bad, resting })
    }

    /// The factor of the coming steps.
    #[must_use]
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// Takes an epoch's loss, or any number that should decrease, and gives the factor of the next steps.
    ///
    /// A loss is better if it is below best - threshold |best|, whatever its sign; one that is not finite never is.
    pub fn observe(&mut self, loss: f64) -> f64 {
        let better = |best: f64| loss < best * (1.0 - self.threshold * best.signum());
        if loss.is_finite() && self.best.is_none_or(better) {
            (self.best, self.bad) = (Some(loss), 0);
        } else {
            self.bad += 1;
        }
        if self.resting > 0 {
            self.resting -= 1;
            self.bad = 0;
        }
        if self.bad > self.patience {
            self.factor = (self.factor * self.falls_to).max(self.least);
            (self.bad, self.resting) = (0, self.cooldown);
        }
        self.factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loss below 0 that stood still always counted as better, and a NaN at the start was the best for ever.
    #[test]
    fn the_rate_falls_whatever_the_sign_of_the_loss_and_whatever_was_first() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let cases: [(&str, &[f64], f64); 8] = [
            ("still above 0", &[1.0, 1.0, 1.0], 0.5),
            ("still below 0", &[-1.0, -1.0, -1.0], 0.5),
            ("still at 0", &[0.0, 0.0, 0.0], 0.5),
            ("falls below 0", &[-1.0, -2.0, -3.0, -4.0], 1.0),
            ("falls by less than the threshold", &[-1.0, -1.00001, -1.00002], 0.5),
            ("NaN first", &[nan, 1.0, 0.5, 0.25], 1.0),
            ("NaN alone", &[nan, nan], 0.5),
            ("-inf first", &[-inf, 1.0, 0.5, 0.25], 1.0),
        ];
        for (what, losses, factor) in cases {
            let schedule = crate::names::parse("reduce-on-plateau(factor=0.5, patience=1)").unwrap();
            let mut plateau = Plateau::of(schedule).unwrap();
            losses.iter().for_each(|&loss| _ = plateau.observe(loss));
            assert_eq!(plateau.factor(), factor, "{what}");
        }
    }
}
