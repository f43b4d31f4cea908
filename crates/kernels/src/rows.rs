//! What is done to rows component by component.

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::lanes;
use crate::matrix::{Rows, RowsMut};

/// Copies `width` columns of every row, from the column `first` on, to the column `to` on of `out`.
///
/// # Panics
/// If a row is too short.
pub fn copy(z: Rows, first: usize, out: RowsMut, to: usize, width: usize) {
    let rows = z.values.chunks_exact(z.stride).zip(out.values.chunks_exact_mut(out.stride));
    rows.for_each(|(z, out)| out[to..to + width].copy_from_slice(&z[first..first + width]));
}

/// Runs `$body` for sixteen columns at a time of every row of `z` and `out`: what it gives replaces those of `out`.
macro_rules! for_each_pair {
    ($simd:ident, $width:expr, |$z:ident of $from:ident, $y:ident of $out:ident| $body:expr) => {{
        let (from, out) = ($from, $out);
        for (z, y) in from.values.chunks_exact(from.stride).zip(out.values.chunks_exact_mut(out.stride)) {
            for at in (0..$width).step_by(LANES) {
                let (z, y) = (&z[at..], &mut y[at..$width]);
                let ($z, $y) = (lanes::load($simd, z, 0), lanes::load_or_zero($simd, y));
                lanes::store_some($simd, y, $body);
            }
        }
    }};
}

/// out += z, for `width` columns of every row.
///
/// # Panics
/// If a row is too short.
pub fn add(isa: Isa, z: Rows, width: usize, out: RowsMut) {
    struct Add<'a>(Rows<'a>, usize, RowsMut<'a>);
    impl Kernel for Add<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(z, width, out) = self;
            for_each_pair!(simd, width, |z of z, y of out| simd.add(y, z));
        }
    }
    isa.run(Add(z, width, out));
}

/// out *= z, for `width` columns of every row.
///
/// # Panics
/// If a row is too short.
pub fn multiply(isa: Isa, z: Rows, width: usize, out: RowsMut) {
    struct Multiply<'a>(Rows<'a>, usize, RowsMut<'a>);
    impl Kernel for Multiply<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(z, width, out) = self;
            for_each_pair!(simd, width, |z of z, y of out| simd.mul(y, z));
        }
    }
    isa.run(Multiply(z, width, out));
}

/// Which values of a batch are kept, and what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mask {
    /// Share of the values that is dropped.
    pub rate: f32,
    /// What a kept value is multiplied by.
    pub scale: f32,
    /// What is then added to it.
    pub shift: f32,
    /// The value of a dropped one.
    pub dropped: f32,
    /// Names the stream of this layer and step.
    pub keys: [u32; 2],
}

impl Mask {
    /// A value is kept with probability 1 - `rate`, and is then divided by it: Srivastava et al. 2014.
    #[must_use]
    pub fn dropout(rate: f32, keys: [u32; 2]) -> Self {
        Self { rate, scale: 1.0 / (1.0 - rate), shift: 0.0, dropped: 0.0, keys }
    }

    /// Dropout that keeps the mean 0 and the variance 1 of what selu gives: Klambauer et al. 2017.
    ///
    /// z' = a (z or -lambda alpha) + b, a = (k + k (1 - k) (lambda alpha)^2)^(-1/2), b = a (1 - k) lambda alpha, k = 1 - rate
    #[must_use]
    pub fn alpha_dropout(rate: f32, keys: [u32; 2]) -> Self {
        const LAMBDA_ALPHA: f64 = 1.758_099_340_847_376_6;
        let keep = 1.0 - f64::from(rate);
        let a = 1.0 / (keep + keep * (1.0 - keep) * LAMBDA_ALPHA * LAMBDA_ALPHA).sqrt();
        let b = a * (1.0 - keep) * LAMBDA_ALPHA;
        Self { rate, scale: a as f32, shift: b as f32, dropped: (b - a * LAMBDA_ALPHA) as f32, keys }
    }

    /// The mask of the backward pass: the same values are kept and scaled.
    #[must_use]
    pub fn backward(self) -> Self {
        Self { shift: 0.0, dropped: 0.0, ..self }
    }
}

/// out = scale z + shift where the mask keeps z, else the value of a dropped one; `first` is the place in the batch
/// of the first of these rows, so that no cutting of a batch changes what is dropped.
///
/// # Panics
/// If a row is too short.
pub fn mask(isa: Isa, mask: Mask, z: Rows, width: usize, first: usize, out: RowsMut) {
    struct Masked<'a>(Mask, Rows<'a>, usize, usize, RowsMut<'a>);
    impl Kernel for Masked<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(Mask { rate, scale, shift, dropped, keys }, from, width, first, out) = self;
            let [rate, scale, shift, dropped] = [rate, scale, shift, dropped].map(|x| simd.splat(x));
            let rows = from.values.chunks_exact(from.stride).zip(out.values.chunks_exact_mut(out.stride));
            for ((z, out), row) in rows.zip(first..) {
                let counter = (row * width.next_multiple_of(LANES)) as u32;
                for at in (0..width).step_by(LANES) {
                    let uniform = simd.uniform(counter.wrapping_add(at as u32), keys);
                    let kept = simd.mul_add(lanes::load(simd, z, at), scale, shift);
                    let value = simd.select_gt(rate, uniform, dropped, kept);
                    lanes::store_some(simd, &mut out[at..width], value);
                }
            }
        }
    }
    isa.run(Masked(mask, z, width, first, out));
}

/// A slope below 0 that is drawn for every value: rrelu.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leak {
    /// The least slope.
    pub lower: f32,
    /// The largest slope.
    pub upper: f32,
    /// Names the stream of this layer and step; `None` takes the mean slope.
    pub keys: Option<[u32; 2]>,
}

/// out = z' = max(0, z) + a min(0, z), or q' dz'/dz where `q` is given, a uniform between the leak's bounds; `first` as for
/// [`mask`].
///
/// # Panics
/// If a row is too short.
pub fn leak(isa: Isa, leak: Leak, z: Rows, q: Option<Rows>, width: usize, first: usize, out: RowsMut) {
    struct Leaking<'a>(Leak, [Rows<'a>; 2], bool, usize, usize, RowsMut<'a>);
    impl Kernel for Leaking<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(Leak { lower, upper, keys }, [z, q], back, width, first, mut out) = self;
            let [zero, low, range] = [0.0, lower, upper - lower].map(|x| simd.splat(x));
            for row in 0..z.count() {
                let counter = ((first + row) * width.next_multiple_of(LANES)) as u32;
                let out = out.row(row, width);
                for at in (0..width).step_by(LANES) {
                    let [z, q] = [z.lanes(simd, row, at), q.lanes(simd, row, at)];
                    let share = match keys {
                        Some(keys) => simd.uniform(counter.wrapping_add(at as u32), keys),
                        None => simd.splat(0.5),
                    };
                    let a = simd.mul_add(share, range, low);
                    let value = if back {
                        simd.select_gt(z, zero, q, simd.mul(a, q))
                    } else {
                        simd.mul_add(a, simd.min(z, zero), simd.max(z, zero))
                    };
                    lanes::store_some(simd, &mut out[at..], value);
                }
            }
        }
    }
    isa.run(Leaking(leak, [z, q.unwrap_or(z)], q.is_some(), width, first, out));
}

/// out_j = max over i of z_{i n + j}, for the n = `width` columns of every row of `out` and `pieces` values i.
///
/// # Panics
/// If a row is too short.
pub fn max(isa: Isa, z: Rows, pieces: usize, width: usize, out: RowsMut) {
    struct Max<'a>(Rows<'a>, usize, usize, RowsMut<'a>);
    impl Kernel for Max<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(z, pieces, width, mut out) = self;
            for (row, z) in z.values.chunks_exact(z.stride).enumerate() {
                let out = out.row(row, width);
                for at in (0..width).step_by(LANES) {
                    let mut largest = lanes::load_or_zero(simd, &z[at..width]);
                    for z in z.chunks_exact(width).take(pieces).skip(1) {
                        largest = simd.max(largest, lanes::load_or_zero(simd, &z[at..]));
                    }
                    lanes::store_some(simd, &mut out[at..], largest);
                }
            }
        }
    }
    isa.run(Max(z, pieces, width, out));
}

/// The gradient of [`max`]: it goes to the first of the values that are as large as `largest`, what [`max`] gave.
///
/// # Panics
/// If a row is too short.
pub fn max_gradient(isa: Isa, z: Rows, largest: Rows, q: Rows, pieces: usize, width: usize, out: RowsMut) {
    struct Gradient<'a>([Rows<'a>; 3], usize, usize, RowsMut<'a>);
    impl Kernel for Gradient<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(from, pieces, width, mut out) = self;
            for row in 0..from[0].count() {
                let [z, largest, q] = from.map(|rows| &rows.values[row * rows.stride..][..rows.stride]);
                let out = out.row(row, pieces * width);
                for at in (0..width).step_by(LANES) {
                    let (top, zero) = (lanes::load_or_zero(simd, &largest[at..width]), simd.splat(0.0));
                    let mut left = lanes::load_or_zero(simd, &q[at..width]);
                    for (z, out) in z.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                        let z = lanes::load_or_zero(simd, &z[at..]);
                        let taken = simd.select_gt(top, z, zero, left);
                        left = simd.select_gt(top, z, left, zero);
                        lanes::store_some(simd, &mut out[at..], taken);
                    }
                }
            }
        }
    }
    isa.run(Gradient([z, largest, q], pieces, width, out));
}

/// out_{i n + j} = z_i z_j, for the n = `width` columns of every row of `z`.
///
/// # Panics
/// If a row is too short.
pub fn outer(isa: Isa, z: Rows, width: usize, out: RowsMut) {
    struct Outer<'a>(Rows<'a>, usize, RowsMut<'a>);
    impl Kernel for Outer<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(z, width, mut out) = self;
            for (row, z) in z.values.chunks_exact(z.stride).enumerate() {
                for (i, out) in out.row(row, width * width).chunks_exact_mut(width).enumerate() {
                    let factor = simd.splat(z[i]);
                    for at in (0..width).step_by(LANES) {
                        let product = simd.mul(factor, lanes::load_or_zero(simd, &z[at..width]));
                        lanes::store_some(simd, &mut out[at..], product);
                    }
                }
            }
        }
    }
    isa.run(Outer(z, width, out));
}

/// The gradient of [`outer`]: q_i = sum_j (q'_{ij} + q'_{ji}) z_j.
///
/// # Panics
/// If a row is too short.
pub fn outer_gradient(isa: Isa, z: Rows, q: Rows, width: usize, out: RowsMut) {
    struct Gradient<'a>([Rows<'a>; 2], usize, RowsMut<'a>);
    impl Kernel for Gradient<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(from, width, mut out) = self;
            for row in 0..from[0].count() {
                let [z, q] = from.map(|rows| &rows.values[row * rows.stride..][..rows.stride]);
                let out = out.row(row, width);
                for (q, out) in q.chunks_exact(width).zip(out.iter_mut()) {
                    let mut sum = simd.splat(0.0);
                    for at in (0..width).step_by(LANES) {
                        let z = lanes::load_or_zero(simd, &z[at..width]);
                        sum = simd.mul_add(lanes::load_or_zero(simd, &q[at..]), z, sum);
                    }
                    *out = simd.sum_lanes(sum);
                }
                for at in (0..width).step_by(LANES) {
                    let mut sum = lanes::load_or_zero(simd, &out[at..]);
                    for (q, &z) in q.chunks_exact(width).zip(&z[..width]) {
                        sum = simd.mul_add(simd.splat(z), lanes::load_or_zero(simd, &q[at..]), sum);
                    }
                    lanes::store_some(simd, &mut out[at..], sum);
                }
            }
        }
    }
    isa.run(Gradient([z, q], width, out));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    fn filled(rows: usize, columns: usize, salt: usize) -> Matrix {
        Matrix::filled(rows, columns, salt, |x| x / 500.0 - 1.0)
    }

    fn through(columns: usize, run: impl FnOnce(RowsMut)) -> Vec<Vec<f32>> {
        let mut matrix = Matrix::zeros(ROWS, columns);
        let stride = matrix.stride();
        run(RowsMut { values: matrix.values_mut(), stride });
        matrix.values().chunks_exact(stride).map(|row| row[..columns].to_vec()).collect()
    }

    const ROWS: usize = 3;

    #[test]
    fn rows_are_joined_and_taken_apart_by_the_formulas_on_every_isa() {
        for (isa, n) in Isa::available().into_iter().flat_map(|isa| [1, 5, 16, 19].map(|n| (isa, n))) {
            let (z, q) = (filled(ROWS, n, 1), filled(ROWS, n * n, 2));
            let products = through(n * n, |out| outer(isa, z.head(ROWS), n, out));
            let back = through(n, |out| outer_gradient(isa, z.head(ROWS), q.head(ROWS), n, out));
            for row in 0..ROWS {
                let (z, q) = (&z.values()[row * z.stride()..], &q.values()[row * q.stride()..]);
                for i in 0..n {
                    let sum: f64 = (0..n).map(|j| f64::from(q[i * n + j] + q[j * n + i]) * f64::from(z[j])).sum();
                    assert!((f64::from(back[row][i]) - sum).abs() < 1e-5, "{} {n}", isa.name());
                    assert!((0..n).all(|j| products[row][i * n + j] == z[i] * z[j]), "{} {n}", isa.name());
                }
            }
            let pieces = 3;
            let (z, q) = (filled(ROWS, n * pieces, 9), filled(ROWS, n, 4));
            let largest = through(n, |out| max(isa, z.head(ROWS), pieces, n, out));
            let mut kept = Matrix::zeros(ROWS, n);
            let stride = kept.stride();
            max(isa, z.head(ROWS), pieces, n, RowsMut { values: kept.values_mut(), stride });
            let back = through(n * pieces, |out| {
                max_gradient(isa, z.head(ROWS), kept.head(ROWS), q.head(ROWS), pieces, n, out);
            });
            for (row, j) in (0..ROWS).flat_map(|row| (0..n).map(move |j| (row, j))) {
                let of = |i: usize| z.values()[row * z.stride() + i * n + j];
                let first = (0..pieces).fold(0, |best, i| if of(i) > of(best) { i } else { best });
                assert_eq!(largest[row][j], of(first));
                for i in 0..pieces {
                    let want = if i == first { q.values()[row * q.stride() + j] } else { 0.0 };
                    assert_eq!(back[row][i * n + j], want, "{} {n}", isa.name());
                }
            }
        }
    }

    #[test]
    fn masks_keep_the_share_they_should_and_depend_on_the_place_alone() {
        let n = 1000;
        let ones = filled(ROWS, n, 0);
        for isa in Isa::available() {
            let keys = [7, 9];
            let whole = through(n, |out| mask(isa, Mask::dropout(0.25, keys), ones.head(ROWS), n, 0, out));
            let dropped = whole.iter().flatten().filter(|&&x| x == 0.0).count();
            assert!((dropped as f64 / (n * ROWS) as f64 - 0.25).abs() < 0.03, "{dropped}");
            let last = Rows { values: &ones.values()[2 * ones.stride()..], stride: ones.stride() };
            let mut row = Matrix::zeros(1, n);
            let stride = row.stride();
            mask(isa, Mask::dropout(0.25, keys), last, n, 2, RowsMut { values: row.values_mut(), stride });
            assert_eq!(row.values()[..n], whole[2], "{}", isa.name());
        }
    }

    #[test]
    fn leaks_stay_between_their_bounds_and_the_gradient_has_the_same() {
        let (z, q) = (filled(ROWS, 40, 3), filled(ROWS, 40, 8));
        for isa in Isa::available() {
            for keys in [None, Some([3, 4])] {
                let leaking = Leak { lower: 0.125, upper: 0.25, keys };
                let value = through(40, |out| leak(isa, leaking, z.head(ROWS), None, 40, 0, out));
                let back = through(40, |out| leak(isa, leaking, z.head(ROWS), Some(q.head(ROWS)), 40, 0, out));
                for (row, column) in (0..ROWS).flat_map(|row| (0..40).map(move |column| (row, column))) {
                    let [z, q] = [&z, &q].map(|matrix| matrix.values()[row * matrix.stride() + column]);
                    let slope = if z > 0.0 { 1.0 } else { value[row][column] / z };
                    assert!((0.1249..0.2501).contains(&slope) || z >= 0.0, "{slope}");
                    assert!((back[row][column] - slope * q).abs() < 1e-6, "{z} {q} {slope}");
                }
            }
        }
    }
}
