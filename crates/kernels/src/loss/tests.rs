use super::*;
use crate::NamedEnum;
use crate::matrix::Matrix;

/// Miri, which is slow, leaves most out.
const WIDTHS: &[usize] = if cfg!(miri) { &[17] } else { &[1, 2, 3, 10, 16, 17, 33] };
const ROWS: usize = 5;
const SCALE: f32 = 0.25;
/// A value past the width of a row, which no kernel may read.
const PAST: f32 = f32::NAN;

/// Every loss, some with other numbers too, under every output map that it goes with.
fn table() -> impl Iterator<Item = (Loss, Output)> {
    let others = [
        Loss::Focal { gamma: 0.0 },
        Loss::Focal { gamma: 0.5 },
        Loss::Huber { delta: 30.0 },
        Loss::Quantile { tau: 0.9 },
    ];
    let losses = Loss::ALL.iter().copied().chain(others);
    losses.flat_map(|loss| loss.outputs().iter().map(move |&output| (loss, output)))
}

/// Numbers in [-1, 1] that look unrelated.
fn number(seed: usize, row: usize, column: usize) -> f32 {
    (2.399_963 * (101 * seed + 37 * row + column + 1) as f64).sin() as f32
}

/// `ROWS` rows, each as wide as `width` and then some.
fn matrix(width: usize, value: impl Fn(usize, usize) -> f32) -> Matrix {
    let mut matrix = Matrix::zeros(ROWS, width + 1);
    let stride = matrix.stride();
    for (row, values) in matrix.values_mut().chunks_exact_mut(stride).enumerate() {
        values.iter_mut().enumerate().for_each(|(c, v)| *v = if c < width { value(row, c) } else { PAST });
    }
    matrix
}

/// Targets such as the loss takes.
fn target(loss: Loss, row: usize, column: usize) -> f32 {
    let x = number(3, row, column);
    match loss {
        Loss::CrossEntropy | Loss::Kl | Loss::Focal { .. } | Loss::BinaryCrossEntropy => {
            [0.0, 1.0, 0.5 + 0.5 * x][(row + column) % 3] // of no sum
        }
        Loss::Hinge | Loss::SquaredHinge => 1.0_f32.copysign(x),
        Loss::Msle | Loss::Poisson => (5.0 * (x + 1.0)).round(),
        _ => 2.0 * x,
    }
}

#[derive(Debug, Clone)]
struct Case {
    loss: Loss,
    output: Output,
    width: usize,
    z: Matrix,
    t: Matrix,
    weights: Vec<f32>,
}

impl Case {
    fn new(loss: Loss, output: Output, width: usize, size: f32) -> Self {
        let z = matrix(width, |r, c| size * number(1, r, c));
        let t = matrix(output.targets(width), |r, c| target(loss, r, c));
        Self { loss, output, width, z, t, weights: (0..ROWS).map(|r| 0.5 * r as f32).collect() }
    }

    /// The losses of the rows and their gradients, without what is past the width.
    fn run(&self, isa: Isa) -> (Vec<f32>, Vec<Vec<f32>>) {
        let (mut delta, mut out) = (matrix(self.width, |_, _| 0.0), vec![0.0; ROWS]);
        let stride = delta.stride();
        let logits = Logits { rows: self.z.head(ROWS), width: self.width, output: self.output };
        let weights = Rows { values: &self.weights, stride: 1 };
        let truth = Truth { targets: self.t.head(ROWS), weights, scale: SCALE };
        let to = RowsMut { values: delta.values_mut(), stride };
        evaluate(isa, self.loss, logits, truth, to, RowsMut { values: &mut out, stride: 1 });
        let rows = delta.values().chunks_exact(stride);
        assert!(rows.clone().all(|row| row[self.width..].iter().all(|v| v.is_nan())), "written past the width");
        (out, rows.map(|row| row[..self.width].to_vec()).collect())
    }
}

#[test]
fn every_isa_gives_the_same_bits() {
    let bits = |(losses, deltas): (Vec<f32>, Vec<Vec<f32>>)| -> Vec<u32> {
        losses.iter().chain(deltas.iter().flatten()).map(|v| v.to_bits()).collect()
    };
    for ((loss, output), width) in table().flat_map(|pair| WIDTHS.iter().map(move |&width| (pair, width))) {
        for case in [4.0, 80.0].map(|size| Case::new(loss, output, width, size)) {
            let scalar = bits(case.run(Isa::available()[0]));
            for &isa in &Isa::available()[1..] {
                assert_eq!(bits(case.run(isa)), scalar, "{loss:?} of {output:?}, {width}, {}", isa.name());
            }
        }
    }
}

#[test]
fn labels_and_their_targets_have_the_same_cross_entropy() {
    for (isa, output) in Isa::available().into_iter().flat_map(|isa| Loss::Kl.outputs().iter().map(move |&o| (isa, o)))
    {
        let mut case = Case::new(Loss::CrossEntropy, output, 17, 4.0);
        (case.weights, case.t) = (vec![1.0; ROWS], Matrix::zeros(ROWS, 18));
        let (classes, stride) = (output.classes(17), case.t.stride());
        let labels = (0..ROWS).map(|row| (row * 4 % classes) as u32);
        let t = RowsMut { values: case.t.values_mut(), stride };
        targets_of_labels(labels.clone(), classes, 0.0, case.loss, output, t);
        let (losses, deltas) = case.run(isa);
        let (mut delta, mut out) = (Matrix::zeros(ROWS, 17), [0.0; ROWS]);
        let stride = delta.stride();
        let to = RowsMut { values: delta.values_mut(), stride };
        let logits = Logits { rows: case.z.head(ROWS), width: 17, output };
        crate::softmax::cross_entropy(isa, logits, labels, SCALE, to, RowsMut { values: &mut out, stride: 1 });
        assert!(losses.iter().zip(out).all(|(a, b)| (a - b).abs() <= 1e-6 * b));
        let fused = delta.values().chunks_exact(stride).flat_map(|row| &row[..17]);
        assert!(deltas.iter().flatten().zip(fused).all(|(a, b)| (a - b).abs() <= 1e-7));
    }
}

#[test]
fn extreme_logits_stay_finite_and_a_nan_shows() {
    for (isa, (loss, output)) in Isa::available().into_iter().flat_map(|isa| table().map(move |pair| (isa, pair))) {
        let mut case = Case::new(loss, output, 2, 1.0);
        let most = if output.is_classifier() { 1e37 } else { 50.0 };
        case.z = matrix(2, |r, c| [[most, -most], [-most; 2], [most; 2], [f32::NAN, 0.0], [0.0, f32::NAN]][r][c]);
        case.weights.fill(1.0);
        let (losses, deltas) = case.run(isa);
        let finite = losses[..3].iter().chain(deltas[..3].iter().flatten()).all(|v| v.is_finite());
        assert!(finite, "{loss:?} of {output:?}: {losses:?} {deltas:?}");
        assert!(losses[3].is_nan() && losses[4].is_nan(), "{loss:?} of {output:?}: {losses:?}");
    }
}

/// 0 log 0 is 0 where the logits are farther apart than the largest f32.
#[test]
fn a_class_that_is_not_wanted_may_be_infinitely_unlikely() {
    for (loss, output) in table().filter(|(_, output)| output.is_softmax()) {
        let mut case = Case::new(loss, output, 2, 1.0);
        case.z = matrix(2, |_, c| [3e38, -3e38][c]);
        case.t = matrix(output.targets(2), |_, c| [1.0, 0.0, 0.0][c]);
        let (losses, deltas) = case.run(Isa::best());
        assert_eq!((losses, deltas), (vec![0.0; ROWS], vec![vec![0.0; 2]; ROWS]), "{loss:?} of {output:?}");
    }
}

#[test]
fn targets_of_labels_are_smoothed_towards_their_own_middle() {
    let targets = |loss, output: Output, classes: usize, smoothing| {
        let mut out = vec![9.0; 2 * output.targets(output.logits(classes))];
        let stride = out.len() / 2;
        targets_of_labels([1, 0].into_iter(), classes, smoothing, loss, output, RowsMut { values: &mut out, stride });
        out
    };
    let (softmax, sigmoid, reference) = (Output::Softmax, Output::Sigmoid, Output::ReferenceSoftmax);
    assert_eq!(targets(Loss::CrossEntropy, softmax, 2, 0.0), [0.0, 1.0, 1.0, 0.0]);
    assert_eq!(targets(Loss::Kl, reference, 4, 0.5), [0.125, 0.625, 0.125, 0.125, 0.625, 0.125, 0.125, 0.125]);
    assert_eq!(targets(Loss::BinaryCrossEntropy, sigmoid, 2, 0.0), [1.0, 0.0]);
    assert_eq!(targets(Loss::Focal { gamma: 2.0 }, sigmoid, 2, 0.5), [0.75, 0.25]);
    assert_eq!(targets(Loss::BinaryCrossEntropy, sigmoid, 3, 0.5), [0.25, 0.75, 0.25, 0.75, 0.25, 0.25]);
    assert_eq!(targets(Loss::Hinge, Output::Identity, 3, 0.5), [-1.0, 1.0, -1.0, 1.0, -1.0, -1.0]);
}

#[test]
fn a_loss_is_allowed_where_it_is_stable() {
    for (&loss, &output) in Loss::ALL.iter().flat_map(|loss| Output::ALL.iter().map(move |output| (loss, output))) {
        let want = match loss.name() {
            "cross-entropy" | "kl" => output.is_softmax(),
            "focal" => output.is_classifier(),
            "binary-cross-entropy" => output == Output::Sigmoid,
            "poisson" => output == Output::Exp,
            _ => output == Output::Identity,
        };
        assert_eq!(loss.output_allowed(output), want, "{loss:?} of {output:?}");
    }
    assert!(Loss::ALL.iter().all(|loss| loss.output_allowed(loss.default_output())));
}
