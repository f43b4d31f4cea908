//! sigma and, right beside it, sigma'.

/// The function sigma that a layer applies to every component of `t_i`.
///
/// ```text
/// identity   sigma(t) = t                  sigma'(t) = 1
/// sigmoid    sigma(t) = 1 / (1 + e^{-t})   sigma'(t) = sigma(t) (1 - sigma(t))
/// tanh       sigma(t) = tanh(t)            sigma'(t) = 1 - tanh(t)^2
/// relu       sigma(t) = max(t, 0)          sigma'(t) = 1 if t > 0, else 0
/// ```
///
/// # Example
///
/// ```
/// # use layerloop::math::Activation;
/// assert_eq!(Activation::Sigmoid.value(0.0), 0.5);
/// assert_eq!(Activation::Sigmoid.derivative(0.0), 0.25);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// The layer stays affine; the default of the last one.
    Identity,
    /// The logistic function, onto (0, 1).
    Sigmoid,
    /// The hyperbolic tangent, onto (-1, 1).
    Tanh,
    /// The positive part.
    Relu,
}

impl Activation {
    /// Every activation there is.
    pub const ALL: [Self; 4] = [Self::Identity, Self::Sigmoid, Self::Tanh, Self::Relu];

    /// sigma(t).
    ///
    /// # Numerics
    ///
    /// The sigmoid only ever takes the exponential of a number that is not positive, so nothing overflows.
    #[doc(alias = "sigma")]
    pub fn value(self, t: f64) -> f64 {
        match self {
            Self::Identity => t,
            Self::Sigmoid if t < 0.0 => t.exp() / (1.0 + t.exp()),
            Self::Sigmoid => 1.0 / (1.0 + (-t).exp()),
            Self::Tanh => t.tanh(),
            Self::Relu => t.max(0.0),
        }
    }

    /// sigma'(t).
    ///
    /// # Numerics
    ///
    /// Relu has no derivative at 0; there it is 0. The sigmoid's 1 - sigma(t) is taken as sigma(-t), which cancels
    /// nothing.
    #[doc(alias = "sigma_prime")]
    pub fn derivative(self, t: f64) -> f64 {
        match self {
            Self::Identity => 1.0,
            Self::Sigmoid => self.value(t) * self.value(-t),
            Self::Tanh => 1.0 - t.tanh().powi(2),
            Self::Relu => f64::from(t > 0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{STEP, check_gradient};

    #[test]
    fn the_derivative_is_the_slope_of_the_value() {
        for sigma in Activation::ALL {
            for t in [-6.0, -1.5, -0.1, 0.1, 1.5, 6.0] {
                let found = check_gradient(|t| sigma.value(t[0]), &[t], &[sigma.derivative(t)], STEP).unwrap();
                assert!(found.relative_error < 1e-6, "{sigma:?} at {t}: {found:?}");
            }
        }
        assert_eq!(Activation::Relu.derivative(0.0), 0.0);
    }

    #[test]
    fn the_sigmoid_never_overflows() {
        let sigma = Activation::Sigmoid;
        assert_eq!((sigma.value(-1000.0), sigma.value(1000.0)), (0.0, 1.0));
        assert_eq!((sigma.derivative(-1000.0), sigma.derivative(1000.0)), (0.0, 0.0));
        assert_eq!(sigma.value(-700.0), (-700.0_f64).exp());
        assert_eq!(sigma.derivative(700.0), (-700.0_f64).exp());
    }
}
