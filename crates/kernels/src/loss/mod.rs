//! Every loss, fused with the output map that it is stable with: its value and its gradient on the logits.
//!
//! - [`Loss`]: the closed set, its equations, and which output maps each goes with.
//! - [`evaluate`]: value and gradient of each row, for targets that are numbers.
//! - [`targets_of_labels`]: such targets from class labels.
//!
//! Labels under softmax have a shorter way that makes no targets: [`crate::softmax::cross_entropy`].

mod distributions;
mod elementwise;
mod targets;

pub use targets::targets_of_labels;

use crate::isa::Isa;
use crate::matrix::{Rows, RowsMut};
use crate::softmax::{Logits, Output};

crate::named_enum! {
    /// What is minimised: how far the outputs of a row are from their targets t.
    ///
    /// S is the sum of e^{z_k}, 1 included for a reference class, p the probabilities, e = z - t. "mean" is the mean over
    /// the K outputs of the row: mse, hinge and binary cross-entropy of K outputs divide by K. Sums are over the classes.
    /// What happens to the rows of a batch, a mean or a sum, is the caller's `scale`.
    pub enum Loss: "loss" {
        /// l = sum_k t_k (log S - z_k)
        ///
        /// Shannon's, with a distribution t; sum_k t_k need not be 1.
        CrossEntropy = "cross-entropy" | "ce" | "nll" | "log-loss" | "categorical-cross-entropy" | "sparse-categorical-cross-entropy",
        /// l = -sum_k t_k (1 - p_k)^gamma log p_k; under sigmoid mean(-t (1 - p)^gamma log p - (1 - t) p^gamma log(1 - p))
        ///
        /// Rows that are already right count less. Source: Lin et al. 2017, Focal loss for dense object detection.
        Focal = "focal" {
            /// How much less; 0 is cross-entropy.
            gamma: f32 = 2.0, "a number, at least 0" if gamma >= 0.0 && gamma.is_finite(),
        },
        /// l = sum_k t_k (log t_k - log p_k), 0 log 0 = 0
        ///
        /// The divergence of Kullback and Leibler from the target distribution: cross-entropy less what no network can win.
        Kl = "kl" | "kl-div" | "kl-divergence",
        /// l = mean(log(1 + e^z) - t z)
        ///
        /// Each output is a class of its own, t its probability.
        BinaryCrossEntropy = "binary-cross-entropy" | "bce" | "bce-with-logits",
        /// l = mean(e^2)
        Mse = "mse" | "l2" | "mean-squared-error" | "squared-error",
        /// l = mean(|e|)
        ///
        /// Where e = 0 the gradient is 0.
        Mae = "mae" | "l1" | "mean-absolute-error" | "absolute-error",
        /// l = mean(e^2 / 2 where |e| < delta, else delta (|e| - delta / 2))
        ///
        /// Source: Huber 1964, Robust estimation of a location parameter.
        Huber = "huber" | "smooth-l1" {
            /// Up to where it is a square.
            delta: f32 = 1.0, "a number above 0" if delta > 0.0 && delta.is_finite(),
        },
        /// l = mean(log((e^{z - t} + e^{t - z}) / 2))
        LogCosh = "log-cosh",
        /// l = mean((log(1 + z) - log(1 + t))^2)
        ///
        /// For targets and outputs above -1. Below -1/2 the tangent of the logarithm at -1/2 takes its place, so that
        /// an output below -1 has a finite loss and a gradient.
        Msle = "msle" | "mean-squared-logarithmic-error",
        /// l = mean(e^z - t z)
        ///
        /// The negative log-likelihood of counts t of rate e^z, less log t!, in which z does not occur.
        Poisson = "poisson" | "poisson-nll",
        /// l = mean(tau (t - z) where t > z, else (1 - tau) (z - t))
        ///
        /// Least where z is the quantile tau of t. Where z = t the gradient is 0. Source: Koenker and Bassett 1978.
        Quantile = "quantile" | "pinball" {
            /// Which quantile; 0.5 is the median.
            tau: f32 = 0.5, "above 0 and below 1" if tau > 0.0 && tau < 1.0,
        },
        /// l = mean(max(0, 1 - t z)), t = -1 or 1
        ///
        /// The margin of a support vector machine, one class against the rest. Where t z = 1 the gradient is 0.
        Hinge = "hinge",
        /// l = mean(max(0, 1 - t z)^2), t = -1 or 1
        SquaredHinge = "squared-hinge",
    }
}

impl Loss {
    /// The output maps that it is fused with, the default one first.
    #[must_use]
    pub fn outputs(self) -> &'static [Output] {
        match self {
            Self::CrossEntropy | Self::Kl => &[Output::Softmax, Output::ReferenceSoftmax],
            Self::Focal { .. } => &[Output::Softmax, Output::ReferenceSoftmax, Output::Sigmoid],
            Self::BinaryCrossEntropy => &[Output::Sigmoid],
            Self::Poisson => &[Output::Exp],
            Self::Mse | Self::Mae | Self::Huber { .. } | Self::LogCosh | Self::Msle => &[Output::Identity],
            Self::Quantile { .. } | Self::Hinge | Self::SquaredHinge => &[Output::Identity],
        }
    }

    /// Whether it can be evaluated on the logits of `output`.
    #[must_use]
    pub fn output_allowed(self, output: Output) -> bool {
        self.outputs().contains(&output)
    }

    /// The default output map.
    #[must_use]
    pub fn default_output(self) -> Output {
        self.outputs()[0]
    }
}

/// What the outputs of some samples should have been, and how much each sample counts.
#[derive(Debug, Clone, Copy)]
pub struct Truth<'a> {
    /// B x [`Output::targets`].
    pub targets: Rows<'a>,
    /// B x 1: the weight of each row, those of its class and of the sample multiplied.
    pub weights: Rows<'a>,
    /// What every gradient is multiplied with: 1 / B for the mean of a batch, 1 for the sum.
    pub scale: f32,
}

/// The weighted loss l of each row and its gradient on the logits.
///
/// out_b = weight_b l_b;   delta_b = scale weight_b dl_b/dz_b
///
/// # Shapes
/// `delta`: B x `width` of the logits; `out`: B x 1. What rows hold past their width is neither read nor written.
///
/// # Panics
/// If the slices do not have these shapes, or the loss does not go with the output map.
///
/// # Numerics
/// Finite for finite logits, up to an overflow of the value itself (mse of 1e20, poisson of z = 89). A logit that is no
/// number gives a loss that is none. Sums have one order: sixteen lanes, each over every sixteenth output, then the
/// tree over the lanes, then the reference class.
pub fn evaluate(isa: Isa, loss: Loss, logits: Logits, truth: Truth, delta: RowsMut, out: RowsMut) {
    let (rows, columns) = (logits.rows.count(), logits.output.targets(logits.width));
    assert!(loss.output_allowed(logits.output), "{loss:?} of {:?}", logits.output);
    assert_eq!(
        [truth.targets.count(), truth.weights.count(), delta.count(), out.count()],
        [rows; 4],
        "rows of targets, weights, deltas and losses"
    );
    assert!(logits.width <= logits.rows.stride.min(delta.stride), "{} logits", logits.width);
    assert!(columns <= truth.targets.stride, "{columns} targets");
    let problem = Problem { loss, logits, truth, delta, out };
    if logits.output.is_softmax() {
        isa.run(distributions::Distributions(problem));
    } else {
        isa.run(elementwise::Elementwise(problem));
    }
}

/// The arguments of [`evaluate`].
struct Problem<'a> {
    loss: Loss,
    logits: Logits<'a>,
    truth: Truth<'a>,
    delta: RowsMut<'a>,
    out: RowsMut<'a>,
}

#[cfg(test)]
mod tests;
