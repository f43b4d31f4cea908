//! Forward layer loop on a block of rows.

use std::ops::Range;

use layerloop_kernels::dense::{self, Weights};
use layerloop_kernels::gather::Source;
use layerloop_kernels::norm::Statistics;
use layerloop_kernels::{Block, Isa, Rows, RowsMut, rows};

use super::Network;
use super::bound_loss::BoundLoss;
use super::input_plan::{InputPlan, InputStrategy};
use super::layers;
use super::program::{Kind, Op, Value};
use super::workspace::Places;
use crate::augment::Augmented;

/// Rows of a source, to be gathered as a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub(crate) source: Source<'a>,
    /// Row of the source for each row of the batch.
    pub(crate) rows: &'a [u32],
    /// Rows of the next batch, which are prefetched.
    pub(crate) next: &'a [u32],
    /// What the outputs are measured by, where they are.
    pub(crate) bound_loss: Option<&'a BoundLoss<'a>>,
    /// What is done to the rows, where they are augmented.
    pub(crate) augmented: Option<Augmented<'a>>,
}

impl Batch<'_> {
    /// Some rows of the batch.
    pub(crate) fn part(self, rows: Range<usize>) -> Self {
        Self { next: &self.rows[rows.end..], rows: &self.rows[rows], ..self }
    }
}

/// What a pass over a batch needs to know beside the batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pass<'a> {
    pub(crate) isa: Isa,
    pub(crate) network: &'a Network,
    pub(crate) input_plan: &'a InputPlan,
    pub(crate) places: Places,
    pub(crate) mode: Mode,
    /// Of each batch norm.
    pub(crate) statistics: &'a [Statistics],
}

/// What a pass is made for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    /// To use the network: nothing is dropped, batch norms take their running statistics.
    Use,
    /// For a gradient by itself: batch norms take the statistics of the batch, nothing is drawn.
    Gradient,
    /// To take a step: what is dropped depends on the seed, the batch's number and the row of the batch, of which the `first` is here;
    /// `dropout` is a factor of every rate.
    Training { seed: u64, step: u64, first: usize, dropout: f32 },
}

impl Mode {
    /// The same where each row comes so many times.
    pub(crate) fn with_rows_repeated(self, times: usize) -> Self {
        match self {
            Self::Training { seed, step, first, dropout } => {
                Self::Training { seed, step, first: first * times, dropout }
            }
            other => other,
        }
    }

    /// The row of the batch that a block begins with.
    pub(crate) fn first_row(self, block: &Block) -> usize {
        let before = if let Self::Training { first, .. } = self { first } else { 0 };
        before + block.rows().start
    }
}

/// Every value from the input to the logits, for the rows of a batch that the block holds; in training, those of a stage.
pub(crate) fn forward(pass: Pass, batch: Batch, stage: usize, block: &mut Block) {
    let Pass { isa, network, input_plan, places, mode, .. } = pass;
    let program = &network.program;
    let stages = &program.stages;
    let ops = if mode == Mode::Use { 0..program.ops.len() } else { stages[stage].clone() };
    if stage == 0 && input_plan.strategy != InputStrategy::Entries {
        let ([x], []) = block.write([places.z(program.values[0])], []);
        input_plan.gather(isa, batch, x);
    }
    for (i, op) in ops.clone().zip(&program.ops[ops.clone()]) {
        let [from, to] = [op.from[0], op.to[0]].map(|value| program.values[value]);
        match op.kind {
            Kind::Dense(dense) => {
                // z_{i+1} = sigma(W_i z_i^{;1})
                let weights = weights(network, op);
                let (next, slopes, z) = outputs(block, places, from, to);
                let z = if from.z == 0 { input_plan.by_rows(batch, z, dense.bias) } else { z.into() };
                dense::forward(isa, dense.activation, z, weights, next, slopes);
            }
            Kind::Activation(activation) => {
                let (mut next, slopes, z) = outputs(block, places, from, to);
                rows::copy(z, 0, next.again(), 0, to.width);
                layerloop_kernels::activate(isa, activation, to.width, next, slopes);
            }
            Kind::Fork => {}
            Kind::Join(join) => layers::join::forward(isa, join, program, op, places, block),
            Kind::Custom(layer) => layers::custom::forward(pass, op, layer, block),
            _ => layers::unit::forward(pass, op, i, block),
        }
    }
    if mode != Mode::Use && stage + 1 < stages.len() {
        layers::batch_norm::sums(pass, &program.ops[ops.end], block);
    }
}

/// The parameters of an operation.
pub(crate) fn weights<'a>(network: &'a Network, op: &Op) -> Weights<'a> {
    let i = op.parameter.expect("an operation that has some");
    Weights { values: network.parameters.layer(i), layout: network.parameters.layers[i].layout }
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
