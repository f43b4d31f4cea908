//! The Jacobian of layer i, its parameters first and then its input, and what its transpose does to `q_{i+1}`.
//!
//! ```text
//! forward:   z_{i+1} = g_i(w_i; z_i) = sigma(t_i),   t_i = W_i z_i^{;1}
//! Jacobian:  (A_i  B_i) = diag(sigma'(t_i)) ( e_1 (z_i^{;1})^T ... e_{n_{i+1}} (z_i^{;1})^T   W_i[:, :n_i] )
//! ```
//!
//! `A_i` is almost empty: row k has numbers only in the block of `w_i` that is row k of `W_i`. Hence the closed forms,
//! which never write it down.

use super::matrix::same_size;
use super::{Layer, Matrix, augment};
use crate::Result;

impl Layer {
    /// The Jacobian of `g_i` with respect to its parameters `w_i`.
    ///
    /// ```text
    /// A_i = diag(sigma'(t_i)) [ e_1 (z_i^{;1})^T ... e_{n_{i+1}} (z_i^{;1})^T ]
    /// ```
    ///
    /// # Shapes
    ///
    /// n_{i+1} x n_{i+1}(n_i + 1).
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) unless `z` has length `n_i`.
    #[doc(alias = "A_i")]
    pub fn jacobian_wrt_params(&self, z: &[f64]) -> Result<Matrix> {
        let slope = self.sigma_prime(&self.t(z)?);
        let (z1, n) = (augment(z), slope.len());
        let entry = |k, column| if column / z1.len() == k { slope[k] * z1[column % z1.len()] } else { 0.0 };
        Ok(Matrix::from_fn(n, n * z1.len(), entry))
    }

    /// The Jacobian of `g_i` with respect to its input `z_i`.
    ///
    /// ```text
    /// B_i = diag(sigma'(t_i)) W_i[:, :n_i]
    /// ```
    ///
    /// # Shapes
    ///
    /// n_{i+1} x n_i.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) unless `z` has length `n_i`.
    #[doc(alias = "B_i")]
    pub fn jacobian_wrt_input(&self, z: &[f64]) -> Result<Matrix> {
        let slope = self.sigma_prime(&self.t(z)?);
        Ok(Matrix::from_fn(slope.len(), self.inputs(), |k, j| slope[k] * self.w()[(k, j)]))
    }

    /// What both closed forms share: the gradient with respect to `t_i`.
    ///
    /// ```text
    /// delta_i = sigma'(t_i) * q_{i+1}        component by component
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) unless `z` has length `n_i` and `q_next` length `n_{i+1}`.
    pub fn delta_i(&self, z: &[f64], q_next: &[f64]) -> Result<Vec<f64>> {
        same_size("length of q_{i+1}", self.outputs(), q_next.len())?;
        Ok(self.sigma_prime(&self.t(z)?).iter().zip(q_next).map(|(slope, q)| slope * q).collect())
    }

    /// The gradient with respect to this layer's parameters, from the one with respect to its output.
    ///
    /// ```text
    /// p_i = A_i^T q_{i+1} = delta_i kron z_i^{;1},   as a matrix delta_i (z_i^{;1})^T
    /// ```
    ///
    /// # Shapes
    ///
    /// That of `W_i`: n_{i+1} x (n_i + 1).
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) unless `z` has length `n_i` and `q_next` length `n_{i+1}`.
    #[doc(alias = "gradient")]
    pub fn p_i(&self, z: &[f64], q_next: &[f64]) -> Result<Matrix> {
        let (delta, z1) = (self.delta_i(z, q_next)?, augment(z));
        Ok(Matrix::from_fn(delta.len(), z1.len(), |k, j| delta[k] * z1[j]))
    }

    /// The gradient with respect to this layer's input, from the one with respect to its output.
    ///
    /// ```text
    /// q_i = B_i^T q_{i+1} = W_i[:, :n_i]^T delta_i
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) unless `z` has length `n_i` and `q_next` length `n_{i+1}`.
    #[doc(alias = "adjoint")]
    pub fn q_i(&self, z: &[f64], q_next: &[f64]) -> Result<Vec<f64>> {
        self.w().columns(0..self.inputs()).transpose_times(&self.delta_i(z, q_next)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::{Activation, STEP, check_jacobian, numbers};

    const SHAPES: [(usize, usize); 4] = [(1, 1), (3, 2), (2, 5), (0, 2)];

    fn layer(activation: Activation, (n_in, n_out): (usize, usize)) -> Layer {
        Layer::new(Matrix::new(n_out, n_in + 1, numbers(n_out, n_out * (n_in + 1))).unwrap(), activation).unwrap()
    }

    #[test]
    fn a_i_and_b_i_are_the_central_differences_of_g_i() {
        for (activation, shape) in Activation::ALL.iter().flat_map(|a| SHAPES.map(|s| (*a, s))) {
            let (layer, z) = (layer(activation, shape), numbers(7, shape.0));
            let g_of_w = |w: &[f64]| {
                let mut moved = layer.clone();
                moved.w_mut().copy_from_slice(w);
                moved.g(&z).unwrap()
            };
            let a = check_jacobian(g_of_w, layer.w().entries(), &layer.jacobian_wrt_params(&z).unwrap(), STEP).unwrap();
            let g_of_z = |z: &[f64]| layer.g(z).unwrap();
            let b = check_jacobian(g_of_z, &z, &layer.jacobian_wrt_input(&z).unwrap(), STEP).unwrap();
            assert!(a.relative_error.max(b.relative_error) < 1e-6, "{activation:?} {shape:?}: {a:?} {b:?}");
        }
    }

    #[test]
    fn a_q_of_the_wrong_length_is_refused() {
        let layer = layer(Activation::Tanh, (3, 2));
        assert!(layer.p_i(&[0.0; 3], &[1.0]).is_err());
        assert!(layer.q_i(&[0.0; 2], &[1.0; 2]).is_err());
    }
}
