//! Layer i: the map `g_i` from `z_i` to `z_{i+1}`.

use super::Activation;
use super::ActivationFunction as _;
use super::matrix::{Matrix, same_size};
use crate::{Error, Result};

/// The vector `z^{;1} = (z; 1)`: the 1 is what the bias multiplies.
///
/// ```
/// # use layerloop::math::augment;
/// assert_eq!(augment(&[0.5, -2.0]), [0.5, -2.0, 1.0]);
/// ```
#[doc(alias = "z^{;1}")]
pub fn augment(z: &[f64]) -> Vec<f64> {
    [z, &[1.0]].concat()
}

/// Layer i, from `n_i` inputs to `n_{i+1}` outputs.
///
/// ```text
/// g_i(w_i; z_i) = sigma(t_i),   t_i = W_i z_i^{;1}
/// ```
///
/// # Shapes
///
/// `W_i` is n_{i+1} x (n_i + 1) with the bias in its last column; `w_i` is the same numbers, row by row.
///
/// # Example
///
/// ```
/// # use layerloop::math::{Activation, Layer, Matrix};
/// let layer = Layer::new(Matrix::from_rows(&[[2.0, 0.0, 1.0]])?, Activation::Relu)?;
/// assert_eq!(layer.g(&[3.0, 5.0])?, [7.0]); // 2 * 3 + 0 * 5 + 1
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    w: Matrix,
    activation: Activation,
}

impl Layer {
    /// The layer with the weights `w`, whose last column is the bias.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if `w` has no column.
    pub fn new(w: Matrix, activation: Activation) -> Result<Self> {
        if w.cols() == 0 {
            return Err(Error::shape("columns of W_i, with the bias", "1 or more", 0));
        }
        Ok(Self { w, activation })
    }

    /// The layer with the weights `w` and a bias of zero, which is still a parameter.
    pub fn without_bias(w: &Matrix, activation: Activation) -> Self {
        let bias = w.cols();
        let w = Matrix::from_fn(w.rows(), bias + 1, |r, c| if c == bias { 0.0 } else { w[(r, c)] });
        Self { w, activation }
    }

    /// `W_i`: the weights, then the bias as last column.
    pub fn w(&self) -> &Matrix {
        &self.w
    }

    /// `W_i`, to be changed entry by entry.
    pub fn w_mut(&mut self) -> &mut [f64] {
        self.w.entries_mut()
    }

    /// The activation, of which [`Self::sigma`] and [`Self::sigma_prime`] are the values.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// `n_i`.
    pub fn inputs(&self) -> usize {
        self.w.cols() - 1
    }

    /// `n_{i+1}`.
    pub fn outputs(&self) -> usize {
        self.w.rows()
    }

    /// The preactivations `t_i = W_i z_i^{;1}`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless `z` has length `n_i`.
    pub fn t(&self, z: &[f64]) -> Result<Vec<f64>> {
        same_size("length of the input z_i of a layer", self.inputs(), z.len())?;
        self.w.times(&augment(z))
    }

    /// `sigma(t_i)`, component by component.
    pub fn sigma(&self, t: &[f64]) -> Vec<f64> {
        t.iter().map(|&t| self.activation.value(t)).collect()
    }

    /// `sigma'(t_i)`, component by component.
    pub fn sigma_prime(&self, t: &[f64]) -> Vec<f64> {
        t.iter().map(|&t| self.activation.derivative(t)).collect()
    }

    /// The output `z_{i+1} = g_i(w_i; z_i) = sigma(W_i z_i^{;1})`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] unless `z` has length `n_i`.
    #[doc(alias = "g_i")]
    pub fn g(&self, z: &[f64]) -> Result<Vec<f64>> {
        Ok(self.sigma(&self.t(z)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bias_is_the_last_column() {
        let w = Matrix::from_rows(&[[1.0, 2.0], [3.0, 4.0]]).unwrap();
        let layer = Layer::without_bias(&w, Activation::Identity);
        assert_eq!((layer.inputs(), layer.outputs()), (2, 2));
        assert_eq!(layer.g(&[1.0, -1.0]).unwrap(), [-1.0, -1.0]);
        let layer = Layer::new(w, Activation::Identity).unwrap();
        assert_eq!((layer.inputs(), layer.outputs()), (1, 2));
        assert_eq!(layer.g(&[10.0]).unwrap(), [12.0, 34.0]);
    }

    #[test]
    fn sizes_that_disagree_are_refused() {
        let no_column = Matrix::from_fn(3, 0, |_, _| 0.0);
        assert!(Layer::new(no_column.clone(), Activation::Tanh).is_err());
        assert!(Layer::without_bias(&no_column, Activation::Tanh).g(&[1.0]).is_err());
    }
}
