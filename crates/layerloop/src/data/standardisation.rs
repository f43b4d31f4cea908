//! Columns of very different sizes, brought to mean 0 and deviation 1.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Mean and standard deviation of each input, computed on a training part and kept with the model.
///
/// x'_j = (x_j - m_j) / s_j with m_j = mean of x_j, s_j = sqrt(mean (x_j - m_j)^2); s_j = 1 where a column is constant.
///
/// # Numerics
/// Sums are f64, in row order; a standardised value is rounded once, to f32.
///
/// # Source
/// The definitions of scikit-learn's `StandardScaler`.
///
/// # Example
/// ```
/// use layerloop::data::Standardisation;
/// let mut inputs = [1.0, 7.0, 5.0, 7.0]; // two rows of two; the second column is constant
/// let training = Standardisation::of(&inputs, 2)?;
/// assert_eq!((training.means(), training.deviations()), (&[3.0, 7.0][..], &[2.0, 1.0][..]));
/// training.apply(&mut inputs, 2)?;
/// assert_eq!(inputs, [-1.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Standardisation {
    means: Vec<f64>,
    deviations: Vec<f64>,
}

/// What is read from a file, before it is checked.
#[derive(Deserialize)]
struct Parts {
    means: Vec<f64>,
    deviations: Vec<f64>,
}

impl TryFrom<Parts> for Standardisation {
    type Error = Error;

    fn try_from(Parts { means, deviations }: Parts) -> Result<Self> {
        Self::new(means, deviations)
    }
}

impl Standardisation {
    /// With given means and deviations.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is not one deviation for each mean, or none at all; [`Error::Config`] if a mean is not
    /// finite or a deviation not a finite number above 0.
    pub fn new(means: Vec<f64>, deviations: Vec<f64>) -> Result<Self> {
        if deviations.len() != means.len() {
            return Err(Error::shape("deviations of inputs", means.len(), deviations.len()));
        }
        if means.is_empty() {
            return Err(Error::shape("means of inputs", "at least 1", 0));
        }
        let good = |(m, s): (&f64, &f64)| m.is_finite() && s.is_finite() && *s > 0.0;
        if let Some(column) = means.iter().zip(&deviations).position(|pair| !good(pair)) {
            let (mean, deviation) = (means[column], deviations[column]);
            let reason = format!(
                "input {column} has mean {mean} and deviation {deviation}; both are finite, the second above 0"
            );
            return Err(Error::config("standardisation", reason));
        }
        Ok(Self { means, deviations })
    }

    /// Of `inputs`, rows x `width`, row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are no rows or the last one is not whole; [`Error::Config`] if an input is not finite.
    pub fn of(inputs: &[f32], width: usize) -> Result<Self> {
        if width == 0 || inputs.is_empty() || !inputs.len().is_multiple_of(width) {
            return Err(Error::shape("input values", format!("rows of {width}"), inputs.len()));
        }
        let mean = |column: usize, f: &dyn Fn(f64) -> f64| {
            let values = inputs[column..].iter().step_by(width);
            values.map(|&x| f(x.into())).sum::<f64>() / (inputs.len() / width) as f64
        };
        let means: Vec<f64> = (0..width).map(|column| mean(column, &|x| x)).collect();
        let deviation = |column: usize| mean(column, &|x| (x - means[column]) * (x - means[column])).sqrt();
        let deviations = (0..width).map(deviation).map(|s| if s == 0.0 { 1.0 } else { s }).collect();
        Self::new(means, deviations)
    }

    /// Standardises `inputs`, rows x `width`, row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] for another width than that of the rows it was taken of, or if the last row is not whole.
    pub fn apply(&self, inputs: &mut [f32], width: usize) -> Result<()> {
        self.check_width(width)?;
        if !inputs.len().is_multiple_of(width) {
            return Err(Error::shape("input values", format!("rows of {width}"), inputs.len()));
        }
        for row in inputs.chunks_exact_mut(self.means.len()) {
            for (x, (mean, deviation)) in row.iter_mut().zip(self.means.iter().zip(&self.deviations)) {
                *x = ((f64::from(*x) - mean) / deviation) as f32;
            }
        }
        Ok(())
    }

    /// Refuses rows of another width.
    pub(crate) fn check_width(&self, width: usize) -> Result<()> {
        let expected = self.means.len();
        if width == expected { Ok(()) } else { Err(Error::shape("inputs of a row to standardise", expected, width)) }
    }

    /// The mean of each input.
    #[must_use]
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// The standard deviation of each input, 1 where it is constant.
    #[must_use]
    pub fn deviations(&self) -> &[f64] {
        &self.deviations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_get_mean_0_and_deviation_1() {
        let mut inputs: Vec<f32> = (0..300).map(|i| ((i * 37) % 101) as f32 * [1.0, 1e3, 1e-3][i % 3] + 5.0).collect();
        Standardisation::of(&inputs, 3).unwrap().apply(&mut inputs, 3).unwrap();
        let after = Standardisation::of(&inputs, 3).unwrap();
        assert!(after.means().iter().all(|m| m.abs() < 1e-7), "{after:?}");
        assert!(after.deviations().iter().all(|s| (s - 1.0).abs() < 1e-6), "{after:?}");
    }

    #[test]
    fn it_comes_back_from_json_to_the_bit() {
        let kept = Standardisation::of(&[0.1, 2.0, 0.3, -7.0, 0.7, 1e-9], 2).unwrap();
        let json = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<Standardisation>(&json).unwrap(), kept);
        let read = |json| serde_json::from_str::<Standardisation>(json).unwrap_err().to_string();
        assert!(read(r#"{"means": [1, 2], "deviations": [1]}"#).contains("deviations of inputs: expected 2, got 1"));
        assert!(read(r#"{"means": [1], "deviations": [0]}"#).contains("input 0 has mean 1 and deviation 0"));
    }

    #[test]
    fn what_has_no_mean_is_refused() {
        let refused = |inputs: &[f32], width| Standardisation::of(inputs, width).unwrap_err().to_string();
        assert_eq!(refused(&[1.0; 5], 2), "input values: expected rows of 2, got 5");
        assert_eq!(refused(&[], 2), "input values: expected rows of 2, got 0");
        assert!(refused(&[1.0, f32::NAN], 1).contains("input 0 has mean NaN"));
        let one = Standardisation::of(&[1.0, 2.0], 2).unwrap();
        assert_eq!(one.deviations(), [1.0, 1.0]);
        assert!(one.apply(&mut [0.0; 3], 2).is_err());
        // Six numbers are three rows of two as well as two rows of three.
        let said = one.apply(&mut [0.0; 6], 3).unwrap_err().to_string();
        assert_eq!(said, "inputs of a row to standardise: expected 2, got 3");
    }
}
