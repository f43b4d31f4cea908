//! How far a value has come through each of several bins: what piecewise-linear functions of it are weighted sums of.

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::lanes;
use crate::matrix::{Rows, RowsMut};

/// z'_{j n + t} = (z_j - e_t) / (e_{t+1} - e_t), at least 0 and at most 1, for the n bins between n + 1 ascending edges e.
///
/// # Shapes
/// `z`: B x `width`, `out`: B x (n `width`).
///
/// # Panics
/// If the slices do not have these shapes.
pub fn forward(isa: Isa, edges: &[f32], z: Rows, width: usize, out: RowsMut) {
    struct Forward<'a>(&'a [f32], Rows<'a>, usize, RowsMut<'a>);
    impl Kernel for Forward<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(edges, z, width, mut out) = self;
            let (n, [zero, one]) = (edges.len() - 1, [0.0, 1.0].map(|x| simd.splat(x)));
            for row in 0..z.count() {
                let (z, out) = (z.row(row, width), out.row(row, n * width));
                for (&z, out) in z.iter().zip(out.chunks_exact_mut(n)) {
                    let z = simd.splat(z);
                    for at in (0..n).step_by(LANES) {
                        let [low, high] = [at, at + 1].map(|at| lanes::load_or_zero(simd, &edges[at..]));
                        let share = simd.div(simd.sub(z, low), simd.sub(high, low));
                        lanes::store_some(simd, &mut out[at..], simd.min(simd.max(share, zero), one));
                    }
                }
            }
        }
    }
    assert!(edges.len() > 1 && z.count() == out.count(), "a bin, and rows");
    isa.run(Forward(edges, z, width, out));
}

/// q_j = q'_{j n + t} / (e_{t+1} - e_t), t the bin of z_j; 0 outside all bins.
///
/// # Shapes
/// `z` and `out`: B x `width`, `q`, the gradient of z': B x (n `width`).
///
/// # Panics
/// If the slices do not have these shapes.
pub fn input_gradient(edges: &[f32], [z, q]: [Rows; 2], width: usize, mut out: RowsMut) {
    let n = edges.len() - 1;
    for row in 0..z.count() {
        let (z, q) = (z.row(row, width), q.row(row, n * width));
        for ((z, q), out) in z.iter().zip(q.chunks_exact(n)).zip(out.row(row, width)) {
            let above = edges.partition_point(|edge| edge <= z);
            *out = if (1..=n).contains(&above) { q[above - 1] / (edges[above] - edges[above - 1]) } else { 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    /// By the equation, the same bits on every ISA.
    #[test]
    fn bins_fill_one_after_the_other_and_only_one_has_a_slope() {
        for (n, width) in [(1, 1), (5, 3), (16, 2), (48, 7)] {
            let edges: Vec<f32> = (0..=n).map(|t| (t * t) as f32 / n as f32 - 2.0).collect();
            let z = Matrix::filled(6, width, 3, |x| x / 100.0 - 4.0);
            let q = Matrix::filled(6, n * width, 5, |x| x / 504.5 - 1.0);
            for isa in Isa::available() {
                let mut out = Matrix::zeros(6, n * width);
                let stride = out.stride();
                forward(isa, &edges, z.head(6), width, RowsMut { values: out.values_mut(), stride });
                let mut back = Matrix::zeros(6, width);
                let stride = back.stride();
                let rows = [z.head(6), q.head(6)];
                input_gradient(&edges, rows, width, RowsMut { values: back.values_mut(), stride });
                for (row, j) in (0..6).flat_map(|row| (0..width).map(move |j| (row, j))) {
                    let x = z.head(6).row(row, width)[j];
                    let mut slope = 0.0;
                    for t in 0..n {
                        let size = edges[t + 1] - edges[t];
                        let share = ((x - edges[t]) / size).clamp(0.0, 1.0);
                        assert_eq!(out.head(6).row(row, n * width)[j * n + t], share, "{}", isa.name());
                        if edges[t] <= x && x < edges[t + 1] {
                            slope += q.head(6).row(row, n * width)[j * n + t] / size;
                        }
                    }
                    assert_eq!(back.head(6).row(row, width)[j], slope);
                }
            }
        }
    }
}
