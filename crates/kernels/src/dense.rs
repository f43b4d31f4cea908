//! The three products of a dense layer and what becomes of their tiles.
//!
//! Weights are z^{;1} x outputs in [`Panels`]: row n_in is the bias, which meets the 1 that every row of activations
//! carries behind its last value. The transposed copy that the input gradient reads is refreshed by [`transpose`].

use std::ops::Range;

use crate::gemm::{self, AsIs, Columns, Epilogue, InOrder, Listed, Tile, Transposed, for_each_vector};
use crate::isa::{Isa, Kernel, LANES, Simd};
use crate::marks::Marks;
use crate::matrix::{Rows, RowsMut};
use crate::panels::{PANEL, Panel, Panels};
use crate::pointwise::{self, Activation, Slope, map};
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
        /// The rows of the weights that its columns meet, where columns that are always 0 are left out.
        listed: Option<&'a Listed>,
        /// Where it stands which of its values are not 0, if the others are to be left out of the products.
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
        pointwise::activate(isa, activation, weights.layout.columns(), next, slopes);
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
        pointwise::through(isa, activation, z, transposed.layout.columns(), out);
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
    pointwise::through(isa, activation, z, width, q);
}

/// Some rows of one panel of a weight matrix: a stretch of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightBlock<'a> {
    /// The panel.
    pub panel: Panel,
    /// First row; where rows are listed, its place in the list.
    pub row: usize,
    /// Number of rows.
    pub rows: usize,
    /// The rows that take part, where not all do.
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

/// The gradient p_i = delta_i (z_i^{;1})^T of a block of weights, summed over the rows of `z` and `delta`.
///
/// # Shapes
/// `z`: B x (n_in + 1), or the listed columns of it; `delta`: B x n_out; `gradient`: the block's stretch.
///
/// # Panics
/// If the slices do not have these shapes.
pub fn weight_gradient(isa: Isa, z: Input, delta: Rows, block: WeightBlock, gradient: &mut [f32]) {
    weight_product(isa, z, delta, block, Store { block, out: gradient });
}

/// The most rows of a block that is updated: those of a panel of the transpose, and the bias.
pub const BLOCK_ROWS: usize = PANEL + 1;

/// As [`weight_gradient`], and the optimiser's step: each value goes straight into it, or a block of the gradient waits in
/// the first cache.
///
/// # Panics
/// If the slices do not have these shapes, or the block has more than [`BLOCK_ROWS`] rows.
pub fn weight_update(isa: Isa, z: Input, delta: Rows, block: WeightBlock, by: Update, part: Part) {
    if !by.in_tiles() {
        return update_from_cache(isa, z, delta, block, by, part);
    }
    assert_eq!(part.weights.len(), block.range().len(), "the block's weights");
    part.check(by.rule);
    weight_product(isa, z, delta, block, Step { block, rule: by.rule, part });
}

/// As [`weight_update`] where no tile takes the step. Apart from it, so that its memory is not a part of the other's frame.
#[inline(never)]
fn update_from_cache(isa: Isa, z: Input, delta: Rows, block: WeightBlock, by: Update, part: Part) {
    let mut gradient = [0.0; BLOCK_ROWS * PANEL];
    let gradient = &mut gradient[..block.rows * block.panel.width];
    weight_gradient(isa, z, delta, WeightBlock { listed: None, ..block }, gradient);
    update(isa, by, block, part, gradient);
}

fn weight_product(isa: Isa, z: Input, delta: Rows, block: WeightBlock, epilogue: impl Epilogue) {
    let values = delta.values.get(block.panel.column..).unwrap_or_default();
    let b = Columns { values, row: delta.stride, columns: block.panel.columns, order: InOrder };
    let rows = block.row..block.row + block.rows;
    match z {
        Input::Sparse(z) => gemm::sparse_product(isa, rows, z, b, epilogue),
        Input::Dense { rows: z, marks, .. } => {
            gemm::product(isa, rows, z.count(), Transposed(z), b, marks, epilogue);
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
                    let from = &weights[(row + k) * panel.width + column..][..LANES];
                    // SAFETY: `from` has sixteen values.
                    *line = unsafe { simd.load(from.as_ptr()) };
                }
                let square = transposed(simd, square);
                for (k, line) in square.iter().enumerate().take(panel.columns - column) {
                    let to = &mut out[(column + k) * out_width + row..][..LANES];
                    // SAFETY: `to` has sixteen values.
                    unsafe { simd.store(to.as_mut_ptr(), *line) }
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
    let to = &mut row[v * LANES..];
    // SAFETY: `to` has that many values.
    unsafe { simd.store_partial(to.as_mut_ptr(), value, to.len().min(LANES)) }
}

struct Activate<'a> {
    activation: Activation,
    out: Window<'a>,
}

impl Epilogue for Activate<'_> {
    #[inline(always)]
    fn put<S: Simd, const H: usize, const V: usize>(&mut self, simd: S, tile: Tile<H, V>) {
        map!(simd, self.activation, value, |sigma, numbers| for h in 0..H {
            let to = self.out.row(tile.row + h, tile.column, V * LANES);
            for v in 0..V {
                let (.., t) = tile.vector(simd, h, v);
                put(simd, to, v, sigma(simd, numbers, t));
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
    #[inline(always)]
    fn put<S: Simd, const H: usize, const V: usize>(&mut self, simd: S, tile: Tile<H, V>) {
        map!(simd, self.activation, derivative, |derivative, numbers| for h in 0..H {
            let at = (tile.row + h) * self.z.stride + self.out.panel.column + tile.column;
            let z = &self.z.values[at..at + V * LANES];
            let to = self.out.row(tile.row + h, tile.column, V * LANES);
            for v in 0..V {
                let (.., q) = tile.vector(simd, h, v);
                // SAFETY: `z` has V vectors.
                let z = unsafe { simd.load(z.as_ptr().add(v * LANES)) };
                put(simd, to, v, simd.mul(derivative(simd, numbers, z), q));
            }
        });
    }
}

struct Store<'a> {
    block: WeightBlock<'a>,
    out: &'a mut [f32],
}

impl Epilogue for Store<'_> {
    #[inline(always)]
    fn put<S: Simd, const H: usize, const V: usize>(&mut self, simd: S, tile: Tile<H, V>) {
        for_each_vector!(simd, tile, |row, column, sum| {
            let at = self.block.place(row, column);
            let to = &mut self.out[at..at + LANES];
            // SAFETY: `to` has sixteen values.
            unsafe { simd.store(to.as_mut_ptr(), sum) }
        });
    }
}

struct Step<'a> {
    block: WeightBlock<'a>,
    rule: Rule,
    part: Part<'a>,
}

impl Epilogue for Step<'_> {
    #[inline(always)]
    fn put<S: Simd, const H: usize, const V: usize>(&mut self, simd: S, tile: Tile<H, V>) {
        step!(simd, self.rule, tiles, |update, scalars| for_each_vector!(simd, tile, |row, column, gradient| {
            update(simd, scalars, &mut self.part, self.block.place(row, column), gradient);
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;
    use crate::reference;
    use crate::sparse::{ByColumn, Csr};
    use crate::update::Before;

    /// Nothing, one, and what lies around the lanes; Miri, which is slow, leaves the larger ones out.
    const SHAPES: &[usize] = if cfg!(miri) { &[0, 1, 15, 16, 17] } else { &[0, 1, 3, 15, 16, 17, 33, 100] };
    const BATCHES: &[usize] = if cfg!(miri) { &[0, 1, 9] } else { &[0, 1, 7, 8, 15, 16, 17, 29] };

    /// A value that differs from place to place and needs all its digits.
    fn value(i: usize) -> f32 {
        ((i * 7919 + 13) % 1009) as f32 / 1009.0 - 0.5
    }

    fn plain(len: usize, salt: usize) -> Vec<f32> {
        (0..len).map(|i| value(i + salt)).collect()
    }

    fn matrix(rows: usize, columns: usize, plain: &[f32]) -> Matrix {
        let mut matrix = Matrix::zeros(rows, columns);
        let stride = matrix.stride();
        for (to, from) in matrix.values_mut().chunks_exact_mut(stride).zip(plain.chunks_exact(columns.max(1))) {
            to[..columns].copy_from_slice(from);
        }
        matrix
    }

    fn all(values: &[f32], layout: Panels) -> Weights<'_> {
        Weights { values, layout }
    }

    fn in_panels(layout: Panels, plain: &[f32]) -> Vec<f32> {
        let mut packed = vec![0.0; layout.len()];
        for (i, &x) in plain.iter().enumerate() {
            packed[layout.index(i / layout.columns(), i % layout.columns())] = x;
        }
        packed
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|x| x.to_bits()).collect()
    }

    /// The real columns of the rows of a matrix.
    fn unpadded(matrix: &Matrix, columns: usize) -> Vec<f32> {
        matrix.values().chunks_exact(matrix.stride()).flat_map(|row| &row[..columns]).copied().collect()
    }

    #[test]
    fn the_three_products_equal_the_reference_to_the_bit_on_every_isa() {
        for (&inputs, &outputs) in SHAPES.iter().flat_map(|i| SHAPES.iter().map(move |o| (i, o))) {
            for (isa, &batch) in Isa::available().into_iter().flat_map(|isa| BATCHES.iter().map(move |b| (isa, b))) {
                let (z, w, d) = (plain(batch * inputs, 0), plain(inputs * outputs, 5), plain(batch * outputs, 9));
                let layout = Panels::new(inputs, outputs);
                let weights = in_panels(layout, &w);
                let (z_rows, d_rows) = (matrix(batch, inputs, &z), matrix(batch, outputs, &d));
                let case = format!("{inputs} -> {outputs}, batch {batch}, {}", isa.name());

                let mut next = Matrix::zeros(batch, outputs);
                let stride = next.stride();
                let out = RowsMut { values: next.values_mut(), stride };
                forward(isa, Activation::Identity, z_rows.head(batch).into(), all(&weights, layout), out, None);
                let want = reference::product(batch, inputs, outputs, &z, &w);
                assert_eq!(bits(&unpadded(&next, outputs)), bits(&want), "forward, {case}");

                let back = Panels::new(outputs, inputs);
                let w_t = reference::transpose(inputs, outputs, &w);
                let mut q = Matrix::zeros(batch, inputs);
                let stride = q.stride();
                let out = RowsMut { values: q.values_mut(), stride };
                let transposed = in_panels(back, &w_t);
                let identity = Activation::Identity;
                input_gradient(isa, identity, d_rows.head(batch), all(&transposed, back), z_rows.head(batch), out);
                let want = reference::product(batch, outputs, inputs, &d, &w_t);
                assert_eq!(bits(&unpadded(&q, inputs)), bits(&want), "input gradient, {case}");

                let mut p = vec![0.0; layout.len()];
                for panel in layout.iter() {
                    let block = WeightBlock { panel, row: 0, rows: inputs, listed: None, bias: false };
                    let part = &mut p[panel.start..][..inputs * panel.width];
                    weight_gradient(isa, z_rows.head(batch).into(), d_rows.head(batch), block, part);
                }
                let want = reference::product(inputs, batch, outputs, &reference::transpose(batch, inputs, &z), &d);
                assert_eq!(bits(&p), bits(&in_panels(layout, &want)), "weight gradient, {case}");
            }
        }
    }

    #[test]
    fn the_update_of_a_product_equals_gradient_then_update_to_the_bit() {
        let adam = Rule::Adam { rate: 1e-2, weight_1: 0.1, weight_2: 1e-3, epsilon: 1e-8 };
        let momentum = Rule::Momentum { rate: 0.1, momentum: 0.9 };
        let lion = Rule::Lion { rate: 0.1, weight_1: 0.1, weight_2: 0.01 };
        let rules = [Rule::Sgd { rate: 0.1 }, momentum, Rule::Nesterov { rate: 0.1, momentum: 0.9 }, adam, lion];
        let decay = Before { clip: 0.5, l1: 0.01, l2: 0.1, decay: 0.01, ..Before::NOTHING };
        let decayed = Update { rule: adam, before: Some(decay) };
        let updates: Vec<Update> = rules.map(Update::from).into_iter().chain([decayed]).collect();
        let (batch, inputs, outputs) = if cfg!(miri) { (5, 33, 17) } else { (29, 33, 46) };
        let layout = Panels::new(inputs, outputs);
        let z = matrix(batch, inputs, &plain(batch * inputs, 1));
        let d = matrix(batch, outputs, &plain(batch * outputs, 2));
        for (isa, &by) in Isa::available().into_iter().flat_map(|isa| updates.iter().map(move |by| (isa, by))) {
            for panel in layout.iter() {
                let block = WeightBlock { panel, row: 3, rows: 21, listed: None, bias: true };
                let len = block.rows * panel.width;
                let states = || [0, 1, 2].map(|s| vec![0.25; if s < by.rule.states() { len } else { 0 }]);
                let (mut at_once, mut kept) = (plain(len, 3), states());
                let part = Part { weights: &mut at_once, states: kept.each_mut().map(|state| &mut state[..]) };
                weight_update(isa, z.head(batch).into(), d.head(batch), block, by, part);

                let (mut twice, mut kept) = (plain(len, 3), states());
                let mut gradient = vec![0.0; len];
                weight_gradient(isa, z.head(batch).into(), d.head(batch), block, &mut gradient);
                let part = Part { weights: &mut twice, states: kept.each_mut().map(|state| &mut state[..]) };
                update(isa, by, block, part, &mut gradient);
                assert_eq!(bits(&at_once), bits(&twice), "{by:?} on {}", isa.name());
            }
        }
    }

    /// Rows of the batch in which zeros are left out.
    const ROWS: usize = if cfg!(miri) { 11 } else { 29 };

    /// What becomes of an input: the outputs, and the gradient of the weights.
    fn through(isa: Isa, z: Input, z_by_column: Input, listed: Option<&Listed>) -> (Vec<u32>, Vec<u32>) {
        let (batch, inputs, outputs) = (ROWS, 40, 46);
        let layout = Panels::new(inputs, outputs);
        let weights = in_panels(layout, &plain(inputs * outputs, 7));
        let mut next = Matrix::zeros(batch, outputs);
        let stride = next.stride();
        let out = RowsMut { values: next.values_mut(), stride };
        forward(isa, Activation::Tanh, z, all(&weights, layout), out, None);

        let delta = matrix(batch, outputs, &plain(batch * outputs, 5));
        let mut gradient = vec![0.0; layout.len()];
        for panel in layout.iter() {
            let block = WeightBlock {
                panel,
                row: 0,
                rows: listed.map_or(inputs, |list| list.rows().len()),
                listed,
                bias: true,
            };
            let part = &mut gradient[panel.start..][block.range()];
            weight_gradient(isa, z_by_column, delta.head(batch), block, part);
        }
        (bits(next.values()), bits(&gradient))
    }

    /// Rows of `columns` values, and their marks behind them.
    fn marked(isa: Isa, columns: usize, plain: &[f32]) -> (Matrix, Marks) {
        let marks = Marks::of(columns);
        let mut matrix = Matrix::zeros(plain.len() / columns, marks.columns());
        let stride = matrix.stride();
        let rows = matrix.values_mut().chunks_exact_mut(stride);
        rows.zip(plain.chunks_exact(columns)).for_each(|(to, from)| to[..columns].copy_from_slice(from));
        marks.set(isa, RowsMut { values: matrix.values_mut(), stride });
        (matrix, marks)
    }

    #[test]
    fn zeros_that_are_left_out_change_no_bit() {
        let (batch, inputs) = (ROWS, 40);
        let listed = Listed::new((0..inputs as u32).filter(|k| k % 3 == 1 || *k > 25).collect());
        let columns: Vec<usize> = listed.rows().iter().map(|&k| k as usize).collect();
        // Few entries, some of them in whole rows and tiles of zeros; the last column is the ones of the bias.
        let entry =
            |row: usize, column: usize| column + 1 == inputs || (row % 9 < 4 && (row * 7 + column).is_multiple_of(5));
        let live = |i: &usize| columns.contains(&(i % inputs)) && entry(i / inputs, i % inputs);
        let mut wide = plain(batch * inputs, 3);
        wide.iter_mut().enumerate().for_each(|(i, z)| {
            *z = if i % inputs + 1 == inputs { 1.0 } else { *z * f32::from(u8::from(live(&i))) };
        });
        let narrow: Vec<f32> = wide.chunks(inputs).flat_map(|row| columns.iter().map(|&k| row[k])).collect();
        let places: Vec<usize> = (0..batch * inputs).filter(|i| live(i) && i % inputs + 1 < inputs).collect();
        let starts = (0..=batch).map(|row| places.iter().filter(|&&i| i < row * inputs).count()).collect();
        let csr_columns = places.iter().map(|i| (i % inputs) as u32).collect();
        let csr = Csr::new(inputs - 1, starts, csr_columns, places.iter().map(|&i| wide[i]).collect()).unwrap();
        let rows: Vec<u32> = (0..batch as u32).collect();
        let mut by_column = ByColumn::with_capacity(inputs, 0);
        by_column.set(&csr, &rows);

        for isa in Isa::available() {
            let (wide, narrow) = (marked(isa, inputs, &wide), marked(isa, columns.len(), &narrow));
            let through_dense = |(z, marks): &(Matrix, Marks), leave_out: bool, listed| {
                let z = Input::Dense { rows: z.head(batch), listed, marks: leave_out.then_some(*marks) };
                through(isa, z, z, listed)
            };
            let want = through_dense(&wide, false, None);
            assert_eq!(through_dense(&wide, true, None), want, "{}", isa.name());
            for leave_out in [false, true] {
                assert_eq!(through_dense(&narrow, leave_out, Some(&listed)), want, "{}, {leave_out}", isa.name());
            }
            let [by_rows, by_columns] =
                [Entries::with_ones(&csr, &rows), Entries::by_column(&by_column)].map(Input::Sparse);
            assert_eq!(through(isa, by_rows, by_columns, None), want, "{}", isa.name());
        }
    }

    #[test]
    fn nothing_is_written_past_the_last_column() {
        for isa in Isa::available() {
            let (z, weights) = (matrix(5, 3, &plain(15, 0)), in_panels(Panels::new(3, 10), &plain(30, 0)));
            let mut next = matrix(5, 11, &[1.0; 55]);
            let stride = next.stride();
            let out = RowsMut { values: next.values_mut(), stride };
            forward(isa, Activation::Sigmoid, z.head(5).into(), all(&weights, Panels::new(3, 10)), out, None);
            assert!(next.values().chunks(stride).all(|row| row[10] == 1.0 && row[11..].iter().all(|&x| x == 0.0)));
        }
    }
}
