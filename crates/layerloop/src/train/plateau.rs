//! The one schedule that listens: it waits for a loss that falls no more.

use serde::{Deserialize, Serialize};

use super::schedule::Schedule;

/// Follows [`Schedule::ReduceOnPlateau`]: as PyTorch's `ReduceLROnPlateau`, mode `min`, threshold relative.
///
/// # Example
/// ```
/// use layerloop::train::{Plateau, Schedule};
/// let halving = layerloop::choice::parse("reduce-on-plateau(factor=0.5, patience=1)")?;
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
    /// The product of the falls so far.
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

    /// Takes note of an epoch's loss, or of any number that should fall, and gives the factor of the coming steps.
    pub fn observe(&mut self, loss: f64) -> f64 {
        if self.best.is_none_or(|best| loss < best * (1.0 - self.threshold)) {
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
