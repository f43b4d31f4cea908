//! The optimisers, and the scalars of their step t.

use layerloop_kernels::Update;

use crate::network::Named;

/// How a gradient becomes a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimizer {
    /// w -= lr g
    Sgd,
    /// v = momentum v + g; w -= lr v
    Momentum {
        /// Share of the velocity that is kept.
        momentum: f32,
    },
    /// v = momentum v + g; w -= lr (g + momentum v)
    Nesterov {
        /// Share of the velocity that is kept.
        momentum: f32,
    },
    /// m = beta_1 m + (1 - beta_1) g; v = beta_2 v + (1 - beta_2) g^2;
    /// w -= lr m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon): Kingma and Ba 2015.
    Adam {
        /// Share of the first moment that is kept.
        beta_1: f64,
        /// Share of the second moment that is kept.
        beta_2: f64,
        /// Keeps the divisor from 0.
        epsilon: f64,
    },
}

impl Optimizer {
    /// Adam with its usual constants.
    pub const ADAM: Self = Self::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8 };

    /// The scalars of step `t`, counted from 1, at learning rate `lr`.
    pub(crate) fn at(self, t: u64, lr: f64) -> Update {
        let rate = lr as f32;
        match self {
            Self::Sgd => Update::Sgd { rate },
            Self::Momentum { momentum } => Update::Momentum { rate, momentum },
            Self::Nesterov { momentum } => Update::Nesterov { rate, momentum },
            Self::Adam { beta_1, beta_2, epsilon } => {
                let [c_1, c_2] = [beta_1, beta_2].map(|beta| 1.0 - libm::pow(beta, t as f64));
                Update::Adam {
                    rate: (lr * libm::sqrt(c_2) / c_1) as f32,
                    weight_1: (1.0 - beta_1) as f32,
                    weight_2: (1.0 - beta_2) as f32,
                    epsilon: (epsilon * libm::sqrt(c_2)) as f32,
                }
            }
        }
    }
}

impl Named for Optimizer {
    const FIELD: &'static str = "optimizer";
    const ALL: &'static [Self] =
        &[Self::ADAM, Self::Sgd, Self::Momentum { momentum: 0.9 }, Self::Nesterov { momentum: 0.9 }];
    fn name(self) -> &'static str {
        match self {
            Self::Sgd => "sgd",
            Self::Momentum { .. } => "momentum",
            Self::Nesterov { .. } => "nesterov",
            Self::Adam { .. } => "adam",
        }
    }
}
