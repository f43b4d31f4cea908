//! The derivation itself, in f64 and one sample at a time: the specification that the fast path is tested against.
//!
//! A network of L layers sends x through `g_1, ..., g_L`, turns the result into probabilities and compares them with y:
//!
//! ```text
//! z_1 = x
//! t_i = W_i z_i^{;1},   z_{i+1} = g_i(w_i; z_i) = sigma(t_i)           i = 1, ..., L      (A_i  B_i) = Jacobian of g_i
//! z_{L+2} = g_{L+1}(z_{L+1})             softmax or reference softmax                       C_K = Jacobian of g_{L+1}
//! z_{L+3} = l_y(z_{L+2})                 cross-entropy                                  q_{L+2} = gradient of l_y
//! ```
//!
//! and the chain rule, read from the end, gives the gradient `(p_1; ...; p_L)`:
//!
//! ```text
//! q_{L+1} = C_K^T q_{L+2}
//! p_i = A_i^T q_{i+1},   q_i = B_i^T q_{i+1}                           i = L, ..., 1
//! ```
//!
//! The files below follow that order; `docs/math/` explains it at length.
//!
//! # Example
//!
//! ```
//! use layerloop::math::{Activation, Layer, Matrix, Network, Output};
//!
//! # fn main() -> layerloop::Result<()> {
//! let w_1 = Matrix::from_rows(&[[0.0, 1.0, -1.0], [2.0, 0.0, 1.0]])?;
//! let w_2 = Matrix::from_rows(&[[-1.0, 0.0], [2.0, -1.0]])?;
//! let layers =
//!     vec![Layer::without_bias(&w_1, Activation::Sigmoid), Layer::without_bias(&w_2, Activation::Identity)];
//! let network = Network::new(layers, Output::Softmax)?;
//!
//! let forward = network.forward(&[1.0, 0.0, -1.0], &[0.0, 1.0])?;
//! assert_eq!(format!("{:.4?}", forward.z()[1]), "[0.7311, 0.7311]"); // z_2
//! assert_eq!(format!("{:.4?}", forward.z()[3]), "[0.1881, 0.8119]"); // z_4 = z_{L+2}
//! assert_eq!(format!("{:.4}", forward.loss()), "0.2084");
//!
//! let backward = forward.backward_closed_form()?;
//! assert_eq!(format!("{:.4?}", backward.p[1].row(0)), "[0.1375, 0.1375, 0.1881]"); // the bias comes last
//! # Ok(())
//! # }
//! ```

// What it is written in.
mod matrix;
pub use matrix::Matrix;

// Layer i: sigma and sigma', z^{;1}, t_i, g_i.
mod activation;
mod layer;
pub use activation::ActivationFunction;
pub use layer::{Layer, augment};
pub use layerloop_kernels::Activation;

// Its Jacobians A_i and B_i, and what their transposes do to q_{i+1}: p_i and q_i.
mod jacobian;

// The other layers, and how layers are joined.
mod adjoint;
mod map;
pub use map::Map;

// Layer L+1, from logits to outputs, and its Jacobian C_K.
mod softmax;
pub use layerloop_kernels::softmax::Output;
pub use softmax::OutputMap;

// The loss l_y and its gradient q_{L+2}.
mod loss;
pub use loss::{cross_entropy, cross_entropy_gradient, cross_entropy_of_logits, cross_entropy_of_logits_gradient};

// Every other loss, with the output maps that it goes with.
mod losses;
pub use layerloop_kernels::Loss;
pub use losses::LossFunction;

// All of them together: h_x(w), f_{x,y}(w), and the order of w.
mod network;
mod numbers;
pub use network::Network;

// The forward layer loop (z, t) and, twice, the backward one (q, p).
mod loops;
pub use loops::{Backward, Forward, Jacobians};

// The loops once more, followed along a direction: the Hessian.
mod hessian;

// Is it right? Central differences answer.
mod check;
pub use check::{Deviation, STEP, check_gradient, check_jacobian, check_network};

/// `n` numbers in [-1, 1] that look unrelated; another `seed`, other numbers.
#[cfg(test)]
pub(crate) fn numbers(seed: usize, n: usize) -> Vec<f64> {
    (1..=n).map(|k| (2.399_963 * (1009 * seed + k) as f64).sin()).collect()
}

/// The output maps whose outputs are one distribution over K classes.
#[cfg(test)]
pub(crate) const SOFTMAXES: [Output; 2] = [Output::Softmax, Output::ReferenceSoftmax];

/// A network of such numbers.
#[cfg(test)]
pub(crate) fn network(widths: &[usize], activation: Activation, output: Output) -> Network {
    let layer = |n: &[usize]| {
        let w = numbers(n[0] + 31 * n[1], n[1] * (n[0] + 1));
        Layer::new(Matrix::new(n[1], n[0] + 1, w).expect("a matrix"), activation).expect("a layer")
    };
    Network::new(widths.windows(2).map(layer).collect(), output).expect("layers that fit")
}
