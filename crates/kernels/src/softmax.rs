//! The output maps; both softmaxes, fused with cross-entropy.
//!
//! softmax:           p_j = e^{z_j} / S,  S = sum_k e^{z_k}
//! reference softmax: the last class has the logit 0 that is not stored, so S has one more term, e^0
//! sigmoid, identity, exp: each output is a function of its own logit
//!
//! Of each row the maximum m is taken out first (0 takes part in it where there is a reference class), so no
//! exponential overflows: S = e^m sum_k e^{z_k - m}, log S = m + log sum_k e^{z_k - m}. Beside IEEE operations these are
//! [`mod@crate::function`]'s exp and ln alone, whose errors are known for every f32.

use crate::function::{exp, ln, sigmoid};
use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::lanes;
use crate::matrix::{Rows, RowsMut};

crate::named_enum! {
    /// The map from logits to outputs: probabilities of classes, or the numbers of a regression.
    pub enum Output: "output" {
        /// p_j = e^{z_j} / sum_k e^{z_k}: K logits, K classes
        Softmax = "softmax",
        /// p_j = e^{z_j} / (1 + sum_k e^{z_k}): K - 1 logits, K classes; the last class is the reference, its logit is 0
        ReferenceSoftmax = "reference-softmax" | "modified-softmax",
        /// p_j = 1 / (1 + e^{-z_j}): 1 logit, 2 classes of 1 - p and p; K >= 2 logits, K classes that do not exclude each other
        Sigmoid = "sigmoid" | "logistic",
        /// y_j = z_j: regression
        Identity = "identity" | "linear" | "none",
        /// y_j = e^{z_j}: the rates of counts
        Exp = "exp" | "exponential",
    }
}

impl Output {
    /// Number of logits for `classes` classes: one less where one class is the reference, 1 for the sigmoid of 2 classes,
    /// else as many.
    #[must_use]
    pub fn logits(self, classes: usize) -> usize {
        match self {
            Self::ReferenceSoftmax => classes.saturating_sub(1),
            Self::Sigmoid if classes == 2 => 1,
            Self::Softmax | Self::Sigmoid | Self::Identity | Self::Exp => classes,
        }
    }

    /// Number of classes for `logits` logits, which is the number of columns of [`probabilities`]. The sigmoid has 2 for
    /// one logit and K for K >= 2: those of K = 2 are two independent labels, for which [`Self::logits`] does not hold.
    #[must_use]
    pub fn classes(self, logits: usize) -> usize {
        match self {
            Self::ReferenceSoftmax => logits.saturating_add(1),
            Self::Sigmoid if logits == 1 => 2,
            Self::Softmax | Self::Sigmoid | Self::Identity | Self::Exp => logits,
        }
    }

    /// Number of columns of the truth for `logits` logits: as many, and one for the reference class.
    #[must_use]
    pub fn targets(self, logits: usize) -> usize {
        logits.saturating_add(usize::from(self == Self::ReferenceSoftmax))
    }

    /// Whether its outputs are one distribution over classes that exclude one another.
    #[must_use]
    pub fn is_softmax(self) -> bool {
        matches!(self, Self::Softmax | Self::ReferenceSoftmax)
    }

    /// Whether its outputs are probabilities.
    #[must_use]
    pub fn is_classifier(self) -> bool {
        self.is_softmax() || self == Self::Sigmoid
    }
}

/// The logits of some samples, and what makes outputs of them.
#[derive(Debug, Clone, Copy)]
pub struct Logits<'a> {
    /// B x `width`.
    pub rows: Rows<'a>,
    /// Number of logits.
    pub width: usize,
    /// The map to outputs.
    pub output: Output,
}

/// Cross-entropy of each row and its gradient on the logits.
///
/// l_b = log S - z_y;   delta = weight (p - onehot(y))
///
/// # Shapes
/// `labels`: B; `delta`: B x `width`; `loss`: B x 1. For the reference class z_y is 0 and `delta` has no entry.
///
/// # Panics
/// If the slices do not have these shapes, or the output map is not a softmax; [`crate::loss::evaluate`] has the others.
pub fn cross_entropy(
    isa: Isa,
    logits: Logits,
    labels: impl ExactSizeIterator<Item = u32>,
    weight: f32,
    delta: RowsMut,
    loss: RowsMut,
) {
    let rows = logits.rows.count();
    assert!(logits.output.is_softmax(), "cross-entropy with labels of {:?}", logits.output);
    assert_eq!([labels.len(), loss.count(), delta.count()], [rows; 3], "rows of labels, losses and deltas");
    assert!(logits.width <= logits.rows.stride.min(delta.stride), "{} logits", logits.width);
    isa.run(CrossEntropy { logits, labels, weight, delta, loss });
}

/// The outputs of each row: probabilities, or what else the output map gives.
///
/// # Shapes
/// `probabilities`: B x [`Output::classes`], without padding.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn probabilities(isa: Isa, logits: Logits, probabilities: &mut [f32]) {
    let classes = logits.output.classes(logits.width);
    assert_eq!(probabilities.len(), logits.rows.count() * classes, "probabilities of {} rows", logits.rows.count());
    assert!(logits.width <= logits.rows.stride, "{} logits", logits.width);
    isa.run(Probabilities { logits, out: RowsMut { values: probabilities, stride: classes } });
}

struct CrossEntropy<'a, L> {
    logits: Logits<'a>,
    labels: L,
    weight: f32,
    delta: RowsMut<'a>,
    loss: RowsMut<'a>,
}

impl<L: Iterator<Item = u32>> Kernel for CrossEntropy<'_, L> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { logits, mut labels, weight, mut delta, mut loss } = self;
        let rows = logits.rows.count();
        for first in (0..rows).step_by(LANES) {
            // log S of sixteen rows is taken at once.
            let (mut sums, mut rests) = ([1.0; LANES], [0.0; LANES]);
            for (lane, label) in labels.by_ref().take(LANES.min(rows - first)).enumerate() {
                let (z, delta) = (logits.row(first + lane), delta.row(first + lane, logits.width));
                let (max, sum) = max_and_sum(simd, logits.output, z);
                for at in (0..z.len()).step_by(LANES) {
                    let p = scaled_exp(simd, &z[at..], max, [1.0 / sum, weight]);
                    let truth = simd.mul(lanes::onehot(simd, (label as usize).wrapping_sub(at)), simd.splat(weight));
                    lanes::store_some(simd, &mut delta[at..], simd.sub(p, truth));
                }
                (sums[lane], rests[lane]) = (sum, max - z.get(label as usize).copied().unwrap_or(0.0));
            }
            let losses = simd.add(ln(simd, lanes::load(simd, &sums, 0)), lanes::load(simd, &rests, 0));
            for (row, value) in (first..rows).zip(simd.to_array(losses)) {
                loss.row(row, 1)[0] = value;
            }
        }
    }
}

struct Probabilities<'a> {
    logits: Logits<'a>,
    out: RowsMut<'a>,
}

impl Kernel for Probabilities<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { logits, mut out } = self;
        for row in 0..logits.rows.count() {
            let (z, out) = (logits.row(row), out.row(row, out.stride));
            match logits.output {
                Output::Softmax | Output::ReferenceSoftmax => softmax(simd, logits.output, z, out),
                Output::Sigmoid if z.len() == 1 => {
                    // 1 - p as S(-z), which keeps the digits of a small one.
                    for (p, z) in out.iter_mut().zip([-z[0], z[0]]) {
                        *p = simd.to_array(sigmoid(simd, simd.splat(z)))[0];
                    }
                }
                Output::Sigmoid => {
                    for at in (0..z.len()).step_by(LANES) {
                        lanes::store_some(simd, &mut out[at..], sigmoid(simd, get(simd, &z[at..])));
                    }
                }
                Output::Identity => out.copy_from_slice(z),
                Output::Exp => {
                    for at in (0..z.len()).step_by(LANES) {
                        lanes::store_some(simd, &mut out[at..], exp(simd, get(simd, &z[at..])));
                    }
                }
            }
        }
    }
}

/// The probabilities of one row, that of the reference class last.
#[inline(always)]
fn softmax<S: Simd>(simd: S, output: Output, z: &[f32], out: &mut [f32]) {
    let (p, reference) = out.split_at_mut(z.len());
    let (max, sum) = max_and_sum(simd, output, z);
    for at in (0..z.len()).step_by(LANES) {
        lanes::store_some(simd, &mut p[at..], scaled_exp(simd, &z[at..], max, [1.0 / sum, 1.0]));
    }
    if let [p] = reference {
        *p = exp_of(simd, -max) / sum;
    }
}

impl Logits<'_> {
    #[inline(always)]
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        self.rows.row(row, self.width)
    }
}

/// The maximum m of a row, and the sum of e^{z - m}: one chain a lane over every sixteenth class, then the tree over the
/// lanes.
///
/// The exponentials are not kept: to compute them twice takes less than to wait for their memory.
#[inline(always)]
pub(crate) fn max_and_sum<S: Simd>(simd: S, output: Output, z: &[f32]) -> (f32, f32) {
    let reference = output == Output::ReferenceSoftmax;
    let lowest = simd.splat(if reference { 0.0 } else { f32::NEG_INFINITY });
    let mut max = lowest;
    for at in (0..z.len()).step_by(LANES) {
        max = simd.max(max, get(simd, &z[at..]));
    }
    let max = simd.max_lanes(max);
    let mut sum = simd.splat(0.0);
    for at in (0..z.len()).step_by(LANES) {
        sum = simd.add(sum, exp(simd, simd.sub(get(simd, &z[at..]), simd.splat(max))));
    }
    let rest = if reference { exp_of(simd, -max) } else { 0.0 };
    (max, simd.sum_lanes(sum) + rest)
}

/// e^{z - max} of the first sixteen logits of `z`, times one factor and then the other.
#[inline(always)]
pub(crate) fn scaled_exp<S: Simd>(simd: S, z: &[f32], max: f32, [first, second]: [f32; 2]) -> S::F32s {
    let e = exp(simd, simd.sub(get(simd, z), simd.splat(max)));
    simd.mul(simd.mul(e, simd.splat(first)), simd.splat(second))
}

/// e^x of one number.
#[inline(always)]
fn exp_of<S: Simd>(simd: S, x: f32) -> f32 {
    simd.to_array(exp(simd, simd.splat(x)))[0]
}

/// The first sixteen logits, minus infinity for those that are not there: their exponential is 0.
#[inline(always)]
fn get<S: Simd>(simd: S, z: &[f32]) -> S::F32s {
    lanes::load_or(simd, z, simd.splat(f32::NEG_INFINITY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    const SOFTMAXES: [Output; 2] = [Output::Softmax, Output::ReferenceSoftmax];

    /// The textbook's formulas in f64.
    fn naive(output: Output, logits: &[f32]) -> Vec<f64> {
        let mut powers: Vec<f64> = logits.iter().map(|&z| f64::from(z).exp()).collect();
        powers.resize(output.classes(logits.len()), 1.0);
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(|e| e / sum).collect()
    }

    fn rows_of(width: usize, rows: usize, value: impl Fn(usize, usize) -> f32) -> Matrix {
        let mut matrix = Matrix::zeros(rows, width + 1);
        let stride = matrix.stride();
        for (row, values) in matrix.values_mut().chunks_exact_mut(stride).enumerate() {
            (0..width).for_each(|c| values[c] = value(row, c));
        }
        matrix
    }

    #[test]
    fn loss_gradient_and_probabilities_are_the_textbooks() {
        for (isa, output) in Isa::available().into_iter().flat_map(|isa| SOFTMAXES.map(|output| (isa, output))) {
            for (rows, width) in [(1, 1), (3, 2), (16, 10), (17, 9), (40, 33)] {
                let logits = rows_of(width, rows, |r, c| ((r * 31 + c * 17) % 23) as f32 * 0.4 - 4.0);
                let classes = output.classes(width);
                let labels: Vec<u32> = (0..rows).map(|r| (r * 7 % classes) as u32).collect();
                let (mut delta, mut loss) = (Matrix::zeros(rows, width), vec![0.0; rows]);
                let mut p = vec![0.0; rows * classes];
                let view = Logits { rows: logits.head(rows), width, output };
                let stride = delta.stride();
                let out = RowsMut { values: delta.values_mut(), stride };
                cross_entropy(isa, view, labels.iter().copied(), 0.5, out, RowsMut { values: &mut loss, stride: 1 });
                probabilities(isa, view, &mut p);
                for row in 0..rows {
                    let want = naive(output, &logits.values()[row * logits.stride()..][..width]);
                    let label = labels[row] as usize;
                    assert!((f64::from(loss[row]) + want[label].ln()).abs() < 1e-5);
                    for (class, want) in want.into_iter().enumerate() {
                        assert!((f64::from(p[row * classes + class]) - want).abs() < 1e-6);
                        let y = if class == label { 1.0 } else { 0.0 };
                        if class < width {
                            let got = f64::from(delta.values()[row * stride + class]);
                            assert!((got - 0.5 * (want - y)).abs() < 1e-6);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn other_outputs_are_functions_of_their_own_logit() {
        for (isa, width) in Isa::available().into_iter().flat_map(|isa| [1, 2, 16, 33].map(|width| (isa, width))) {
            let logits = rows_of(width, 3, |r, c| ((r * 31 + c * 17) % 23) as f32 * 7.0 - 77.0);
            for output in [Output::Sigmoid, Output::Identity, Output::Exp] {
                let classes = output.classes(width);
                let mut out = vec![0.0; 3 * classes];
                probabilities(isa, Logits { rows: logits.head(3), width, output }, &mut out);
                for (row, got) in out.chunks_exact(classes).enumerate() {
                    let z = logits.head(3).row(row, width).iter().map(|&z| f64::from(z));
                    let want: Vec<f64> = match output {
                        Output::Identity => z.collect(),
                        Output::Exp => z.map(f64::exp).collect(),
                        _ if width == 1 => z.flat_map(|z| [1.0 / (1.0 + z.exp()), 1.0 / (1.0 + (-z).exp())]).collect(),
                        _ => z.map(|z| 1.0 / (1.0 + (-z).exp())).collect(),
                    };
                    let near = |(got, want): (&f32, &f64)| (f64::from(*got) - want).abs() <= 2e-7 * want.abs();
                    assert!(got.iter().zip(&want).all(near), "{output:?}: {got:?}, not {want:?}");
                }
            }
        }
    }

    #[test]
    fn logits_and_classes_go_together() {
        for (&output, classes) in Output::ALL.iter().flat_map(|output| (2..5).map(move |classes| (output, classes))) {
            assert_eq!(output.classes(output.logits(classes)), classes);
        }
        assert_eq!((Output::Sigmoid.logits(2), Output::Sigmoid.targets(1)), (1, 1));
        assert_eq!(Output::ReferenceSoftmax.targets(2), 3);
    }

    #[test]
    fn extreme_logits_stay_finite_and_a_nan_shows() {
        for (isa, output) in Isa::available().into_iter().flat_map(|isa| SOFTMAXES.map(|output| (isa, output))) {
            let logits = rows_of(2, 4, |r, c| [[1e4, -1e4], [-3e38, -3e38], [f32::NAN, 0.0], [f32::NAN, 0.0]][r][c]);
            let (mut delta, mut loss) = (Matrix::zeros(4, 2), [0.0; 4]);
            let stride = delta.stride();
            let out = RowsMut { values: delta.values_mut(), stride };
            cross_entropy(
                isa,
                Logits { rows: logits.head(4), width: 2, output },
                [0, 1, 0, 1].into_iter(),
                1.0,
                out,
                RowsMut { values: &mut loss, stride: 1 },
            );
            assert_eq!(loss[0], 0.0);
            assert!(loss[1].is_finite() && loss[2].is_nan() && loss[3].is_nan(), "{loss:?}");
        }
    }
}
