//! The three products of a dense layer and what becomes of their tiles.
//!
//! Weights are z^{;1} x outputs in [`Panels`]: row n_in is the bias, multiplied by the 1 that every row of activations
//! carries behind its last value. The transposed copy that the input gradient reads is refreshed by [`transpose`].

use std::ops::Range;

use crate::activation::{self, Activation, Function as _, Slope, with_function};
use crate::gemm::{self, AsIs, Columns, Direct, Epilogue, InOrder, Listed, Tile, Transposed, for_each_vector};
use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::lanes;
use crate::marks::Marks;
use crate::matrix::{Rows, RowsMut};
use crate::panels::{PANEL, Panel, Panels};
use crate::sparse::Entries;
use crate::update::{Part, Rule, Update, step, update};

/// The weights of a layer, or their transpose.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a> {
    /// The values, in panels.
    pub values: &'a [f32],
    /// Inner dimension x outputs.
    pub layout: Panels,
}

impl Weights<'_> {
    /// Panics unless there is a value for each place of the layout.
    pub(crate) fn check(&self) {
        assert!(self.values.len() >= self.layout.len(), "{} values for {:?}", self.values.len(), self.layout);
    }
}

/// z_i^{;1} of a batch. All its forms give the same bits: a fused multiply-add of 0 changes no sum.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// Row after row.
    Dense {
        /// The values.
        rows: Rows<'a>,
        /// The rows of the weights for its columns, where columns that are always 0 are left out.
        listed: Option<&'a Listed>,
        /// Marks of its values that are not 0, if products leave the others out.
        marks: Option<Marks>,
    },
    /// The entries that are not 0: by rows for [`forward`], by columns for the gradient of the weights.
    Sparse(Entries<'a>),
}

impl<'a> From<Rows<'a>> for Input<'a> {
    fn from(rows: Rows<'a>) -> Self {
        Self::Dense { rows, listed: None, marks: None }
    }
}

impl Input<'_> {
    /// Its product with one panel of weights.
    fn times(self, isa: Isa, weights: Weights, panel: Panel, epilogue: impl Epilogue) {
        let Panel { start, width: row, columns, .. } = panel;
        let values = &weights.values[start..];
        let b = Columns { values, row, columns, order: InOrder };
        match self {
            Self::Sparse(z) => gemm::sparse_product(isa, 0..z.count(), z, b, epilogue),
            Self::Dense { rows: z, listed: None, marks } => {
                gemm::product(isa, 0..z.count(), weights.layout.rows(), AsIs(z), b, marks, epilogue);
            }
            Self::Dense { rows: z, listed: Some(order), marks } => {
                let b = Columns { values, row, columns, order };
                gemm::product(isa, 0..z.count(), order.rows().len(), AsIs(z), b, marks, epilogue);
            }
        }
    }
}

/// z_{i+1} = sigma(W z_i^{;1}) for every row of `z`, and sigma'(t_i) in `slopes` where its [`Slope`] is stored.
///
/// # Shapes
/// `z`: B x (n_in + 1), the last column 1; `weights`: (n_in + 1) x n_out in panels; `next` and `slopes`: B x n_out, rows
/// padded to whole vectors.
///
/// # Panics
/// If the slices do not have these shapes.
///
/// [`Slope`]: crate::Slope
pub fn forward(
    isa: Isa,
    activation: Activation,
    z: Input,
    weights: Weights,
    mut next: RowsMut,
    slopes: Option<RowsMut>,
) {
    weights.check();
    for panel in weights.layout.iter() {
        z.times(isa, weights, panel, Activate { activation, out: Window::new(&mut next, panel) });
    }
    if !activation.in_tiles() {
        activation::activate(isa, activation, weights.layout.columns(), next, slopes);
    }
}

/// delta_i = sigma'(t_i) * q_{i+1} with q_{i+1} = W_{i+1}[:, :n]^T delta_{i+1}, for every row of `delta`.
///
/// # Shapes
/// `delta`: B x n_out of layer i+1; `transposed`: n_out x n in panels; `z` and `out`: B x n, the layer's outputs or, where
/// they are stored, its slopes, and the result.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn input_gradient(isa: Isa, activation: Activation, delta: Rows, transposed: Weights, z: Rows, mut out: RowsMut) {
    let in_tiles = activation.in_tiles() || activation.slope() == Slope::Stored;
    let of_tile = if in_tiles { activation } else { Activation::Identity };
    transposed.check();
    for panel in transposed.layout.iter() {
        let out = Window::new(&mut out, panel);
        Input::from(delta).times(isa, transposed, panel, Derivative { activation: of_tile, z, out });
    }
    if !in_tiles {
        activation::backward(isa, activation, z, transposed.layout.columns(), out);
    }
}

/// delta_L = sigma'(t_L) * q_{L+1}, in place, for every row: what the last layer's activation does to the loss's gradient.
///
/// # Shapes
/// `z`, the outputs or, where they are stored, the slopes, and `q`: B x `width`, rows padded to whole vectors.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn through_activation(isa: Isa, activation: Activation, z: Rows, width: usize, q: RowsMut) {
    activation::backward(isa, activation, z, width, q);
}

/// Some rows of one panel of a weight matrix: a range of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightBlock<'a> {
    /// The panel.
    pub panel: Panel,
    /// First row; where rows are listed, its place in the list.
    pub row: usize,
    /// Number of rows.
    pub rows: usize,
    /// The rows that are used, where not all are.
    pub listed: Option<&'a Listed>,
    /// Whether its last row is the bias.
    pub bias: bool,
}

impl WeightBlock<'_> {
    /// Where the block lies in its panel, from its first row to its last.
    ///
    /// # Panics
    /// If the block has no row, or one past the end of the list.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        let end = self.place(self.row + self.rows - 1, 0) + self.panel.width;
        let start = self.start();
        start..start + end
    }

    /// Where its first row lies in the panel.
    fn start(&self) -> usize {
        self.listed.map_or(self.row, |listed| listed.rows()[self.row] as usize) * self.panel.width
    }

    /// Where the value at a row (or place in the list) and a column of the panel lies in the block.
    #[inline(always)]
    pub(crate) fn place(&self, row: usize, column: usize) -> usize {
        let rows = match self.listed {
            None => row - self.row,
            Some(listed) => (listed.rows()[row] - listed.rows()[self.row]) as usize,
        };
        rows * self.panel.width + column
    }
}

/// The gradient p_i = delta_i (z_i^{;1})^T of a block of weights, summed over the rows of `z` and `delta`: in one chain, or in one for each
/// micro-batch, whose sums are added up as a [`tree`](crate::tree).
///
/// # Shapes
/// `z`: B x (n_in + 1), or the listed columns of it; `delta`: B x n_out; `ends`: the row behind the last one of each micro-batch, or none;
/// `gradient`: the block's range.
///
/// # Panics
/// If the slices do not have these shapes, or there are several micro-batches of entries alone.
pub fn weight_gradient(isa: Isa, z: Input, delta: Rows, ends: &[usize], block: WeightBlock, gradient: &mut [f32]) {
    weight_product(isa, z, delta, ends, block, Store { block, out: gradient, continues: false });
}

/// As [`weight_gradient`] of dense rows, on top of the gradient of the rows before these: to the bit as if they were one batch.
///
/// # Shapes
/// `gradient`: the block's rows side by side, as wide as its panel, even where the rows of the weights are listed.
///
/// # Panics
/// If the slices do not have these shapes, or `z` has entries alone.
pub fn continue_weight_gradient(isa: Isa, z: Input, delta: Rows, block: WeightBlock, gradient: &mut [f32]) {
    assert!(matches!(z, Input::Dense { .. }), "the gradient of entries alone begins anew with each batch");
    let block = WeightBlock { listed: None, ..block };
    weight_product(isa, z, delta, &[], block, Store { block, out: gradient, continues: true });
}

/// Copies the gradient of a block, its rows side by side, to where [`weight_gradient`] would have put it.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn place_gradient(block: WeightBlock, gradient: &[f32], out: &mut [f32]) {
    let width = block.panel.width;
    for (row, values) in gradient.chunks_exact(width).enumerate() {
        out[block.place(block.row + row, 0)..][..width].copy_from_slice(values);
    }
}

/// The most rows of a block that is updated: those of a panel of the transpose, and the bias.
pub const BLOCK_ROWS: usize = PANEL + 1;

/// As [`weight_gradient`], and the optimiser's step: each value goes straight into it, or a block of the gradient waits in
/// the first cache.
///
/// # Panics
/// If the slices do not have these shapes, or the block has more than [`BLOCK_ROWS`] rows.
pub fn weight_update(isa: Isa, z: Input, delta: Rows, ends: &[usize], block: WeightBlock, by: Update, part: Part) {
    if !by.in_tiles() {
        return update_from_cache(isa, z, delta, ends, block, by, part);
    }
    assert_eq!(part.weights.len(), block.range().len(), "the block's weights");
    part.check(by.rule);
    weight_product(isa, z, delta, ends, block, Step { block, rule: by.rule, part });
}

/// As [`weight_update`] where no tile takes the step. Apart from it, so that its memory is not a part of the other's frame.
#[inline(never)]
fn update_from_cache(isa: Isa, z: Input, delta: Rows, ends: &[usize], block: WeightBlock, by: Update, part: Part) {
    let mut gradient = [0.0; BLOCK_ROWS * PANEL];
    let gradient = &mut gradient[..block.rows * block.panel.width];
    weight_gradient(isa, z, delta, ends, WeightBlock { listed: None, ..block }, gradient);
    update(isa, by, block, part, gradient);
}

fn weight_product(isa: Isa, z: Input, delta: Rows, ends: &[usize], block: WeightBlock, epilogue: impl Epilogue) {
    let values = delta.values.get(block.panel.column..).unwrap_or_default();
    let b = Columns { values, row: delta.stride, columns: block.panel.columns, order: InOrder };
    let rows = block.row..block.row + block.rows;
    match z {
        Input::Sparse(z) => {
            assert!(ends.len() < 2, "entries alone are one chain");
            gemm::sparse_product(isa, rows, z, b, epilogue);
        }
        Input::Dense { rows: z, marks, .. } => {
            gemm::product_in_parts(isa, rows, z.count(), Transposed(z), b, marks, ends, epilogue);
        }
    }
}

/// Writes the transpose of some rows of a panel of weights where the input gradient will read it.
///
/// # Shapes
/// `weights`: the rows, all of which lie in one panel of the transposed layout; `out`: the rows of that panel for the
/// columns of this one, `out_width` values each, whole vectors.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn transpose(isa: Isa, weights: &[f32], panel: Panel, rows: usize, out: &mut [f32], out_width: usize) {
    struct Transpose<'a> {
        weights: &'a [f32],
        panel: Panel,
        rows: usize,
        out: &'a mut [f32],
        out_width: usize,
    }
    impl Kernel for Transpose<'_> {
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let Self { weights, panel, rows, out, out_width } = self;
            for (row, column) in squares(rows, panel.columns) {
                let mut square = [simd.splat(0.0); LANES];
                for (k, line) in square.iter_mut().enumerate().take(rows - row) {
                    *line = lanes::load(simd, weights, (row + k) * panel.width + column);
                }
                let square = transposed(simd, square);
                for (k, line) in square.iter().enumerate().take(panel.columns - column) {
                    lanes::store(simd, out, (column + k) * out_width + row, *line);
                }
            }
        }
    }
    isa.run(Transpose { weights, panel, rows, out, out_width });
}

/// First row and column of the squares of sixteen that cover a matrix.
fn squares(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).step_by(LANES).flat_map(move |row| (0..columns).step_by(LANES).map(move |column| (row, column)))
}

/// The transpose of sixteen by sixteen values: row r and row r + 8 are dealt out in turn, four times over.
#[inline(always)]
fn transposed<S: Simd>(simd: S, mut square: [S::F32s; LANES]) -> [S::F32s; LANES] {
    for _ in 0..LANES.ilog2() {
        let dealt = square;
        for r in 0..LANES / 2 {
            (square[2 * r], square[2 * r + 1]) = simd.zip(dealt[r], dealt[r + LANES / 2]);
        }
    }
    square
}

/// The part of some rows that lies in one panel.
struct Window<'a> {
    values: &'a mut [f32],
    stride: usize,
    panel: Panel,
}

impl<'a> Window<'a> {
    fn new(rows: &'a mut RowsMut, panel: Panel) -> Self {
        Self { values: rows.values, stride: rows.stride, panel }
    }

    fn direct(&mut self, rows: &Range<usize>, columns: usize) -> Direct {
        let out = self.values.get_mut(self.panel.column..).unwrap_or_default();
        Direct::rows(out, self.stride, 0, rows, columns)
    }

    /// The values of `row` from `column` on, `most` of them or up to the last column of the panel.
    #[inline(always)]
    fn row(&mut self, row: usize, column: usize, most: usize) -> &mut [f32] {
        let at = row * self.stride + self.panel.column + column;
        &mut self.values[at..at + most.min(self.panel.columns - column)]
    }
}

/// Writes vector `v` of a row, which may end within its last one.
#[inline(always)]
fn put<S: Simd>(simd: S, row: &mut [f32], v: usize, value: S::F32s) {
    lanes::store_some(simd, &mut row[v * LANES..], value);
}

struct Activate<'a> {
    activation: Activation,
    out: Window<'a>,
}

impl Epilogue for Activate<'_> {
    fn direct(&mut self, rows: &Range<usize>, columns: usize) -> Option<Direct> {
        self.out.direct(rows, columns).through(self.activation)
    }

    #[inline(always)]
    fn put<S: Simd, const V: usize>(&mut self, simd: S, tile: Tile<V>) {
        with_function!(self.activation, in_tiles or Unchanged, |F, _numbers| for h in 0..tile.sums.len() {
            let to = self.out.row(tile.row + h, tile.column, V * LANES);
            for v in 0..V {
                put(simd, to, v, F::value(simd, [], tile.sums[h][v].load(simd)));
            }
        });
    }
}

struct Derivative<'a> {
    activation: Activation,
    z: Rows<'a>,
    out: Window<'a>,
}

impl Epilogue for Derivative<'_> {
    fn direct(&mut self, rows: &Range<usize>, columns: usize) -> Option<Direct> {
        let z = self.z.values.get(self.out.panel.column..).unwrap_or_default();
        self.out.direct(rows, columns).times_slope(self.activation, z, self.z.stride, rows, columns)
    }

    #[inline(always)]
    fn put<S: Simd, const V: usize>(&mut self, simd: S, tile: Tile<V>) {
        with_function!(self.activation, in_tiles or Unchanged, |F, _numbers| for h in 0..tile.sums.len() {
            let at = (tile.row + h) * self.z.stride + self.out.panel.column + tile.column;
            let z = &self.z.values[at..at + V * LANES];
            let to = self.out.row(tile.row + h, tile.column, V * LANES);
            for v in 0..V {
                let z = lanes::load(simd, z, v * LANES);
                put(simd, to, v, simd.mul(F::slope(simd, [], z), tile.sums[h][v].load(simd)));
            }
        });
    }
}

struct Store<'a> {
    block: WeightBlock<'a>,
    out: &'a mut [f32],
    continues: bool,
}

impl Epilogue for Store<'_> {
    fn direct(&mut self, rows: &Range<usize>, columns: usize) -> Option<Direct> {
        let Self { block: WeightBlock { panel, row, listed, .. }, continues, .. } = *self;
        let columns = if continues { columns.checked_next_multiple_of(LANES)? } else { columns };
        listed.is_none().then(|| Direct::rows(self.out, panel.width, row, rows, columns).continues(continues))
    }

    #[inline(always)]
    fn put<S: Simd, const V: usize>(&mut self, simd: S, tile: Tile<V>) {
        for_each_vector!(simd, tile, |row, column, sum| {
            let at = self.block.place(row, column);
            lanes::store(simd, self.out, at, sum);
        });
    }
}

struct Step<'a> {
    block: WeightBlock<'a>,
    rule: Rule,
    part: Part<'a>,
}

impl Epilogue for Step<'_> {
    fn direct(&mut self, _: &Range<usize>, _: usize) -> Option<Direct> {
        None
    }

    #[inline(always)]
    fn put<S: Simd, const V: usize>(&mut self, simd: S, tile: Tile<V>) {
        step!(simd, self.rule, tiles, |update, scalars| for_each_vector!(simd, tile, |row, column, gradient| {
            update(simd, scalars, &mut self.part, self.block.place(row, column), gradient);
        }));
    }
}

#[cfg(test)]
mod tests;
