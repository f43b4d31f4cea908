//! The gradient check: the fast road against the derivation against central differences.

use serde::Serialize;

use super::meeting::{in_math, loss_and_gradient, matrices, samples};
use crate::data::{Dataset, Inputs};
use crate::math::{self, Matrix, STEP};
use crate::network::{Activation, Named, Network, Output, Spec};
use crate::train::rng::Stream;
use crate::{Result, train};

/// f32 keeps 2^-24 of each number; a few hundred roundings on the way through a deep network stay below this.
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
    /// Number of those that were drawn but left out: the step would have carried some relu across its kink.
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

/// Checks the gradient of the mean loss of all rows of `data`, of which a few are enough, in three ways: by the fast road
/// in f32 with `threads` threads, by the closed forms of [`crate::math`] in f64, by central differences in f64.
///
/// ```text
/// error of a layer = max_j |a_j - b_j| / max(max_j |p_j|, 0.01)          p by the closed forms
/// df/dw_j ~ (f(w + h e_j) - f(w - h e_j)) / 2h                           h |z_k| <= 1e-5 for the z_k that w_j multiplies
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if the data does not fit the network, [`Error::Data`](crate::Error::Data) if it
/// is empty.
///
/// # Numerics
/// Differences are taken of all parameters of a network of up to 1,000; of a larger one, of 64 a layer, one drawn from
/// each 64th of it, always the same. A parameter whose step changes the side of a relu, whose difference would mean
/// nothing, is left out and counted. An error that is not a number counts as infinite.
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

/// A small random network with a layer of every activation, and 8 random rows for it: something to check.
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
    let hidden = Activation::ALL.iter().fold(Spec::new(5), |spec, &activation| spec.layer(6, activation));
    let network = Network::new(&hidden.layer(3, Activation::Identity).output(Output::ReferenceSoftmax), seed)?;
    let mut stream = Stream::new(seed, "specimen", 0);
    let x = (0..8 * 5).map(|_| 2.0 * stream.uniform() - 1.0).collect();
    let labels: Vec<u32> = (0..8).map(|row| row % 4).collect();
    Ok((network, Dataset::new("specimen", Inputs::Floats(x), 5, labels, ["a", "b", "c", "d"])?))
}

/// `784 -> 32 sigmoid`
fn shape(spec: &Spec, i: usize) -> String {
    let (inputs, outputs) = spec.shapes().nth(i).unwrap_or_default();
    format!("{inputs} -> {outputs} {}", spec.layers[i].activation.name())
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
    w: Vec<f64>,
    samples: Vec<(Vec<f64>, Vec<f64>)>,
    /// For each layer, where its parameters start in w, and the step of each column of its W_i.
    layers: Vec<(usize, Vec<f64>)>,
}

impl Differences {
    fn new(network: &Network, data: &Dataset) -> Result<Self> {
        let samples = samples(network, data)?;
        let network = in_math(network)?;
        let mut start = 0;
        let mut layers = Vec::new();
        let mut size = largest(samples.iter().map(|(x, _)| x.as_slice()));
        for layer in network.layers() {
            layers.push((start, vec![]));
            start += layer.w().entries().len();
        }
        let _ = &mut size;
        Ok(Self { w: network.parameters(), network, samples, layers })
    }
}
