//! Forward layer loop on a block of rows.

use std::ops::Range;

use layerloop_kernels::dense::{self, Weights};
use layerloop_kernels::gather::{self, Source};
use layerloop_kernels::softmax::{self, Logits};
use layerloop_kernels::{Block, Isa};

use super::Network;
use super::intake::{Intake, Road};
use super::workspace::Places;

/// Rows of a source, to be gathered as a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub(crate) source: Source<'a>,
    /// Row of the source for each row of the batch.
    pub(crate) rows: &'a [u32],
    /// Rows of the source that will be wanted next.
    pub(crate) next: &'a [u32],
    /// The label of each row of the source.
    pub(crate) labels: &'a [u32],
}

impl Batch<'_> {
    /// Some rows of the batch.
    pub(crate) fn part(self, rows: Range<usize>) -> Self {
        Self { next: &self.rows[rows.end..], rows: &self.rows[rows], ..self }
    }
}

/// z_1 = x; z_{i+1} = sigma(W_i z_i^{;1}) for i = 1..L, for the rows of a batch that the block holds.
pub(crate) fn forward(isa: Isa, network: &Network, batch: Batch, intake: &Intake, places: Places, block: &mut Block) {
    if intake.road != Road::Entries {
        let ([x], []) = block.write([places.z(0)], []);
        gather::rows(isa, batch.source, &intake.columns, intake.marks_wanted(), [batch.rows, batch.next], x);
    }
    for (i, layer) in network.spec().layers.iter().enumerate() {
        let (next, slopes, z) = match places.slopes(i, layer.activation) {
            None => {
                let ([next], [z]) = block.write([places.z(i + 1)], [places.z(i)]);
                (next, None, z)
            }
            Some(slopes) => {
                let ([next, slopes], [z]) = block.write([places.z(i + 1), slopes], [places.z(i)]);
                (next, Some(slopes), z)
            }
        };
        let z = if i == 0 { intake.by_rows(batch, z) } else { z.into() };
        let weights = Weights { values: network.parameters.layer(i), layout: network.parameters.layers[i].layout };
        dense::forward(isa, layer.activation, z, weights, next, slopes);
    }
}

/// l = log S - z_y for each row, and q_{L+1} = weight (p - onehot(y)) where the last delta will be; `weight` is 1 / B
/// where the loss is a mean.
pub(crate) fn loss(isa: Isa, network: &Network, batch: Batch, weight: f32, places: Places, block: &mut Block) {
    let (spec, last) = (network.spec(), network.spec().layers.len() - 1);
    let ([delta, loss], [z]) = block.write([places.delta(last), places.loss()], [places.z(last + 1)]);
    let logits = Logits { rows: z, width: spec.logits(), output: spec.output };
    let labels = batch.rows.iter().map(|&row| batch.labels[row as usize]);
    softmax::cross_entropy(isa, logits, labels, weight, delta, loss);
}
