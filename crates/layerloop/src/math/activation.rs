//! sigma and, right beside it, sigma'.

use std::f64::consts::{LN_2, PI, SQRT_2};

use layerloop_kernels::Activation;

/// The function sigma that a layer applies to every component of `t_i`, in f64, with its derivatives.
///
/// ```text
/// identity     sigma(t) = t                           sigma'(t) = 1
/// sigmoid      sigma(t) = 1 / (1 + e^{-t})            sigma'(t) = sigma(t) (1 - sigma(t))
/// tanh         sigma(t) = tanh(t)                     sigma'(t) = 1 - tanh(t)^2
/// relu         sigma(t) = max(t, 0)                   sigma'(t) = 1 if t > 0, else 0
/// hardsigmoid  sigma(t) = min(max(t + 3, 0), 6) / 6   sigma'(t) = 1/6 if -3 < t < 3, else 0
/// logsigmoid   sigma(t) = -ln(1 + e^{-t})             sigma'(t) = 1 / (1 + e^t)
/// hardtanh     sigma(t) = min(max(t, -1), 1)          sigma'(t) = 1 if -1 < t < 1, else 0
/// relu6        sigma(t) = min(max(t, 0), 6)           sigma'(t) = 1 if 0 < t < 6, else 0
/// leakyrelu    sigma(t) = t if t > 0, else a t        sigma'(t) = 1 if t > 0, else a
/// elu          ... else a (e^t - 1)                   sigma'(t) = 1 if t > 0, else a e^t
/// celu         ... else a (e^{t/a} - 1)               sigma'(t) = 1 if t > 0, else e^{t/a}
/// selu         scale elu(t), a and scale two numbers  sigma'(t) = scale elu'(t)
/// gelu         sigma(t) = t Phi(t)                    sigma'(t) = Phi(t) + t phi(t)
/// gelu-tanh    sigma(t) = t S(s(t))                   sigma'(t) = S(s) + t S(s) S(-s) s'
/// swish        sigma(t) = t S(t)                      sigma'(t) = S(t) + t S(t) S(-t)
/// hardswish    sigma(t) = t hardsigmoid(t)            sigma'(t) = 0 if t <= -3, 1 if t > 3, else t/3 + 1/2
/// mish         sigma(t) = t tanh(ln(1 + e^t))         sigma'(t) = tanh(..) + t (1 - tanh(..)^2) S(t)
/// softplus     sigma(t) = ln(1 + e^t)                 sigma'(t) = S(t)
/// softsign     sigma(t) = t / (1 + |t|)               sigma'(t) = 1 / (1 + |t|)^2
/// softshrink   t - lambda, 0 or t + lambda            sigma'(t) = 1 if |t| > lambda, else 0
/// hardshrink   sigma(t) = t if |t| > lambda, else 0   sigma'(t) = 1 if |t| > lambda, else 0
/// tanhshrink   sigma(t) = t - tanh(t)                 sigma'(t) = tanh(t)^2
/// logcosh      sigma(t) = ln(cosh(t))                 sigma'(t) = tanh(t)
/// trelu        sigma(t) = t if t > theta, else 0      sigma'(t) = 1 if t > theta, else 0
/// lisht        sigma(t) = t tanh(t)                   sigma'(t) = tanh(t) + t (1 - tanh(t)^2)
/// ```
///
/// S is the sigmoid, Phi the distribution function of the standard normal and phi its density,
/// s(t) = sqrt(8/pi) (t + 0.044715 t^3).
///
/// # Source
///
/// The definitions are those of PyTorch (torch.nn.functional) and of Flux.jl (NNlib.jl, activations.jl).
///
/// # Example
///
/// ```
/// # use layerloop::math::{Activation, ActivationFunction as _};
/// assert_eq!(Activation::Sigmoid.value(0.0), 0.5);
/// assert_eq!(Activation::Sigmoid.derivative(0.0), 0.25);
/// assert_eq!(Activation::LeakyRelu { a: 0.25 }.value(-2.0), -0.5);
/// ```
pub trait ActivationFunction: Copy {
    /// sigma(t).
    ///
    /// # Numerics
    ///
    /// Exponentials are only ever taken of numbers that are not positive, so nothing overflows, and where two terms
    /// would cancel another form stands in: the series of t - tanh(t) near 0, ln(cosh(t)) as ln(1 + sinh(t)^2) / 2.
    #[doc(alias = "sigma")]
    fn value(self, t: f64) -> f64;

    /// sigma'(t).
    ///
    /// # Numerics
    ///
    /// At a kink it is the slope of the flat side, or, where neither side is flat, of the left one. The sigmoid's
    /// 1 - sigma(t) is taken as sigma(-t), which cancels nothing.
    #[doc(alias = "sigma_prime")]
    fn derivative(self, t: f64) -> f64;

    /// sigma''(t): 0 where two straight lines meet.
    #[doc(alias = "sigma_prime_prime")]
    fn second_derivative(self, t: f64) -> f64;

    /// Where sigma is joined from two functions, ascending: its kinks, and where only a higher derivative jumps.
    fn joints(self) -> Vec<f64>;
}

/// The numbers that make mean 0 and variance 1 a fixed point of selu: Klambauer et al. 2017, equation 14.
const SELU: [f64; 2] = [1.050_700_987_355_480_5, 1.673_263_242_354_377_2];

impl ActivationFunction for Activation {
    fn value(self, t: f64) -> f64 {
        match self {
            Self::Identity => t,
            Self::Sigmoid if t < 0.0 => t.exp() / (1.0 + t.exp()),
            Self::Sigmoid => 1.0 / (1.0 + (-t).exp()),
            Self::Tanh => t.tanh(),
            Self::Relu => t.max(0.0),
            Self::HardSigmoid => (t + 3.0).clamp(0.0, 6.0) / 6.0,
            Self::LogSigmoid => -Self::Softplus.value(-t),
            Self::HardTanh => t.clamp(-1.0, 1.0),
            Self::Relu6 => t.clamp(0.0, 6.0),
            Self::LeakyRelu { .. } | Self::Elu { .. } | Self::Celu { .. } if t > 0.0 => t,
            Self::Selu if t > 0.0 => SELU[0] * t,
            Self::LeakyRelu { a } => f64::from(a) * t,
            Self::Elu { a } => f64::from(a) * t.exp_m1(),
            Self::Celu { a } => f64::from(a) * (t / f64::from(a)).exp_m1(),
            Self::Selu => SELU[0] * SELU[1] * t.exp_m1(),
            Self::Gelu => t * normal_cdf(t),
            Self::GeluTanh => t * Self::Sigmoid.value(gelu_s(t).0),
            Self::Swish => t * Self::Sigmoid.value(t),
            Self::HardSwish => t * Self::HardSigmoid.value(t),
            Self::Mish => t * tanh_softplus(t),
            Self::Softplus => t.max(0.0) + (-t.abs()).exp().ln_1p(),
            Self::Softsign => t / (1.0 + t.abs()),
            Self::SoftShrink { lambda } => t - t.clamp(-f64::from(lambda), lambda.into()),
            Self::HardShrink { lambda } => {
                if t.abs() > lambda.into() {
                    t
                } else {
                    0.0
                }
            }
            Self::TanhShrink if t.abs() < 0.1 => {
                let s = t * t;
                t * s * (1.0 / 3.0 - s * (2.0 / 15.0 - s * (17.0 / 315.0 - s * 62.0 / 2835.0)))
            }
            Self::TanhShrink => t - t.tanh(),
            Self::LogCosh if t.abs() < 1.0 => 0.5 * t.sinh().powi(2).ln_1p(),
            Self::LogCosh => t.abs() - LN_2 + (-2.0 * t.abs()).exp().ln_1p(),
            Self::Trelu { theta } => t * f64::from(t > theta.into()),
            Self::Lisht => t * t.tanh(),
        }
    }

    fn derivative(self, t: f64) -> f64 {
        let sigmoid = |t| Self::Sigmoid.value(t);
        match self {
            Self::Identity => 1.0,
            Self::Sigmoid => self.value(t) * self.value(-t),
            Self::Tanh => 1.0 - t.tanh().powi(2),
            Self::Relu => f64::from(t > 0.0),
            Self::HardSigmoid => f64::from(t > -3.0 && t < 3.0) / 6.0,
            Self::LogSigmoid => sigmoid(-t),
            Self::HardTanh => f64::from(t > -1.0 && t < 1.0),
            Self::Relu6 => f64::from(t > 0.0 && t < 6.0),
            Self::LeakyRelu { .. } | Self::Elu { .. } | Self::Celu { .. } if t > 0.0 => 1.0,
            Self::LeakyRelu { a } => a.into(),
            Self::Elu { a } => f64::from(a) * t.exp(),
            Self::Celu { a } => (t / f64::from(a)).exp(),
            Self::Selu if t > 0.0 => SELU[0],
            Self::Selu => SELU[0] * SELU[1] * t.exp(),
            Self::Gelu => normal_cdf(t) + t * (-t * t / 2.0).exp() / (2.0 * PI).sqrt(),
            Self::GeluTanh => {
                let (s, slope) = gelu_s(t);
                sigmoid(s) + t * sigmoid(s) * sigmoid(-s) * slope
            }
            Self::Swish => sigmoid(t) + t * sigmoid(t) * sigmoid(-t),
            Self::HardSwish if t <= -3.0 => 0.0,
            Self::HardSwish if t > 3.0 => 1.0,
            Self::HardSwish => t / 3.0 + 0.5,
            Self::Mish => tanh_softplus(t) + t * (1.0 - tanh_softplus(t).powi(2)) * sigmoid(t),
            Self::Softplus => sigmoid(t),
            Self::Softsign => (1.0 + t.abs()).powi(-2),
            Self::SoftShrink { lambda } | Self::HardShrink { lambda } => f64::from(t.abs() > lambda.into()),
            Self::TanhShrink => t.tanh().powi(2),
            Self::LogCosh => t.tanh(),
            Self::Trelu { theta } => f64::from(t > theta.into()),
            Self::Lisht => t.tanh() + t * (1.0 - t.tanh().powi(2)),
        }
    }

    fn second_derivative(self, t: f64) -> f64 {
        let sigmoid = |t| Self::Sigmoid.value(t);
        // S' and S''
        let slope = sigmoid(t) * sigmoid(-t);
        let bend = slope * (sigmoid(-t) - sigmoid(t));
        let tanh_slope = 1.0 - t.tanh().powi(2);
        match self {
            Self::Identity | Self::Relu | Self::HardSigmoid | Self::HardTanh | Self::Relu6 => 0.0,
            Self::LeakyRelu { .. } | Self::SoftShrink { .. } | Self::HardShrink { .. } | Self::Trelu { .. } => 0.0,
            Self::Sigmoid => bend,
            Self::Tanh => -2.0 * t.tanh() * tanh_slope,
            Self::LogSigmoid => -slope,
            Self::Elu { .. } | Self::Celu { .. } | Self::Selu if t > 0.0 => 0.0,
            Self::Elu { a } => f64::from(a) * t.exp(),
            Self::Celu { a } => (t / f64::from(a)).exp() / f64::from(a),
            Self::Selu => SELU[0] * SELU[1] * t.exp(),
            Self::Gelu => (2.0 - t * t) * (-t * t / 2.0).exp() / (2.0 * PI).sqrt(),
            Self::GeluTanh => {
                let (s, s_1) = gelu_s(t);
                let s_2 = (gelu_s(1.0).1 - gelu_s(0.0).1) * 2.0 * t; // s' = a + b t^2
                let slope = sigmoid(s) * sigmoid(-s);
                slope * (2.0 * s_1 + t * (s_2 + (sigmoid(-s) - sigmoid(s)) * s_1 * s_1))
            }
            Self::Swish => 2.0 * slope + t * bend,
            Self::HardSwish => f64::from(t > -3.0 && t < 3.0) / 3.0,
            Self::Mish => {
                let g = tanh_softplus(t);
                let (rest, s) = (1.0 - g * g, sigmoid(t));
                2.0 * rest * s + t * rest * (slope - 2.0 * g * s * s)
            }
            Self::Softplus => slope,
            Self::Softsign => -2.0 * t.signum() * (1.0 + t.abs()).powi(-3),
            Self::TanhShrink => 2.0 * t.tanh() * tanh_slope,
            Self::LogCosh => tanh_slope,
            Self::Lisht => 2.0 * tanh_slope * (1.0 - t * t.tanh()),
        }
    }

    fn joints(self) -> Vec<f64> {
        match self {
            Self::Relu | Self::LeakyRelu { .. } | Self::Elu { .. } | Self::Celu { .. } => vec![0.0],
            Self::Selu | Self::Softsign => vec![0.0],
            Self::HardSigmoid | Self::HardSwish => vec![-3.0, 3.0],
            Self::HardTanh => vec![-1.0, 1.0],
            Self::Relu6 => vec![0.0, 6.0],
            Self::SoftShrink { lambda } | Self::HardShrink { lambda } => vec![-f64::from(lambda), lambda.into()],
            Self::Trelu { theta } => vec![theta.into()],
            Self::Identity | Self::Sigmoid | Self::LogSigmoid | Self::Softplus | Self::Tanh => vec![],
            Self::Gelu | Self::GeluTanh | Self::Swish | Self::Mish => vec![],
            Self::TanhShrink | Self::LogCosh | Self::Lisht => vec![],
        }
    }
}

/// Phi(t) = erfc(-t / sqrt 2) / 2, which keeps its digits for negative t.
fn normal_cdf(t: f64) -> f64 {
    libm::erfc(-t / SQRT_2) / 2.0
}

/// s(t) = sqrt(8/pi) (t + 0.044715 t^3), and s'(t): (1 + tanh(s/2)) / 2 is the sigmoid of s.
fn gelu_s(t: f64) -> (f64, f64) {
    let scale = (8.0 / PI).sqrt();
    (scale * (t + 0.044_715 * t.powi(3)), scale * (1.0 + 3.0 * 0.044_715 * t * t))
}

/// tanh(ln(1 + e^t)), whose argument keeps its digits where e^t is small.
fn tanh_softplus(t: f64) -> f64 {
    Activation::Softplus.value(t).tanh()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{STEP, check_gradient};

    #[test]
    fn the_derivative_is_the_slope_of_the_value() {
        for &sigma in Activation::ALL {
            for t in [-6.5, -1.5, -0.1, 0.1, 1.5, 6.5] {
                let found = check_gradient(|t| sigma.value(t[0]), &[t], &[sigma.derivative(t)], STEP).unwrap();
                assert!(found.relative_error < 1e-6, "{sigma:?} at {t}: {found:?}");
            }
        }
    }

    #[test]
    fn the_second_derivative_is_the_slope_of_the_first() {
        for &sigma in Activation::ALL {
            for t in [-6.5, -1.5, -0.1, 0.1, 1.5, 6.5] {
                let exact = [sigma.second_derivative(t)];
                let found = check_gradient(|t| sigma.derivative(t[0]), &[t], &exact, STEP).unwrap();
                assert!(found.relative_error < 1e-6, "{sigma:?} at {t}: {found:?}");
            }
        }
    }

    #[test]
    fn at_a_kink_the_derivative_is_that_of_the_flat_or_left_side() {
        for &sigma in Activation::ALL {
            for t in sigma.joints() {
                let [left, right] = [t - 1e-9, t + 1e-9].map(|t| sigma.derivative(t));
                let want = if right == 0.0 { right } else { left };
                assert!((sigma.derivative(t) - want).abs() < 1e-8, "{sigma:?} at {t}");
            }
        }
    }

    #[test]
    fn nothing_overflows() {
        for &sigma in Activation::ALL {
            assert!([-1000.0, 1000.0].iter().all(|&t| sigma.value(t).is_finite()), "{sigma:?}");
            assert!([-1000.0, 1000.0].iter().all(|&t| sigma.derivative(t).is_finite()), "{sigma:?}");
        }
        let sigma = Activation::Sigmoid;
        assert_eq!((sigma.value(-1000.0), sigma.value(1000.0)), (0.0, 1.0));
        assert_eq!((sigma.derivative(-1000.0), sigma.derivative(1000.0)), (0.0, 0.0));
        assert_eq!(sigma.value(-700.0), (-700.0_f64).exp());
        assert_eq!(sigma.derivative(700.0), (-700.0_f64).exp());
    }
}
