//! Layers whose parameters belong to columns of what they give, one or two for each.
//!
//! Their parameters are rows of [`Panels`]: the weight w, and the bias b where there is one. The gradient of each is one
//! chain of fused multiply-adds down the rows of the batch.
//!
//! [`Panels`]: crate::Panels

use crate::dense::{WeightBlock, Weights};
use crate::function::{cos_and_sin_turn, cos_turn};
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
    /// z' = w z
    Gain,
    /// z' = max(0, z) + w min(0, z)
    Prelu,
    /// z'_{j count + k} = cos(2 pi w_{j count + k} z_j + b_{j count + k})
    Waves {
        /// How many columns each column that is read becomes.
        count: usize,
    },
}

impl PerColumn {
    /// Parameters of a column.
    #[must_use]
    pub fn parameters(self) -> usize {
        match self {
            Self::Scale | Self::Waves { .. } => 2,
            Self::Gain | Self::Prelu => 1,
        }
    }

    /// How many columns each column that is read becomes.
    #[must_use]
    pub fn spread(self) -> usize {
        if let Self::Waves { count } = self { count } else { 1 }
    }
}

/// The equation of a layer, for sixteen columns with the parameters p.
trait Equation<S: Simd>: Copy {
    /// z'
    fn value(self, simd: S, p: [S::F32s; 2], z: S::F32s) -> S::F32s;

    /// q' dz'/dz
    fn input_gradient(self, simd: S, p: [S::F32s; 2], z: S::F32s, q: S::F32s) -> S::F32s;

    /// The sums of q' dz'/dp so far, with one more row.
    fn add(self, simd: S, sums: [S::F32s; 2], p: [S::F32s; 2], z: S::F32s, q: S::F32s) -> [S::F32s; 2];
}

#[derive(Clone, Copy)]
struct Scale;

impl<S: Simd> Equation<S> for Scale {
    #[inline(always)]
    fn value(self, simd: S, [w, b]: [S::F32s; 2], z: S::F32s) -> S::F32s {
        simd.mul_add(w, z, b)
    }

    #[inline(always)]
    fn input_gradient(self, simd: S, [w, _]: [S::F32s; 2], _: S::F32s, q: S::F32s) -> S::F32s {
        simd.mul(w, q)
    }

    #[inline(always)]
    fn add(self, simd: S, [w, b]: [S::F32s; 2], _: [S::F32s; 2], z: S::F32s, q: S::F32s) -> [S::F32s; 2] {
        [simd.mul_add(q, z, w), simd.add(q, b)]
    }
}

#[derive(Clone, Copy)]
struct Gain;

impl<S: Simd> Equation<S> for Gain {
    #[inline(always)]
    fn value(self, simd: S, [w, _]: [S::F32s; 2], z: S::F32s) -> S::F32s {
        simd.mul(w, z)
    }

    #[inline(always)]
    fn input_gradient(self, simd: S, [w, _]: [S::F32s; 2], _: S::F32s, q: S::F32s) -> S::F32s {
        simd.mul(w, q)
    }

    #[inline(always)]
    fn add(self, simd: S, [w, none]: [S::F32s; 2], _: [S::F32s; 2], z: S::F32s, q: S::F32s) -> [S::F32s; 2] {
        [simd.mul_add(q, z, w), none]
    }
}

#[derive(Clone, Copy)]
struct Prelu;

impl<S: Simd> Equation<S> for Prelu {
    #[inline(always)]
    fn value(self, simd: S, [w, _]: [S::F32s; 2], z: S::F32s) -> S::F32s {
        let zero = simd.splat(0.0);
        simd.mul_add(w, simd.min(z, zero), simd.max(z, zero))
    }

    #[inline(always)]
    fn input_gradient(self, simd: S, [w, _]: [S::F32s; 2], z: S::F32s, q: S::F32s) -> S::F32s {
        simd.select_gt(z, simd.splat(0.0), q, simd.mul(w, q))
    }

    #[inline(always)]
    fn add(self, simd: S, [w, none]: [S::F32s; 2], _: [S::F32s; 2], z: S::F32s, q: S::F32s) -> [S::F32s; 2] {
        [simd.mul_add(q, simd.min(z, simd.splat(0.0)), w), none]
    }
}

#[derive(Clone, Copy)]
struct Waves;

impl Waves {
    /// w z + b / (2 pi), in turns
    #[inline(always)]
    fn turns<S: Simd>(simd: S, [w, b]: [S::F32s; 2], z: S::F32s) -> S::F32s {
        simd.mul_add(w, z, simd.mul(b, simd.splat(1.0 / std::f32::consts::TAU)))
    }
}

impl<S: Simd> Equation<S> for Waves {
    #[inline(always)]
    fn value(self, simd: S, p: [S::F32s; 2], z: S::F32s) -> S::F32s {
        cos_turn(simd, Self::turns(simd, p, z))
    }

    /// -q' 2 pi w sin(2 pi w z + b)
    #[inline(always)]
    fn input_gradient(self, simd: S, p: [S::F32s; 2], z: S::F32s, q: S::F32s) -> S::F32s {
        let (_, sin) = cos_and_sin_turn(simd, Self::turns(simd, p, z));
        simd.mul(simd.mul(simd.splat(-std::f32::consts::TAU), p[0]), simd.mul(q, sin))
    }

    #[inline(always)]
    fn add(self, simd: S, [w, b]: [S::F32s; 2], p: [S::F32s; 2], z: S::F32s, q: S::F32s) -> [S::F32s; 2] {
        let (_, sin) = cos_and_sin_turn(simd, Self::turns(simd, p, z));
        let slope = simd.mul(q, sin);
        [simd.mul_add(slope, simd.mul(simd.splat(-std::f32::consts::TAU), z), w), simd.sub(b, slope)]
    }
}

/// Runs `body` with `equation` bound to that of `per_column`.
macro_rules! with_equation {
    ($simd:ident, $per_column:expr, |$equation:ident| $body:expr) => {
        match $per_column {
            PerColumn::Scale => {
                let $equation = Scale;
                $body
            }
            PerColumn::Gain => {
                let $equation = Gain;
                $body
            }
            PerColumn::Prelu => {
                let $equation = Prelu;
                $body
            }
            PerColumn::Waves { .. } => {
                let $equation = Waves;
                $body
            }
        }
    };
}

/// What sixteen columns from `at` on are made of: each of `spread` times as many columns as `z` has.
#[inline(always)]
fn read<S: Simd>(simd: S, z: Rows, row: usize, at: usize, spread: usize) -> S::F32s {
    if spread == 1 {
        return z.lanes(simd, row, at);
    }
    let values = &z.values[row * z.stride..][..z.stride];
    if spread.is_multiple_of(LANES) {
        return simd.splat(values[at / spread]);
    }
    let lanes: [f32; LANES] = std::array::from_fn(|lane| values.get((at + lane) / spread).copied().unwrap_or(0.0));
    lanes::load(simd, &lanes, 0)
}

/// Runs `body` for sixteen columns at a time, with their place, their number and their parameters.
macro_rules! for_each_column {
    ($simd:ident, $weights:ident, |$at:ident, $lanes:ident, $p:ident| $body:expr) => {{
        $weights.check();
        for panel in $weights.layout.iter() {
            for column in (0..panel.columns).step_by(LANES) {
                let $p = parameters($simd, $weights, panel, column);
                let $lanes = LANES.min(panel.columns - column);
                let $at = panel.column + column;
                $body
            }
        }
    }};
}

/// z' for every row of `z`.
///
/// # Shapes
/// `z`: B x n / [`PerColumn::spread`], `out`: B x n, rows padded to whole vectors; `weights`: parameters x n in panels.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn forward(isa: Isa, per_column: PerColumn, z: Rows, weights: Weights, out: RowsMut) {
    struct Forward<'a>(PerColumn, Rows<'a>, Weights<'a>, RowsMut<'a>);
    impl Kernel for Forward<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(per_column, z, weights, mut out) = self;
            let spread = per_column.spread();
            assert_eq!(z.count(), out.count(), "rows");
            with_equation!(simd, per_column, |equation| for_each_column!(simd, weights, |at, lanes, p| {
                for row in 0..z.count() {
                    let value = equation.value(simd, p, read(simd, z, row, at, spread));
                    lanes::store_some(simd, &mut out.row(row, at + lanes)[at..], value);
                }
            }));
        }
    }
    isa.run(Forward(per_column, z, weights, out));
}

/// q = q' dz'/dz for every row of `q`, the gradient of z'.
///
/// # Shapes
/// `z` and `out`: B x n / [`PerColumn::spread`], `q`: B x n, rows padded to whole vectors; `weights`: parameters x n in panels.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn input_gradient(isa: Isa, per_column: PerColumn, z: Rows, q: Rows, weights: Weights, out: RowsMut) {
    struct Backward<'a>(PerColumn, [Rows<'a>; 2], Weights<'a>, RowsMut<'a>);
    impl Kernel for Backward<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(per_column, [z, q], weights, mut out) = self;
            let spread = per_column.spread();
            assert!(z.count() == out.count() && q.count() == out.count(), "rows");
            if spread > 1 {
                let width = weights.layout.columns() / spread;
                (0..out.count()).for_each(|row| out.row(row, width).fill(0.0));
            }
            with_equation!(simd, per_column, |equation| for_each_column!(simd, weights, |at, lanes, p| {
                for row in 0..z.count() {
                    let (z, q) = (read(simd, z, row, at, spread), q.lanes(simd, row, at));
                    let gradient = equation.input_gradient(simd, p, z, q);
                    if spread == 1 {
                        lanes::store_some(simd, &mut out.row(row, at + lanes)[at..], gradient);
                    } else {
                        let to = out.row(row, (at + lanes).div_ceil(spread));
                        let gradient = simd.to_array(gradient);
                        (0..lanes).for_each(|lane| to[(at + lane) / spread] += gradient[lane]);
                    }
                }
            }));
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
/// `z`: B x n / [`PerColumn::spread`], `q`, the gradient of z': B x n, rows padded to whole vectors; `weights` and `gradient`: the
/// panel.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn weight_gradient(
    isa: Isa,
    per_column: PerColumn,
    [z, q]: [Rows; 2],
    panel: Panel,
    weights: &[f32],
    gradient: &mut [f32],
) {
    struct Gradient<'a>(PerColumn, [Rows<'a>; 2], Panel, &'a [f32], &'a mut [f32]);
    impl Kernel for Gradient<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self(per_column, rows, panel, weights, gradient) = self;
            for column in (0..panel.width).step_by(LANES) {
                let mut p = [simd.splat(0.0); 2];
                for (row, p) in p.iter_mut().enumerate().take(per_column.parameters()) {
                    *p = lanes::load(simd, weights, row * panel.width + column);
                }
                let sums = column_sums(simd, per_column, rows, panel, column, p);
                for (row, sum) in sums.into_iter().enumerate().take(per_column.parameters()) {
                    lanes::store(simd, gradient, row * panel.width + column, sum);
                }
            }
        }
    }
    isa.run(Gradient(per_column, [z, q], panel, weights, gradient));
}

/// As [`weight_gradient`], and the optimiser's step.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn weight_update(isa: Isa, per_column: PerColumn, rows: [Rows; 2], panel: Panel, by: Update, part: Part) {
    let block = WeightBlock { panel, row: 0, rows: per_column.parameters(), listed: None, bias: false };
    let mut gradient = [0.0; 2 * PANEL];
    let gradient = &mut gradient[..block.rows * panel.width];
    weight_gradient(isa, per_column, rows, panel, part.weights, gradient);
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
    p: [S::F32s; 2],
) -> [S::F32s; 2] {
    let mut all = [simd.splat(0.0); 2];
    let (at, spread) = (panel.column + column, per_column.spread());
    let real = panel.columns.saturating_sub(column).min(LANES);
    if real == 0 {
        return all;
    }
    with_equation!(simd, per_column, |equation| for row in 0..z.count() {
        all = equation.add(simd, all, p, read(simd, z, row, at, spread), q.lanes(simd, row, at));
    });
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

    const ALL: [PerColumn; 5] = [
        PerColumn::Scale,
        PerColumn::Gain,
        PerColumn::Prelu,
        PerColumn::Waves { count: 3 },
        PerColumn::Waves { count: 16 },
    ];

    /// The values of a row of `layer` at `z` with the parameters `w`, as `forward` gives them.
    fn values(isa: Isa, layer: PerColumn, z: &[f32], weights: Weights) -> Vec<f32> {
        let (mut from, n) = (Matrix::vector(z.len()), weights.layout.columns());
        from.values_mut()[..z.len()].copy_from_slice(z);
        let mut out = Matrix::vector(n);
        let stride = out.stride();
        forward(isa, layer, from.head(1), weights, RowsMut { values: out.values_mut(), stride });
        out.values()[..n].to_vec()
    }

    /// z' of a column, in f64.
    fn truth(layer: PerColumn, [w, b]: [f64; 2], z: f64) -> f64 {
        match layer {
            PerColumn::Scale => w * z + b,
            PerColumn::Gain => w * z,
            PerColumn::Prelu => z.max(0.0) + w * z.min(0.0),
            PerColumn::Waves { .. } => (std::f64::consts::TAU * w * z + b).cos(),
        }
    }

    /// Values by their formulas, gradients by central differences of these, the same bits on every ISA.
    #[test]
    fn values_and_gradients_are_those_of_the_formulas_on_every_isa() {
        for (layer, columns, rows) in ALL.iter().flat_map(|layer| [(*layer, 1, 3), (*layer, 9, 2), (*layer, 23, 5)]) {
            let n = columns * layer.spread();
            let layout = Panels::new(layer.parameters(), n);
            let mut p = vec![0.0; layout.len()];
            let number = |i: usize| ((i * 7919 + 31) % 1009) as f32 / 504.5 - 1.0;
            for (row, column) in (0..layout.rows()).flat_map(|row| (0..n).map(move |column| (row, column))) {
                p[layout.index(row, column)] = number(row * 131 + column);
            }
            let of = |column: usize| {
                [0, 1].map(|row| if row < layout.rows() { f64::from(p[layout.index(row, column)]) } else { 0.0 })
            };
            let weights = Weights { values: &p, layout };
            let z = Matrix::filled(rows, columns, 3, |x| x / 504.5 - 1.0);
            let q = Matrix::filled(rows, n, 11, |x| x / 504.5 - 1.0);
            let at =
                |matrix: &Matrix, row: usize, column: usize| f64::from(matrix.values()[row * matrix.stride() + column]);
            let slope = |f: &dyn Fn(f64) -> f64, x: f64| (f(x + 1e-6) - f(x - 1e-6)) / 2e-6;
            let mut first: Option<Vec<Vec<f32>>> = None;
            for isa in Isa::available() {
                let mut below = Matrix::zeros(rows, columns);
                let stride = below.stride();
                let out = RowsMut { values: below.values_mut(), stride };
                input_gradient(isa, layer, z.head(rows), q.head(rows), weights, out);
                let mut gradient = vec![9.0; layout.len()];
                for panel in layout.iter() {
                    let range = panel.start..panel.start + layout.rows() * panel.width;
                    let rows = [z.head(rows), q.head(rows)];
                    weight_gradient(isa, layer, rows, panel, &p[range.clone()], &mut gradient[range]);
                }
                let z_next = (0..rows).map(|row| values(isa, layer, z.head(rows).row(row, columns), weights));
                let all = vec![z_next.flatten().collect(), below.values().to_vec(), gradient];
                assert_eq!(*first.get_or_insert(all.clone()), all, "{layer:?} on {}", isa.name());
                for column in 0..n {
                    let mut sums = [0.0; 2];
                    for row in 0..rows {
                        let (w, z, q) = (of(column), at(&z, row, column / layer.spread()), at(&q, row, column));
                        assert!((f64::from(all[0][row * n + column]) - truth(layer, w, z)).abs() < 1e-5, "{layer:?}");
                        sums[0] += q * slope(&|x| truth(layer, [x, w[1]], z), w[0]);
                        sums[1] += q * slope(&|x| truth(layer, [w[0], x], z), w[1]);
                    }
                    for (row, sum) in sums.into_iter().enumerate().take(layout.rows()) {
                        let got = f64::from(all[2][layout.index(row, column)]);
                        assert!((got - sum).abs() < 1e-4, "{layer:?}: {got} {sum}");
                    }
                }
                for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                    let z = at(&z, row, column);
                    let own = column * layer.spread()..(column + 1) * layer.spread();
                    let sum: f64 = own.map(|i| at(&q, row, i) * slope(&|z| truth(layer, of(i), z), z)).sum();
                    assert!((f64::from(all[1][row * stride + column]) - sum).abs() < 1e-4, "{layer:?}");
                }
            }
        }
    }
}
