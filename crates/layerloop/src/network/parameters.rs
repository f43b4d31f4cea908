//! All parameters in one flat vector, with a view for each layer.
//!
//! Inside, a layer is (n_in + 1) x n_out in panels, its last row the bias, ready for the kernels. Outside of it a
//! weight is n_out x n_in, row-major, and a bias n_out, in the order weight 1, bias 1, weight 2, ...

use layerloop_kernels::{Matrix, PANEL, Panels};

use super::program::{Parameter, Program};
use crate::Result;

/// Rows of a panel that are written together.
const BLOCK: usize = 16;

/// The parameters of a network.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameters {
    pub(crate) values: Matrix,
    pub(crate) layers: Vec<View>,
}

/// Where a layer's parameters lie in the flat vector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct View {
    /// Index of its first value.
    pub(crate) start: usize,
    /// (n_in + 1) x n_out, or n_in x n_out where there is no bias.
    pub(crate) layout: Panels,
    pub(crate) bias: bool,
}

impl View {
    pub(crate) fn inputs(&self) -> usize {
        self.layout.rows() - usize::from(self.bias)
    }

    pub(crate) fn outputs(&self) -> usize {
        self.layout.columns()
    }

    /// The indices of the layer's weights in canonical order: n_out x n_in, row-major.
    fn weight_indices(self) -> impl Iterator<Item = usize> {
        self.layout.iter().flat_map(move |panel| {
            let first = self.start + panel.start;
            let rows = move |column| (0..self.inputs()).map(move |row| first + row * panel.width + column);
            (0..panel.columns).flat_map(rows)
        })
    }

    /// The indices of the layer's biases.
    fn bias_indices(self) -> impl Iterator<Item = usize> {
        let outputs = if self.bias { self.outputs() } else { 0 };
        (0..outputs).map(move |o| self.start + self.layout.index(self.inputs(), o))
    }
}

impl Parameters {
    /// Zeros for every layer of `program`.
    pub(crate) fn zeros(program: &Program) -> Self {
        let mut start = 0;
        let views = program.parameters.iter().map(|parameter: &Parameter| {
            let view = View { start, layout: parameter.layout(), bias: parameter.bias };
            start += view.layout.len();
            view
        });
        let layers = views.collect();
        Self { values: Matrix::vector(start), layers }
    }

    /// The layer's parameters, in panels.
    pub(crate) fn layer(&self, i: usize) -> &[f32] {
        let view = self.layers[i];
        &self.values.values()[view.start..][..view.layout.len()]
    }

    pub(crate) fn weight(&self, i: usize) -> Vec<f32> {
        let (view, values) = (self.layers[i], self.values.values());
        let mut weight = Vec::with_capacity(view.inputs() * view.outputs());
        view.weight_indices().for_each(|at| weight.push(values[at])); // from within: faster than `collect`
        weight
    }

    pub(crate) fn bias(&self, i: usize) -> Vec<f32> {
        self.layers[i].bias_indices().map(|at| self.values.values()[at]).collect()
    }

    /// Sets the layer's weights to the next values of `source`.
    pub(crate) fn set_weight(&mut self, i: usize, source: impl IntoIterator<Item = f32>) {
        let (values, mut source) = (self.values.values_mut(), source.into_iter());
        self.layers[i].weight_indices().for_each(|at| {
            if let Some(value) = source.next() {
                values[at] = value;
            }
        });
    }

    /// Sets the layer's biases to the next values of `source`.
    pub(crate) fn set_bias(&mut self, i: usize, source: impl IntoIterator<Item = f32>) {
        let values = self.values.values_mut();
        self.layers[i].bias_indices().zip(source).for_each(|(at, value)| values[at] = value);
    }

    /// Sets the layer's weights to what `fill` puts into a buffer for each panel: bytes of n_out x n_in values, row-major, little-endian.
    pub(crate) fn read_weight(&mut self, i: usize, mut fill: impl FnMut(&mut [[u8; 4]]) -> Result<()>) -> Result<()> {
        let (view, inputs) = (self.layers[i], self.layers[i].inputs());
        let mut rows = vec![[0; 4]; inputs * PANEL.min(view.outputs())];
        for panel in view.layout.iter() {
            let rows = &mut rows[..panel.columns * inputs];
            fill(rows)?;
            let values = &mut self.values.values_mut()[view.start + panel.start..][..inputs * panel.width];
            transpose(rows, inputs, panel.width, values);
        }
        Ok(())
    }

    /// As [`Self::read_weight`], the biases.
    pub(crate) fn read_bias(&mut self, i: usize, mut fill: impl FnMut(&mut [[u8; 4]]) -> Result<()>) -> Result<()> {
        let mut bias = vec![[0; 4]; self.layers[i].outputs()];
        fill(&mut bias)?;
        self.set_bias(i, bias.into_iter().map(f32::from_le_bytes));
        Ok(())
    }

    /// Where the layer's weights and biases lie in the flat vector, in canonical order.
    pub(crate) fn canonical_indices(&self, i: usize) -> Vec<usize> {
        self.layers[i].weight_indices().chain(self.layers[i].bias_indices()).collect()
    }

    /// All parameters in canonical order.
    pub(crate) fn in_canonical_order(&self) -> Vec<f32> {
        let mut all = Vec::with_capacity(self.values.values().len());
        (0..self.layers.len()).for_each(|i| all.extend(self.weight(i).into_iter().chain(self.bias(i))));
        all
    }
}

/// `rows`: outputs x inputs, little-endian; `values`: inputs x width, of which the first outputs are set. By blocks of rows of `values`, which
/// stay in the first cache.
fn transpose(rows: &[[u8; 4]], inputs: usize, width: usize, values: &mut [f32]) {
    for (block, values) in values.chunks_mut(BLOCK * width).enumerate() {
        for (column, row) in rows.chunks_exact(inputs).enumerate() {
            let row = &row[block * BLOCK..];
            values.chunks_exact_mut(width).zip(row).for_each(|(to, &bytes)| to[column] = f32::from_le_bytes(bytes));
        }
    }
}
