//! The optimisers, and the scalars of their step t.

use layerloop_kernels::{Update, choices};

choices! {
    /// How a gradient becomes a step.
    pub enum Optimizer: "optimizer" {
        /// m = beta_1 m + (1 - beta_1) g; v = beta_2 v + (1 - beta_2) g^2; w -= lr m / c_1 / (sqrt(v / c_2) + epsilon)
        ///
        /// with c_k = 1 - beta_k^t: Kingma and Ba 2015.
        Adam = "adam" {
            /// Share of the first moment that is kept.
            beta_1: f64 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&beta_1),
            /// Share of the second moment that is kept.
            beta_2: f64 = 0.999, "at least 0 and below 1" if (0.0..1.0).contains(&beta_2),
            /// Keeps the divisor from 0.
            epsilon: f64 = 1e-8, "above 0" if epsilon > 0.0,
        },
        /// w -= lr g
        Sgd = "sgd",
        /// v = momentum v + g; w -= lr v
        Momentum = "momentum" {
            /// Share of the velocity that is kept.
            momentum: f32 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&momentum),
        },
        /// v = momentum v + g; w -= lr (g + momentum v)
        Nesterov = "nesterov" {
            /// Share of the velocity that is kept.
            momentum: f32 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&momentum),
        },
    }
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
