//! Both output maps, fused with cross-entropy; sixteen samples are the lanes.
//!
//! softmax:           p_j = e^{z_j} / S,  S = sum_k e^{z_k}
//! reference softmax: the last class has the logit 0 that is not stored, so S has one more term, e^0
//!
//! Of each row the maximum m is taken out first (0 takes part in it where there is a reference class), so no
//! exponential overflows: S = e^m sum_k e^{z_k - m}, log S = m + log sum_k e^{z_k - m}.

use std::ops::Range;

use crate::function::{exp, ln};
use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::matrix::{Rows, RowsMut};

/// The map from logits to probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Output {
    /// K logits, K classes.
    Softmax,
    /// K - 1 logits, K classes: the last class is the reference, its logit is 0.
    ReferenceSoftmax,
}

impl Output {
    /// Every output map.
    pub const ALL: [Self; 2] = [Self::Softmax, Self::ReferenceSoftmax];

    /// Its name at every border.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Softmax => "softmax",
            Self::ReferenceSoftmax => "reference-softmax",
        }
    }

    /// Number of logits for `classes` classes.
    #[must_use]
    pub fn logits(self, classes: usize) -> usize {
        classes - self.implicit()
    }

    /// Number of classes for `logits` logits.
    #[must_use]
    pub fn classes(self, logits: usize) -> usize {
        logits + self.implicit()
    }

    fn implicit(self) -> usize {
        match self {
            Self::Softmax => 0,
            Self::ReferenceSoftmax => 1,
        }
    }
}

/// The logits of some samples, and what makes probabilities of them.
#[derive(Debug, Clone, Copy)]
pub struct Logits<'a> {
    /// B x `width`.
    pub rows: Rows<'a>,
    /// Number of logits.
    pub width: usize,
    /// The map to probabilities.
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
/// If the slices do not have these shapes.
pub fn cross_entropy(
    isa: Isa,
    logits: Logits,
    labels: impl ExactSizeIterator<Item = u32>,
    weight: f32,
    delta: RowsMut,
    loss: RowsMut,
) {
    let rows = logits.rows.count();
    assert_eq!([labels.len(), loss.count(), delta.count()], [rows; 3], "rows of labels, losses and deltas");
    assert!(logits.width <= logits.rows.stride.min(delta.stride), "{} logits", logits.width);
    isa.run(CrossEntropy { logits, labels, weight, delta, loss });
}

/// The probabilities of each row.
///
/// # Shapes
/// `probabilities`: B x classes, without padding.
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
        let Self { logits, mut labels, weight, mut delta, loss } = self;
        for group in logits.groups() {
            let (max, sum) = group.exponentials(simd, &mut delta);
            let (log_sum, max) = (simd.to_array(ln(simd, sum)), simd.to_array(max));
            let factor = simd.to_array(simd.div(simd.splat(1.0), sum));
            for (lane, (row, label)) in group.rows().zip(labels.by_ref()).enumerate() {
                let z = &logits.rows.values[row * logits.rows.stride..][..logits.width];
                let delta = &mut delta.values[row * delta.stride..][..logits.width];
                let (label, factor) = (label as usize, factor[lane]);
                let true_class = delta.get(label).map(|&e| (e * factor - 1.0) * weight);
                delta.iter_mut().for_each(|e| *e = *e * factor * weight);
                if let Some(true_class) = true_class {
                    delta[label] = true_class;
                }
                loss.values[row * loss.stride] = log_sum[lane] + (max[lane] - z.get(label).copied().unwrap_or(0.0));
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
        for group in logits.groups() {
            let (max, sum) = group.exponentials(simd, &mut out);
            if logits.output == Output::ReferenceSoftmax {
                group.scatter(&mut out, logits.width, simd.to_array(exp(simd, simd.sub(simd.splat(0.0), max))));
            }
            let factor = simd.to_array(simd.div(simd.splat(1.0), sum));
            for (row, factor) in group.rows().zip(factor) {
                out.values[row * out.stride..][..out.stride].iter_mut().for_each(|e| *e *= factor);
            }
        }
    }
}

impl<'a> Logits<'a> {
    fn groups(self) -> impl Iterator<Item = Group<'a>> {
        let rows = self.rows.count();
        (0..rows).step_by(LANES).map(move |first| Group { logits: self, first, count: LANES.min(rows - first) })
    }
}

/// Up to sixteen rows, one a lane; lanes past the last repeat it.
struct Group<'a> {
    logits: Logits<'a>,
    first: usize,
    count: usize,
}

impl Group<'_> {
    fn rows(&self) -> Range<usize> {
        self.first..self.first + self.count
    }

    /// Writes e^{z - m} of every logit to `out`; gives the row maxima m and the sums of the exponentials, added up in
    /// the order of the classes.
    #[inline(always)]
    fn exponentials<S: Simd>(&self, simd: S, out: &mut RowsMut) -> (S::F32s, S::F32s) {
        let (reference, lowest) = match self.logits.output {
            Output::Softmax => (false, f32::NEG_INFINITY),
            Output::ReferenceSoftmax => (true, 0.0),
        };
        let mut max = simd.splat(lowest);
        for class in 0..self.logits.width {
            max = simd.max(max, self.gather(simd, class));
        }
        let mut sum = simd.splat(0.0);
        for class in 0..self.logits.width {
            let e = exp(simd, simd.sub(self.gather(simd, class), max));
            sum = simd.add(sum, e);
            self.scatter(out, class, simd.to_array(e));
        }
        if reference {
            sum = simd.add(sum, exp(simd, simd.sub(simd.splat(0.0), max)));
        }
        (max, sum)
    }

    /// Logit `class` of each row.
    #[inline(always)]
    fn gather<S: Simd>(&self, simd: S, class: usize) -> S::F32s {
        let Rows { values, stride } = self.logits.rows;
        let lanes: [f32; LANES] =
            std::array::from_fn(|lane| values[(self.first + lane.min(self.count - 1)) * stride + class]);
        // SAFETY: the array has sixteen values.
        unsafe { simd.load(lanes.as_ptr()) }
    }

    /// Writes a value of each row to column `class`.
    #[inline(always)]
    fn scatter(&self, out: &mut RowsMut, class: usize, lanes: [f32; LANES]) {
        for (row, value) in self.rows().zip(lanes) {
            out.values[row * out.stride + class] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

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
        for (isa, output) in Isa::available().into_iter().flat_map(|isa| Output::ALL.map(|o| (isa, o))) {
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
    fn extreme_logits_stay_finite_and_a_nan_shows() {
        for (isa, output) in Isa::available().into_iter().flat_map(|isa| Output::ALL.map(|o| (isa, o))) {
            let logits = rows_of(2, 3, |r, c| [[1e4, -1e4], [-3e38, -3e38], [f32::NAN, 0.0]][r][c]);
            let (mut delta, mut loss) = (Matrix::zeros(3, 2), [0.0; 3]);
            let stride = delta.stride();
            let out = RowsMut { values: delta.values_mut(), stride };
            cross_entropy(
                isa,
                Logits { rows: logits.head(3), width: 2, output },
                [0, 1, 0].into_iter(),
                1.0,
                out,
                RowsMut { values: &mut loss, stride: 1 },
            );
            assert_eq!(loss[0], 0.0);
            assert!(loss[1].is_finite() && loss[2].is_nan(), "{loss:?}");
        }
    }
}
