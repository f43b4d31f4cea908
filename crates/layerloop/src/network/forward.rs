//! Forward layer loop on a block of rows.

use std::ops::Range;

use layerloop_kernels::dense::{self, Weights};
use layerloop_kernels::gather::{self, Source};
use layerloop_kernels::softmax::{self, Logits};
use layerloop_kernels::{Block, Isa, Rows, RowsMut, rows};

use super::Network;
use super::intake::{Intake, Road};
use super::layers;
use super::program::{Kind, Value};
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

/// Every value from the input to the logits, for the rows of a batch that the block holds.
pub(crate) fn forward(isa: Isa, network: &Network, batch: Batch, intake: &Intake, places: Places, block: &mut Block) {
    let program = &network.program;
    if intake.road != Road::Entries {
        let ([x], []) = block.write([places.z(program.values[0])], []);
        gather::rows(isa, batch.source, &intake.columns, intake.marks_wanted(), [batch.rows, batch.next], x);
    }
    for op in &program.ops {
        let [from, to] = [op.from[0], op.to[0]].map(|value| program.values[value]);
        match op.kind {
            Kind::Dense(dense) => {
                // z_{i+1} = sigma(W_i z_i^{;1})
                let (next, slopes, z) = outputs(block, places, from, to);
                let z = if from.z == 0 { intake.by_rows(batch, z) } else { z.into() };
                let view = &network.parameters.layers[op.parameter];
                let weights = Weights { values: network.parameters.layer(op.parameter), layout: view.layout };
                dense::forward(isa, dense.activation, z, weights, next, slopes);
            }
            Kind::Activation(activation) => {
                let (mut next, slopes, z) = outputs(block, places, from, to);
                rows::copy(z, 0, next.again(), 0, to.width);
                layerloop_kernels::activate(isa, activation, to.width, next, slopes);
            }
            Kind::Fork => {}
            Kind::Join(join) => layers::join::forward(isa, join, program, op, places, block),
        }
    }
}

/// The matrices of what an operation gives, its slopes where they are stored, and of what it reads.
fn outputs<'a>(
    block: &'a mut Block,
    places: Places,
    from: Value,
    to: Value,
) -> (RowsMut<'a>, Option<RowsMut<'a>>, Rows<'a>) {
    match places.slopes(to) {
        None => {
            let ([next], [z]) = block.write([places.z(to)], [places.z(from)]);
            (next, None, z)
        }
        Some(slopes) => {
            let ([next, slopes], [z]) = block.write([places.z(to), slopes], [places.z(from)]);
            (next, Some(slopes), z)
        }
    }
}

/// l = log S - z_y for each row, and q_{L+1} = weight (p - onehot(y)) where the last delta will be; `weight` is 1 / B
/// where the loss is a mean.
pub(crate) fn loss(isa: Isa, network: &Network, batch: Batch, weight: f32, places: Places, block: &mut Block) {
    let (last, output) = (network.program.logits(), network.spec().output);
    let ([delta, loss], [z]) = block.write([places.delta(last), places.loss()], [places.z(last)]);
    let logits = Logits { rows: z, width: last.width, output };
    let labels = batch.rows.iter().map(|&row| batch.labels[row as usize]);
    softmax::cross_entropy(isa, logits, labels, weight, delta, loss);
}
