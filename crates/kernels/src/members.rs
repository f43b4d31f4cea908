//! What differs between the members of an ensemble that share their products: rows r, r + 1, ... of a batch are the same sample, each
//! worked on by another member, and each member has scales of its own.
//!
//! Source: BatchEnsemble, Wen, Tran and Ba 2020; TabM, Gorishniy, Kotelnikov and Babenko 2025.

use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::lanes;
use crate::matrix::{Rows, RowsMut};

/// Scales of the columns, for each member others: its weights lie together, and so do its biases behind the weights of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Members {
    /// Number of members: row r is one of member r mod count.
    pub count: usize,
    /// Columns.
    pub width: usize,
    /// Whether there are biases too.
    pub bias: bool,
}

impl Members {
    /// Number of weights and biases.
    #[must_use]
    pub fn parameters(self) -> usize {
        self.count.saturating_mul(self.width).saturating_mul(1 + usize::from(self.bias))
    }

    /// The weights of the member of a row, and its biases.
    #[inline(always)]
    fn of(self, weights: &[f32], row: usize) -> (&[f32], Option<&[f32]>) {
        let member = row % self.count;
        let at = |start: usize| &weights[start + member * self.width..][..self.width];
        (at(0), self.bias.then(|| at(self.count * self.width)))
    }
}

/// z' = w_m z + b_m for every row of `z`, the first of which is row `first` of the batch.
///
/// # Shapes
/// `z` and `out`: B x width; `weights`: [`Members::parameters`].
///
/// # Panics
/// If the slices do not have these shapes.
pub fn forward(isa: Isa, members: Members, first: usize, z: Rows, weights: &[f32], out: RowsMut) {
    scale(isa, members, first, z, weights, true, out);
}

/// q = w_m q' for every row of `q`, the gradient of z'.
///
/// # Shapes
/// As in [`forward`].
///
/// # Panics
/// If the slices do not have these shapes.
pub fn input_gradient(isa: Isa, members: Members, first: usize, q: Rows, weights: &[f32], out: RowsMut) {
    scale(isa, members, first, q, weights, false, out);
}

fn scale(isa: Isa, members: Members, first: usize, z: Rows, weights: &[f32], biased: bool, out: RowsMut) {
    struct Scale<'a>(Members, usize, Rows<'a>, &'a [f32], bool, RowsMut<'a>);
    impl Kernel for Scale<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(members, first, z, weights, biased, mut out) = self;
            let n = members.width;
            for row in 0..z.count() {
                let (w, b) = members.of(weights, first.wrapping_add(row));
                let (z, out) = (z.row(row, n), out.row(row, n));
                for at in (0..n).step_by(LANES) {
                    let [w, z] = [w, z].map(|x| lanes::load_or_zero(simd, &x[at..]));
                    let value = match b {
                        Some(b) if biased => simd.mul_add(w, z, lanes::load_or_zero(simd, &b[at..])),
                        _ => simd.mul(w, z),
                    };
                    lanes::store_some(simd, &mut out[at..], value);
                }
            }
        }
    }
    assert_eq!(weights.len(), members.parameters(), "weights and biases");
    isa.run(Scale(members, first, z, weights, biased, out));
}

/// The gradient of all weights and biases, summed over the rows of `z` and `q`, the gradient of z', in their order.
///
/// # Shapes
/// As in [`forward`]; `gradient`: [`Members::parameters`].
///
/// # Panics
/// If the slices do not have these shapes.
pub fn weight_gradient(isa: Isa, members: Members, [z, q]: [Rows; 2], gradient: &mut [f32]) {
    struct Gradient<'a>(Members, [Rows<'a>; 2], &'a mut [f32]);
    impl Kernel for Gradient<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(members, [z, q], gradient) = self;
            let n = members.width;
            let (weights, biases) = gradient.split_at_mut(members.count * n);
            for (member, weights) in weights.chunks_exact_mut(n.max(1)).enumerate() {
                for at in (0..n).step_by(LANES) {
                    let mut sums = [simd.splat(0.0); 2];
                    for row in (member..z.count()).step_by(members.count) {
                        let [z, q] = [z, q].map(|rows| lanes::load_or_zero(simd, &rows.row(row, n)[at..]));
                        sums = [simd.mul_add(q, z, sums[0]), simd.add(q, sums[1])];
                    }
                    lanes::store_some(simd, &mut weights[at..], sums[0]);
                    if members.bias {
                        lanes::store_some(simd, &mut biases[member * n..][at..n], sums[1]);
                    }
                }
            }
        }
    }
    assert_eq!(gradient.len(), members.parameters(), "weights and biases");
    assert_eq!(z.count(), q.count(), "rows");
    isa.run(Gradient(members, [z, q], gradient));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    /// By the plain sums, the same bits on every ISA and wherever the rows are cut.
    #[test]
    fn each_member_has_scales_of_its_own_on_every_isa() {
        for (count, width, rows, bias) in [(1, 5, 3, true), (4, 16, 8, false), (3, 37, 12, true)] {
            let members = Members { count, width, bias };
            let [z, q] = [3, 11].map(|salt| Matrix::filled(rows, width, salt, |x| x / 504.5 - 1.0));
            let weights: Vec<f32> = (0..members.parameters()).map(|i| ((i * 31) % 101) as f32 / 50.0 - 1.0).collect();
            let at = |matrix: &Matrix, row: usize, column: usize| matrix.head(rows).row(row, width)[column];
            let mut first = None;
            for isa in Isa::available() {
                let [mut next, mut below] = [(); 2].map(|()| Matrix::zeros(rows, width));
                let stride = next.stride();
                for (from, to) in [(0, 1), (1, rows)] {
                    let part = |matrix: &'static str| if matrix == "z" { &z } else { &q };
                    let rows = |of| Rows { values: &Matrix::values(part(of))[from * stride..to * stride], stride };
                    let out = RowsMut { values: &mut next.values_mut()[from * stride..to * stride], stride };
                    forward(isa, members, from, rows("z"), &weights, out);
                    let out = RowsMut { values: &mut below.values_mut()[from * stride..to * stride], stride };
                    input_gradient(isa, members, from, rows("q"), &weights, out);
                }
                let mut gradient = vec![9.0; weights.len()];
                weight_gradient(isa, members, [z.head(rows), q.head(rows)], &mut gradient);
                for (row, column) in (0..rows).flat_map(|row| (0..width).map(move |column| (row, column))) {
                    let w = weights[row % count * width + column];
                    let b = if bias { weights[(count + row % count) * width + column] } else { 0.0 };
                    assert_eq!(at(&next, row, column), w.mul_add(at(&z, row, column), b), "{members:?}");
                    assert_eq!(at(&below, row, column), w * at(&q, row, column), "{members:?}");
                }
                for (member, column) in (0..count).flat_map(|member| (0..width).map(move |column| (member, column))) {
                    let own = || (member..rows).step_by(count);
                    let sum = own().fold(0.0, |sum, row| at(&q, row, column).mul_add(at(&z, row, column), sum));
                    assert_eq!(gradient[member * width + column], sum, "{members:?}");
                    if bias {
                        let sum = own().fold(0.0, |sum, row| sum + at(&q, row, column));
                        assert_eq!(gradient[(count + member) * width + column], sum, "{members:?}");
                    }
                }
                let all = [next.values().to_vec(), below.values().to_vec(), gradient];
                assert_eq!(*first.get_or_insert(all.clone()), all, "{members:?} on {}", isa.name());
            }
        }
    }
}
