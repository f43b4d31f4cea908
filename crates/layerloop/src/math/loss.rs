//! Cross-entropy as loss `l_y` and its gradient `q_{L+2}`, on probabilities as derived and on logits as one should
//! compute it.

use super::Output;
use super::OutputMap as _;
use super::matrix::same_size;
use super::softmax::shifted;
use crate::{Error, Result};

/// Cross-entropy of the probabilities `z` with the target `y`, as derived.
///
/// ```text
/// z_{L+3} = l_y(z_{L+2}) = - sum_k y_k log z_k,   with 0 log 0 = 0
/// ```
///
/// # Shapes
///
/// `y` and `z` have length K; `y` holds weights, usually a single 1.
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) if the lengths differ.
///
/// # Numerics
///
/// Infinite where the probability of the true class has underflowed to 0; [`cross_entropy_of_logits`] is not.
///
/// # Example
///
/// ```
/// # use layerloop::math::cross_entropy;
/// assert_eq!(format!("{:.4}", cross_entropy(&[0.0, 1.0], &[0.5, 0.5])?), "0.6931");
/// assert_eq!(cross_entropy(&[0.0, 1.0], &[0.0, 1.0])?, 0.0);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn cross_entropy(y: &[f64], z: &[f64]) -> Result<f64> {
    same_size("length of the target y", z.len(), y.len())?;
    Ok(y.iter().zip(z).map(|(&y, z)| if y == 0.0 { 0.0 } else { -y * z.ln() }).sum())
}

/// The gradient of [`cross_entropy`] with respect to `z`.
///
/// ```text
/// q_{L+2} = [ -y_k / z_k ],   0 where y_k = 0
/// ```
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) if the lengths differ.
///
/// # Numerics
///
/// Infinite where the probability of the true class has underflowed to 0; [`cross_entropy_of_logits_gradient`] is not.
#[doc(alias = "q_{L+2}")]
pub fn cross_entropy_gradient(y: &[f64], z: &[f64]) -> Result<Vec<f64>> {
    same_size("length of the target y", z.len(), y.len())?;
    Ok(y.iter().zip(z).map(|(&y, z)| if y == 0.0 { 0.0 } else { -y / z }).collect())
}

/// Cross-entropy of the logits `z`: the output map and [`cross_entropy`] in one, finite for finite logits.
///
/// ```text
/// l_y(g_{L+1}(z)) = sum_k y_k (log(sum_j e^{z_j}) - z_k)       the reference class has z_K = 0
/// ```
///
/// # Shapes
///
/// `y` has length K, `z` as many logits as `output` takes for K classes.
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) if the lengths do not go together,
/// [`Error::Config`](crate::Error::Config) if `output` is not a softmax: [`Loss`](super::Loss) has what goes with others.
///
/// # Numerics
///
/// The largest logit, the implicit 0 included, is subtracted throughout.
///
/// # Example
///
/// ```
/// # use layerloop::math::{Output, cross_entropy_of_logits};
/// assert_eq!(cross_entropy_of_logits(Output::Softmax, &[1.0, 0.0], &[-1000.0, 1000.0])?, 2000.0);
/// # Ok::<(), layerloop::Error>(())
/// ```
#[doc(alias = "log-sum-exp")]
pub fn cross_entropy_of_logits(output: Output, y: &[f64], z: &[f64]) -> Result<f64> {
    check(output, y, z)?;
    let z = shifted(output, z);
    let log_sum_exp = z.iter().map(|z| z.exp()).sum::<f64>().ln();
    Ok(y.iter().zip(&z).map(|(y, z)| y * (log_sum_exp - z)).sum())
}

/// The gradient of [`cross_entropy_of_logits`] with respect to the logits.
///
/// ```text
/// q_{L+1} = C_K^T q_{L+2} = s p - y,   p = g_{L+1}(z),   s = sum_k y_k, which is 1 for a distribution y
/// ```
///
/// # Shapes
///
/// That of `z`: for the reference softmax, s p - y loses its last entry.
///
/// # Errors
///
/// [`Error::Shape`](crate::Error::Shape) if the lengths do not go together,
/// [`Error::Config`](crate::Error::Config) if `output` is not a softmax: [`Loss`](super::Loss) has what goes with others.
///
/// # Example
///
/// ```
/// # use layerloop::math::{Output, cross_entropy_of_logits_gradient};
/// assert_eq!(cross_entropy_of_logits_gradient(Output::Softmax, &[1.0, 0.0], &[3.0, 3.0])?, [-0.5, 0.5]);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn cross_entropy_of_logits_gradient(output: Output, y: &[f64], z: &[f64]) -> Result<Vec<f64>> {
    check(output, y, z)?;
    let s: f64 = y.iter().sum();
    let p = output.probabilities(z);
    Ok(p.iter().zip(y).map(|(p, y)| s * p - y).take(z.len()).collect())
}

fn check(output: Output, y: &[f64], z: &[f64]) -> Result<()> {
    if !output.is_softmax() {
        return Err(Error::config("output", format!("{output:?}; cross-entropy of logits is that of a softmax")));
    }
    same_size("length of the target y", output.classes(z.len()), y.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::SOFTMAXES;
    use crate::math::{STEP, check_gradient, numbers};

    /// A hard target, a soft one, and one that does not sum to 1.
    fn targets(k: usize) -> [Vec<f64>; 3] {
        let mut hard = vec![0.0; k];
        hard[k / 2] = 1.0;
        [hard, vec![1.0 / k as f64; k], numbers(k, k).iter().map(|y| y.abs()).collect()]
    }

    #[test]
    fn both_gradients_are_the_central_differences_of_their_losses() {
        for output in SOFTMAXES {
            for (z, y) in (1..=25).flat_map(|n| targets(output.classes(n)).map(|y| (numbers(5, n), y))) {
                let given = cross_entropy_of_logits_gradient(output, &y, &z).unwrap();
                let fused = |z: &[f64]| cross_entropy_of_logits(output, &y, z).unwrap();
                let fused = check_gradient(fused, &z, &given, STEP).unwrap();
                let p = output.probabilities(&z);
                let given = cross_entropy_gradient(&y, &p).unwrap();
                let naive = check_gradient(|p| cross_entropy(&y, p).unwrap(), &p, &given, STEP).unwrap();
                assert!(fused.relative_error < 1e-6, "{output:?}, y = {y:?}: {fused:?}");
                assert!(naive.relative_error < 1e-6, "{output:?}, y = {y:?}: {naive:?}");
            }
        }
    }

    #[test]
    fn the_fused_loss_and_the_naive_one_agree() {
        for output in SOFTMAXES {
            for (z, y) in (1..=25).flat_map(|n| targets(output.classes(n)).map(|y| (numbers(6, n), y))) {
                let naive = cross_entropy(&y, &output.probabilities(&z)).unwrap();
                let fused = cross_entropy_of_logits(output, &y, &z).unwrap();
                assert!((naive - fused).abs() < 1e-13 * (1.0 + naive), "{output:?}, y = {y:?}: {naive} {fused}");
            }
        }
    }

    #[test]
    fn extreme_logits_keep_the_fused_loss_finite() {
        let (y, z) = ([0.0, 0.0, 1.0], [1000.0, -1000.0]);
        assert_eq!(cross_entropy(&y, &Output::ReferenceSoftmax.probabilities(&z)).unwrap(), f64::INFINITY);
        assert_eq!(cross_entropy_of_logits(Output::ReferenceSoftmax, &y, &z).unwrap(), 1000.0);
        assert_eq!(cross_entropy_of_logits_gradient(Output::ReferenceSoftmax, &y, &z).unwrap(), [1.0, 0.0]);
    }

    #[test]
    fn a_target_of_the_wrong_length_is_refused() {
        assert!(cross_entropy(&[1.0], &[0.5, 0.5]).is_err());
        assert!(cross_entropy_gradient(&[1.0], &[0.5, 0.5]).is_err());
        assert!(cross_entropy_of_logits(Output::ReferenceSoftmax, &[1.0], &[0.0]).is_err());
        assert!(cross_entropy_of_logits_gradient(Output::Softmax, &[1.0], &[0.0, 0.0]).is_err());
        assert!(cross_entropy_of_logits(Output::Identity, &[1.0], &[0.0]).is_err());
    }
}
