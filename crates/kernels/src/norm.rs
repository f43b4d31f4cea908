//! Standardisation, to mean 0 and variance 1: of a row over its columns (layer norm), of a column over the rows of a batch
//! (batch norm). Weight and bias are a [`PerColumn`] of their own.
//!
//! A batch is cut into blocks of rows. Each block sums up its own rows; [`Statistics`] puts the sums together in the order of
//! the blocks, so that no thread can change a bit.
//!
//! [`PerColumn`]: crate::columns::PerColumn

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::lanes;
use crate::matrix::{Matrix, Rows, RowsMut};

/// z' = (z - m) r with the row's mean m and r = 1 / sqrt(variance + epsilon), which is stored in `inverse` where that is given.
///
/// # Shapes
/// `z` and `out`: B x `width`, rows padded to whole vectors; `inverse`: B x 1.
///
/// # Panics
/// If the slices do not have these shapes.
///
/// # Numerics
/// The variance is the mean square of what is left when the mean is taken away (Ba, Kiros and Hinton 2016 divide by n too).
pub fn rows(isa: Isa, epsilon: f32, z: Rows, width: usize, out: RowsMut, inverse: Option<RowsMut>) {
    struct Standardise<'a>(f32, Rows<'a>, usize, RowsMut<'a>, Option<RowsMut<'a>>);
    impl Kernel for Standardise<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(epsilon, z, width, mut out, mut inverse) = self;
            let one_nth = 1.0 / width as f32;
            for row in 0..z.count() {
                let z = &z.values[row * z.stride..][..width];
                let out = out.row(row, width);
                let mut sum = simd.splat(0.0);
                for at in (0..width).step_by(LANES) {
                    sum = simd.add(sum, lanes::load_or_zero(simd, &z[at..]));
                }
                let mean = simd.splat(simd.sum_lanes(sum) * one_nth);
                let mut squares = simd.splat(0.0);
                for at in (0..width).step_by(LANES) {
                    // Lanes past the last value are the mean, so that nothing of them is left.
                    let left = simd.sub(lanes::load_or(simd, &z[at..], mean), mean);
                    squares = simd.mul_add(left, left, squares);
                    lanes::store_some(simd, &mut out[at..], left);
                }
                let r = 1.0 / (simd.sum_lanes(squares) * one_nth + epsilon).sqrt();
                for at in (0..width).step_by(LANES) {
                    let scaled = simd.mul(lanes::load_or_zero(simd, &out[at..]), simd.splat(r));
                    lanes::store_some(simd, &mut out[at..], scaled);
                }
                if let Some(inverse) = &mut inverse {
                    inverse.row(row, 1)[0] = r;
                }
            }
        }
    }
    assert_eq!(z.count(), out.count(), "rows");
    isa.run(Standardise(epsilon, z, width, out, inverse));
}

/// q = r (q' - mean(q') - z' mean(q' z')), the means over the row.
///
/// # Shapes
/// `z`, what [`rows`] gave, `q`, the gradient of it, and `out`: B x `width`; `inverse`: B x 1.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn rows_gradient(isa: Isa, z: Rows, inverse: Rows, q: Rows, width: usize, out: RowsMut) {
    struct Gradient<'a>([Rows<'a>; 3], usize, RowsMut<'a>);
    impl Kernel for Gradient<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self([z, inverse, q], width, mut out) = self;
            let one_nth = 1.0 / width as f32;
            for row in 0..z.count() {
                let r = simd.splat(inverse.values[row * inverse.stride]);
                let [z, q] = [z, q].map(|rows| &rows.values[row * rows.stride..][..width]);
                let out = out.row(row, width);
                let [mut sum, mut product] = [simd.splat(0.0); 2];
                for at in (0..width).step_by(LANES) {
                    let [z, q] = [lanes::load_or_zero(simd, &z[at..]), lanes::load_or_zero(simd, &q[at..])];
                    sum = simd.add(sum, q);
                    product = simd.mul_add(q, z, product);
                }
                let mean = simd.splat(simd.sum_lanes(sum) * one_nth);
                let slope = simd.splat(-simd.sum_lanes(product) * one_nth);
                for at in (0..width).step_by(LANES) {
                    let [z, q] = [lanes::load_or_zero(simd, &z[at..]), lanes::load_or_zero(simd, &q[at..])];
                    lanes::store_some(simd, &mut out[at..], simd.mul(r, simd.mul_add(slope, z, simd.sub(q, mean))));
                }
            }
        }
    }
    assert!(z.count() == out.count() && q.count() == out.count() && inverse.count() == z.count(), "rows");
    isa.run(Gradient([z, inverse, q], width, out));
}

/// What a batch norm computes of the columns of a batch.
#[derive(Debug, Clone)]
pub struct Statistics {
    /// Four rows: mean, 1 / sqrt(variance + epsilon); the means of q' and of q' z' after the backward pass.
    values: Matrix,
    width: usize,
}

/// The rows of [`Statistics`].
const MEAN: usize = 0;
const INVERSE: usize = 1;
const MEAN_Q: usize = 2;
const MEAN_QZ: usize = 3;

impl Statistics {
    /// For `width` columns.
    #[must_use]
    pub fn new(width: usize) -> Self {
        Self { values: Matrix::zeros(4, width), width }
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.values.values()[row * self.values.stride()..][..self.width]
    }

    fn row_mut(&mut self, row: usize) -> &mut [f32] {
        let stride = self.values.stride();
        &mut self.values.values_mut()[row * stride..][..self.width]
    }

    /// The means and variances of known columns.
    ///
    /// # Panics
    /// If the slices are shorter than the rows.
    pub fn set(&mut self, mean: impl Fn(usize) -> f32, variance: impl Fn(usize) -> f32, epsilon: f32) {
        for column in 0..self.width {
            self.row_mut(MEAN)[column] = mean(column);
            self.row_mut(INVERSE)[column] = 1.0 / (variance(column) + epsilon).sqrt();
        }
    }

    /// Puts together what blocks of `step` rows of a batch of `rows` rows found by [`block`], each in the first of its rows
    /// of `means` and `squares`; gives `seen` each column's mean and variance.
    ///
    /// # Panics
    /// If the matrices have fewer rows.
    ///
    /// # Source
    /// Chan, Golub and LeVeque 1979: n = n_a + n_b, d = m_b - m_a, m = m_a + d n_b / n, M = M_a + M_b + d^2 n_a n_b / n
    pub fn gather(
        &mut self,
        [means, squares]: [&Matrix; 2],
        rows: usize,
        step: usize,
        epsilon: f32,
        mut seen: impl FnMut(usize, f32, f32),
    ) {
        for column in 0..self.width {
            let (mut n, mut mean, mut square) = (0.0_f32, 0.0_f32, 0.0_f32);
            for first in (0..rows).step_by(step) {
                let more = step.min(rows - first) as f32;
                let [m, s] = [means, squares].map(|matrix| matrix.values()[first * matrix.stride() + column]);
                let (all, d) = (n + more, m - mean);
                mean += d * (more / all);
                square += s + d * d * (n * more / all);
                n = all;
            }
            let variance = square / n;
            self.row_mut(MEAN)[column] = mean;
            self.row_mut(INVERSE)[column] = 1.0 / (variance + epsilon).sqrt();
            seen(column, mean, variance);
        }
    }

    /// Puts together what blocks found by [`block_gradient`].
    ///
    /// # Panics
    /// If the matrices have fewer rows.
    pub fn gather_gradient(&mut self, sums: [&Matrix; 2], rows: usize, step: usize) {
        for (matrix, to) in sums.into_iter().zip([MEAN_Q, MEAN_QZ]) {
            let stride = matrix.stride();
            let to = self.row_mut(to);
            to.fill(0.0);
            for first in (0..rows).step_by(step) {
                let from = &matrix.values()[first * stride..];
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
            to.iter_mut().for_each(|to| *to /= rows as f32);
        }
    }

    /// z' = (z - mean) / sqrt(variance + epsilon), column by column, for every row of `z`.
    ///
    /// # Panics
    /// If the rows have another width.
    pub fn standardise(&self, isa: Isa, z: Rows, out: RowsMut) {
        struct Standardise<'a>(&'a Statistics, Rows<'a>, RowsMut<'a>);
        impl Kernel for Standardise<'_> {
            #[inline(always)]
            fn run<S: Simd>(self, simd: S) {
                let Self(statistics, z, mut out) = self;
                let [mean, inverse] = [statistics.row(MEAN), statistics.row(INVERSE)];
                for row in 0..z.count() {
                    let z = &z.values[row * z.stride..][..mean.len()];
                    let out = out.row(row, mean.len());
                    for at in (0..mean.len()).step_by(LANES) {
                        let left =
                            simd.sub(lanes::load_or_zero(simd, &z[at..]), lanes::load_or_zero(simd, &mean[at..]));
                        lanes::store_some(
                            simd,
                            &mut out[at..],
                            simd.mul(left, lanes::load_or_zero(simd, &inverse[at..])),
                        );
                    }
                }
            }
        }
        assert_eq!(z.count(), out.count(), "rows");
        isa.run(Standardise(self, z, out));
    }

    /// q = (q' - mean(q') - z' mean(q' z')) / sqrt(variance + epsilon), the means over the batch.
    ///
    /// # Panics
    /// If the rows have another width.
    pub fn gradient(&self, isa: Isa, z: Rows, q: Rows, out: RowsMut) {
        struct Gradient<'a>(&'a Statistics, [Rows<'a>; 2], RowsMut<'a>);
        impl Kernel for Gradient<'_> {
            #[inline(always)]
            fn run<S: Simd>(self, simd: S) {
                let Self(statistics, [z, q], mut out) = self;
                let [inverse, mean, slope] = [INVERSE, MEAN_Q, MEAN_QZ].map(|row| statistics.row(row));
                for row in 0..z.count() {
                    let [z, q] = [z, q].map(|rows| &rows.values[row * rows.stride..][..mean.len()]);
                    let out = out.row(row, mean.len());
                    for at in (0..mean.len()).step_by(LANES) {
                        let product =
                            simd.mul(lanes::load_or_zero(simd, &z[at..]), lanes::load_or_zero(simd, &slope[at..]));
                        let left = simd.sub(
                            simd.sub(lanes::load_or_zero(simd, &q[at..]), lanes::load_or_zero(simd, &mean[at..])),
                            product,
                        );
                        lanes::store_some(
                            simd,
                            &mut out[at..],
                            simd.mul(left, lanes::load_or_zero(simd, &inverse[at..])),
                        );
                    }
                }
            }
        }
        assert!(z.count() == out.count() && q.count() == out.count(), "rows");
        isa.run(Gradient(self, [z, q], out));
    }
}

/// The mean of each column of a block, and the sum of the squares of what is left without it, in the first rows of `mean`
/// and `square`.
///
/// # Shapes
/// `z`, `mean`, `square`: block x `width`, rows padded to whole vectors.
///
/// # Panics
/// If the slices do not have these shapes, or there is no row.
pub fn block(isa: Isa, z: Rows, width: usize, mean: RowsMut, square: RowsMut) {
    struct Sums<'a>(Rows<'a>, usize, [RowsMut<'a>; 2]);
    impl Kernel for Sums<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(z, width, [mut means, mut squares]) = self;
            let (means, squares) = (means.row(0, width), squares.row(0, width));
            let one_nth = simd.splat(1.0 / z.count() as f32);
            for at in (0..width).step_by(LANES) {
                let mut sum = simd.splat(0.0);
                for row in z.values.chunks_exact(z.stride) {
                    sum = simd.add(sum, lanes::load_or_zero(simd, &row[at..width]));
                }
                let mean = simd.mul(sum, one_nth);
                let mut square = simd.splat(0.0);
                for row in z.values.chunks_exact(z.stride) {
                    let left = simd.sub(lanes::load_or_zero(simd, &row[at..width]), mean);
                    square = simd.mul_add(left, left, square);
                }
                lanes::store_some(simd, &mut means[at..], mean);
                lanes::store_some(simd, &mut squares[at..], square);
            }
        }
    }
    isa.run(Sums(z, width, [mean, square]));
}

/// The sums of q' and of q' z' over the rows of a block, in the first rows of `sum` and `product`.
///
/// # Shapes
/// `z`, what [`Statistics::standardise`] gave, `q`, `sum`, `product`: block x `width`, rows padded to whole vectors.
///
/// # Panics
/// If the slices do not have these shapes, or there is no row.
pub fn block_gradient(isa: Isa, z: Rows, q: Rows, width: usize, sum: RowsMut, product: RowsMut) {
    struct Sums<'a>([Rows<'a>; 2], usize, [RowsMut<'a>; 2]);
    impl Kernel for Sums<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self([z, q], width, [mut sums, mut products]) = self;
            let (sums, products) = (sums.row(0, width), products.row(0, width));
            for at in (0..width).step_by(LANES) {
                let [mut sum, mut product] = [simd.splat(0.0); 2];
                for (z, q) in z.values.chunks_exact(z.stride).zip(q.values.chunks_exact(q.stride)) {
                    let [z, q] = [lanes::load_or_zero(simd, &z[at..width]), lanes::load_or_zero(simd, &q[at..width])];
                    sum = simd.add(sum, q);
                    product = simd.mul_add(q, z, product);
                }
                lanes::store_some(simd, &mut sums[at..], sum);
                lanes::store_some(simd, &mut products[at..], product);
            }
        }
    }
    isa.run(Sums([z, q], width, [sum, product]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(rows: usize, columns: usize, salt: usize) -> Matrix {
        Matrix::filled(rows, columns, salt, |x| x / 100.0 - 3.0)
    }

    fn out(matrix: &mut Matrix, rows: usize) -> RowsMut<'_> {
        let stride = matrix.stride();
        RowsMut { values: &mut matrix.values_mut()[..rows * stride], stride }
    }

    fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
        let n = values.len() as f64;
        values.sum::<f64>() / n
    }

    /// Standardised values and their gradient, of `n` values z and q, by the formulas.
    fn plain(z: &[f64], q: &[f64]) -> Vec<[f64; 2]> {
        let m = mean(z.iter().copied());
        let r = 1.0 / (mean(z.iter().map(|z| (z - m).powi(2))) + 1e-5).sqrt();
        let y: Vec<f64> = z.iter().map(|z| (z - m) * r).collect();
        let means = [mean(q.iter().copied()), mean(q.iter().zip(&y).map(|(q, y)| q * y))];
        y.iter().zip(q).map(|(y, q)| [*y, r * (q - means[0] - y * means[1])]).collect()
    }

    /// Rows, or columns, have mean 0 and variance 1, and their gradients are the formula's.
    fn check(of: impl Fn(&Matrix, usize) -> Vec<f64>, count: usize, [z, q, y, back]: [&Matrix; 4]) {
        for i in 0..count {
            let got = of(y, i).into_iter().zip(of(back, i));
            for ([value, slope], (y, back)) in plain(&of(z, i), &of(q, i)).into_iter().zip(got) {
                assert!((y - value).abs() < 3e-6 && (back - slope).abs() < 3e-6, "{y} {value}, {back} {slope}");
            }
        }
    }

    fn rows_of(isa: Isa, z: &Matrix, q: &Matrix, batch: usize, n: usize) -> [Matrix; 2] {
        let [mut y, mut back, mut inverse] = [n, n, 1].map(|n| Matrix::zeros(batch, n));
        rows(isa, 1e-5, z.head(batch), n, out(&mut y, batch), Some(out(&mut inverse, batch)));
        let heads = [&y, &inverse, q].map(|matrix| matrix.head(batch));
        rows_gradient(isa, heads[0], heads[1], heads[2], n, out(&mut back, batch));
        [y, back]
    }

    /// In blocks of four rows.
    fn columns_of(isa: Isa, z: &Matrix, q: &Matrix, batch: usize, n: usize) -> [Matrix; 2] {
        let stride = z.stride();
        let [mut y, mut back, mut a, mut b] = [(); 4].map(|()| Matrix::zeros(batch, n));
        let mut statistics = Statistics::new(n);
        let blocks = || (0..batch).step_by(4).map(|first| first * stride..batch.min(first + 4) * stride);
        for at in blocks() {
            let [m, s] =
                [&mut a, &mut b].map(|matrix| RowsMut { values: &mut matrix.values_mut()[at.clone()], stride });
            block(isa, Rows { values: &z.values()[at], stride }, n, m, s);
        }
        statistics.gather([&a, &b], batch, 4, 1e-5, |_, _, _| {});
        statistics.standardise(isa, z.head(batch), out(&mut y, batch));
        for at in blocks() {
            let [y, q] = [&y, q].map(|matrix| Rows { values: &matrix.values()[at.clone()], stride });
            let [m, s] =
                [&mut a, &mut b].map(|matrix| RowsMut { values: &mut matrix.values_mut()[at.clone()], stride });
            block_gradient(isa, y, q, n, m, s);
        }
        statistics.gather_gradient([&a, &b], batch, 4);
        statistics.gradient(isa, y.head(batch), q.head(batch), out(&mut back, batch));
        [y, back]
    }

    #[test]
    fn rows_and_columns_have_mean_0_and_variance_1_and_their_gradients() {
        let mut seen = vec![];
        for isa in Isa::available() {
            let mut bits = vec![];
            for (batch, n) in [(5, 1), (7, 16), (9, 33)] {
                let (z, q) = (filled(batch, n, 5), filled(batch, n, 77));
                let stride = z.stride();
                let row = |m: &Matrix, row: usize| m.values()[row * stride..][..n].iter().map(|&x| x.into()).collect();
                let column = |m: &Matrix, column: usize| {
                    (0..batch).map(|row| m.values()[row * stride + column].into()).collect()
                };
                let by_rows = rows_of(isa, &z, &q, batch, n);
                check(row, batch, [&z, &q, &by_rows[0], &by_rows[1]]);
                let by_columns = columns_of(isa, &z, &q, batch, n);
                check(column, n, [&z, &q, &by_columns[0], &by_columns[1]]);
                bits.extend(by_rows.iter().chain(&by_columns).flat_map(|m| m.values()).map(|x| x.to_bits()));
            }
            seen.push(bits);
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "one set of bits");
    }
}
