//! Every loss `l_y(g_{L+1}(z))` as a function of the logits z and, right below it, its gradient `q_{L+1}`.

use super::matrix::same_size;
use super::softmax::shifted;
use super::{Activation, ActivationFunction as _, Loss, Output, OutputMap as _};
use crate::{Error, Result};

/// How far a sample's outputs are from its target y, in f64.
///
/// Of a softmax, with p the probabilities and the sum over the classes:
///
/// ```text
/// cross-entropy   l = -sum_k y_k log p_k                        q_j = s p_j - y_j,   s = sum_k y_k
/// kl              l = sum_k y_k (log y_k - log p_k)             q_j = s p_j - y_j
/// focal           l = -sum_k y_k c_k^gamma log p_k,  c = 1 - p  q_j = p_j sum_k v_k - v_j,
///                                                               v = y c^gamma (1 - gamma p log(p) / c)
/// ```
///
/// All others are the mean over the K outputs of a row of one term each, and `q_j` is the term's derivative by K; S is the
/// sigmoid, p = S(z), c = S(-z), e = z - y, H(x) = 1 if x > 0, else 0:
///
/// ```text
/// binary cross-entropy  log(1 + e^z) - y z                             p - y
/// binary focal          -y c^gamma log p - (1 - y) p^gamma log c       (1 - y) p^gamma (p - gamma c log c)
///                                                                      - y c^gamma (c - gamma p log p)
/// mse                   e^2                                            2 e
/// mae                   |e|                                            sign e
/// huber                 e^2 / 2 if |e| < delta, else delta (|e| - delta / 2)
///                                                                      e from -delta to delta
/// log-cosh              log((e^{z - y} + e^{y - z}) / 2)               tanh e
/// msle                  (m(z) - m(y))^2, m(z) = log(1 + z)             2 (m(z) - m(y)) / (1 + z)
/// poisson               e^z - y z                                      e^z - y
/// quantile              tau (-e) if e < 0, else (1 - tau) e            -tau if e < 0, else 1 - tau
/// hinge                 max(0, 1 - y z)                                -y H(1 - y z)
/// squared hinge         max(0, 1 - y z)^2                              -2 y max(0, 1 - y z)
/// ```
///
/// Below -1/2, m is its own tangent there: an output below -1 has a loss too. At the kinks of mae, quantile and hinge the
/// derivative is 0.
///
/// # Shapes
///
/// `y` has length [`Output::targets`] of the logits `z`: a distribution, or a number for each logit; -1 or 1 for a hinge.
///
/// # Source
///
/// Focal: Lin et al. 2017. Huber: Huber 1964. Quantile: Koenker and Bassett 1978.
///
/// # Example
///
/// ```
/// # use layerloop::math::{Loss, LossFunction as _, Output};
/// assert_eq!(Loss::Mse.value(Output::Identity, &[1.0, 2.0], &[1.0, 5.0])?, 4.5);
/// assert_eq!(Loss::Mse.gradient(Output::Identity, &[1.0, 2.0], &[1.0, 5.0])?, [0.0, 3.0]);
/// assert!(Loss::Mse.value(Output::Softmax, &[0.0], &[0.0]).is_err());
/// # Ok::<(), layerloop::Error>(())
/// ```
pub trait LossFunction: Copy {
    /// `l_y(g_{L+1}(z))`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if it does not go with `output`, [`Error::Shape`] if `y` has another length.
    fn value(self, output: Output, y: &[f64], z: &[f64]) -> Result<f64>;

    /// `q_{L+1}`, the gradient of [`Self::value`] with respect to the logits.
    ///
    /// # Errors
    ///
    /// As [`Self::value`].
    fn gradient(self, output: Output, y: &[f64], z: &[f64]) -> Result<Vec<f64>>;

    /// `q_{L+2}`, the gradient with respect to the outputs: `q_{L+1} = C_K^T q_{L+2}`.
    ///
    /// ```text
    /// cross-entropy, kl   -y_k / p_k,   0 where y_k = 0
    /// focal               -v_k / p_k
    /// others              the derivative of the term by its logit, over that of the output map
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::value`].
    ///
    /// # Numerics
    ///
    /// Not finite where an output has underflowed to 0 or reached 1; [`Self::gradient`] always is.
    ///
    /// # Example
    ///
    /// ```
    /// # use layerloop::math::{Loss, LossFunction as _, Output};
    /// assert_eq!(Loss::CrossEntropy.gradient_of_outputs(Output::Softmax, &[0.0, 1.0], &[3.0, 3.0])?, [0.0, -2.0]);
    /// assert_eq!(Loss::Mse.gradient_of_outputs(Output::Identity, &[1.0, 2.0], &[1.0, 5.0])?, [0.0, 3.0]);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    #[doc(alias = "q_{L+2}")]
    fn gradient_of_outputs(self, output: Output, y: &[f64], z: &[f64]) -> Result<Vec<f64>>;

    /// `H u`, H the Hessian of [`Self::value`] with respect to the logits: how `q_{L+1}` changes as the logits move along u.
    ///
    /// ```text
    /// cross-entropy, kl   s (diag(p) - p p^T) u,   s = sum_k y_k
    /// focal               p_j (u_j - u') sum_k v_k + p_j sum_k v'_k - v'_j,   u' = p . u,   v'_k = v_k's slope times (u_k - u')
    /// others              the second derivative of each term, times u, by K
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::value`]; [`Error::Shape`] unless `u` is as long as `z`.
    ///
    /// # Example
    ///
    /// ```
    /// # use layerloop::math::{Loss, LossFunction as _, Output};
    /// let u = Loss::CrossEntropy.hessian_times(Output::Softmax, &[1.0, 0.0], &[3.0, 3.0], &[1.0, 0.0])?;
    /// assert_eq!(u, [0.25, -0.25]);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    fn hessian_times(self, output: Output, y: &[f64], z: &[f64], u: &[f64]) -> Result<Vec<f64>>;
}

impl LossFunction for Loss {
    fn value(self, output: Output, y: &[f64], z: &[f64]) -> Result<f64> {
        check(self, output, y, z)?;
        if output.is_softmax() {
            let log_p = log_softmax(output, z);
            return Ok(y.iter().zip(&log_p).map(|(&y, &log_p)| class(self, y, log_p)).sum());
        }
        Ok(z.iter().zip(y).map(|(&z, &y)| term(self, y, z)).sum::<f64>() / z.len() as f64)
    }

    fn gradient(self, output: Output, y: &[f64], z: &[f64]) -> Result<Vec<f64>> {
        check(self, output, y, z)?;
        if output.is_softmax() {
            // d log p_k / dz_j = [j = k] - p_j
            let log_p = log_softmax(output, z);
            let v: Vec<f64> = y.iter().zip(&log_p).map(|(&y, &log_p)| -class_slope(self, y, log_p)).collect();
            let sum: f64 = v.iter().sum();
            return Ok(log_p.iter().zip(&v).map(|(log_p, v)| log_p.exp() * sum - v).take(z.len()).collect());
        }
        let n = z.len() as f64;
        Ok(z.iter().zip(y).map(|(&z, &y)| term_slope(self, y, z) / n).collect())
    }

    fn gradient_of_outputs(self, output: Output, y: &[f64], z: &[f64]) -> Result<Vec<f64>> {
        check(self, output, y, z)?;
        let of_class =
            |(&y, log_p): (&f64, f64)| if y == 0.0 { 0.0 } else { class_slope(self, y, log_p) / log_p.exp() };
        let n = z.len() as f64;
        Ok(match (output, z) {
            (Output::Softmax | Output::ReferenceSoftmax, _) => {
                y.iter().zip(log_softmax(output, z)).map(of_class).collect()
            }
            (Output::Sigmoid, &[z]) => {
                let (y, log_p) = ([1.0 - y[0], y[0]], [log_sigmoid(-z), log_sigmoid(z)]);
                y.iter().zip(log_p).map(of_class).collect()
            }
            _ => {
                let c = output.jacobian(z);
                z.iter().zip(y).enumerate().map(|(k, (&z, &y))| term_slope(self, y, z) / n / c[(k, k)]).collect()
            }
        })
    }

    fn hessian_times(self, output: Output, y: &[f64], z: &[f64], u: &[f64]) -> Result<Vec<f64>> {
        check(self, output, y, z)?;
        same_size("length of the direction of the logits", z.len(), u.len())?;
        if !output.is_softmax() {
            let n = z.len() as f64;
            return Ok(z.iter().zip(y).zip(u).map(|((&z, &y), u)| term_bend(self, y, z) * u / n).collect());
        }
        let log_p = log_softmax(output, z);
        let along = |k: usize| u.get(k).copied().unwrap_or(0.0); // the reference class's logit does not move
        let mean: f64 = log_p.iter().enumerate().map(|(k, log_p)| log_p.exp() * along(k)).sum();
        let sum: f64 = y.iter().zip(&log_p).map(|(&y, &log_p)| -class_slope(self, y, log_p)).sum();
        let moved: Vec<f64> = y
            .iter()
            .zip(&log_p)
            .enumerate()
            .map(|(k, (&y, &lp))| -class_bend(self, y, lp) * (along(k) - mean))
            .collect();
        let moved_sum: f64 = moved.iter().sum();
        let of = |(k, log_p): (usize, &f64)| {
            let p = log_p.exp();
            p * (along(k) - mean) * sum + p * moved_sum - moved[k]
        };
        Ok(log_p.iter().enumerate().map(of).take(z.len()).collect())
    }
}

/// The loss that an output map is made for.
pub(super) fn default_loss(output: Output) -> Loss {
    match output {
        Output::Softmax | Output::ReferenceSoftmax => Loss::CrossEntropy,
        Output::Sigmoid => Loss::BinaryCrossEntropy,
        Output::Identity => Loss::Mse,
        Output::Exp => Loss::Poisson,
    }
}

fn check(loss: Loss, output: Output, y: &[f64], z: &[f64]) -> Result<()> {
    if !loss.outputs().contains(&output) {
        let reason = format!("{loss:?} of {output:?}; it goes with {:?}", loss.outputs());
        return Err(Error::config("loss", reason));
    }
    same_size("length of the target y", output.targets(z.len()), y.len())
}

/// What class k adds under a softmax, as a function of log `p_k`.
fn class(loss: Loss, y: f64, log_p: f64) -> f64 {
    match loss {
        _ if y == 0.0 => 0.0, // 0 log 0
        Loss::Focal { gamma } => -y * (-log_p.exp_m1()).powf(gamma.into()) * log_p,
        Loss::Kl => y * (y.ln() - log_p),
        _ => -y * log_p,
    }
}

/// The derivative of [`class`] with respect to log `p_k`; dp / d log p = p.
fn class_slope(loss: Loss, y: f64, log_p: f64) -> f64 {
    match loss {
        Loss::Focal { gamma } => {
            let (gamma, p, c) = (f64::from(gamma), log_p.exp(), -log_p.exp_m1());
            let ratio = if c == 0.0 { -1.0 } else { log_p / c };
            -y * c.powf(gamma) * (1.0 - gamma * p * ratio)
        }
        _ => -y,
    }
}

/// The derivative of [`class_slope`] with respect to log `p_k`.
fn class_bend(loss: Loss, y: f64, log_p: f64) -> f64 {
    let Loss::Focal { gamma } = loss else { return 0.0 };
    let (gamma, p, c) = (f64::from(gamma), log_p.exp(), -log_p.exp_m1());
    if c == 0.0 || gamma == 0.0 {
        return 0.0;
    }
    y * gamma * p * c.powf(gamma - 1.0) * (2.0 + log_p - (gamma - 1.0) * p * log_p / c)
}

/// What one output adds to the mean, elsewhere.
fn term(loss: Loss, y: f64, z: f64) -> f64 {
    let e = z - y;
    match loss {
        Loss::BinaryCrossEntropy => -y * log_sigmoid(z) - (1.0 - y) * log_sigmoid(-z),
        Loss::Focal { gamma } => {
            let (gamma, p, c) = (f64::from(gamma), sigmoid(z), sigmoid(-z));
            -y * c.powf(gamma) * log_sigmoid(z) - (1.0 - y) * p.powf(gamma) * log_sigmoid(-z)
        }
        Loss::Mse => e * e,
        Loss::Mae => e.abs(),
        Loss::Huber { delta } if e.abs() < delta.into() => e * e / 2.0,
        Loss::Huber { delta } => f64::from(delta) * (e.abs() - f64::from(delta) / 2.0),
        Loss::LogCosh => Activation::LogCosh.value(e),
        Loss::Msle => (magnitude(z) - magnitude(y)).powi(2),
        Loss::Poisson => z.exp() - y * z,
        Loss::Quantile { tau } => (-f64::from(tau) * e).max((1.0 - f64::from(tau)) * e),
        Loss::Hinge => (1.0 - y * z).max(0.0),
        Loss::SquaredHinge => (1.0 - y * z).max(0.0).powi(2),
        Loss::CrossEntropy | Loss::Kl => f64::NAN, // of classes alone
    }
}

/// The derivative of [`term_slope`] with respect to z; 0 at a kink.
fn term_bend(loss: Loss, y: f64, z: f64) -> f64 {
    let (e, p, c) = (z - y, sigmoid(z), sigmoid(-z));
    match loss {
        Loss::BinaryCrossEntropy => p * c,
        Loss::Focal { gamma } => {
            let gamma = f64::from(gamma);
            let half = |p: f64, c: f64, log_c: f64| {
                p.powf(gamma) * c * (gamma * (p - gamma * c * log_c) + p + gamma * p * (log_c + 1.0))
            };
            (1.0 - y) * half(p, c, log_sigmoid(-z)) + y * half(c, p, log_sigmoid(z))
        }
        Loss::Mse => 2.0,
        Loss::Huber { delta } => f64::from(e.abs() < delta.into()),
        Loss::LogCosh => Activation::LogCosh.second_derivative(e),
        Loss::Msle if z > -0.5 => 2.0 * (1.0 - magnitude(z) + magnitude(y)) / (1.0 + z).powi(2),
        Loss::Msle => 8.0,
        Loss::Poisson => z.exp(),
        Loss::SquaredHinge => 2.0 * y * y * f64::from(1.0 - y * z > 0.0),
        Loss::Mae | Loss::Quantile { .. } | Loss::Hinge => 0.0,
        Loss::CrossEntropy | Loss::Kl => f64::NAN, // of classes alone
    }
}

/// The derivative of [`term`] with respect to z.
fn term_slope(loss: Loss, y: f64, z: f64) -> f64 {
    let e = z - y;
    let sign = |e: f64| f64::from(e > 0.0) - f64::from(e < 0.0);
    match loss {
        Loss::BinaryCrossEntropy => sigmoid(z) - y,
        Loss::Focal { gamma } => {
            let (gamma, p, c) = (f64::from(gamma), sigmoid(z), sigmoid(-z));
            (1.0 - y) * p.powf(gamma) * (p - gamma * c * log_sigmoid(-z))
                - y * c.powf(gamma) * (c - gamma * p * log_sigmoid(z))
        }
        Loss::Mse => 2.0 * e,
        Loss::Mae => sign(e),
        Loss::Huber { delta } => e.clamp(-f64::from(delta), delta.into()),
        Loss::LogCosh => Activation::LogCosh.derivative(e),
        Loss::Msle => 2.0 * (magnitude(z) - magnitude(y)) / (1.0 + z.max(-0.5)),
        Loss::Poisson => z.exp() - y,
        Loss::Quantile { tau } => f64::from(e > 0.0) - f64::from(tau) * f64::from(e != 0.0),
        Loss::Hinge => -y * f64::from(1.0 - y * z > 0.0),
        Loss::SquaredHinge => -2.0 * y * (1.0 - y * z).max(0.0),
        Loss::CrossEntropy | Loss::Kl => f64::NAN, // of classes alone
    }
}

/// `log p_k = z_k - log(sum_j e^{z_j})`, the largest logit taken out first.
fn log_softmax(output: Output, z: &[f64]) -> Vec<f64> {
    let z = shifted(output, z);
    let log_sum_exp = z.iter().map(|z| z.exp()).sum::<f64>().ln();
    z.iter().map(|z| z - log_sum_exp).collect()
}

fn sigmoid(z: f64) -> f64 {
    Activation::Sigmoid.value(z)
}

fn log_sigmoid(z: f64) -> f64 {
    Activation::LogSigmoid.value(z)
}

/// m(y) = log(1 + y), below -1/2 its tangent there.
fn magnitude(y: f64) -> f64 {
    if y > -0.5 { y.ln_1p() } else { (-0.5_f64).ln_1p() + 2.0 * (y + 0.5) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::SOFTMAXES;
    use crate::math::{STEP, check_gradient, cross_entropy_of_logits, cross_entropy_of_logits_gradient, numbers};

    /// Every loss, some with other numbers too, under every output map that it goes with.
    fn table() -> impl Iterator<Item = (Loss, Output)> {
        let others = [Loss::Focal { gamma: 0.0 }, Loss::Focal { gamma: 0.5 }, Loss::Quantile { tau: 0.9 }];
        let losses = Loss::ALL.iter().copied().chain(others);
        losses.flat_map(|loss| loss.outputs().iter().map(move |&output| (loss, output)))
    }

    /// Targets such as the loss takes, of no particular sum.
    fn targets(loss: Loss, k: usize) -> Vec<f64> {
        let of = |y: f64| match loss {
            Loss::Hinge | Loss::SquaredHinge => y.signum(),
            Loss::Mse | Loss::Mae | Loss::Huber { .. } | Loss::LogCosh | Loss::Quantile { .. } => 2.0 * y,
            _ => y.abs(),
        };
        numbers(k, k).into_iter().map(of).collect()
    }

    #[test]
    fn the_gradient_is_the_central_differences_of_the_value() {
        for ((loss, output), n) in table().flat_map(|pair| (1..=25).map(move |n| (pair, n))) {
            let (y, z) = (targets(loss, output.targets(n)), numbers(5, n));
            let value = |z: &[f64]| loss.value(output, &y, z).unwrap();
            let found = check_gradient(value, &z, &loss.gradient(output, &y, &z).unwrap(), STEP).unwrap();
            assert!(found.relative_error < 1e-6, "{loss:?} of {output:?}, z = {z:?}: {found:?}");
        }
    }

    #[test]
    fn the_hessian_is_the_central_differences_of_the_gradient() {
        for ((loss, output), n) in table().flat_map(|pair| [1, 2, 3, 7, 25].map(move |n| (pair, n))) {
            let (y, z, u) = (targets(loss, output.targets(n)), numbers(5, n), numbers(8, n));
            let moved = |by: f64| {
                let z: Vec<f64> = z.iter().zip(&u).map(|(z, u)| z + by * u).collect();
                loss.gradient(output, &y, &z).unwrap()
            };
            let (above, below) = (moved(STEP), moved(-STEP));
            for (k, exact) in loss.hessian_times(output, &y, &z, &u).unwrap().into_iter().enumerate() {
                let slope = (above[k] - below[k]) / (2.0 * STEP);
                assert!((exact - slope).abs() < 1e-8, "{loss:?} of {output:?}, {n}: {exact} {slope}");
            }
        }
    }

    #[test]
    fn the_chain_rule_leads_from_the_outputs_to_the_logits() {
        for ((loss, output), n) in table().flat_map(|pair| (1..=25).map(move |n| (pair, n))) {
            let (y, z) = (targets(loss, output.targets(n)), numbers(5, n));
            let q = loss.gradient_of_outputs(output, &y, &z).unwrap();
            let through = output.jacobian(&z).transpose_times(&q).unwrap();
            let near = |a: f64, b: f64| (a - b).abs() < 1e-13 * (1.0 + b.abs());
            let fused = loss.gradient(output, &y, &z).unwrap();
            assert!(
                through.iter().zip(&fused).all(|(a, b)| near(*a, *b)),
                "{loss:?} of {output:?}: {through:?} {fused:?}"
            );
        }
    }

    #[test]
    fn cross_entropy_is_the_one_of_the_derivation_and_its_kin_reduce_to_it() {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-13 * (1.0 + b.abs());
        for (output, n) in SOFTMAXES.into_iter().flat_map(|output| (1..=25).map(move |n| (output, n))) {
            let (y, z) = (targets(Loss::Kl, output.targets(n)), numbers(5, n));
            let want = cross_entropy_of_logits(output, &y, &z).unwrap();
            let entropy = -y.iter().map(|y| y * y.ln()).sum::<f64>();
            let slopes = cross_entropy_of_logits_gradient(output, &y, &z).unwrap();
            for (loss, rest) in [(Loss::CrossEntropy, 0.0), (Loss::Focal { gamma: 0.0 }, 0.0), (Loss::Kl, entropy)] {
                assert!(near(loss.value(output, &y, &z).unwrap() + rest, want), "{loss:?} of {output:?}");
                let same = loss.gradient(output, &y, &z).unwrap();
                assert!(same.iter().zip(&slopes).all(|(a, b)| near(*a, *b)), "{loss:?} of {output:?}");
            }
        }
    }

    /// Two classes by one logit: the sigmoid is the reference softmax.
    #[test]
    fn binary_losses_are_those_of_two_classes() {
        for (z, y) in [-30.0, -1.0, 0.5, 30.0].into_iter().flat_map(|z| [0.0, 0.3, 1.0].map(|y| (z, y))) {
            for (one, two) in [
                (Loss::BinaryCrossEntropy, Loss::CrossEntropy),
                (Loss::Focal { gamma: 2.0 }, Loss::Focal { gamma: 2.0 }),
            ] {
                let one = one.value(Output::Sigmoid, &[y], &[z]).unwrap();
                let two = two.value(Output::ReferenceSoftmax, &[y, 1.0 - y], &[z]).unwrap();
                assert!((one - two).abs() < 1e-13 * (1.0 + two), "{one} {two}");
            }
        }
    }

    #[test]
    fn extreme_logits_keep_values_and_gradients_finite() {
        for (loss, output) in table() {
            let z = if output == Output::Exp { [300.0, -300.0] } else { [1000.0, -1000.0] };
            let y = [1.0, 0.0, 0.0];
            let y = &y[..output.targets(2)];
            assert!(loss.value(output, y, &z).unwrap().is_finite(), "{loss:?}");
            assert!(loss.gradient(output, y, &z).unwrap().iter().all(|q| q.is_finite()), "{loss:?}");
        }
    }

    #[test]
    fn a_target_of_the_wrong_length_and_a_strange_output_are_refused() {
        assert!(Loss::Mse.value(Output::Identity, &[1.0], &[0.5, 0.5]).is_err());
        assert!(Loss::Kl.gradient(Output::ReferenceSoftmax, &[1.0], &[0.5]).is_err());
        assert!(Loss::Poisson.gradient(Output::Identity, &[1.0], &[0.5]).is_err());
    }
}
