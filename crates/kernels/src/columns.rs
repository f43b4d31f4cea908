//! Layers whose parameters belong to columns, one or two for each: scale and prelu.
//!
//! Their parameters are rows of [`Panels`]: the weight w, and the bias b where there is one. The gradient of each is one
//! chain of fused multiply-adds down the rows of the batch.
//!
//! [`Panels`]: crate::Panels

use crate::dense::{WeightBlock, Weights};
use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::lanes;
use crate::matrix::{Rows, RowsMut};
use crate::panels::{PANEL, Panel};
use crate::update::{Part, Update, update};

/// A layer that treats each column by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PerColumn {
    /// z' = w z + b
    Scale,
    /// z' = max(0, z) + w min(0, z)
    Prelu,
}

impl PerColumn {
    /// Parameters of a column.
    #[must_use]
    pub fn parameters(self) -> usize {
        match self {
            Self::Scale => 2,
            Self::Prelu => 1,
        }
    }
}

/// Runs `body` with `function` bound to the function of `module` for `per_column`.
macro_rules! per_column {
    ($per_column:expr, $module:ident, |$function:ident| $body:expr) => {
        match $per_column {
            PerColumn::Scale => {
                use $module::scale as $function;
                $body
            }
            PerColumn::Prelu => {
                use $module::prelu as $function;
                $body
            }
        }
    };
}

/// Sixteen columns at a time, down all rows of both matrices: what `$function` gives goes to `$out`.
macro_rules! for_each_column {
    ($simd:ident, $weights:ident, $from:expr, $out:ident, $function:ident) => {{
        let ([z, q], mut out) = ($from, $out);
        assert!(z.count() == out.count() && q.count() == out.count(), "rows");
        $weights.check();
        for panel in $weights.layout.iter() {
            for column in (0..panel.columns).step_by(LANES) {
                let p = parameters($simd, $weights, panel, column);
                let lanes = LANES.min(panel.columns - column);
                let at = panel.column + column;
                for row in 0..z.count() {
                    let [z, q] = [z.lanes($simd, row, at), q.lanes($simd, row, at)];
                    lanes::store_some($simd, &mut out.row(row, at + lanes)[at..], $function($simd, p, z, q));
                }
            }
        }
    }};
}

/// z' of sixteen columns with the parameters p.
mod value {
    use super::*;

    #[inline(always)]
    pub(super) fn scale<S: Simd>(simd: S, p: [S::F32s; 2], z: S::F32s, _: S::F32s) -> S::F32s {
        simd.mul_add(p[0], z, p[1])
    }

    #[inline(always)]
    pub(super) fn prelu<S: Simd>(simd: S, p: [S::F32s; 2], z: S::F32s, _: S::F32s) -> S::F32s {
        let zero = simd.splat(0.0);
        simd.mul_add(p[0], simd.min(z, zero), simd.max(z, zero))
    }
}

/// q = q' dz'/dz of sixteen columns with the parameters p.
mod derivative {
    use super::*;

    #[inline(always)]
    pub(super) fn scale<S: Simd>(simd: S, p: [S::F32s; 2], _: S::F32s, q: S::F32s) -> S::F32s {
        simd.mul(p[0], q)
    }

    #[inline(always)]
    pub(super) fn prelu<S: Simd>(simd: S, p: [S::F32s; 2], z: S::F32s, q: S::F32s) -> S::F32s {
        simd.select_gt(z, simd.splat(0.0), q, simd.mul(p[0], q))
    }
}

/// The sums of q' dz'/dp so far, with one more row.
mod sums {
    use super::*;

    #[inline(always)]
    pub(super) fn scale<S: Simd>(simd: S, [w, b]: [S::F32s; 2], z: S::F32s, q: S::F32s) -> [S::F32s; 2] {
        [simd.mul_add(q, z, w), simd.add(q, b)]
    }

    #[inline(always)]
    pub(super) fn prelu<S: Simd>(simd: S, [w, b]: [S::F32s; 2], z: S::F32s, q: S::F32s) -> [S::F32s; 2] {
        [simd.mul_add(q, simd.min(z, simd.splat(0.0)), w), b]
    }
}

/// z' for every row of `z`.
///
/// # Shapes
/// `z` and `out`: B x n, rows padded to whole vectors; `weights`: parameters x n in panels.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn forward(isa: Isa, per_column: PerColumn, z: Rows, weights: Weights, out: RowsMut) {
    struct Forward<'a>(PerColumn, Rows<'a>, Weights<'a>, RowsMut<'a>);
    impl Kernel for Forward<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(per_column, z, weights, out) = self;
            per_column!(per_column, value, |function| for_each_column!(simd, weights, [z, z], out, function));
        }
    }
    isa.run(Forward(per_column, z, weights, out));
}

/// q = q' dz'/dz for every row of `q`, the gradient of z'.
///
/// # Shapes
/// `z`, `q` and `out`: B x n, rows padded to whole vectors; `weights`: parameters x n in panels.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn input_gradient(isa: Isa, per_column: PerColumn, z: Rows, q: Rows, weights: Weights, out: RowsMut) {
    struct Backward<'a>(PerColumn, [Rows<'a>; 2], Weights<'a>, RowsMut<'a>);
    impl Kernel for Backward<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(per_column, [z, q], weights, out) = self;
            per_column!(per_column, derivative, |function| for_each_column!(simd, weights, [z, q], out, function));
        }
    }
    isa.run(Backward(per_column, [z, q], weights, out));
}

/// The parameters of sixteen columns; 0 for those that there are none of.
#[inline(always)]
fn parameters<S: Simd>(simd: S, weights: Weights, panel: Panel, column: usize) -> [S::F32s; 2] {
    let mut all = [simd.splat(0.0); 2];
    for (row, p) in all.iter_mut().enumerate().take(weights.layout.rows()) {
        *p = lanes::load(simd, weights.values, panel.start + row * panel.width + column);
    }
    all
}

/// The gradient of the parameters of one panel's columns, summed over the rows of `z` and `q`.
///
/// # Shapes
/// `z` and `q`, the gradient of z': B x n, rows padded to whole vectors; `gradient`: the panel.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn weight_gradient(isa: Isa, per_column: PerColumn, [z, q]: [Rows; 2], panel: Panel, gradient: &mut [f32]) {
    struct Gradient<'a>(PerColumn, [Rows<'a>; 2], Panel, &'a mut [f32]);
    impl Kernel for Gradient<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(per_column, rows, panel, gradient) = self;
            for column in (0..panel.width).step_by(LANES) {
                let sums = column_sums(simd, per_column, rows, panel, column);
                for (row, sum) in sums.into_iter().enumerate().take(per_column.parameters()) {
                    lanes::store(simd, gradient, row * panel.width + column, sum);
                }
            }
        }
    }
    isa.run(Gradient(per_column, [z, q], panel, gradient));
}

/// As [`weight_gradient`], and the optimiser's step.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn weight_update(isa: Isa, per_column: PerColumn, rows: [Rows; 2], panel: Panel, by: Update, part: Part) {
    let block = WeightBlock { panel, row: 0, rows: per_column.parameters(), listed: None, bias: false };
    let mut gradient = [0.0; 2 * PANEL];
    let gradient = &mut gradient[..block.rows * panel.width];
    weight_gradient(isa, per_column, rows, panel, gradient);
    update(isa, by.of_biases(), block, part, gradient);
}

/// The gradient of the parameters of sixteen columns; columns past the last have none.
#[inline(always)]
fn column_sums<S: Simd>(
    simd: S,
    per_column: PerColumn,
    [z, q]: [Rows; 2],
    panel: Panel,
    column: usize,
) -> [S::F32s; 2] {
    let mut all = [simd.splat(0.0); 2];
    let at = panel.column + column;
    per_column!(per_column, sums, |sums| for row in 0..z.count() {
        all = sums(simd, all, z.lanes(simd, row, at), q.lanes(simd, row, at));
    });
    let real = panel.columns.saturating_sub(column).min(LANES);
    if real < LANES {
        for sum in &mut all {
            let mut lanes = simd.to_array(*sum);
            lanes[real..].fill(0.0);
            *sum = lanes::load(simd, &lanes, 0);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;
    use crate::panels::Panels;

    fn filled(rows: usize, columns: usize, salt: usize) -> Matrix {
        Matrix::filled(rows, columns, salt, |x| x / 1009.0 - 0.5)
    }

    /// Values, gradients and the parameters' gradients of both layers, by the plain formulas.
    #[test]
    fn columns_are_treated_each_by_itself_on_every_isa() {
        for (isa, n, batch) in Isa::available().into_iter().flat_map(|isa| [(isa, 1, 3), (isa, 17, 5), (isa, 46, 4)]) {
            for per_column in [PerColumn::Scale, PerColumn::Prelu] {
                let (z, q) = (filled(batch, n, 3), filled(batch, n, 11));
                let layout = Panels::new(per_column.parameters(), n);
                let mut values = vec![0.0; layout.len()];
                let p = |row: usize, column: usize| (row * 31 + column) as f32 / 50.0 - 0.2;
                for (row, column) in (0..layout.rows()).flat_map(|row| (0..n).map(move |column| (row, column))) {
                    values[layout.index(row, column)] = p(row, column);
                }
                let weights = Weights { values: &values, layout };
                let mut outs = [(); 2].map(|()| Matrix::zeros(batch, n));
                let stride = outs[0].stride();
                let [next, back] = &mut outs;
                let out = RowsMut { values: next.values_mut(), stride };
                forward(isa, per_column, z.head(batch), weights, out);
                let out = RowsMut { values: back.values_mut(), stride };
                input_gradient(isa, per_column, z.head(batch), q.head(batch), weights, out);
                let mut gradient = vec![9.0; layout.len()];
                for panel in layout.iter() {
                    let range = panel.start..panel.start + layout.rows() * panel.width;
                    weight_gradient(isa, per_column, [z.head(batch), q.head(batch)], panel, &mut gradient[range]);
                }
                for column in 0..n {
                    let mut sums = [0.0_f32; 2];
                    for row in 0..batch {
                        let [z, q] = [&z, &q].map(|matrix| matrix.values()[row * stride + column]);
                        let [w, b] = [0, 1].map(|row| p(row, column));
                        let (value, slope, terms) = match per_column {
                            PerColumn::Scale => (w.mul_add(z, b), w, [z, 1.0]),
                            PerColumn::Prelu if z > 0.0 => (z, 1.0, [0.0, 0.0]),
                            PerColumn::Prelu => (w * z, w, [z, 0.0]),
                        };
                        sums = [0, 1].map(|i| q.mul_add(terms[i], sums[i]));
                        assert_eq!(next.values()[row * stride + column], value, "{per_column:?} {n}");
                        assert_eq!(back.values()[row * stride + column], slope * q, "{per_column:?} {n}");
                    }
                    for (row, sum) in sums.into_iter().enumerate().take(layout.rows()) {
                        assert_eq!(gradient[layout.index(row, column)], sum, "{per_column:?} {n}");
                    }
                }
            }
        }
    }
}
