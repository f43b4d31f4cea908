//! Layer L+1, which has no parameters: from logits to outputs, with the Jacobian `C_K`.

use layerloop_kernels::softmax::Output;

use super::{Activation, ActivationFunction as _, Matrix};

/// The output map `g_{L+1}` in f64, from the logits `z_{L+1}` to `z_{L+2}`: the K probabilities of a classifier, or the K numbers
/// of a regression.
///
/// ```text
/// softmax             g_j = e^{z_j} / sum_k e^{z_k}
/// reference softmax   g_j = e^{z_j} / (1 + sum_k e^{z_k}) for j < K,   g_K = 1 / (1 + sum_k e^{z_k})
/// sigmoid             g_j = 1 / (1 + e^{-z_j});   of one logit z: (1 - p, p) with p = 1 / (1 + e^{-z})
/// identity            g_j = z_j
/// exp                 g_j = e^{z_j}
/// ```
///
/// The second is the first after a logit 0 has been appended, and everything here is computed that way.
///
/// # Shapes
///
/// K logits; K - 1 for [`Output::ReferenceSoftmax`], and 1 for [`Output::Sigmoid`] of 2 classes.
///
/// # Numerics
///
/// Of the softmaxes the largest logit, the implicit 0 included, is subtracted first: no exponential exceeds 1.
///
/// # Example
///
/// ```
/// # use layerloop::math::{Output, OutputMap as _};
/// assert_eq!(Output::Softmax.probabilities(&[0.0, 1000.0]), [0.0, 1.0]);
/// let p = Output::ReferenceSoftmax.probabilities(&[1.0, 0.0]);
/// assert_eq!(format!("{p:.4?}"), "[0.5761, 0.2119, 0.2119]");
/// assert_eq!(Output::Sigmoid.probabilities(&[0.0]), [0.5, 0.5]);
/// ```
pub trait OutputMap: Copy {
    /// The outputs `z_{L+2} = g_{L+1}(z_{L+1})`: probabilities, but for identity and exp.
    fn probabilities(self, z: &[f64]) -> Vec<f64>;

    /// The Jacobian of [`Self::probabilities`] with respect to the logits.
    ///
    /// ```text
    /// softmax             diag(g) - g g^T
    /// reference softmax   C_K = the same without its last column
    /// sigmoid             diag(g (1 - g));   of one logit (-p (1 - p); p (1 - p))
    /// identity            I
    /// exp                 diag(g)
    /// ```
    ///
    /// # Shapes
    ///
    /// K x the number of logits: K x (K - 1) for [`Output::ReferenceSoftmax`].
    #[doc(alias = "C_K")]
    fn jacobian(self, z: &[f64]) -> Matrix;
}

impl OutputMap for Output {
    fn probabilities(self, z: &[f64]) -> Vec<f64> {
        let sigmoid = |z| Activation::Sigmoid.value(z);
        match (self, z) {
            (Self::Softmax | Self::ReferenceSoftmax, _) => {
                let powers: Vec<f64> = shifted(self, z).iter().map(|z| z.exp()).collect();
                let sum: f64 = powers.iter().sum();
                powers.iter().map(|power| power / sum).collect()
            }
            (Self::Sigmoid, &[z]) => vec![sigmoid(-z), sigmoid(z)],
            (Self::Sigmoid, _) => z.iter().map(|&z| sigmoid(z)).collect(),
            (Self::Identity, _) => z.to_vec(),
            (Self::Exp, _) => z.iter().map(|z| z.exp()).collect(),
        }
    }

    fn jacobian(self, z: &[f64]) -> Matrix {
        let g = self.probabilities(z);
        let slope = |z| Activation::Sigmoid.derivative(z);
        let diagonal = |r, c, value| if r == c { value } else { 0.0 };
        Matrix::from_fn(g.len(), z.len(), |r, c| match (self, z) {
            (Self::Softmax | Self::ReferenceSoftmax, _) => g[r] * (f64::from(r == c) - g[c]),
            (Self::Sigmoid, &[z]) => [-slope(z), slope(z)][r],
            (Self::Sigmoid, _) => diagonal(r, c, slope(z[c])),
            (Self::Identity, _) => diagonal(r, c, 1.0),
            (Self::Exp, _) => diagonal(r, c, g[c]),
        })
    }
}

/// One logit a class, the reference's 0 included, less the largest of them.
pub(super) fn shifted(output: Output, z: &[f64]) -> Vec<f64> {
    let mut z = z.to_vec();
    z.resize(output.targets(z.len()), 0.0);
    let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    z.iter().map(|z| z - largest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::SOFTMAXES;
    use crate::math::{STEP, check_jacobian, numbers};

    #[test]
    fn the_jacobian_is_the_central_differences_of_the_probabilities() {
        for &output in Output::ALL {
            for logits in 1..=26 {
                let z: Vec<f64> = numbers(logits, logits).iter().map(|z| 3.0 * z).collect();
                let found = check_jacobian(|z| output.probabilities(z), &z, &output.jacobian(&z), STEP).unwrap();
                assert!(found.relative_error < 1e-6, "{output:?}, {logits} logits: {found:?}");
            }
        }
    }

    #[test]
    fn probabilities_of_extreme_logits_are_finite_and_sum_to_one() {
        for z in [[1000.0, 0.0, -1000.0], [-1000.0; 3], [1000.0; 3]] {
            for output in SOFTMAXES {
                let p = output.probabilities(&z);
                assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-15, "{p:?}");
                assert!(output.jacobian(&z).entries().iter().all(|c| c.is_finite()));
            }
        }
        assert_eq!(Output::ReferenceSoftmax.probabilities(&[-1000.0; 3]), [0.0, 0.0, 0.0, 1.0]);
    }

    /// Why a sigmoid before the output map is warned about: its logits lie in (0, 1).
    #[test]
    fn logits_between_0_and_1_leave_no_room_for_certainty() {
        let e = 1.0_f64.exp();
        for k in [2, 3, 10, 26] {
            let mut best = vec![0.0; k];
            best[0] = 1.0;
            let bound = e / (e + k as f64 - 1.0);
            assert!((Output::Softmax.probabilities(&best)[0] - bound).abs() < 1e-15);
            assert!((Output::ReferenceSoftmax.probabilities(&best[..k - 1])[0] - bound).abs() < 1e-15);
            let p = Output::ReferenceSoftmax.probabilities(&vec![1e-9; k - 1]);
            assert!(p[..k - 1].iter().all(|p_j| p_j > &p[k - 1]), "the reference class never wins");
        }
    }
}
