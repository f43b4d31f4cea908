//! The Hessian times a vector: the forward layer loop and the backward one, each followed along a direction of the weights.

use super::{ActivationFunction as _, LossFunction as _};
use super::{Forward, Matrix};
use crate::Result;
use crate::math::matrix::same_size;

impl Forward<'_> {
    /// `H v`, H the Hessian of `f_{x,y}` at the network's parameters: how the gradient changes as w moves along v.
    ///
    /// With R the derivative along v, `V_i` the part of v in the shape of `W_i`, and H_l the Hessian of the loss by the logits:
    ///
    /// ```text
    /// R z_1 = 0;   R t_i = V_i z_i^{;1} + W_i[:, :n_i] R z_i,   R z_{i+1} = sigma'(t_i) R t_i             i = 1, ..., L
    /// R q_{L+1} = H_l R z_{L+1};
    /// R delta_i = sigma'(t_i) R q_{i+1} + sigma''(t_i) R t_i q_{i+1}
    /// R p_i = R delta_i (z_i^{;1})^T + delta_i (R z_i; 0)^T
    /// R q_i = W_i[:, :n_i]^T R delta_i + V_i[:, :n_i]^T delta_i                                          i = L, ..., 1
    /// ```
    ///
    /// # Shapes
    ///
    /// `v` and the result: the order of [`Network::parameters`](super::Network::parameters).
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) unless `v` has one number for each parameter.
    ///
    /// # Numerics
    ///
    /// Exact where no t_i is at a kink; a kink adds nothing.
    ///
    /// # Source
    ///
    /// Pearlmutter 1994, Fast exact multiplication by the Hessian.
    ///
    /// # Example
    ///
    /// ```
    /// # use layerloop::math::{Activation, Layer, Loss, Matrix, Network, Output};
    /// // f = (w x + b - y)^2 with x = 3: its Hessian is 2 (x; 1) (x; 1)^T
    /// let layer = Layer::new(Matrix::from_rows(&[[0.5, 0.0]])?, Activation::Identity)?;
    /// let network = Network::new(vec![layer], Output::Identity)?;
    /// assert_eq!(network.forward(&[3.0], &[1.0])?.hessian_times(&[1.0, 0.0])?, [18.0, 6.0]);
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    #[doc(alias = "Hessian-vector product")]
    pub fn hessian_times(&self, v: &[f64]) -> Result<Vec<f64>> {
        let network = self.network();
        same_size("numbers of a direction of the parameters", network.parameter_count(), v.len())?;
        let (layers, l) = (network.layers(), network.layers().len());
        let mut rest = v;
        let v: Vec<Matrix> = layers
            .iter()
            .map(|layer| {
                let (part, after) = rest.split_at(layer.w().entries().len());
                rest = after;
                Matrix::new(layer.w().rows(), layer.w().cols(), part.to_vec())
            })
            .collect::<Result<_>>()?;

        // Forward: R t_i and R z_i.
        let (mut r_t, mut r_z) = (vec![], vec![vec![0.0; self.z()[0].len()]]);
        for (i, layer) in layers.iter().enumerate() {
            let by_weights = v[i].times(&super::augment(&self.z()[i]))?;
            let by_input = layer.w().times(&with_zero(&r_z[i]))?;
            r_t.push(sum(&by_weights, &by_input));
            r_z.push(product(&layer.sigma_prime(&self.t()[i]), &r_t[i]));
        }
        // Backward: q_i and delta_i once more, R q_i and R p_i.
        let mut q = network.l_y().gradient(network.output(), self.y(), &self.z()[l])?;
        let mut r_q = network.l_y().hessian_times(network.output(), self.y(), &self.z()[l], &r_z[l])?;
        let mut r_p = vec![Vec::new(); l];
        for (i, layer) in layers.iter().enumerate().rev() {
            let t = &self.t()[i];
            let bend: Vec<f64> = t.iter().map(|&t| layer.activation().second_derivative(t)).collect();
            let delta = product(&layer.sigma_prime(t), &q);
            let r_delta = sum(&product(&layer.sigma_prime(t), &r_q), &product(&product(&bend, &r_t[i]), &q));
            let (z, r_z) = (super::augment(&self.z()[i]), with_zero(&r_z[i]));
            r_p[i] = Vec::with_capacity(z.len() * delta.len());
            for (r_delta, delta) in r_delta.iter().zip(&delta) {
                r_p[i].extend(z.iter().zip(&r_z).map(|(z, r_z)| r_delta * z + delta * r_z));
            }
            r_q = sum(&layer.w().transpose_times(&r_delta)?, &v[i].transpose_times(&delta)?);
            q = layer.w().transpose_times(&delta)?;
            r_q.pop(); // the gradient by the constant 1 is not needed
            q.pop();
        }
        Ok(r_p.concat())
    }
}

/// (z; 0)
fn with_zero(z: &[f64]) -> Vec<f64> {
    [z, &[0.0]].concat()
}

fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn product(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

#[cfg(test)]
mod tests {
    use crate::math::{Activation, ActivationFunction as _, Loss, Network, Output, SOFTMAXES, network, numbers};

    /// H v against central differences of the gradient along v, of fourth order.
    fn check(network: &Network, x: &[f64], y: &[f64]) {
        const H: f64 = 1e-3;
        let (w, v) = (network.parameters(), numbers(77, network.parameter_count()));
        let gradient = |by: f64| {
            let mut moved = network.clone();
            moved.set_parameters(&w.iter().zip(&v).map(|(w, v)| w + by * v).collect::<Vec<_>>()).unwrap();
            moved.forward(x, y).unwrap().backward_closed_form().unwrap().gradient()
        };
        let [a, b, c, d] = [H, -H, 2.0 * H, -2.0 * H].map(gradient);
        let exact = network.forward(x, y).unwrap().hessian_times(&v).unwrap();
        let size = exact.iter().fold(1e-2, |size: f64, v| size.max(v.abs()));
        for (k, exact) in exact.iter().enumerate() {
            let slope = (8.0 * (a[k] - b[k]) - (c[k] - d[k])) / (12.0 * H);
            assert!((exact - slope).abs() < 1e-7 * size, "{network:?}, {k}: {exact} {slope}");
        }
    }

    #[test]
    fn it_is_the_central_differences_of_the_gradient_for_every_smooth_activation() {
        for activation in Activation::ALL.iter().copied().filter(|a| a.joints().is_empty()) {
            for (output, l) in SOFTMAXES.into_iter().flat_map(|output| (1..=4).map(move |l| (output, l))) {
                let widths: Vec<usize> = (0..=l).map(|i| 2 + (3 * i + l) % 3).collect();
                let k = output.targets(widths[l]);
                let y: Vec<f64> = (0..k).map(|j| f64::from(j == l % k)).collect();
                check(&network(&widths, activation, output), &numbers(l, widths[0]), &y);
            }
        }
    }

    #[test]
    fn it_is_so_for_every_smooth_loss() {
        for &loss in Loss::ALL {
            for &output in loss.outputs() {
                let network = network(&[3, 4, 2], Activation::Tanh, output).under(loss).unwrap();
                let of = |y: f64| match loss {
                    Loss::Hinge | Loss::SquaredHinge => y.signum(),
                    Loss::Mse | Loss::Mae | Loss::Huber { .. } | Loss::LogCosh | Loss::Quantile { .. } => 2.0 * y,
                    _ => y.abs(),
                };
                let y: Vec<f64> = numbers(2, output.targets(2)).into_iter().map(of).collect();
                check(&network, &numbers(9, 3), &y);
            }
        }
    }

    #[test]
    fn it_is_symmetric_and_a_direction_of_the_wrong_length_is_refused() {
        let network = network(&[4, 5, 3], Activation::Sigmoid, Output::Softmax);
        let forward = network.forward(&numbers(1, 4), &[0.0, 1.0, 0.0]).unwrap();
        let (u, v) = (numbers(3, network.parameter_count()), numbers(4, network.parameter_count()));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let apart = dot(&u, &forward.hessian_times(&v).unwrap()) - dot(&v, &forward.hessian_times(&u).unwrap());
        assert!(apart.abs() < 1e-12, "{apart:e}");
        assert!(forward.hessian_times(&v[1..]).is_err());
    }
}
