//! How far predicted numbers lie from the true ones.
//!
//! Predictions p and targets y are rows x outputs, row-major; w holds a weight a row, all 1 where there is none.
//! Each measure is taken of every output and averaged over the outputs. Sums are f64, in row order.

use crate::{Error, Result};

/// Predicted and true numbers.
#[derive(Debug, Clone, Copy)]
pub struct Regressed<'a> {
    /// Predictions, rows x outputs.
    pub predictions: &'a [f32],
    /// Targets, rows x outputs.
    pub targets: &'a [f32],
    /// Numbers a row.
    pub outputs: usize,
    /// A weight a row, at least 0.
    pub weights: Option<&'a [f32]>,
}

impl Regressed<'_> {
    /// (1/outputs) sum_o (sum_r w_r f(p_ro, y_ro) / sum_r w_r)
    fn mean(&self, finish: impl Fn(f64) -> f64, f: impl Fn(f64, f64) -> f64) -> Result<f64> {
        self.check()?;
        let of = |output| finish(self.column(output, &f));
        Ok((0..self.outputs).map(of).sum::<f64>() / self.outputs as f64)
    }

    /// The weighted mean of f over the rows of one output.
    fn column(&self, output: usize, f: impl Fn(f64, f64) -> f64) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for row in 0..self.targets.len() / self.outputs {
            let at = row * self.outputs + output;
            let weight = self.weights.map_or(1.0, |w| f64::from(w[row]));
            sum += weight * f(f64::from(self.predictions[at]), f64::from(self.targets[at]));
            total += weight;
        }
        sum / total
    }

    /// Sizes that agree, at least one row, weights that are not negative and not all 0.
    fn check(&self) -> Result<()> {
        let refuse = |reason: &str| Err(Error::data("regression", reason));
        let (p, y) = (self.predictions.len(), self.targets.len());
        if self.outputs == 0 || y == 0 {
            return refuse("there are no rows to judge");
        }
        if p != y || y % self.outputs != 0 {
            return refuse(&format!("{p} predictions and {y} targets are not rows of {} numbers", self.outputs));
        }
        match self.weights {
            Some(w) if w.len() != y / self.outputs => refuse("there must be one weight a row"),
            Some(w) if !w.iter().all(|w| w.is_finite() && *w >= 0.0) => refuse("a weight is negative or not finite"),
            Some(w) if w.iter().all(|w| *w == 0.0) => refuse("every weight is 0"),
            _ => Ok(()),
        }
    }
}

/// Mean squared error, mean (p - y)^2; smaller is better.
///
/// # Errors
/// [`Error::Data`] if there are no rows, or sizes or weights make no sense.
pub fn mean_squared_error(of: Regressed<'_>) -> Result<f64> {
    of.mean(|m| m, |p, y| (p - y) * (p - y))
}

/// Root of the mean squared error of each output; smaller is better.
///
/// # Errors
/// As [`mean_squared_error`].
pub fn root_mean_squared_error(of: Regressed<'_>) -> Result<f64> {
    of.mean(f64::sqrt, |p, y| (p - y) * (p - y))
}

/// Mean absolute error, mean |p - y|; smaller is better.
///
/// # Errors
/// As [`mean_squared_error`].
pub fn mean_absolute_error(of: Regressed<'_>) -> Result<f64> {
    of.mean(|m| m, |p, y| (p - y).abs())
}

/// Mean |p - y| / max(|y|, 2^-52), a share and not per cent; smaller is better.
///
/// # Errors
/// As [`mean_squared_error`].
pub fn mean_absolute_percentage_error(of: Regressed<'_>) -> Result<f64> {
    of.mean(|m| m, |p, y| (p - y).abs() / y.abs().max(f64::EPSILON))
}

/// Pinball loss of the quantile tau, mean max(tau (y - p), (tau - 1) (y - p)); smaller is better.
///
/// # Errors
/// As [`mean_squared_error`]; [`Error::Config`] if tau is not from 0 to 1.
pub fn pinball(of: Regressed<'_>, tau: f64) -> Result<f64> {
    if !(0.0..=1.0).contains(&tau) {
        return Err(Error::Config { field: "tau".into(), reason: format!("{tau}; it is from 0 to 1") });
    }
    of.mean(|m| m, |p, y| (tau * (y - p)).max((tau - 1.0) * (y - p)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Regressed<'_> = Regressed { predictions: &[1.0, 4.0], targets: &[2.0, 1.0], outputs: 1, weights: None };

    #[test]
    fn errors_by_hand() {
        assert_eq!(mean_squared_error(ONE).unwrap(), 5.0);
        assert_eq!(root_mean_squared_error(ONE).unwrap(), 5.0_f64.sqrt());
        assert_eq!(mean_absolute_error(ONE).unwrap(), 2.0);
        assert_eq!(mean_absolute_percentage_error(ONE).unwrap(), 1.75);
        assert_eq!(pinball(ONE, 0.75).unwrap(), 0.75);
    }

    #[test]
    fn rows_are_weighted_and_outputs_are_not() {
        let weighted = Regressed { weights: Some(&[3.0, 1.0]), ..ONE };
        assert_eq!(mean_squared_error(weighted).unwrap(), 3.0);
        let two_outputs = Regressed { outputs: 2, ..ONE };
        assert_eq!(root_mean_squared_error(two_outputs).unwrap(), 2.0);
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        assert!(mean_squared_error(Regressed { predictions: &[], targets: &[], ..ONE }).is_err());
        assert!(mean_squared_error(Regressed { outputs: 3, ..ONE }).is_err());
        assert!(mean_squared_error(Regressed { weights: Some(&[0.0, 0.0]), ..ONE }).is_err());
        assert!(pinball(ONE, 1.5).is_err());
    }
}
