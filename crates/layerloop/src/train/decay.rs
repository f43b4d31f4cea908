//! What comes before the optimiser's rule: clipping, and the decay of weights.

use layerloop_kernels::{Before, Update};

use super::fit::FitOptions;
use crate::{Error, Result};

impl FitOptions {
    /// The step `t`, counted from 1.
    pub(crate) fn step(&self, t: u64) -> Update {
        let rule = self.optimizer.at(t, self.learning_rate);
        let before = self.before();
        Update { rule, before: (before != Before::NOTHING).then_some(before) }
    }

    /// Whether weights move whose gradient is always 0.
    pub(crate) fn decays(&self) -> bool {
        let Before { l1, l2, decay, .. } = self.before();
        [l1, l2, decay] != [0.0; 3]
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay.unwrap_or_else(|| self.optimizer.usual_decay())
    }

    fn before(&self) -> Before {
        let decay = self.weight_decay();
        let (l2, decay) =
            if self.optimizer.decouples() { (self.l2, self.learning_rate * decay) } else { (self.l2 + decay, 0.0) };
        let before = Before {
            clip: self.clip_value.map_or(f32::INFINITY, |clip| clip as f32),
            l1: self.l1 as f32,
            l2: l2 as f32,
            decay: decay as f32,
            ..Before::NOTHING
        };
        Before { everywhere: self.decay_all && before != Before::NOTHING, ..before }
    }

    /// Whether clipping and decay make sense.
    pub(super) fn check_decay(&self) -> Result<()> {
        let fits = |value: f64| value >= 0.0 && (value as f32).is_finite();
        for (field, value) in [("weight_decay", self.weight_decay()), ("l1", self.l1), ("l2", self.l2)] {
            if !fits(value) {
                let reason = format!("{value}; it must be a finite number, at least 0, customarily 1e-6 to 1e-1");
                return Err(Error::config(field, reason));
            }
        }
        let lost = self.learning_rate * self.weight_decay();
        if self.optimizer.decouples() && lost > 1.0 {
            let reason = format!(
                "{}; times the learning rate it is {lost}, the share of a weight that a step takes: at most 1",
                self.weight_decay()
            );
            return Err(Error::config("weight_decay", reason));
        }
        match self.clip_value {
            Some(clip) if !(fits(clip) && clip as f32 > 0.0) => {
                let reason =
                    format!("{clip}; it must be a finite number above 0: the largest component of the gradient");
                Err(Error::config("clip_value", reason))
            }
            _ => Ok(()),
        }
    }
}
