//! Dense layers side by side, each of which reads its own part of a row, or its own rows of a batch.
//!
//! Part g of z has m values, and m weights and a bias lie together for each value that the layer of that part gives, one after the
//! other: w_{c, 1} ... w_{c, m} b_c.

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::lanes;
use crate::matrix::{Rows, RowsMut};

/// How many parts there are, how many values are read of each, and how many each gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    /// Number of parts.
    pub count: usize,
    /// Values of a part of z.
    pub inputs: usize,
    /// Values of a part of z'.
    pub outputs: usize,
    /// What the parts are.
    pub of: Parts,
}

/// What each layer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    /// Its own part of each row.
    Columns,
    /// Every count-th row, layer g row g first: the members of an ensemble.
    Rows,
}

impl Groups {
    /// Number of weights and biases.
    #[must_use]
    pub fn parameters(self) -> usize {
        (self.inputs + 1).saturating_mul(self.outputs).saturating_mul(self.count)
    }

    /// Columns of z and of z'.
    #[must_use]
    pub fn widths(self) -> [usize; 2] {
        let parts = if self.of == Parts::Columns { self.count } else { 1 };
        [self.inputs.saturating_mul(parts), self.outputs.saturating_mul(parts)]
    }

    /// For each column of z' of a row of the batch the number of its weights, and the first of the columns of z that it reads.
    #[inline(always)]
    fn each(self, row: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        let first = if self.of == Parts::Columns { 0 } else { row % self.count * self.outputs };
        let read = move |c: usize| if self.of == Parts::Columns { c / self.outputs * self.inputs } else { 0 };
        (0..self.widths()[1]).map(move |c| (c, first + c, read(c)))
    }
}

/// z'_c = w_c . z_g + b_c for every row of `z`, the first of which is row `first` of the batch.
///
/// # Shapes
/// `z` and `out`: B x [`Groups::widths`]; `weights`: [`Groups::parameters`].
///
/// # Panics
/// If the slices do not have these shapes.
pub fn forward(isa: Isa, groups: Groups, first: usize, z: Rows, weights: &[f32], out: RowsMut) {
    struct Forward<'a>(Groups, usize, Rows<'a>, &'a [f32], RowsMut<'a>);
    impl Kernel for Forward<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(groups, start, z, weights, mut out) = self;
            let (n, [from, to]) = (groups.inputs, groups.widths());
            for row in 0..z.count() {
                let (z, out) = (z.row(row, from), out.row(row, to));
                for (c, w, first) in groups.each(start.wrapping_add(row)) {
                    let w = &weights[w * (n + 1)..][..=n];
                    let mut sum = simd.splat(0.0);
                    for at in (0..n).step_by(LANES) {
                        let [w, z] = [&w[at..n], &z[first + at..first + n]].map(|x| lanes::load_or_zero(simd, x));
                        sum = simd.mul_add(w, z, sum);
                    }
                    out[c] = simd.sum_lanes(sum) + w[n];
                }
            }
        }
    }
    assert_eq!(weights.len(), groups.parameters(), "weights and biases");
    isa.run(Forward(groups, first, z, weights, out));
}

/// q_g = sum_c q'_c w_c for every row of `q`, the gradient of z'.
///
/// # Shapes
/// As in [`forward`]: `q` as its `out`, `out` as its `z`.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn input_gradient(isa: Isa, groups: Groups, first: usize, q: Rows, weights: &[f32], out: RowsMut) {
    struct Backward<'a>(Groups, usize, Rows<'a>, &'a [f32], RowsMut<'a>);
    impl Kernel for Backward<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(groups, start, q, weights, mut out) = self;
            let (n, [from, to]) = (groups.inputs, groups.widths());
            for row in 0..q.count() {
                let (q, out) = (q.row(row, to), out.row(row, from));
                out.fill(0.0);
                for (c, w, first) in groups.each(start.wrapping_add(row)) {
                    let w = &weights[w * (n + 1)..][..n];
                    let q = simd.splat(q[c]);
                    for at in (0..n).step_by(LANES) {
                        let to = &mut out[first + at..first + n];
                        let [w, sum] = [&w[at..], &*to].map(|x| lanes::load_or_zero(simd, x));
                        lanes::store_some(simd, to, simd.mul_add(q, w, sum));
                    }
                }
            }
        }
    }
    assert_eq!(weights.len(), groups.parameters(), "weights and biases");
    isa.run(Backward(groups, first, q, weights, out));
}

/// The gradient of all weights and biases, summed over the rows of `z` and `q`, the gradient of z', in their order.
///
/// # Shapes
/// As in [`forward`]; `gradient`: [`Groups::parameters`].
///
/// # Panics
/// If the slices do not have these shapes.
pub fn weight_gradient(isa: Isa, groups: Groups, [z, q]: [Rows; 2], gradient: &mut [f32]) {
    struct Gradient<'a>(Groups, [Rows<'a>; 2], &'a mut [f32]);
    impl Kernel for Gradient<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(groups, [z, q], gradient) = self;
            let n = groups.inputs;
            // Which rows the layer of a part reads.
            let (parts, step) = match groups.of {
                Parts::Columns => (1, 1),
                Parts::Rows => (groups.count, groups.count),
            };
            for (part, (c, w, first)) in (0..parts).flat_map(|part| groups.each(part).map(move |each| (part, each))) {
                let p = &mut gradient[w * (n + 1)..][..=n];
                let rows = || (part..z.count()).step_by(step);
                for at in (0..n).step_by(LANES) {
                    let mut sum = simd.splat(0.0);
                    for row in rows() {
                        let z = lanes::load_or_zero(simd, &z.row(row, first + n)[first + at..]);
                        sum = simd.mul_add(simd.splat(q.row(row, c + 1)[c]), z, sum);
                    }
                    lanes::store_some(simd, &mut p[at..n], sum);
                }
                p[n] = rows().fold(0.0, |sum, row| sum + q.row(row, c + 1)[c]);
            }
        }
    }
    assert_eq!(gradient.len(), groups.parameters(), "weights and biases");
    assert_eq!(z.count(), q.count(), "rows");
    isa.run(Gradient(groups, [z, q], gradient));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    /// By the plain sums, the same bits on every ISA.
    #[test]
    fn each_part_has_a_layer_of_its_own_on_every_isa() {
        let sizes = [(1, 1, 1), (3, 16, 3), (2, 37, 5), (9, 4, 2)];
        for (count, inputs, outputs) in sizes {
            let (groups, rows) = (Groups { count, inputs, outputs, of: Parts::Columns }, 5);
            let [from, to] = [count * inputs, count * outputs];
            let z = Matrix::filled(rows, from, 3, |x| x / 504.5 - 1.0);
            let q = Matrix::filled(rows, to, 11, |x| x / 504.5 - 1.0);
            let weights: Vec<f32> = (0..groups.parameters()).map(|i| ((i * 31) % 101) as f32 / 50.0 - 1.0).collect();
            let (mut first, n) = (None, inputs + 1);
            for isa in Isa::available() {
                let (mut next, mut below) = (Matrix::zeros(rows, to), Matrix::zeros(rows, from));
                let mut gradient = vec![9.0; weights.len()];
                let stride = next.stride();
                forward(isa, groups, 0, z.head(rows), &weights, RowsMut { values: next.values_mut(), stride });
                let stride = below.stride();
                input_gradient(isa, groups, 0, q.head(rows), &weights, RowsMut { values: below.values_mut(), stride });
                weight_gradient(isa, groups, [z.head(rows), q.head(rows)], &mut gradient);
                let near = |got: f32, want: f32| assert!((got - want).abs() < 1e-4, "{groups:?}: {got} {want}");
                for (row, c) in (0..rows).flat_map(|row| (0..to).map(move |c| (row, c))) {
                    let z = &z.head(rows).row(row, from)[c / outputs * inputs..][..inputs];
                    let sum: f32 = z.iter().zip(&weights[c * n..]).map(|(z, w)| z * w).sum();
                    near(next.head(rows).row(row, to)[c], sum + weights[c * n + inputs]);
                }
                for (row, k) in (0..rows).flat_map(|row| (0..from).map(move |k| (row, k))) {
                    let own = k / inputs * outputs..(k / inputs + 1) * outputs;
                    let sum: f32 = own.map(|c| q.head(rows).row(row, to)[c] * weights[c * n + k % inputs]).sum();
                    near(below.head(rows).row(row, from)[k], sum);
                }
                for (i, &got) in gradient.iter().enumerate() {
                    let (c, k) = (i / n, i % n);
                    let z = |row: usize| {
                        if k == inputs { 1.0 } else { z.head(rows).row(row, from)[c / outputs * inputs + k] }
                    };
                    near(got, (0..rows).map(|row| q.head(rows).row(row, to)[c] * z(row)).sum());
                }
                let all = [next.values().to_vec(), below.values().to_vec(), gradient];
                assert_eq!(*first.get_or_insert(all.clone()), all, "{groups:?} on {}", isa.name());
            }
        }
    }

    /// Rows of members as parts of one long row.
    #[test]
    fn members_are_parts_of_a_row_that_holds_all_of_theirs() {
        let (count, inputs, outputs) = (3, 37, 2);
        let by_rows = Groups { count, inputs, outputs, of: Parts::Rows };
        let by_columns = Groups { of: Parts::Columns, ..by_rows };
        let weights: Vec<f32> = (0..by_rows.parameters()).map(|i| ((i * 31) % 101) as f32 / 50.0 - 1.0).collect();
        let long = |width: usize, salt: usize| Matrix::filled(2, count * width, salt, |x| x / 504.5 - 1.0);
        let cut = |matrix: &Matrix, width: usize| {
            let mut cut = Matrix::zeros(2 * count, width);
            let stride = cut.stride();
            for (row, to) in cut.values_mut().chunks_exact_mut(stride).enumerate() {
                let from = matrix.head(2).row(row / count, count * width);
                to[..width].copy_from_slice(&from[row % count * width..][..width]);
            }
            cut
        };
        let (z, q) = (long(inputs, 3), long(outputs, 11));
        let of = |groups: Groups, z: &Matrix, q: &Matrix, rows: usize| {
            let [from, to] = groups.widths();
            let [mut next, mut below] = [to, from].map(|width| Matrix::zeros(rows, width));
            let mut gradient = vec![0.0; weights.len()];
            let [a, b] = [next.stride(), below.stride()];
            let isa = Isa::best();
            forward(isa, groups, 0, z.head(rows), &weights, RowsMut { values: next.values_mut(), stride: a });
            input_gradient(isa, groups, 0, q.head(rows), &weights, RowsMut { values: below.values_mut(), stride: b });
            weight_gradient(isa, groups, [z.head(rows), q.head(rows)], &mut gradient);
            (next, below, gradient)
        };
        let (next, below, gradient) = of(by_columns, &z, &q, 2);
        let cut_up = of(by_rows, &cut(&z, inputs), &cut(&q, outputs), 2 * count);
        assert_eq!((cut(&next, outputs), cut(&below, inputs), gradient), cut_up);
    }
}
