//! z' = z + a (sigma(z) - z), a learned for each column: between the identity and an activation, or past it.
//!
//! The activation is applied before, for whole rows; the a are a row of [`Panels`](crate::Panels).

use crate::dense::{WeightBlock, Weights};
use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::lanes;
use crate::matrix::{Rows, RowsMut};
use crate::panels::{PANEL, Panel};
use crate::update::{Part, Update, update};

/// z + a (sigma(z) - z), of z and of `values`, which are sigma(z); where they are not given, `out` has them.
///
/// # Shapes
/// `z`, `values` and `out`: B x n, rows padded to whole vectors; `weights`: 1 x n in panels.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn forward(isa: Isa, z: Rows, values: Option<Rows>, weights: Weights, out: RowsMut) {
    each(isa, Each { weights, x: z, s: values, out, gradient: false });
}

/// q (1 + a (sigma'(z) - 1)), of q, the gradient of z', and of `slopes`, which are sigma'(z).
///
/// # Shapes
/// As in [`forward`].
///
/// # Panics
/// If the slices do not have these shapes.
pub fn input_gradient(isa: Isa, q: Rows, slopes: Rows, weights: Weights, out: RowsMut) {
    each(isa, Each { weights, x: q, s: Some(slopes), out, gradient: true });
}

struct Each<'a> {
    weights: Weights<'a>,
    x: Rows<'a>,
    s: Option<Rows<'a>>,
    out: RowsMut<'a>,
    gradient: bool,
}

fn each(isa: Isa, each: Each) {
    let count = each.out.count();
    assert!(each.x.count() == count && each.s.is_none_or(|s| s.count() == count), "rows");
    each.weights.check();
    isa.run(each);
}

impl Kernel for Each<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { weights, x, s, mut out, gradient } = self;
        let one = simd.splat(1.0);
        for panel in weights.layout.iter() {
            for column in (0..panel.columns).step_by(LANES) {
                let a = lanes::load(simd, weights.values, panel.start + column);
                let (at, lanes) = (panel.column + column, LANES.min(panel.columns - column));
                for row in 0..out.count() {
                    let to = &mut out.row(row, at + lanes)[at..];
                    let x = x.lanes(simd, row, at);
                    let s = s.map_or_else(|| lanes::load_or_zero(simd, to), |s| s.lanes(simd, row, at));
                    let value = if gradient {
                        simd.mul(x, simd.mul_add(a, simd.sub(s, one), one))
                    } else {
                        simd.mul_add(a, simd.sub(s, x), x)
                    };
                    lanes::store_some(simd, to, value);
                }
            }
        }
    }
}

/// The gradient of the a of one panel's columns: the sum of q (sigma(z) - z) over the rows.
///
/// # Shapes
/// `z`, `values`, which are sigma(z), and `q`: B x n, rows padded to whole vectors; `gradient`: the panel.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn weight_gradient(isa: Isa, [z, values, q]: [Rows; 3], panel: Panel, gradient: &mut [f32]) {
    struct Gradient<'a>([Rows<'a>; 3], Panel, &'a mut [f32]);
    impl Kernel for Gradient<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self([z, values, q], panel, gradient) = self;
            gradient[..panel.width].fill(0.0);
            for column in (0..panel.columns).step_by(LANES) {
                let (at, lanes) = (panel.column + column, LANES.min(panel.columns - column));
                let mut sum = simd.splat(0.0);
                for row in 0..z.count() {
                    let [z, value, q] = [z, values, q].map(|rows| rows.lanes(simd, row, at));
                    sum = simd.mul_add(q, simd.sub(value, z), sum);
                }
                lanes::store_some(simd, &mut gradient[column..column + lanes], sum);
            }
        }
    }
    assert!(z.count() == values.count() && z.count() == q.count(), "rows");
    isa.run(Gradient([z, values, q], panel, gradient));
}

/// As [`weight_gradient`], and the optimiser's step.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn weight_update(isa: Isa, rows: [Rows; 3], panel: Panel, by: Update, part: Part) {
    let block = WeightBlock { panel, row: 0, rows: 1, listed: None, bias: false };
    let mut gradient = [0.0; PANEL];
    let gradient = &mut gradient[..panel.width];
    weight_gradient(isa, rows, panel, gradient);
    update(isa, by.of_biases(), block, part, gradient);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;
    use crate::panels::Panels;

    /// By the plain formulas, the same bits on every ISA.
    #[test]
    fn a_column_is_between_itself_and_its_activation_on_every_isa() {
        for (isa, n, rows) in Isa::available().into_iter().flat_map(|isa| [(isa, 1, 3), (isa, 17, 5), (isa, 70, 4)]) {
            let [z, values, q] = [3, 11, 29].map(|salt| Matrix::filled(rows, n, salt, |x| x / 504.5 - 1.0));
            let layout = Panels::new(1, n);
            let mut a = vec![0.0; layout.len()];
            (0..n).for_each(|column| a[layout.index(0, column)] = column as f32 / 50.0 - 0.2);
            let weights = Weights { values: &a, layout };
            let [mut next, mut below] = [values.clone(), Matrix::zeros(rows, n)];
            let stride = z.stride();
            let s = values.head(rows);
            forward(isa, z.head(rows), (n > 1).then_some(s), weights, RowsMut { values: next.values_mut(), stride });
            input_gradient(isa, q.head(rows), s, weights, RowsMut { values: below.values_mut(), stride });
            let mut gradient = vec![9.0; layout.len()];
            for panel in layout.iter() {
                let part = &mut gradient[panel.start..][..panel.width];
                weight_gradient(isa, [&z, &values, &q].map(|matrix| matrix.head(rows)), panel, part);
            }
            let at = |matrix: &Matrix, row: usize, column: usize| matrix.values()[row * stride + column];
            for column in 0..n {
                let (w, mut sum) = (a[layout.index(0, column)], 0.0_f32);
                for row in 0..rows {
                    let [z, s, q] = [&z, &values, &q].map(|matrix| at(matrix, row, column));
                    assert_eq!(at(&next, row, column), w.mul_add(s - z, z));
                    assert_eq!(at(&below, row, column), q * w.mul_add(s - 1.0, 1.0));
                    sum = q.mul_add(s - z, sum);
                }
                assert_eq!(gradient[layout.index(0, column)], sum);
            }
        }
    }
}
