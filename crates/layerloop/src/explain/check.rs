//! The gradient check: the fast path against the derivation against central differences.

use serde::Serialize;

use super::rounding::Rounding;
use super::stages::{Rows, Stage, Tape, backward, forward, parameter_mut, sides, stages};
use crate::data::{Dataset, Inputs};
use crate::math::LossFunction as _;
use crate::math::{self, STEP};
use crate::names::text;
use crate::network::bound_loss::BoundLoss;
use crate::network::program::{Kind, Parameter, Program, Role};
use crate::network::{Activation, Dense, Network, Output, Spec};
use crate::rng::Stream;
use crate::train::Objective;
use crate::{Error, Result, train};

/// Gradients with the errors of f32 that are drawn, and by how much the largest distance of one of them from the exact gradient is
/// multiplied: what a sample of errors leaves out.
const DRAWN: u64 = 6;
const MARGIN: f64 = 8.0;

/// Where a value of the derivation is above this, f32 may have none for it, or for a sum with it.
const LARGEST: f64 = f32::MAX as f64 / 1024.0;

/// What a difference in f64 may be off, in parts of the layer's largest derivative: rounding, 1e-16 of a loss over [`STEP`].
const OF_DIFFERENCES: f64 = 1e-6;

/// A layer whose largest derivative is below this is measured as if it were this: where a network has learnt its rows,
/// p - y is small, but known in f32 to 2^-24 of 1, not of itself.
const SMALL: f64 = 1e-2;

/// Differences of every parameter are taken up to this size of network; that takes milliseconds.
const EVERY_PARAMETER: usize = 1_000;

/// Parameters of each layer of a larger network whose differences are taken.
const SAMPLE: usize = 64;

/// How far the fast path, the derivation and central differences disagree about a gradient.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GradientCheck {
    /// Rows over whose mean loss the gradient was taken.
    pub rows: usize,
    /// Every layer with parameters that a gradient moves.
    pub layers: Vec<LayerCheck>,
}

/// The disagreement about the gradient of one layer. All errors and bounds are relative to the layer's largest derivative.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LayerCheck {
    /// The path of the layer in the specification, counted from 1: `2`, or `2.1` for the first layer of the chain in the second.
    pub layer: String,
    /// What it is: `784 -> 32 sigmoid`.
    pub shape: String,
    /// Number of its parameters, all of which the fast path and the derivation were compared on.
    pub parameters: usize,
    /// Number of its parameters whose difference was measured and compared.
    pub measured: usize,
    /// Number of those that were drawn but left out: the step would have carried some value across a kink.
    pub at_kinks: usize,
    /// Largest error of the fast path against the derivation.
    pub fast_vs_math: f64,
    /// What that may not pass: how far rounding to f32 can move the gradient; infinite where f32 has no number for it.
    pub fast_vs_math_bound: f64,
    /// Largest error of the derivation against central differences.
    pub math_vs_differences: f64,
    /// What that may not pass: how far the differences of two steps disagree, and what rounding to f64 leaves.
    pub math_vs_differences_bound: f64,
}

impl GradientCheck {
    /// Whether no layer passes a bound.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.layers.iter().all(|layer| {
            layer.fast_vs_math <= layer.fast_vs_math_bound
                && layer.math_vs_differences <= layer.math_vs_differences_bound
        })
    }
}

/// Checks the gradient of the mean loss of all rows of `data`, of which a few are enough, in three ways: by the fast
/// path in f32 with `threads` threads, by the closed forms of [`crate::math`] in f64, by central differences in f64.
///
/// ```text
/// error of a layer = max_j |a_j - b_j| / max(max_j |p_j|, 0.01)        p by the closed forms
/// df/dw_j ~ D(h) = (f(w + h e_j) - f(w - h e_j)) / 2h                  h = 1e-5 max(1, |w_j|)
/// ```
///
/// Nothing is dropped, a random slope is its mean, and a batch norm takes the statistics of these rows. The loss is the one that the
/// output map is made for.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if the data does not fit the network, [`Error::Data`](crate::Error::Data) if it is empty,
/// [`Error::Config`](crate::Error::Config) for user-defined layers, which have no derivation: see
/// [`check_differences`](super::check_differences).
///
/// # Numerics
/// The bound of the fast path is measured: the derivation is computed six times more, with an error of the size of f32's wherever
/// f32 rounds (a sum of n products moves each operand by n 2^-24 of itself, functions err by 8 2^-24), and 8 times the largest
/// distance from the exact gradient is allowed. Where D(h) is further from the derivative than 1e-6, D(h/2) is taken too: (4 D(h/2) -
/// D(h)) / 3 has an error of the size of their difference, which with the rounding of the loss to f64, measured alike, is the bound. Differences are taken of all parameters of a network of
/// up to 1,000; of a larger one, of 64 a layer, one drawn from each 64th of it, always the same. A parameter whose step carries a
/// value across a kink, whose difference would mean nothing, is left out and counted. An error that is not a number counts as infinite.
/// Where the network is so far off that its values or its gradient leave the range of f32, the bound of the fast path is infinite:
/// there is nothing to compare.
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
    let data = &data.clone().unweighted();
    let (_, fast) = train::loss_and_gradient(network, data, threads)?;
    let mut batch = Batch::of(network, data)?;
    let mut exact = Rounding::none();
    let math = batch.gradient(&mut exact)?;
    let bounds = if exact.largest > LARGEST && fast.iter().any(|p| !p.is_finite()) {
        vec![f64::INFINITY; math.len()]
    } else {
        batch.rounding_errors(&math)?
    };
    let loss_error = batch.loss_error()?;
    let mut layers = Vec::new();
    let mut start = 0;
    for (i, parameter) in network.program.parameters.iter().enumerate() {
        let own = start..start + network.parameters.canonical_indices(i).len();
        start = own.end;
        if parameter.role == Role::Statistics {
            continue;
        }
        let p = &math[own.clone()];
        let scale = p.iter().fold(SMALL, |scale, p| scale.max(p.abs()));
        let differences = batch.differences(
            &drawn(i, p.len(), network.spec().parameters()),
            own.start,
            &math,
            [scale, loss_error],
        )?;
        let pairs = fast[own.clone()].iter().map(|&fast| f64::from(fast)).zip(p.iter().copied());
        layers.push(LayerCheck {
            layer: parameter.path.clone(),
            shape: shape(&network.program, i, parameter),
            parameters: p.len(),
            fast_vs_math: largest_error(pairs) / scale,
            fast_vs_math_bound: MARGIN * bounds[own].iter().copied().fold(0.0, f64::max) / scale,
            ..differences
        });
    }
    Ok(GradientCheck { rows: data.rows(), layers })
}

/// Whether [`check_gradients`] can check a network like this: one of no user-defined layers.
#[must_use]
pub fn has_derivation(network: &Network) -> bool {
    stages(network).is_ok()
}

/// Rows and what they are measured against, through the stages of the derivation.
struct Batch {
    stages: Vec<Stage>,
    output: math::Output,
    loss: math::Loss,
    x: Rows,
    y: Rows,
}

impl Batch {
    fn of(network: &Network, data: &Dataset) -> Result<Self> {
        network.check_fits(data)?;
        if data.rows() == 0 {
            return Err(Error::data(data.name(), "there are no rows; a gradient needs at least one"));
        }
        let (objective, numbers) = (Objective::default(), |row: Vec<f32>| row.into_iter().map(f64::from).collect());
        let bound_loss = BoundLoss::new(network, data, &objective)?;
        let truths = (0..data.rows() as u32).map(|row| bound_loss.of_row(network, row)).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            stages: stages(network)?,
            output: network.spec().output,
            loss: truths[0].0,
            x: (0..data.rows()).map(|row| numbers(data.row(row))).collect(),
            y: truths.into_iter().map(|(_, y)| numbers(y)).collect(),
        })
    }

    /// The gradient of the mean loss, in canonical order.
    fn gradient(&self, noise: &mut Rounding) -> Result<Vec<f64>> {
        let (logits, tapes) = forward(&self.stages, self.x.clone(), noise)?;
        let rows = self.x.len() as f64;
        let q = logits.iter().zip(&self.y).map(|(z, y)| {
            let mut q = self.loss.gradient(self.output, y, z)?;
            noise.of_outputs(&mut q, y);
            q.iter_mut().for_each(|q| *q /= rows);
            Ok(q)
        });
        backward(&self.stages, &tapes, q.collect::<Result<_>>()?, noise).map(|(p, _)| p)
    }

    /// How far gradients with random rounding errors are from the exact one, parameter by parameter.
    fn rounding_errors(&self, exact: &[f64]) -> Result<Vec<f64>> {
        let mut most = vec![0.0_f64; exact.len()];
        for i in 0..DRAWN {
            let moved = self.gradient(&mut Rounding::drawn(i))?;
            most.iter_mut().zip(moved.iter().zip(exact)).for_each(|(most, (moved, exact))| {
                *most = most.max((moved - exact).abs());
            });
        }
        Ok(most)
    }

    /// How far rounding to f64 moves the mean loss.
    fn loss_error(&self) -> Result<f64> {
        let loss = self.loss(&mut Rounding::none())?;
        (0..DRAWN).try_fold(0.0, |most: f64, i| Ok(most.max((self.loss(&mut Rounding::of_f64(i))? - loss).abs())))
    }

    /// The mean loss.
    fn loss(&self, noise: &mut Rounding) -> Result<f64> {
        self.loss_and_tapes(noise).map(|(loss, _)| loss)
    }

    fn loss_and_tapes(&self, noise: &mut Rounding) -> Result<(f64, Vec<Tape>)> {
        let (logits, tapes) = forward(&self.stages, self.x.clone(), noise)?;
        let losses = logits.iter().zip(&self.y).map(|(z, y)| self.loss.value(self.output, y, z));
        Ok((losses.sum::<Result<f64>>()? / self.x.len() as f64, tapes))
    }

    /// The differences of some parameters of a layer whose first one is `first`, against `math`: relative to `scale`, of a loss that
    /// is known to `loss_error`.
    fn differences(
        &mut self,
        drawn: &[usize],
        first: usize,
        math: &[f64],
        [scale, loss_error]: [f64; 2],
    ) -> Result<LayerCheck> {
        let mut check = LayerCheck {
            layer: String::new(),
            shape: String::new(),
            parameters: 0,
            measured: 0,
            at_kinks: 0,
            fast_vs_math: 0.0,
            fast_vs_math_bound: 0.0,
            math_vs_differences: 0.0,
            math_vs_differences_bound: OF_DIFFERENCES,
        };
        for at in drawn.iter().map(|j| first + j) {
            let Some([mut difference, mut bound]) = self.difference(at, STEP)?.map(|d| [d, 0.0]) else {
                check.at_kinks += 1;
                continue;
            };
            if let (true, Some(half)) =
                ((difference - math[at]).abs() > OF_DIFFERENCES * scale, self.difference(at, STEP / 2.0)?)
            {
                // Twice the error of a loss, over twice a step that is at least half of STEP.
                bound = (difference - half).abs() + MARGIN * loss_error / (STEP / 2.0);
                difference = (4.0 * half - difference) / 3.0;
            }
            check.measured += 1;
            let error = largest_error([(math[at], difference)].into_iter()) / scale;
            check.math_vs_differences = check.math_vs_differences.max(error);
            check.math_vs_differences_bound = check.math_vs_differences_bound.max(OF_DIFFERENCES + bound / scale);
        }
        Ok(check)
    }

    /// The derivative by parameter `k` by a step of `h`; none where the step carries some value across a kink.
    fn difference(&mut self, k: usize, h: f64) -> Result<Option<f64>> {
        let w = *self.parameter(k)?;
        let h = h * w.abs().max(1.0);
        let (above, below) = (w + h, w - h);
        let (f_above, sides_above) = self.at(k, above)?;
        let (f_below, sides_below) = self.at(k, below)?;
        *self.parameter(k)? = w;
        Ok((sides_above == sides_below).then(|| (f_above - f_below) / (above - below)))
    }

    /// The mean loss with parameter `k` at `w`, and the position of each value among its kinks.
    fn at(&mut self, k: usize, w: f64) -> Result<(f64, Vec<usize>)> {
        *self.parameter(k)? = w;
        let (loss, tapes) = self.loss_and_tapes(&mut Rounding::none())?;
        Ok((loss, sides(&self.stages, &tapes)?))
    }

    fn parameter(&mut self, k: usize) -> Result<&mut f64> {
        let missing = || Error::config("parameter", format!("{k}; there is none of that number"));
        parameter_mut(&mut self.stages, k).ok_or_else(missing)
    }
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
fn shape(program: &Program, i: usize, parameter: &Parameter) -> String {
    let [from, to] = program.around(i).map(|value| value.width);
    let name = match (program.owner(i).kind, parameter.role) {
        (Kind::Dense(Dense { activation, .. }), _) => text(activation),
        (_, Role::PerColumn(per_column)) => format!("{per_column:?}").to_lowercase(),
        (Kind::Parametric(activation), _) => format!("parametric {}", text(activation)),
        (_, Role::Table) => "embedding".into(),
        (kind, _) => format!("{kind:?}"),
    };
    format!("{from} -> {to} {name}")
}

/// Which of the `n` parameters of layer `i` to measure: one of each range of n / 64, or all where `all` are few.
fn drawn(i: usize, n: usize, all: usize) -> Vec<usize> {
    let count = if all <= EVERY_PARAMETER { n } else { n.min(SAMPLE) };
    let mut stream = Stream::new(0, "check", i as u64);
    let range = |k: usize| k * n / count..(k + 1) * n / count;
    (0..count).map(range).map(|range| range.start + stream.below(range.len())).collect()
}

fn largest_error(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let error = |(a, b): (f64, f64)| if (a - b).is_nan() { f64::INFINITY } else { (a - b).abs() };
    pairs.map(error).fold(0.0, f64::max)
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

    /// 1 - z^2 of a saturated tanh has few digits in f32: that was reported as a failure where all units of a layer are saturated.
    #[test]
    fn saturated_units_lose_digits_and_are_no_failure() {
        for (activation, z) in [("tanh", 6.0), ("sigmoid", 12.0), ("softsign", 900.0), ("gelu", 3.5)] {
            let spec: Spec = format!("1 -> 2 {activation} -> 1 -> identity").parse().unwrap();
            let weights = [(vec![z, -z], vec![0.1, -0.2]), (vec![1.0, 0.5], vec![0.0])];
            let network = Network::with_weights(&spec, &weights).unwrap();
            let x = Inputs::Floats(vec![1.0, 0.97, 1.03].into());
            let data = Dataset::regression("saturated", x, 1, vec![9.0, 7.0, 8.0], ["y"]).unwrap();
            let check = check_gradients(&network, &data, 1).unwrap();
            assert!(check.passed(), "{activation}: {check:#?}");
        }
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

    /// Whatever was not a chain of dense layers with a bias was compared with differences of f32, 1 of 200 random networks and most
    /// regressions without success.
    #[test]
    fn networks_of_any_layers_and_outputs_pass_with_bounds_that_would_find_an_error() {
        const NETWORKS: [&str; 23] = [
            // Without a bias, the last of 33 rows of weights had no transpose: the gradient below it was wrong.
            "6 -> 33 mish -> 10 no-bias -> 3",
            "6 -> 65 no-bias tanh -> 33 no-bias -> 3 no-bias",
            // The last of 129 rows of a table had no block: a step panicked.
            "6 -> embedding(count=129, width=2) -> 3",
            "6 -> 8 no-bias gelu -> 3 no-bias",
            "6 -> 8 no-bias tanh -> 2 no-bias -> identity",
            "6 -> 8 batch-norm tanh -> 3 batch-norm",
            "6 -> batch-norm 7 no-bias batch-norm relu -> skip(7 batch-norm prelu) -> 3",
            "6 -> 7 tanh -> parallel(4 no-bias | 4 batch-norm sigmoid | 9 tanh -> 4, join=multiply) -> 3",
            "6 -> parallel(3 rrelu | tanh | 5 scale, join=concatenate) layer-norm -> 3 -> reference-softmax",
            "6 -> skip(6 relu -> skip(6 mish) -> 6, join=multiply) -> 2 -> sigmoid",
            "6 -> dropout=0.5 9 selu alpha-dropout=0.5 -> 3",
            "6 -> 6 maxout=3 -> bilinear=4 tanh -> 3",
            "6 -> embedding(count=9, width=3) layer-norm -> 5 tanh -> 3",
            "6 -> 20 relu -> 1 -> identity",
            "6 -> 20 relu -> 2 -> exp",
            "6 -> 20 no-bias hardswish -> 1 no-bias -> sigmoid",
            "6 -> 6 layer-norm layer-norm layer-norm -> 3",
            "6 -> 1 batch-norm -> 3",
            "6 -> 2 layer-norm -> 3",
            "6 -> 30 tanhshrink -> 30 logcosh -> 30 softshrink -> 3",
            "6 -> 16 hardshrink -> 16 trelu -> 16 lisht -> 3",
            "6 -> prelu -> 3",
            "6 -> 3",
        ];
        for text in NETWORKS {
            for seed in 0..10 {
                let network = Network::new(&text.parse().unwrap(), seed).unwrap();
                let check = check_gradients(&network, &random(&network, 8, seed), 2).unwrap();
                assert!(check.passed(), "{text}, seed {seed}: {check:#?}");
                let measured: usize = check.layers.iter().map(|layer| layer.measured).sum();
                assert!(measured > 0, "{text}: {check:#?}");
                let bounds = check.layers.iter().map(|l| l.fast_vs_math_bound.max(l.math_vs_differences_bound));
                assert!(bounds.fold(0.0, f64::max) < 0.02, "{text}, seed {seed}: {check:#?}");
            }
        }
    }

    /// f32 leaves of a column of one value the error of its mean, the same in every row: the bound had errors of each row alone.
    #[test]
    fn a_batch_norm_of_columns_of_one_value_passes() {
        for text in ["6 -> 40 sigmoid batch-norm -> 3", "6 -> batch-norm -> 4 -> identity"] {
            for seed in 0..40 {
                let network = Network::new(&text.parse().unwrap(), seed).unwrap();
                let data = random(&network, 8, seed).select(&[seed as usize % 8; 3]);
                let check = check_gradients(&network, &data, 2).unwrap();
                assert!(check.passed(), "{text}, seed {seed}: {check:#?}");
            }
        }
    }

    /// Rows of inputs between 0 and 1, or of names of a table's rows; the classes in turn, or numbers.
    fn random(network: &Network, rows: usize, seed: u64) -> Dataset {
        let (mut stream, classes) = (Stream::new(seed, "rows", 0), network.classes());
        let (width, table) = (network.spec().inputs, network.program.table);
        let value = |u: f32| table.map_or(u, |count| (u * count as f32).floor());
        let inputs = Inputs::Floats((0..rows * width).map(|_| value(stream.uniform())).collect());
        let names = (0..classes).map(|class| format!("class {class}"));
        if network.spec().output.is_classifier() {
            let labels: Vec<u32> = (0..rows).map(|row| (row % classes) as u32).collect();
            return Dataset::new("random", inputs, width, labels, names).unwrap();
        }
        let numbers: Vec<f32> = (0..rows * classes).map(|_| stream.uniform()).collect();
        Dataset::regression("random", inputs, width, numbers, names).unwrap()
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
