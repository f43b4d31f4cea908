//! The gradient check: the fast road against the derivation against central differences.

use serde::Serialize;

use super::meeting::{in_math, loss_and_gradient, matrices, samples};
use crate::choice::text;
use crate::data::{Dataset, Inputs};
use crate::math::{self, STEP};
use crate::network::{Activation, Layer, Network, Output, Spec};
use crate::train::rng::Stream;
use crate::{Result, train};

/// f32 keeps 2^-24 of each number; the worst that `tests/agreement.rs` has seen in a sum of 100 exponentials, or past a
/// nearly saturated tanh, is 4e-6.
const FAST_VS_MATH: f64 = 1e-5;

/// The error of a central difference with [`STEP`], about 1e-10 of a loss and of its third derivative, in parts of
/// [`SMALL`], and then some for a deep composition.
const MATH_VS_DIFFERENCES: f64 = 1e-6;

/// A layer whose largest derivative is below this is measured as if it were this: where a network has learnt its rows,
/// p - y is small, but known in f32 to 2^-24 of 1, not of itself.
const SMALL: f64 = 1e-2;

/// Differences of every parameter are taken up to this size of network; that takes milliseconds.
const EVERY_PARAMETER: usize = 1_000;

/// Parameters of each layer of a larger network whose differences are taken.
const SAMPLE: usize = 64;

/// How far the fast road, the derivation and central differences disagree about a gradient.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GradientCheck {
    /// Rows over whose mean loss the gradient was taken.
    pub rows: usize,
    /// What [`LayerCheck::fast_vs_math`] may not pass.
    pub fast_vs_math_tolerance: f64,
    /// What [`LayerCheck::math_vs_differences`] may not pass.
    pub math_vs_differences_tolerance: f64,
    /// Layers 1 to L.
    pub layers: Vec<LayerCheck>,
}

/// The disagreement about the gradient of one layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerCheck {
    /// The layer, counted from 1.
    pub layer: usize,
    /// What it is: `784 -> 32 sigmoid`.
    pub shape: String,
    /// Number of its parameters, all of which the fast road and the derivation were compared on.
    pub parameters: usize,
    /// Number of its parameters whose difference was measured and compared.
    pub measured: usize,
    /// Number of those that were drawn but left out: the step would have carried some activation across a kink.
    pub at_kinks: usize,
    /// Largest error of the fast road against the derivation, relative to the layer's largest derivative.
    pub fast_vs_math: f64,
    /// Largest error of the derivation against central differences, relative to the layer's largest derivative.
    pub math_vs_differences: f64,
}

impl GradientCheck {
    /// Whether no layer passes a tolerance.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.layers.iter().all(|layer| {
            layer.fast_vs_math <= self.fast_vs_math_tolerance
                && layer.math_vs_differences <= self.math_vs_differences_tolerance
        })
    }
}

/// Checks the gradient of the mean loss of all rows of `data`, of which a few are enough, in three ways: by the fast
/// road in f32 with `threads` threads, by the closed forms of [`crate::math`] in f64, by central differences in f64.
///
/// ```text
/// error of a layer = max_j |a_j - b_j| / max(max_j |p_j|, 0.01)        p by the closed forms
/// df/dw_j ~ (f(w + h e_j) - f(w - h e_j)) / 2h         h = 1e-5 / max(1, |z_k|) for the z_k that w_j multiplies
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if the data does not fit the network, [`Error::Data`](crate::Error::Data)
/// if it is empty.
///
/// # Numerics
/// Differences are taken of all parameters of a network of up to 1,000; of a larger one, of 64 a layer, one drawn from
/// each 64th of it, always the same. A parameter whose step carries an activation across a kink, whose difference would
/// mean nothing, is left out and counted. An error that is not a number counts as infinite.
///
/// # Example
/// ```
/// use layerloop::explain::{check_gradients, specimen};
/// let (network, data) = specimen(0)?;
/// let check = check_gradients(&network, &data, 1)?;
/// assert!(check.passed());
/// assert_eq!(check.layers[2].shape, "6 -> 6 tanh");
/// assert!(check.layers.iter().all(|layer| layer.fast_vs_math < 1e-6));
/// # Ok::<(), layerloop::Error>(())
/// ```
#[doc(alias = "finite differences")]
pub fn check_gradients(network: &Network, data: &Dataset, threads: usize) -> Result<GradientCheck> {
    let spec = network.spec();
    let (_, fast) = train::loss_and_gradient(network, data, threads)?;
    let fast = matrices(spec, &fast)?;
    let (_, math) = loss_and_gradient(network, data)?;
    let mut differences = Differences::new(network, data)?;
    let mut layers = Vec::with_capacity(fast.len());
    for (i, (fast, p)) in fast.iter().zip(&math).enumerate() {
        let scale = p.entries().iter().fold(SMALL, |scale, p| scale.max(p.abs()));
        let drawn = drawn(i, p.entries().len(), spec.parameters());
        let measured = drawn.iter().map(|&j| differences.measure(i, j)).collect::<Result<Vec<_>>>()?;
        let compared = drawn.iter().zip(&measured).filter_map(|(&j, d)| d.map(|d| (p.entries()[j], d)));
        let both = fast.entries().iter().copied().zip(p.entries().iter().copied());
        layers.push(LayerCheck {
            layer: i + 1,
            shape: shape(spec, i),
            parameters: p.entries().len(),
            measured: measured.iter().flatten().count(),
            at_kinks: measured.iter().filter(|d| d.is_none()).count(),
            fast_vs_math: largest_error(both) / scale,
            math_vs_differences: largest_error(compared) / scale,
        });
    }
    Ok(GradientCheck {
        rows: data.rows(),
        fast_vs_math_tolerance: FAST_VS_MATH,
        math_vs_differences_tolerance: MATH_VS_DIFFERENCES,
        layers,
    })
}

/// A small random network with layers of identity, sigmoid, tanh and relu, and 8 random rows for it: something to check.
///
/// Twenty-four layers, one of each activation, would leave of a gradient only its rounding errors.
///
/// # Errors
/// None; the specification is legal.
///
/// # Example
/// ```
/// let (network, data) = layerloop::explain::specimen(0)?;
/// assert_eq!(network.spec().to_string(), "5 -> 6 -> 6 sigmoid -> 6 tanh -> 6 relu -> 3 -> reference-softmax");
/// assert_eq!(data.rows(), 8);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn specimen(seed: u64) -> Result<(Network, Dataset)> {
    let hidden = Activation::ALL[..4].iter().fold(Spec::new(5), |spec, &activation| spec.layer(6, activation));
    let network = Network::new(&hidden.layer(3, Activation::Identity).output(Output::ReferenceSoftmax), seed)?;
    let mut stream = Stream::new(seed, "specimen", 0);
    let x = (0..8 * 5).map(|_| 2.0 * stream.uniform() - 1.0).collect();
    let labels: Vec<u32> = (0..8).map(|row| row % 4).collect();
    Ok((network, Dataset::new("specimen", Inputs::Floats(x), 5, labels, ["a", "b", "c", "d"])?))
}

/// `784 -> 32 sigmoid`
fn shape(spec: &Spec, i: usize) -> String {
    let (inputs, outputs) = spec.shapes()[i];
    let activation = match &spec.layers[i] {
        Layer::Dense(dense) => dense.activation,
        _ => Activation::Identity,
    };
    format!("{inputs} -> {outputs} {}", text(activation))
}

/// Which of the `n` parameters of layer `i` to measure: one of each stretch of n / 64, or all where `all` are few.
fn drawn(i: usize, n: usize, all: usize) -> Vec<usize> {
    let count = if all <= EVERY_PARAMETER { n } else { n.min(SAMPLE) };
    let mut stream = Stream::new(0, "check", i as u64);
    let stretch = |k: usize| k * n / count..(k + 1) * n / count;
    (0..count).map(stretch).map(|stretch| stretch.start + stream.below(stretch.len())).collect()
}

fn largest_error(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let error = |(a, b): (f64, f64)| if (a - b).is_nan() { f64::INFINITY } else { (a - b).abs() };
    pairs.map(error).fold(0.0, f64::max)
}

/// The mean loss of some samples as a function of one parameter at a time.
struct Differences {
    network: math::Network,
    samples: Vec<(Vec<f64>, Vec<f64>)>,
    /// The step of each column of each `W_i`: 1e-5, or less where that would move some t_i by more.
    steps: Vec<Vec<f64>>,
}

impl Differences {
    fn new(network: &Network, data: &Dataset) -> Result<Self> {
        let samples = samples(network, data)?;
        let network = in_math(network)?;
        let mut steps: Vec<_> = network.layers().iter().map(|layer| vec![STEP; layer.w().cols()]).collect();
        for (x, y) in &samples {
            for (steps, z) in steps.iter_mut().zip(network.forward(x, y)?.z()) {
                steps.iter_mut().zip(z).for_each(|(h, z)| *h = h.min(STEP / z.abs()));
            }
        }
        Ok(Self { network, samples, steps })
    }

    /// The derivative by parameter `j` of layer `i`; none where the step carries some activation across a kink.
    fn measure(&mut self, i: usize, j: usize) -> Result<Option<f64>> {
        let (w, h) = (self.network.w_mut(i)[j], self.steps[i][j % self.steps[i].len()]);
        let (above, below) = (w + h, w - h);
        let (f_above, sides_above) = self.at(i, j, above)?;
        let (f_below, sides_below) = self.at(i, j, below)?;
        self.network.w_mut(i)[j] = w;
        Ok((sides_above == sides_below).then(|| (f_above - f_below) / (above - below)))
    }

    /// The loss with parameter `j` of layer `i` at `w`, and for each kink of each t_i of each sample whether t_i is past it.
    fn at(&mut self, i: usize, j: usize, w: f64) -> Result<(f64, Vec<bool>)> {
        self.network.w_mut(i)[j] = w;
        let (mut loss, mut sides) = (0.0, vec![]);
        for (x, y) in &self.samples {
            let forward = self.network.forward(x, y)?;
            for (layer, t) in self.network.layers().iter().zip(forward.t()) {
                let joints = layer.activation().joints();
                sides.extend(joints.iter().flat_map(|joint| t.iter().map(move |t| t > joint)));
            }
            loss += forward.loss();
        }
        Ok((loss / self.samples.len() as f64, sides))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(x: &[f32], width: usize, labels: Vec<u32>) -> Dataset {
        Dataset::new("test", Inputs::Floats(x.into()), width, labels, ["a", "b"]).unwrap()
    }

    #[test]
    fn every_parameter_of_a_small_network_is_measured_and_some_of_a_large_one() {
        assert_eq!(drawn(0, 500, 1_000), (0..500).collect::<Vec<_>>());
        assert_eq!(drawn(0, 30, 1_001), (0..30).collect::<Vec<_>>());
        let some = drawn(0, 25_120, 25_450);
        assert!(some.len() == SAMPLE && some.is_sorted_by(|a, b| a < b) && some[63] < 25_120, "{some:?}");
    }

    #[test]
    fn a_large_network_passes_too() {
        let spec = Spec::new(784).layer(32, Activation::Sigmoid).layer(2, Activation::Identity);
        let x: Vec<f32> = (0..3 * 784).map(|k| (k % 255) as f32 / 255.0).collect();
        let check = check_gradients(&Network::new(&spec, 0).unwrap(), &floats(&x, 784, vec![0, 1, 0]), 2).unwrap();
        assert!(check.passed(), "{check:?}");
        assert_eq!([check.layers[0].measured, check.layers[1].measured], [64, 64]);
    }

    #[test]
    fn inputs_far_from_1_are_no_obstacle() {
        let network = Network::new(&Spec::new(2).layer(4, Activation::Tanh).layer(2, Activation::Identity), 1).unwrap();
        let check = check_gradients(&network, &floats(&[3000.0, 1.0, -1.0, 2e-3], 2, vec![0, 1]), 1).unwrap();
        assert!(check.passed(), "{check:?}");
    }

    /// With x = 0 and no bias every t_1 is at its kink, which only the biases leave.
    #[test]
    fn a_step_across_a_kink_is_left_out_and_counted() {
        let network = Network::new(&Spec::new(2).layer(3, Activation::Relu).layer(2, Activation::Identity), 0).unwrap();
        let check = check_gradients(&network, &floats(&[0.0; 2], 2, vec![1]), 1).unwrap();
        assert!(check.passed(), "{check:?}");
        assert_eq!((check.layers[0].at_kinks, check.layers[0].measured), (3, 6));
        assert_eq!((check.layers[1].at_kinks, check.layers[1].measured), (0, 8));
    }

    #[test]
    fn a_disagreement_fails_and_so_does_what_is_not_a_number() {
        let (network, data) = specimen(0).unwrap();
        let good = check_gradients(&network, &data, 1).unwrap();
        for bad in [1e-4, f64::INFINITY, f64::NAN] {
            let mut check = good.clone();
            check.layers[1].fast_vs_math = bad;
            assert!(!check.passed());
            check = good.clone();
            check.layers[4].math_vs_differences = bad;
            assert!(!check.passed());
        }
        assert_eq!(largest_error([(1.0, 1.5), (0.0, f64::NAN)].into_iter()), f64::INFINITY);
        assert_eq!(largest_error([(1.0, 1.5), (3.0, 2.0)].into_iter()), 1.0);
    }

    #[test]
    fn no_rows_are_refused() {
        let (network, data) = specimen(0).unwrap();
        let error = check_gradients(&network, &data.head(0), 1).unwrap_err().to_string();
        assert_eq!(error, "specimen: there are no rows; a gradient needs at least one");
    }
}
