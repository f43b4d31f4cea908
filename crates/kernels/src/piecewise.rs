//! Piecewise-linear functions of each value: several of one value, with knots at the same edges.
//!
//! With s_t = (z_j - e_t) / (e_{t+1} - e_t), at least 0 and at most 1, the share of bin t that z_j has come through,
//! z'_j = b_j + sum_t s_t v_{jt}. Only one share is neither 0 nor 1, so that with P_t = b_j + v_{j0} + ... + v_{j(t-1)} it is P_t + s_t v_{jt},
//! t the bin of z_j. The parameters of a value lie together: b_j, v_{j0}, v_{j1}, ..., each as long as z'_j.
//!
//! Source: Gorishniy, Rubachev and Babenko 2022.

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::lanes;
use crate::matrix::{Rows, RowsMut};

/// How many values are read, the bins of each, and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piecewise {
    /// Columns of z.
    pub inputs: usize,
    /// Bins of a value: one more edge.
    pub bins: usize,
    /// Values that each becomes.
    pub width: usize,
}

impl Piecewise {
    /// Number of parameters.
    #[must_use]
    pub fn parameters(self) -> usize {
        self.of_value().saturating_mul(self.inputs)
    }

    /// Number of parameters of a value.
    fn of_value(self) -> usize {
        self.bins.saturating_add(1).saturating_mul(self.width)
    }
}

/// The bin of `z`, from the first to the last one, and the share of it.
#[inline(always)]
fn bin<S: Simd>(simd: S, edges: &[f32], z: f32) -> (usize, f32) {
    let (inner, value) = (&edges[1..edges.len() - 1], simd.splat(z));
    let [zero, one] = [0.0, 1.0].map(|x| simd.splat(x));
    let mut count = zero;
    for at in (0..inner.len()).step_by(LANES) {
        // What lies past the last edge counts for nothing.
        let edge = lanes::load_or(simd, &inner[at..], simd.splat(f32::INFINITY));
        count = simd.add(count, simd.select_gt(edge, value, zero, one));
    }
    let t = (simd.sum_lanes(count) as usize).min(edges.len() - 2); // NaN is not below any edge
    (t, ((z - edges[t]) / (edges[t + 1] - edges[t])).clamp(0.0, 1.0))
}

/// z'_j = P_t + s_t v_{jt}
///
/// # Shapes
/// `z`: B x inputs, `out`: B x (inputs width); `edges`: bins + 1, ascending; `weights`: [`Piecewise::parameters`].
///
/// # Panics
/// If the slices do not have these shapes.
pub fn forward(isa: Isa, piecewise: Piecewise, edges: &[f32], z: Rows, weights: &[f32], out: RowsMut) {
    struct Forward<'a>(Piecewise, &'a [f32], Rows<'a>, &'a [f32], RowsMut<'a>);
    impl Kernel for Forward<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(of, edges, z, weights, mut out) = self;
            let n = of.width;
            // P_0, P_1, ... of one value.
            let mut sums = vec![0.0; of.of_value()];
            for (j, weights) in weights.chunks_exact(of.of_value()).enumerate() {
                sums.copy_from_slice(weights);
                (n..sums.len()).for_each(|at| sums[at] += sums[at - n]);
                for row in 0..z.count() {
                    let (t, share) = bin(simd, edges, z.row(row, of.inputs)[j]);
                    let share = simd.splat(share);
                    let (sum, v) = (&sums[t * n..][..n], &weights[(t + 1) * n..][..n]);
                    let out = &mut out.row(row, of.inputs * n)[j * n..][..n];
                    for at in (0..n).step_by(LANES) {
                        let [sum, v] = [sum, v].map(|x| lanes::load_or_zero(simd, &x[at..]));
                        lanes::store_some(simd, &mut out[at..], simd.mul_add(share, v, sum));
                    }
                }
            }
        }
    }
    check(piecewise, edges, weights, [z.count(), out.count()]);
    isa.run(Forward(piecewise, edges, z, weights, out));
}

/// q_j = q'_j . v_{jt} / (e_{t+1} - e_t), t the bin of z_j; 0 outside all bins.
///
/// # Shapes
/// As in [`forward`]; `q`, the gradient of z', as z'.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn input_gradient(isa: Isa, piecewise: Piecewise, edges: &[f32], [z, q]: [Rows; 2], weights: &[f32], out: RowsMut) {
    struct Backward<'a>(Piecewise, &'a [f32], [Rows<'a>; 2], &'a [f32], RowsMut<'a>);
    impl Kernel for Backward<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(of, edges, [z, q], weights, mut out) = self;
            let (n, ends) = (of.width, edges[0]..edges[of.bins]);
            for row in 0..z.count() {
                let (z, q) = (z.row(row, of.inputs), q.row(row, of.inputs * n));
                let out = out.row(row, of.inputs);
                for (j, (weights, q)) in weights.chunks_exact(of.of_value()).zip(q.chunks_exact(n)).enumerate() {
                    let (t, _) = bin(simd, edges, z[j]);
                    let v = &weights[(t + 1) * n..][..n];
                    let mut sum = simd.splat(0.0);
                    for at in (0..n).step_by(LANES) {
                        let [q, v] = [q, v].map(|x| lanes::load_or_zero(simd, &x[at..]));
                        sum = simd.mul_add(q, v, sum);
                    }
                    let slope = 1.0 / (edges[t + 1] - edges[t]);
                    out[j] = if ends.contains(&z[j]) { simd.sum_lanes(sum) * slope } else { 0.0 };
                }
            }
        }
    }
    check(piecewise, edges, weights, [z.count(), out.count()]);
    isa.run(Backward(piecewise, edges, [z, q], weights, out));
}

/// The gradient of all parameters, summed over the rows of `z` and `q`, the gradient of z', in their order.
///
/// ```text
/// dv_{jt} = sum_{rows with z_j in bin t} s_t q'_j  +  sum_{rows with z_j above bin t} q'_j,   db_j = sum q'_j
/// ```
///
/// # Shapes
/// As in [`forward`]; `gradient`: [`Piecewise::parameters`].
///
/// # Panics
/// If the slices do not have these shapes.
pub fn weight_gradient(isa: Isa, piecewise: Piecewise, edges: &[f32], [z, q]: [Rows; 2], gradient: &mut [f32]) {
    struct Gradient<'a>(Piecewise, &'a [f32], [Rows<'a>; 2], &'a mut [f32]);
    impl Kernel for Gradient<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(of, edges, [z, q], gradient) = self;
            let n = of.width;
            // The sums of the q' of each bin.
            let mut sums = vec![0.0; of.bins * n];
            for (j, gradient) in gradient.chunks_exact_mut(of.of_value()).enumerate() {
                sums.fill(0.0);
                gradient.fill(0.0);
                for row in 0..z.count() {
                    let (t, share) = bin(simd, edges, z.row(row, of.inputs)[j]);
                    let (share, q) = (simd.splat(share), &q.row(row, of.inputs * n)[j * n..][..n]);
                    let (sum, v) = (&mut sums[t * n..][..n], &mut gradient[(t + 1) * n..][..n]);
                    for at in (0..n).step_by(LANES) {
                        let q = lanes::load_or_zero(simd, &q[at..]);
                        let next = simd.mul_add(share, q, lanes::load_or_zero(simd, &v[at..]));
                        lanes::store_some(simd, &mut v[at..], next);
                        let next = simd.add(q, lanes::load_or_zero(simd, &sum[at..]));
                        lanes::store_some(simd, &mut sum[at..], next);
                    }
                }
                let mut above = vec![0.0; n];
                for t in (0..of.bins).rev() {
                    for (i, above) in above.iter_mut().enumerate() {
                        gradient[(t + 1) * n + i] += *above;
                        *above += sums[t * n + i];
                    }
                }
                gradient[..n].copy_from_slice(&above);
            }
        }
    }
    check(piecewise, edges, gradient, [z.count(), q.count()]);
    isa.run(Gradient(piecewise, edges, [z, q], gradient));
}

fn check(piecewise: Piecewise, edges: &[f32], weights: &[f32], rows: [usize; 2]) {
    let Piecewise { inputs, bins, width } = piecewise;
    assert!(
        inputs.min(bins).min(width) > 0 && edges.len() == bins.saturating_add(1),
        "{piecewise:?}: {} edges",
        edges.len()
    );
    assert_eq!(weights.len(), piecewise.parameters(), "weights");
    assert_eq!(rows[0], rows[1], "rows");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    /// By the sums over all bins in f64; the same bits on every ISA.
    #[test]
    fn values_and_gradients_are_those_of_the_sums_over_all_bins_on_every_isa() {
        for (inputs, bins, width) in [(1, 1, 1), (3, 5, 16), (2, 16, 3), (5, 48, 37)] {
            let of = Piecewise { inputs, bins, width };
            let edges: Vec<f32> = (0..=bins).map(|t| (t * t) as f32 / bins as f32 - 2.0).collect();
            let rows = 9;
            let z = Matrix::filled(rows, inputs, 3, |x| x / 100.0 - 4.0);
            let q = Matrix::filled(rows, inputs * width, 5, |x| x / 504.5 - 1.0);
            let weights: Vec<f32> = (0..of.parameters()).map(|i| ((i * 31) % 101) as f32 / 50.0 - 1.0).collect();
            let share = |row: usize, j: usize, t: usize| {
                let [low, high] = [edges[t], edges[t + 1]].map(f64::from);
                ((f64::from(z.head(rows).row(row, inputs)[j]) - low) / (high - low)).clamp(0.0, 1.0)
            };
            let w = |j: usize, t: usize, i: usize| f64::from(weights[(j * (bins + 1) + t) * width + i]);
            let q_of = |row: usize, j: usize, i: usize| f64::from(q.head(rows).row(row, inputs * width)[j * width + i]);
            let near = |a: f32, b: f64| assert!((f64::from(a) - b).abs() < 2e-5 * b.abs().max(1.0), "{of:?}: {a} {b}");
            let mut first = None;
            for isa in Isa::available() {
                let (mut out, mut below) = (Matrix::zeros(rows, inputs * width), Matrix::zeros(rows, inputs));
                let stride = out.stride();
                forward(isa, of, &edges, z.head(rows), &weights, RowsMut { values: out.values_mut(), stride });
                let stride = below.stride();
                let back = RowsMut { values: below.values_mut(), stride };
                input_gradient(isa, of, &edges, [z.head(rows), q.head(rows)], &weights, back);
                let mut gradient = vec![9.0; weights.len()];
                weight_gradient(isa, of, &edges, [z.head(rows), q.head(rows)], &mut gradient);
                for (row, j) in (0..rows).flat_map(|row| (0..inputs).map(move |j| (row, j))) {
                    let mut slope = 0.0;
                    for i in 0..width {
                        let sum: f64 = (0..bins).map(|t| share(row, j, t) * w(j, t + 1, i)).sum();
                        near(out.head(rows).row(row, inputs * width)[j * width + i], w(j, 0, i) + sum);
                        let x = z.head(rows).row(row, inputs)[j];
                        if let Some(t) = (0..bins).find(|&t| edges[t] <= x && x < edges[t + 1]) {
                            slope += q_of(row, j, i) * w(j, t + 1, i) / f64::from(edges[t + 1] - edges[t]);
                        }
                    }
                    near(below.head(rows).row(row, inputs)[j], slope);
                }
                for (j, i) in (0..inputs).flat_map(|j| (0..width).map(move |i| (j, i))) {
                    let of_bias: f64 = (0..rows).map(|row| q_of(row, j, i)).sum();
                    near(gradient[j * (bins + 1) * width + i], of_bias);
                    for t in 0..bins {
                        let sum: f64 = (0..rows).map(|row| share(row, j, t) * q_of(row, j, i)).sum();
                        near(gradient[(j * (bins + 1) + t + 1) * width + i], sum);
                    }
                }
                let all = [out.values().to_vec(), below.values().to_vec(), gradient];
                assert_eq!(*first.get_or_insert(all.clone()), all, "{of:?} on {}", isa.name());
            }
        }
    }
}
