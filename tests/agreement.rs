//! All ways to the gradient agree: fast = math = finite differences = golden numbers, over one table of
//! layers x activations x losses x shapes x batches x threads. A new row of the table is a new test.

use std::fmt::Debug;
use std::ops::ControlFlow;

use layerloop::Result;
use layerloop::data::{Batches, Dataset, Inputs};
use layerloop::explain::{check_gradients, in_math, loss_and_gradient, matrices};
use layerloop::math::ActivationFunction as _;
use layerloop::network::{Activation, Network, Output, Predictor, Spec};
use layerloop::rng::Stream;
use layerloop::train::{self, Callback, FitOptions, Optimizer, Run, StepEnd, fit_with};
use layerloop_kernels::dense::through_activation;
use layerloop_kernels::{Isa, Matrix, RowsMut, Slope, activate, reference};

/// The variants that the table walks. One that is not listed fails to compile.
macro_rules! listed {
    ($list:ident: $type:ident = $($variant:ident),*; not $($other:ident),*) => {
        const $list: &[$type] = &[$($type::$variant),*];
        const _: fn($type) = |variant| match variant { $($type::$variant)|* | $($type::$other)|* => () };
    };
}
// Each with cross-entropy; the others have their losses in `losses.rs`.
listed!(OUTPUTS: Output = Softmax, ReferenceSoftmax; not Sigmoid, Identity, Exp);

/// Identity, sigmoid, tanh and relu: all pairs of them go through all shapes.
const ACTIVATIONS: &[Activation] = Activation::ALL.split_at(4).0;
/// All others: each of them hidden, last, and both, through two shapes.
const OTHERS: &[Activation] = Activation::ALL.split_at(4).1;
const SHAPES_OF_OTHERS: [&[usize]; 2] = [&[3, 17, 3], &[33, 17, 20, 18]];

/// Inputs, hidden widths, classes. The last layer has as many logits, or one less: both sides of a vector's width.
const SHAPES: [&[usize]; 13] = [
    &[1, 2],
    &[3, 17],
    &[17, 34],
    &[100, 101],
    &[1, 1, 2],
    &[3, 17, 3],
    &[33, 100, 18],
    &[100, 33, 4],
    &[17, 3, 33],
    &[3, 3, 17, 2],
    &[17, 1, 33, 3],
    &[33, 17, 100, 34],
    &[1, 100, 3, 100],
];
const BATCHES: [usize; 3] = [1, 7, 128];
const THREADS: [usize; 2] = [2, 3]; // each against 1

/// f32 keeps 2^-24 = 6e-8 of each number. A loss is a logarithm, which forgives: 2.5e-7 is the worst seen.
const LOSS: f64 = 5e-7;

/// The sum of 100 exponentials is one chain of roundings, all of one sign where relu has made most summands equal:
/// 1.6e-6 is the worst seen, with 101 classes.
const PROBABILITIES: f64 = 2e-6;

/// The same sum, then terms of both signs in the backward pass; or a tanh at z = 0.99, of whose derivative (1 - z)(1 + z)
/// the rounding of z leaves 3e-6 uncertain. 4e-6 is the worst seen; a factor wrong by 1e-5 is found.
const GRADIENT: f64 = 5e-6;

/// The slope of an activation, of size 1, by a few roundings.
const SLOPE: f64 = 1e-6;

/// A step rounds each weight once or twice, to 2^-24; the worst seen after six is 2e-7.
const WEIGHTS: f64 = 5e-7;

/// A central difference with a step of 1e-5 is good for 1e-10 of curvature and rounding, here in parts of [`SMALL`].
const DIFFERENCES: f64 = 5e-8;

/// Errors of a gradient are relative to the layer's largest derivative, or to this if that is smaller.
const SMALL: f64 = 1e-2;

/// One row of the table.
#[derive(Debug, Clone, Copy)]
struct Case {
    shape: &'static [usize],
    hidden: Activation,
    last: Activation,
    output: Output,
    batch: usize,
    bytes: bool,
}

fn table() -> impl Iterator<Item = Case> {
    let losses = OUTPUTS.iter().flat_map(|&output| BATCHES.map(|batch| (output, batch)));
    let kinds = losses.flat_map(|(output, batch)| [false, true].map(|bytes| (output, batch, bytes)));
    let others = OTHERS.iter().flat_map(|&new| SHAPES_OF_OTHERS.map(|shape| (new, shape)));
    let others = others.flat_map(|(new, shape)| {
        let pairs = [(new, Activation::Identity), (Activation::Tanh, new), (new, new)];
        pairs.map(|(hidden, last)| Case { shape, hidden, last, output: Output::Softmax, batch: 7, bytes: false })
    });
    let all = kinds.flat_map(|(output, batch, bytes)| {
        SHAPES.iter().flat_map(move |&shape| {
            let hidden = if shape.len() > 2 { ACTIVATIONS } else { &ACTIVATIONS[..1] };
            hidden.iter().flat_map(move |&hidden| {
                ACTIVATIONS.iter().map(move |&last| Case { shape, hidden, last, output, batch, bytes })
            })
        })
    });
    all.chain(others)
}

impl Case {
    fn classes(&self) -> usize {
        self.shape[self.shape.len() - 1]
    }

    /// With random weights and, unlike a new network, random biases.
    fn network(&self) -> Result<Network> {
        let [inputs, hidden @ .., classes] = self.shape else { unreachable!("a shape has inputs and classes") };
        let spec = hidden.iter().fold(Spec::new(*inputs), |spec, &width| spec.layer(width, self.hidden));
        let spec = spec.layer(self.output.logits(*classes), self.last).output(self.output);
        let mut network = Network::new(&spec, 1)?;
        let mut stream = Stream::new(1, "biases", 0);
        for bias in network.clone().tensors().filter(|tensor| tensor.name.ends_with("bias")) {
            let drawn: Vec<f32> = bias.values.iter().map(|_| stream.uniform() - 0.5).collect();
            network.set_tensor(&bias.name, &drawn)?;
        }
        Ok(network)
    }

    fn data(&self) -> Result<Dataset> {
        let (mut stream, width) = (Stream::new(2, "data", 0), self.shape[0]);
        let values = 0..self.batch * width;
        let inputs = if self.bytes {
            Inputs::Bytes { values: values.map(|_| stream.below(256) as u8).collect(), scale: 1.0 / 255.0 }
        } else {
            Inputs::Floats(values.map(|_| 2.0 * stream.uniform() - 1.0).collect())
        };
        let labels: Vec<u32> = (0..self.batch).map(|_| stream.below(self.classes()) as u32).collect();
        Dataset::new("random", inputs, width, labels, (0..self.classes()).map(|class| class.to_string()))
    }
}

/// The largest error, in parts of the largest value or of `least`.
fn error(got: impl IntoIterator<Item = f64>, truth: &[f64], least: f64) -> f64 {
    let size = truth.iter().fold(least, |size, v| size.max(v.abs()));
    let mut got = got.into_iter();
    let worst = truth.iter().map(|truth| got.next().map_or(f64::INFINITY, |got| (got - truth).abs() / size));
    let worst = worst.fold(0.0, |worst: f64, error| if error <= worst { worst } else { error });
    if got.next().is_none() { worst } else { f64::INFINITY }
}

#[track_caller]
fn assert_below(error: f64, tolerance: f64, what: &impl Debug) {
    assert!(error <= tolerance, "{error:e} for {what:?}");
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn loss_and_gradient_are_those_of_math_with_equal_bits_for_all_threads() -> Result<()> {
    for case in table() {
        let (network, data) = (case.network()?, case.data()?);
        let (loss, gradient) = train::loss_and_gradient(&network, &data, 1)?;
        for threads in THREADS {
            let (same_loss, same_gradient) = train::loss_and_gradient(&network, &data, threads)?;
            assert_eq!(loss.to_bits(), same_loss.to_bits(), "{threads} threads, {case:?}");
            assert!(bits(&gradient) == bits(&same_gradient), "{threads} threads, {case:?}");
        }
        let (true_loss, p) = loss_and_gradient(&network, &data)?;
        assert_below(error([loss], &[true_loss], 1.0), LOSS, &case);
        for (fast, p) in matrices(network.spec(), &gradient)?.iter().zip(&p) {
            assert_below(error(fast.entries().iter().copied(), p.entries(), SMALL), GRADIENT, &case);
        }
    }
    Ok(())
}

#[test]
fn math_is_the_central_differences() -> Result<()> {
    for case in table().filter(|case| case.batch < 128 && !case.bytes) {
        let check = check_gradients(&case.network()?, &case.data()?, 1)?;
        for layer in &check.layers {
            assert_below(layer.math_vs_differences, DIFFERENCES, &(case, layer));
            assert_below(layer.fast_vs_math, GRADIENT, &(case, layer));
            assert!(layer.measured > layer.at_kinks, "{case:?} {layer:?}");
        }
    }
    Ok(())
}

#[test]
fn probabilities_are_those_of_math_and_a_row_has_the_same_bits_alone() -> Result<()> {
    for case in table() {
        let (network, data, k) = (case.network()?, case.data()?, case.classes());
        let (p, loss) = Predictor::new(&network, 1)?.evaluate(&data)?;
        for threads in THREADS {
            let same = Predictor::new(&network, threads)?.evaluate(&data)?;
            assert!((bits(&p), bits(&loss)) == (bits(&same.0), bits(&same.1)), "{threads} threads, {case:?}");
        }
        let (math, predictor) = (in_math(&network)?, Predictor::new(&network, 1)?);
        for (row, p) in p.chunks_exact(k).enumerate() {
            let x: Vec<f64> = data.row(row).into_iter().map(f64::from).collect();
            let truth = math.probabilities(&x)?;
            assert_below(error(p.iter().map(|&p| f64::from(p)), &truth, 0.0), PROBABILITIES, &(case, row));
            if row % 9 == 6 {
                let alone = predictor.evaluate(&data.select(&[row]))?;
                assert!((bits(p), bits(&loss[row..=row])) == (bits(&alone.0), bits(&alone.1)), "row {row} of {case:?}");
            }
        }
    }
    Ok(())
}

/// The network after every step.
struct Watch(Vec<Network>);

impl Callback for Watch {
    fn on_step(&mut self, _: &StepEnd, run: &mut Run) -> ControlFlow<()> {
        self.0.push(run.network().clone());
        ControlFlow::Continue(())
    }
}

/// Networks before and after each step of a run, with the gradient that led from one to the other.
fn steps(case: Case, options: &FitOptions) -> Result<Vec<(Network, Vec<f32>, Network)>> {
    let (mut network, data) = (case.network()?, case.data()?);
    let mut watch = Watch(vec![network.clone()]);
    fit_with(&mut network, &data, options, &mut watch)?;
    let mut batches = Batches::new(data.rows(), options.batch, options.seed);
    let mut rows: Vec<Vec<usize>> = vec![];
    for epoch in 1..=options.epochs {
        rows.extend(batches.epoch(epoch as u64).map(|rows| rows.iter().map(|&row| row as usize).collect()));
    }
    assert_eq!(rows.len() + 1, watch.0.len());
    let pairs = watch.0.windows(2).zip(rows);
    pairs
        .map(|(pair, rows)| {
            let (_, gradient) = train::loss_and_gradient(&pair[0], &data.select(&rows), 1)?;
            Ok((pair[0].clone(), gradient, pair[1].clone()))
        })
        .collect()
}

/// Batches of 4 and 3 of 7 rows, three times over.
fn runs() -> impl Iterator<Item = (Case, FitOptions)> {
    let small = table().filter(|case| case.batch == 7 && case.hidden == case.last && case.output == Output::Softmax);
    small.flat_map(|case| {
        let by_value =
            Optimizer::ALL.iter().filter(|choice| !matches!(choice, Optimizer::Muon { .. } | Optimizer::Lbfgs { .. }));
        by_value.map(move |&optimizer| {
            let options = FitOptions {
                epochs: 3,
                batch: 4,
                optimizer,
                learning_rate: 0.01,
                weight_decay: Some(0.0),
                seed: 3,
                threads: Some(1),
                ..FitOptions::default()
            };
            (case, options)
        })
    })
}

/// One step of a weight as the textbook has it; `m`, `v` and `u` are what the rule remembers.
fn rule(optimizer: Optimizer, t: i32, lr: f64, g: f64, state: &mut [f64; 4]) {
    let [w, m, v, u] = state;
    match optimizer {
        Optimizer::Sgd => *w -= lr * g,
        Optimizer::Momentum { momentum } => {
            *m = f64::from(momentum) * *m + g;
            *w -= lr * *m;
        }
        Optimizer::Nesterov { momentum } => {
            *m = f64::from(momentum) * *m + g;
            *w -= lr * (g + f64::from(momentum) * *m);
        }
        Optimizer::RmsProp { alpha, epsilon } => {
            *v = alpha * *v + (1.0 - alpha) * g * g;
            *w -= lr * g / (v.sqrt() + epsilon);
        }
        Optimizer::Rprop { shrink, grow, least, most } => {
            let turned = g * *m;
            let factor = if turned > 0.0 {
                grow
            } else if turned < 0.0 {
                shrink
            } else {
                1.0
            };
            *v = (if t == 1 { lr } else { *v } * factor).clamp(least, most);
            *m = if turned < 0.0 { 0.0 } else { g };
            *w -= if *m == 0.0 { 0.0 } else { m.signum() * *v };
        }
        Optimizer::AdaGrad { epsilon } => {
            *v += g * g;
            *w -= lr * g / (v.sqrt() + epsilon);
        }
        Optimizer::AdaDelta { rho, epsilon } => {
            *v = rho * *v + (1.0 - rho) * g * g;
            let d = ((*u + epsilon) / (*v + epsilon)).sqrt() * g;
            *u = rho * *u + (1.0 - rho) * d * d;
            *w -= lr * d;
        }
        Optimizer::Lion { beta_1, beta_2 } => {
            let direction = beta_1 * *m + (1.0 - beta_1) * g;
            *w -= if direction == 0.0 { 0.0 } else { lr * direction.signum() };
            *m = beta_2 * *m + (1.0 - beta_2) * g;
        }
        _ => adam_and_related(optimizer, t, lr, g, state),
    }
}

/// As [`rule`], of those with two moments.
fn adam_and_related(optimizer: Optimizer, t: i32, lr: f64, g: f64, [w, m, v, u]: &mut [f64; 4]) {
    let mut adam = |[beta_1, beta_2]: [f64; 2]| {
        *m = beta_1 * *m + (1.0 - beta_1) * g;
        *v = beta_2 * *v + (1.0 - beta_2) * g * g;
        (*m / (1.0 - beta_1.powi(t)), *v / (1.0 - beta_2.powi(t)))
    };
    match optimizer {
        Optimizer::Adam { beta_1, beta_2, epsilon } => {
            let (m_hat, v_hat) = adam([beta_1, beta_2]);
            *w -= lr * m_hat / (v_hat.sqrt() + epsilon);
        }
        Optimizer::AdamW { beta_1, beta_2, epsilon } => {
            let (m_hat, v_hat) = adam([beta_1, beta_2]);
            *w -= lr * m_hat / (v_hat.sqrt() + epsilon);
        }
        Optimizer::AdaMax { beta_1, beta_2, epsilon } => {
            *u = (beta_2 * *u).max(g.abs() + epsilon);
            *w -= lr * adam([beta_1, beta_2]).0 / *u;
        }
        Optimizer::NAdam { beta_1, beta_2, epsilon, psi } => {
            let (_, v_hat) = adam([beta_1, beta_2]);
            let mu = |t: i32| beta_1 * (1.0 - 0.5 * 0.96_f64.powf(f64::from(t) * psi));
            let product = |t: i32| (1..=t).map(mu).product::<f64>();
            let ahead = mu(t + 1) * *m / (1.0 - product(t + 1)) + (1.0 - mu(t)) * g / (1.0 - product(t));
            *w -= lr * ahead / (v_hat.sqrt() + epsilon);
        }
        Optimizer::RAdam { beta_1, beta_2, epsilon } => {
            let (m_hat, _) = adam([beta_1, beta_2]);
            let (power, most) = (beta_2.powi(t), 2.0 / (1.0 - beta_2) - 1.0);
            let rho = most - 2.0 * f64::from(t) * power / (1.0 - power);
            let r = (rho - 4.0) * (rho - 2.0) * most / ((most - 4.0) * (most - 2.0) * rho);
            let long = || (r * (1.0 - power)).sqrt() / (v.sqrt() + epsilon);
            *w -= lr * m_hat * if rho > 5.0 { long() } else { 1.0 };
        }
        Optimizer::AmsGrad { beta_1, beta_2, epsilon } => {
            let (m_hat, _) = adam([beta_1, beta_2]);
            *u = u.max(*v);
            *w -= lr * m_hat / ((*u / (1.0 - beta_2.powi(t))).sqrt() + epsilon);
        }
        Optimizer::AdaBelief { beta_1, beta_2, epsilon } => {
            *m = beta_1 * *m + (1.0 - beta_1) * g;
            *v = beta_2 * *v + (1.0 - beta_2) * (g - *m) * (g - *m) + epsilon;
            let (m_hat, v_hat) = (*m / (1.0 - beta_1.powi(t)), *v / (1.0 - beta_2.powi(t)));
            *w -= lr * m_hat / (v_hat.sqrt() + epsilon);
        }
        Optimizer::OAdam { beta_1, beta_2, epsilon } => {
            let (m_hat, v_hat) = adam([beta_1, beta_2]);
            let d = lr * m_hat / (v_hat.sqrt() + epsilon);
            *w -= 2.0 * d - std::mem::replace(u, d);
        }
        _ => unreachable!("{optimizer:?} looks at more than a weight"),
    }
}

#[test]
fn every_optimizer_takes_the_steps_of_its_textbook_rule() -> Result<()> {
    for (case, options) in runs() {
        let steps = steps(case, &options)?;
        let start = steps[0].0.to_vec();
        let mut weights: Vec<[f64; 4]> = start.iter().map(|&w| [f64::from(w), 0.0, 0.0, 0.0]).collect();
        for (t, (_, gradient, after)) in (1..).zip(&steps) {
            for (weight, &g) in weights.iter_mut().zip(gradient) {
                rule(options.optimizer, t, options.learning_rate, f64::from(g), weight);
            }
            let truth: Vec<f64> = weights.iter().map(|[w, ..]| *w).collect();
            let moved = after.to_vec().into_iter().map(f64::from);
            assert_below(error(moved, &truth, 1.0), WEIGHTS, &(t, options.optimizer, case));
        }
    }
    Ok(())
}

#[test]
fn the_fused_update_has_the_bits_of_gradient_then_update_with_any_threads() -> Result<()> {
    for (case, options) in runs() {
        let steps = steps(case, &options)?;
        for (before, gradient, after) in steps.iter().filter(|_| options.optimizer == Optimizer::Sgd) {
            let rate = options.learning_rate as f32;
            let then: Vec<f32> = before.to_vec().iter().zip(gradient).map(|(w, g)| g.mul_add(-rate, *w)).collect();
            assert!(bits(&then) == bits(&after.to_vec()), "{case:?}");
        }
        for threads in THREADS {
            let mut network = case.network()?;
            train::fit(&mut network, &case.data()?, &FitOptions { threads: Some(threads), ..options.clone() })?;
            let last = steps.last().map(|(.., after)| after.sha256());
            assert_eq!(Some(network.sha256()), last, "{threads} threads, {:?}, {case:?}", options.optimizer);
        }
    }
    Ok(())
}

/// sigma(t) by the fast path, and sigma'(t): from z, or as stored beside it.
fn value_and_slope(isa: Isa, activation: Activation, t: &[f32]) -> [Vec<f32>; 2] {
    let [mut z, mut slopes, mut ones] = [0; 3].map(|_| Matrix::vector(t.len()));
    z.values_mut()[..t.len()].copy_from_slice(t);
    ones.values_mut().fill(1.0);
    let stride = z.stride();
    let [to_z, to_slopes] = [&mut z, &mut slopes].map(|row| RowsMut { values: row.values_mut(), stride });
    activate(isa, activation, t.len(), to_z, Some(to_slopes));
    let from = if activation.slope() == Slope::Stored { &slopes } else { &z };
    let q = RowsMut { values: ones.values_mut(), stride };
    through_activation(isa, activation, from.head(1), t.len(), q);
    [z, ones].map(|row| row.values()[..t.len()].to_vec())
}

/// Numbers that are not the default ones.
const OTHER_NUMBERS: [Activation; 5] = [
    Activation::LeakyRelu { a: 0.3 },
    Activation::Elu { a: 2.5 },
    Activation::Celu { a: 0.3 },
    Activation::SoftShrink { lambda: 0.1 },
    Activation::Trelu { theta: 0.0 },
];

/// Every 9,973rd number of 32 bits, and the kinks.
#[test]
fn activations_are_within_their_bounds_of_math() {
    let t = (0..=u32::MAX).step_by(9973).map(f32::from_bits).filter(|t| t.is_finite());
    let t: Vec<f32> = t.chain([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0]).collect();
    for &activation in Activation::ALL.iter().chain(&OTHER_NUMBERS) {
        let [bound, always] = activation.bound();
        let [z, slope] = value_and_slope(Isa::best(), activation, &t);
        let mut worst = [(0.0, 0.0); 2];
        for ((&t, &z), &slope) in t.iter().zip(&z).zip(&slope) {
            let (truth, true_slope) = (activation.value(t.into()), activation.derivative(t.into()));
            let off = if (f64::from(z) - truth).abs() <= always { 0.0 } else { reference::ulps(z, truth) };
            let off_slope = (f64::from(slope) - true_slope).abs();
            for (worst, off) in worst.iter_mut().zip([off, off_slope]) {
                *worst = if off <= worst.0 { *worst } else { (off, t) };
            }
        }
        assert!(worst[0].0 <= bound && worst[1].0 <= SLOPE, "{activation:?}: {worst:?}, bound {bound}");
    }
}

/// The golden case of the design, section 2, by the fast path; `golden.rs` has it by the derivation.
#[test]
fn golden_numbers() -> Result<()> {
    let spec = Spec::new(3).layer(2, Activation::Sigmoid).layer(2, Activation::Identity);
    let layers = [vec![0.0, 1.0, -1.0, 2.0, 0.0, 1.0], vec![-1.0, 0.0, 2.0, -1.0]].map(|w| (w, vec![0.0; 2]));
    let network = Network::from_weights(&spec, &layers)?;
    let data = Dataset::new("golden", Inputs::Floats([1.0, 0.0, -1.0].into()), 3, vec![1], ["a", "b"])?;
    let (loss, gradient) = train::loss_and_gradient(&network, &data, 1)?;
    let four_decimals = |got: &[f32], golden: &[f32]| {
        let same = got.iter().zip(golden).all(|(got, golden)| (got - golden).abs() <= 0.5e-4);
        assert!(got.len() == golden.len() && same, "{got:.4?} instead of {golden:.4?}");
    };
    four_decimals(&Predictor::new(&network, 1)?.probabilities(data.inputs())?, &[0.1881, 0.8119]);
    four_decimals(&[loss as f32], &[0.2084]);
    four_decimals(&gradient[..6], &[-0.1110, 0.0, 0.1110, 0.0370, 0.0, -0.0370]); // dW_1
    four_decimals(&gradient[8..12], &[0.1375, 0.1375, -0.1375, -0.1375]); // dW_2
    Ok(())
}
