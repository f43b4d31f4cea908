//! Forward layer loop on a block of rows.

use layerloop_kernels::dense::{self, Weights};
use layerloop_kernels::softmax::{self, Logits};
use layerloop_kernels::{Block, Isa, gather};

use super::Network;
use super::live::Live;
use super::workspace::Places;
use crate::data::Inputs;

/// Rows of some inputs, to be gathered as a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub(crate) inputs: &'a Inputs,
    /// Row of the inputs for each row of the batch.
    pub(crate) rows: &'a [u32],
    /// The label of each row of the inputs.
    pub(crate) labels: &'a [u32],
}

/// z_1 = x; z_{i+1} = sigma(W_i z_i^{;1}) for i = 1..L, for the block's rows of the batch.
pub(crate) fn forward(isa: Isa, network: &Network, batch: Batch, live: &Live, places: Places, block: &mut Block) {
    let columns = gather::Columns { width: network.spec().inputs, runs: &live.runs };
    let rows = &batch.rows[block.rows()];
    let next = &batch.rows[block.rows().end..];
    let ([x], []) = block.write([places.z(0)], []);
    match batch.inputs {
        Inputs::Bytes { values, scale } => gather::bytes(isa, values, columns, *scale, [rows, next], x),
        Inputs::Floats(values) => gather::floats(values, columns, rows, x),
    }
    for (i, layer) in network.spec().layers.iter().enumerate() {
        let ([next], [z]) = block.write([places.z(i + 1)], [places.z(i)]);
        let listed = live.listed.as_ref().filter(|_| i == 0);
        let (values, layout) = (network.parameters.layer(i), network.parameters.layers[i].layout);
        dense::forward(isa, layer.activation, z, Weights { values, layout, listed }, next);
    }
}

/// l = log S - z_y for each row, and q_{L+1} = weight (p - onehot(y)) where the last delta will be; `weight` is 1 / B
/// where the loss is a mean.
///
pub(crate) fn loss(isa: Isa, network: &Network, batch: Batch, weight: f32, places: Places, block: &mut Block) {
    let (spec, last) = (network.spec(), network.spec().layers.len() - 1);
    let rows = &batch.rows[block.rows()];
    let ([delta, loss], [z]) = block.write([places.delta(last), places.loss()], [places.z(last + 1)]);
    let logits = Logits { rows: z, width: spec.logits(), output: spec.output };
    let labels = rows.iter().map(|&row| batch.labels[row as usize]);
    softmax::cross_entropy(isa, logits, labels, weight, delta, loss);
}
