//! The forward layer loop and the backward one, the latter twice: by Jacobian products and by the closed forms.
//!
//! Indices start at 0 here: `z[i]` is `z_{i+1}`, `a[i]` is `A_{i+1}` and so on. Both sides of a formula move by the
//! same one, so that each line reads as in the derivation, with `l` for L.

use super::{LossFunction as _, OutputMap as _};
use super::{Matrix, Network};
use crate::Result;

/// What the forward layer loop computed, kept for the backward pass.
#[derive(Clone, Debug)]
pub struct Forward<'n> {
    network: &'n Network,
    y: Vec<f64>,
    z: Vec<Vec<f64>>,
    t: Vec<Vec<f64>>,
    loss: f64,
}

/// The Jacobian of every layer, as full matrices.
#[derive(Clone, Debug, PartialEq)]
pub struct Jacobians {
    /// `A_1, ..., A_L`, with respect to the parameters: n_{i+1} x n_{i+1}(n_i + 1).
    pub a: Vec<Matrix>,
    /// `B_1, ..., B_L`, with respect to the inputs: n_{i+1} x n_i.
    pub b: Vec<Matrix>,
    /// `B_{L+1} = C_K`, of the output map.
    pub c: Matrix,
}

/// What the backward layer loop computed: how fast the loss changes with everything it depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Backward {
    /// `p_1, ..., p_L`, with respect to the parameters, each in the shape of its `W_i`.
    pub p: Vec<Matrix>,
    /// `q_1, ..., q_{L+2}`, with respect to `z_1 = x` (the input), ..., `z_{L+1}` (the logits) and `z_{L+2}`.
    pub q: Vec<Vec<f64>>,
}

impl Network {
    /// The forward layer loop.
    ///
    /// ```text
    /// z_1 = x;   t_i = W_i z_i^{;1},  z_{i+1} = sigma(t_i)  for i = 1, ..., L;   z_{L+2} = g_{L+1}(z_{L+1})
    /// ```
    ///
    /// # Shapes
    ///
    /// `x` has length `n_1`, `y` that of [`Output::targets`](super::Output::targets): K, mostly.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`](crate::Error::Shape) if `x` or `y` has another length.
    pub fn forward(&self, x: &[f64], y: &[f64]) -> Result<Forward<'_>> {
        let l = self.layers().len();
        let mut z = vec![x.to_vec()];
        let mut t = vec![];
        for (i, layer) in self.layers().iter().enumerate() {
            t.push(layer.t(&z[i])?);
            z.push(layer.sigma(&t[i]));
        }
        z.push(self.output().probabilities(&z[l]));
        let loss = self.l_y().value(self.output(), y, &z[l])?; // = l_y(z_{L+2}), but stable
        Ok(Forward { network: self, y: y.to_vec(), z, t, loss })
    }
}

impl Forward<'_> {
    /// `z_1 = x, z_2, ..., z_{L+1}` (the logits) and `z_{L+2}` (the probabilities).
    pub fn z(&self) -> &[Vec<f64>] {
        &self.z
    }

    /// The preactivations `t_1, ..., t_L`.
    pub fn t(&self) -> &[Vec<f64>] {
        &self.t
    }

    /// The network that was gone through.
    pub fn network(&self) -> &Network {
        self.network
    }

    /// The target.
    pub fn y(&self) -> &[f64] {
        &self.y
    }

    /// The loss `z_{L+3}`.
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// Every Jacobian `A_i`, `B_i` and `C_K`, written out in full.
    ///
    /// # Errors
    ///
    /// None that shapes checked by [`Network::forward`] could cause.
    pub fn jacobians(&self) -> Result<Jacobians> {
        let layers = || self.network.layers().iter().zip(&self.z);
        Ok(Jacobians {
            a: layers().map(|(layer, z)| layer.jacobian_wrt_params(z)).collect::<Result<_>>()?,
            b: layers().map(|(layer, z)| layer.jacobian_wrt_input(z)).collect::<Result<_>>()?,
            c: self.network.output().jacobian(&self.z[self.t.len()]),
        })
    }

    /// The backward layer loop as the chain rule states it: every step multiplies by a transposed Jacobian.
    ///
    /// ```text
    /// q_{L+1} = C_K^T q_{L+2};   p_i = A_i^T q_{i+1},  q_i = B_i^T q_{i+1}  for i = L, ..., 1
    /// ```
    ///
    /// # Errors
    ///
    /// None that shapes checked by [`Network::forward`] could cause.
    ///
    /// # Numerics
    ///
    /// Not a number where the probability of the true class has underflowed to 0: `q_{L+2}` is then infinite, and 0 times it is
    /// lost. [`Self::backward_closed_form`] has no such hole.
    pub fn backward_by_jacobians(&self) -> Result<Backward> {
        let Jacobians { a, b, c } = self.jacobians()?;
        let (l, mut backward) = self.start()?;
        let Backward { p, q } = &mut backward;
        // z_{L+2} = g_{L+1}(z_{L+1})
        q[l] = c.transpose_times(&q[l + 1])?;
        for i in (0..l).rev() {
            // z_{i+1} = g_i(w_i; z_i)
            p[i].entries_mut().copy_from_slice(&a[i].transpose_times(&q[i + 1])?);
            q[i] = b[i].transpose_times(&q[i + 1])?;
        }
        Ok(backward)
    }

    /// The same loop by the closed forms, which multiply the zeros out and need no Jacobian.
    ///
    /// ```text
    /// q_{L+1} = z_{L+2} - y for cross-entropy;   p_i = delta_i (z_i^{;1})^T,  q_i = W_i[:, :n_i]^T delta_i  for i = L, ..., 1
    /// ```
    ///
    /// # Errors
    ///
    /// None that shapes checked by [`Network::forward`] could cause.
    ///
    /// # Numerics
    ///
    /// Finite for finite parameters and inputs, except `q_{L+2}`, which is reported but not used.
    pub fn backward_closed_form(&self) -> Result<Backward> {
        let (l, mut backward) = self.start()?;
        let Backward { p, q } = &mut backward;
        // z_{L+3} = l_y(g_{L+1}(z_{L+1}))
        q[l] = self.network.l_y().gradient(self.network.output(), &self.y, &self.z[l])?;
        for (i, layer) in self.network.layers().iter().enumerate().rev() {
            // z_{i+1} = g_i(w_i; z_i) = sigma(W_i z_i^{;1})
            p[i] = layer.p_i(&self.z[i], &q[i + 1])?;
            q[i] = layer.q_i(&self.z[i], &q[i + 1])?;
        }
        Ok(backward)
    }

    /// L, and room for all p and q with `q_{L+2}`, where both ways back begin, filled in.
    fn start(&self) -> Result<(usize, Backward)> {
        let l = self.t.len();
        let p = self.network.layers().iter().map(|layer| layer.w().clone()).collect();
        let mut q = vec![vec![]; l + 2];
        // z_{L+3} = l_y(z_{L+2})
        q[l + 1] = self.network.l_y().gradient_of_outputs(self.network.output(), &self.y, &self.z[l])?;
        Ok((l, Backward { p, q }))
    }
}

impl Backward {
    /// The gradient of the loss in the order of the parameters: `(p_1; ...; p_L)`, each `p_i` row by row.
    pub fn gradient(&self) -> Vec<f64> {
        self.p.iter().flat_map(Matrix::entries).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::ActivationFunction as _;
    use crate::math::SOFTMAXES;
    use crate::math::{Activation, Layer, Output, STEP, check_gradient, check_network, network, numbers};

    fn one_hot(k: usize, class: usize) -> Vec<f64> {
        (0..k).map(|j| f64::from(j == class)).collect()
    }

    /// The largest difference between two ways back, in parts of the largest entry or of 1.
    fn difference(one: &Backward, other: &Backward) -> f64 {
        let all = |b: &Backward| [b.gradient(), b.q.concat()].concat();
        let (one, other) = (all(one), all(other));
        assert_eq!(one.len(), other.len());
        let size = one.iter().fold(1.0, |size: f64, v| size.max(v.abs()));
        one.iter().zip(&other).map(|(a, b)| (a - b).abs() / size).fold(0.0, f64::max)
    }

    /// Every table of 1 to 5 layers, 2 to 26 classes, both output maps and all activations.
    fn table() -> impl Iterator<Item = (Network, Vec<f64>, Vec<f64>)> {
        let kinds = SOFTMAXES
            .into_iter()
            .flat_map(|output| Activation::ALL.iter().map(move |&activation| (output, activation)));
        kinds.flat_map(|(output, activation)| {
            (1..=5).flat_map(move |l| {
                [2, 3, 10, 26].map(|k| {
                    let hidden = (0..l).map(|i| 1 + (3 * i + k) % 5);
                    let last = k + 1 - output.classes(1);
                    let widths: Vec<usize> = hidden.chain([last]).collect();
                    let network = network(&widths, activation, output);
                    (network, numbers(l, widths[0]), one_hot(k, (k + l) % k))
                })
            })
        })
    }

    /// Whether a step of a difference may carry some t_i across a kink or, of trelu, a jump.
    fn near_a_joint(forward: &Forward) -> bool {
        let near = |(layer, t): (&Layer, &Vec<f64>)| {
            layer.activation().joints().iter().any(|joint| t.iter().any(|t| (t - joint).abs() < 1e-4))
        };
        forward.network.layers().iter().zip(forward.t()).any(near)
    }

    #[test]
    fn both_ways_back_agree_with_each_other_and_with_central_differences() {
        for (network, x, y) in table() {
            let forward = network.forward(&x, &y).unwrap();
            let closed = forward.backward_closed_form().unwrap();
            let d = difference(&closed, &forward.backward_by_jacobians().unwrap());
            assert!(d < 1e-12, "{d:e} for {network:?}");
            if near_a_joint(&forward) {
                continue; // a difference across a jump means nothing
            }
            for found in check_network(&network, &x, &y, &closed.gradient(), STEP).unwrap() {
                assert!(found.relative_error < 1e-5, "{found:?} for {network:?}");
            }
            let loss = |x: &[f64]| network.loss(x, &y).unwrap();
            let found = check_gradient(loss, &x, &closed.q[0], STEP).unwrap();
            assert!(found.relative_error < 1e-5, "q_1: {found:?} for {network:?}");
        }
    }

    #[test]
    fn wide_networks_agree_too() {
        for widths in [[784, 32, 10], [100, 100, 10]] {
            let network = network(&widths, Activation::Tanh, Output::Softmax);
            let x: Vec<f64> = numbers(3, widths[0]).iter().map(|x| x / 10.0).collect();
            let forward = network.forward(&x, &one_hot(10, 3)).unwrap();
            let (closed, jacobians) = (forward.backward_closed_form(), forward.backward_by_jacobians());
            assert!(difference(&closed.unwrap(), &jacobians.unwrap()) < 1e-12);
        }
    }

    #[test]
    fn the_loss_without_the_loop_is_the_loss_of_the_loop() {
        for (network, x, y) in table() {
            assert_eq!(network.forward(&x, &y).unwrap().loss(), network.loss(&x, &y).unwrap());
            assert_eq!(network.forward(&x, &y).unwrap().z().last(), network.probabilities(&x).ok().as_ref());
        }
    }

    #[test]
    fn a_network_without_layers_is_its_output_map() {
        let network = Network::new(vec![], Output::Softmax).unwrap();
        let backward = network.forward(&[0.0, 0.0], &[1.0, 0.0]).unwrap().backward_by_jacobians().unwrap();
        assert!(backward.gradient().is_empty());
        assert_eq!(backward.q, [[-0.5, 0.5], [-2.0, 0.0]]);
    }

    #[test]
    fn extreme_logits_keep_the_closed_form_finite() {
        for output in SOFTMAXES {
            let layer = Layer::new(Matrix::from_rows(&[[1000.0, 0.0], [-1000.0, 0.0]]).unwrap(), Activation::Identity);
            let network = Network::new(vec![layer.unwrap()], output).unwrap();
            let k = output.classes(2);
            for (x, class) in [1.0, -1.0].into_iter().flat_map(|x| (0..k).map(move |class| (x, class))) {
                let forward = network.forward(&[x], &one_hot(k, class)).unwrap();
                let backward = forward.backward_closed_form().unwrap();
                let q = backward.q[..2].concat();
                assert!(forward.loss().is_finite());
                assert!(backward.gradient().iter().chain(&q).all(|v| v.is_finite()));
            }
        }
    }
}
