//! The optimisers, and the scalars of their step t.

use crate::names::serialised::serde_as_text;
use layerloop_kernels::{Rule, named_enum};

named_enum! {
    /// How a gradient becomes a step.
    ///
    /// The equations are those of PyTorch (torch.optim), where frameworks differ; of what PyTorch lacks, those of the paper.
    /// m, v, u and s start at 0. With decay, the weights too are part of a step: see
    /// [`weight_decay`](super::FitOptions::weight_decay).
    ///
    /// # Example
    /// ```
    /// use layerloop::data::Dataset;
    /// use layerloop::network::Network;
    /// use layerloop::train::{FitOptions, Optimizer, fit};
    /// // One step on (w x - y)^2 with x = 2, y = 6 from w = 0, without a bias: the gradient is -24.
    /// let data = Dataset::regression("line", vec![2.0].into(), 1, vec![6.0], ["y"])?;
    /// for (optimizer, w) in [(Optimizer::Sgd, 2.4), (Optimizer::ADAM, 0.1)] {
    ///     let mut network = Network::new(&"1 -> 1 no-bias init=zero -> identity".parse()?, 0)?;
    ///     let options = FitOptions { epochs: 1, batch: 1, learning_rate: 0.1, optimizer, ..FitOptions::default() };
    ///     fit(&mut network, &data, &options)?;
    ///     assert!((network.to_vec()[0] - w).abs() < 1e-6, "{:?}", network.to_vec());
    /// }
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub enum Optimizer: "optimizer" {
        /// m = beta_1 m + (1 - beta_1) g; v = beta_2 v + (1 - beta_2) g^2; w -= lr m / c_1 / (sqrt(v / c_2) + epsilon)
        ///
        /// with c_k = 1 - beta_k^t. Source: Kingma and Ba 2015.
        Adam = "adam" {
            /// Share of the first moment that is kept.
            beta_1: f64 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&beta_1),
            /// Share of the second moment that is kept.
            beta_2: f64 = 0.999, "at least 0 and below 1" if (0.0..1.0).contains(&beta_2),
            /// Keeps the divisor from 0.
            epsilon: f64 = 1e-8, "a number, at least 1e-30" if epsilon >= 1e-30 && epsilon.is_finite(),
        },
        /// w -= lr g
        Sgd = "sgd",
        /// v = momentum v + g; w -= lr v
        ///
        /// The rate is not part of the velocity, as in PyTorch: in Flux it is.
        Momentum = "momentum" | "sgd-momentum" {
            /// Share of the velocity that is kept.
            momentum: f32 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&momentum),
        },
        /// v = momentum v + g; w -= lr (g + momentum v)
        Nesterov = "nesterov" | "nag" {
            /// Share of the velocity that is kept.
            momentum: f32 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&momentum),
        },
        /// v = alpha v + (1 - alpha) g^2; w -= lr g / (sqrt(v) + epsilon)
        ///
        /// Epsilon outside of the root, as in PyTorch and Flux. Source: Hinton 2012, lecture 6e.
        RmsProp = "rmsprop" {
            /// Share of the mean square that is kept.
            alpha: f64 = 0.99, "at least 0 and below 1" if (0.0..1.0).contains(&alpha),
            /// Keeps the divisor from 0.
            epsilon: f64 = 1e-8, "a number, at least 1e-30" if epsilon >= 1e-30 && epsilon.is_finite(),
        },
        /// s is times grow where g keeps its sign, times shrink where it turns; w -= s sign(g), but not where it turns
        ///
        /// The learning rate is the first s. For batches that are all of the data. Where g has turned, it counts as 0 the
        /// next time: iRprop- of Igel and Huesken 2003, as in PyTorch. Source: Riedmiller and Braun 1993.
        Rprop = "rprop" {
            /// Factor of a step after a change of sign.
            shrink: f64 = 0.5, "above 0 and below 1" if shrink > 0.0 && shrink < 1.0,
            /// Factor of a step where the sign stays.
            grow: f64 = 1.2, "a number above 1" if grow > 1.0 && (grow as f32).is_finite(),
            /// The smallest step.
            least: f64 = 1e-6, "a number, at least 1e-30" if least >= 1e-30 && (least as f32).is_finite(),
            /// The largest step.
            most: f64 = 50.0, "a number, at least 1e-30" if most >= 1e-30 && (most as f32).is_finite(),
        },
        /// v = v + g^2; w -= lr g / (sqrt(v) + epsilon)
        ///
        /// A common rate is 0.01. Source: Duchi, Hazan and Singer 2011.
        AdaGrad = "adagrad" {
            /// Keeps the divisor from 0.
            epsilon: f64 = 1e-10, "a number, at least 1e-30" if epsilon >= 1e-30 && epsilon.is_finite(),
        },
        /// v = rho v + (1 - rho) g^2; d = sqrt((u + epsilon) / (v + epsilon)) g; u = rho u + (1 - rho) d^2; w -= lr d
        ///
        /// The default rate of the paper is 1. Source: Zeiler 2012.
        AdaDelta = "adadelta" {
            /// Share of the mean squares that is kept.
            rho: f64 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&rho),
            /// Keeps the roots from 0.
            epsilon: f64 = 1e-6, "a number, at least 1e-30" if epsilon >= 1e-30 && epsilon.is_finite(),
        },
        /// w -= lr decay w, then Adam
        ///
        /// The decay is [`weight_decay`](super::FitOptions::weight_decay), 0.01 if nothing is said. Source: Loshchilov and
        /// Hutter 2019.
        AdamW = "adamw" {
            /// Share of the first moment that is kept.
            beta_1: f64 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&beta_1),
            /// Share of the second moment that is kept.
            beta_2: f64 = 0.999, "at least 0 and below 1" if (0.0..1.0).contains(&beta_2),
            /// Keeps the divisor from 0.
            epsilon: f64 = 1e-8, "a number, at least 1e-30" if epsilon >= 1e-30 && epsilon.is_finite(),
        },
        /// m of Adam; u = max(beta_2 u, |g| + epsilon); w -= lr m / c_1 / u
        ///
        /// A common rate is 0.002. Epsilon is added to |g|, as in PyTorch. Source: Kingma and Ba 2015, section 7.1.
        AdaMax = "adamax" {
            /// Share of the first moment that is kept.
            beta_1: f64 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&beta_1),
            /// Share of the largest gradient that is kept.
            beta_2: f64 = 0.999, "at least 0 and below 1" if (0.0..1.0).contains(&beta_2),
            /// Keeps the divisor from 0.
            epsilon: f64 = 1e-8, "a number, at least 1e-30" if epsilon >= 1e-30 && epsilon.is_finite(),
        },
        /// m, v of Adam; w -= lr (a m + b g) / (sqrt(v / c_2) + epsilon)
        ///
        /// with a = mu_{t+1} / (1 - mu_1...mu_{t+1}), b = (1 - mu_t) / (1 - mu_1...mu_t) and
        /// mu_t = beta_1 (1 - 0.96^{t psi} / 2), as in PyTorch. A common rate is 0.002. Source: Dozat 2016.
        NAdam = "nadam" {
            /// Share of the first moment that is kept.
            beta_1: f64 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&beta_1),
            /// Share of the second moment that is kept.
            beta_2: f64 = 0.999, "at least 0 and below 1" if (0.0..1.0).contains(&beta_2),
            /// Keeps the divisor from 0.
            epsilon: f64 = 1e-8, "a number, at least 1e-30" if epsilon >= 1e-30 && epsilon.is_finite(),
            /// How fast mu grows to beta_1.
            psi: f64 = 0.004, "a number, at least 0" if psi >= 0.0 && psi.is_finite(),
        },
        /// m, v of Adam; w -= lr r sqrt(c_2) / c_1 m / (sqrt(v) + epsilon), or lr m / c_1 while rho_t <= 5
        ///
        /// with rho = 2 / (1 - beta_2) - 1, rho_t = rho - 2 t beta_2^t / c_2 and
        /// r^2 = (rho_t - 4)(rho_t - 2) rho / ((rho - 4)(rho - 2) rho_t). Epsilon is added before the correction, as in
        /// PyTorch. Source: Liu et al. 2020.
        RAdam = "radam" {
            /// Share of the first moment that is kept.
            beta_1: f64 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&beta_1),
            /// Share of the second moment that is kept.
            beta_2: f64 = 0.999, "at least 0 and below 1" if (0.0..1.0).contains(&beta_2),
            /// Keeps the divisor from 0.
            epsilon: f64 = 1e-8, "a number, at least 1e-30" if epsilon >= 1e-30 && epsilon.is_finite(),
        },
        /// m, v of Adam; u = max(u, v); w -= lr m / c_1 / (sqrt(u / c_2) + epsilon)
        ///
        /// The largest is taken before the correction, as in PyTorch. Source: Reddi, Kale and Kumar 2018.
        AmsGrad = "amsgrad" {
            /// Share of the first moment that is kept.
            beta_1: f64 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&beta_1),
            /// Share of the second moment that is kept.
            beta_2: f64 = 0.999, "at least 0 and below 1" if (0.0..1.0).contains(&beta_2),
            /// Keeps the divisor from 0.
            epsilon: f64 = 1e-8, "a number, at least 1e-30" if epsilon >= 1e-30 && epsilon.is_finite(),
        },
        /// m of Adam; v = beta_2 v + (1 - beta_2) (g - m)^2 + epsilon; w -= lr m / c_1 / (sqrt(v / c_2) + epsilon)
        ///
        /// m is the new one, and epsilon occurs twice, as in the paper. Source: Zhuang et al. 2020.
        AdaBelief = "adabelief" {
            /// Share of the first moment that is kept.
            beta_1: f64 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&beta_1),
            /// Share of the second central moment that is kept.
            beta_2: f64 = 0.999, "at least 0 and below 1" if (0.0..1.0).contains(&beta_2),
            /// Keeps the divisor from 0.
            epsilon: f64 = 1e-16, "a number, at least 1e-30" if epsilon >= 1e-30 && epsilon.is_finite(),
        },
        /// m, v and the step d of Adam; w -= 2 d - d_last
        ///
        /// The constants are those of Flux. Source: Daskalakis et al. 2018.
        OAdam = "oadam" {
            /// Share of the first moment that is kept.
            beta_1: f64 = 0.5, "at least 0 and below 1" if (0.0..1.0).contains(&beta_1),
            /// Share of the second moment that is kept.
            beta_2: f64 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&beta_2),
            /// Keeps the divisor from 0.
            epsilon: f64 = 1e-8, "a number, at least 1e-30" if epsilon >= 1e-30 && epsilon.is_finite(),
        },
        /// w -= lr sign(beta_1 m + (1 - beta_1) g); m = beta_2 m + (1 - beta_2) g
        ///
        /// A common rate is 1e-4. [`weight_decay`](super::FitOptions::weight_decay) is decoupled. Source: Chen et al. 2023.
        Lion = "lion" {
            /// Share of the mean in the direction of the step.
            beta_1: f64 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&beta_1),
            /// Share of the mean that is kept.
            beta_2: f64 = 0.99, "at least 0 and below 1" if (0.0..1.0).contains(&beta_2),
        },
        /// m = momentum m + (1 - momentum) g; w -= lr sqrt(max(1, n_out / n_in)) O(momentum m + (1 - momentum) g)
        ///
        /// O makes all singular values about 1: five Newton-Schulz steps. For the weights of hidden dense layers; all others are
        /// moved by Adam at the learning rate times `others`. A common rate is 0.02; the decay of weights is decoupled, 0.1 if
        /// nothing is said. A step costs matrix products of its own, several times a plain one's for small batches.
        ///
        /// Source: Jordan et al. 2024
        Muon = "muon" {
            /// Share of the mean gradient that is kept.
            momentum: f32 = 0.95, "at least 0 and below 1" if (0.0..1.0).contains(&momentum),
            /// Factor of the learning rate for what Adam moves.
            others: f32 = 0.05, "a number above 0" if others > 0.0 && others.is_finite(),
        },
        /// w += a d, d = -H g, H by the last steps, a by a line search
        ///
        /// For small data: each epoch is one step, and its gradient that of all rows; `batch` and the learning rate are not used. It
        /// ends where no better point is found.
        ///
        /// Source: Nocedal and Wright 2006, chapters 3 and 7
        Lbfgs = "lbfgs" {
            /// Steps that are remembered.
            history: usize = 10, "from 1 to 1000" if (1..=1000).contains(&history),
        },
    }
}

serde_as_text!(Optimizer);

impl Optimizer {
    /// Adam with its default constants.
    pub const ADAM: Self = Self::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8 };

    /// Whether the decay of weights is not a part of the gradient.
    #[must_use]
    pub fn decouples(self) -> bool {
        matches!(self, Self::AdamW { .. } | Self::Lion { .. } | Self::Muon { .. })
    }

    /// The decay of weights, if nothing is said.
    #[must_use]
    pub fn default_decay(self) -> f64 {
        match self {
            Self::AdamW { .. } => 0.01,
            Self::Muon { .. } => 0.1,
            _ => 0.0,
        }
    }

    /// The scalars of step `t`, counted from 1, at learning rate `lr`.
    pub(crate) fn at(self, t: u64, lr: f64) -> Rule {
        let rate = lr as f32;
        match self {
            // The last update, with the direction in place of the gradient.
            Self::Sgd | Self::Muon { .. } | Self::Lbfgs { .. } => Rule::Sgd { rate },
            Self::Momentum { momentum } => Rule::Momentum { rate, momentum },
            Self::Nesterov { momentum } => Rule::Nesterov { rate, momentum },
            Self::RmsProp { alpha, epsilon } => {
                Rule::RmsProp { rate, weight: (1.0 - alpha) as f32, epsilon: epsilon as f32 }
            }
            Self::Rprop { shrink, grow, least, most } => {
                let [shrink, grow, least, most] = [shrink, grow, least, most].map(|x| x as f32);
                Rule::Rprop { start: rate, shrink, grow, least, most }
            }
            Self::AdaGrad { epsilon } => Rule::AdaGrad { rate, epsilon: epsilon as f32 },
            Self::AdaDelta { rho, epsilon } => {
                Rule::AdaDelta { rate, weight: (1.0 - rho) as f32, epsilon: epsilon as f32 }
            }
            Self::Adam { beta_1, beta_2, epsilon } | Self::AdamW { beta_1, beta_2, epsilon } => {
                let [rate, weight_1, weight_2, epsilon] = corrected(t, lr, [beta_1, beta_2], epsilon);
                Rule::Adam { rate, weight_1, weight_2, epsilon }
            }
            Self::AdaMax { beta_1, beta_2, epsilon } => {
                let rate = (lr / share(t, beta_1)) as f32;
                let [weight_1, beta_2, epsilon] = [1.0 - beta_1, beta_2, epsilon].map(|x| x as f32);
                Rule::AdaMax { rate, weight_1, beta_2, epsilon }
            }
            Self::NAdam { beta_1, beta_2, epsilon, psi } => {
                let [now, rate] = look_ahead(t, beta_1, psi).map(|x| (lr * libm::sqrt(share(t, beta_2)) * x) as f32);
                let [_, weight_1, weight_2, epsilon] = corrected(t, lr, [beta_1, beta_2], epsilon);
                Rule::NAdam { now, rate, weight_1, weight_2, epsilon }
            }
            Self::RAdam { beta_1, beta_2, epsilon } => {
                let [weight_1, weight_2] = [beta_1, beta_2].map(|beta| (1.0 - beta) as f32);
                let (rectified, root, epsilon) =
                    rectification(t, beta_2).map_or((1.0, 0.0, 1.0), |r| (r, 1.0, epsilon as f32));
                let rate = (lr * rectified / share(t, beta_1)) as f32;
                Rule::RAdam { rate, weight_1, weight_2, root, epsilon }
            }
            Self::AmsGrad { beta_1, beta_2, epsilon } => {
                let [rate, weight_1, weight_2, epsilon] = corrected(t, lr, [beta_1, beta_2], epsilon);
                Rule::AmsGrad { rate, weight_1, weight_2, epsilon }
            }
            Self::AdaBelief { beta_1, beta_2, epsilon } => {
                let added = epsilon as f32;
                let [rate, weight_1, weight_2, epsilon] = corrected(t, lr, [beta_1, beta_2], epsilon);
                Rule::AdaBelief { rate, weight_1, weight_2, added, epsilon }
            }
            Self::OAdam { beta_1, beta_2, epsilon } => {
                let [rate, weight_1, weight_2, epsilon] = corrected(t, lr, [beta_1, beta_2], epsilon);
                Rule::OAdam { rate, weight_1, weight_2, epsilon }
            }
            Self::Lion { beta_1, beta_2 } => {
                let [weight_1, weight_2] = [beta_1, beta_2].map(|beta| (1.0 - beta) as f32);
                Rule::Lion { rate, weight_1, weight_2 }
            }
        }
    }
}

/// c = 1 - beta^t: the share of the true mean in one that started at 0.
fn share(t: u64, beta: f64) -> f64 {
    1.0 - libm::pow(beta, t as f64)
}

/// rate, 1 - beta_1, 1 - beta_2 and epsilon, with the corrections of Adam's two means.
fn corrected(t: u64, lr: f64, [beta_1, beta_2]: [f64; 2], epsilon: f64) -> [f32; 4] {
    let [c_1, c_2] = [beta_1, beta_2].map(|beta| share(t, beta));
    let rate = lr * libm::sqrt(c_2) / c_1;
    [rate, 1.0 - beta_1, 1.0 - beta_2, epsilon * libm::sqrt(c_2)].map(|x| x as f32)
}

/// The factors of g and of m of `nadam`: (1 - mu_t) / (1 - mu_1...mu_t) and mu_{t+1} / (1 - mu_1...mu_{t+1}).
fn look_ahead(t: u64, beta_1: f64, psi: f64) -> [f64; 2] {
    let mu = |t: u64| beta_1 * (1.0 - 0.5 * libm::pow(0.96, t as f64 * psi));
    // A product below the last place of 1 says no more, and soon is.
    let mut product = 1.0;
    for mu in (1..=t).map(mu) {
        product *= mu;
        if product < 1e-18 {
            break;
        }
    }
    let next = mu(t + 1);
    [(1.0 - mu(t)) / (1.0 - product), next / (1.0 - product * next)]
}

/// r sqrt(c_2) of `radam`; nothing as long as the variance of v is too large to tell.
fn rectification(t: u64, beta_2: f64) -> Option<f64> {
    let c_2 = share(t, beta_2);
    let most = 2.0 / (1.0 - beta_2) - 1.0;
    let rho = most - 2.0 * t as f64 * (1.0 - c_2) / c_2;
    let r = || libm::sqrt((rho - 4.0) * (rho - 2.0) * most / ((most - 4.0) * (most - 2.0) * rho));
    (rho > 5.0).then(|| r() * libm::sqrt(c_2))
}
