//! Batch norm: what each block of rows finds out for all.

use layerloop_kernels::norm::{self, Statistics};
use layerloop_kernels::{Block, Matrix};

use crate::network::Network;
use crate::network::forward::Pass;
use crate::network::program::{Kind, Op};
use crate::network::workspace::Places;

/// Mean and spread of each column of a block of what `op` reads.
pub(in crate::network) fn sums(pass: Pass, op: &Op, block: &mut Block) {
    let values = &pass.network.program.values;
    let [from, to] = [op.from[0], op.to[0]].map(|value| values[value]);
    let Some(kept) = pass.places.kept(to) else { return };
    let ([means, squares], [z]) = block.write([kept, kept + 1], [pass.places.z(from)]);
    norm::block(pass.isa, z, to.width, means, squares);
}

/// The sums of q' and of q' z' over a block.
pub(in crate::network) fn gradient_sums(pass: Pass, op: &Op, block: &mut Block) {
    let to = pass.network.program.values[op.to[0]];
    let Some(kept) = pass.places.kept(to) else { return };
    let reads = [pass.places.z(to), pass.places.delta(to)];
    let ([sums, products], [z, q]) = block.write([kept, kept + 1], reads);
    norm::block_gradient(pass.isa, z, q, to.width, sums, products);
}

/// One for each batch norm of a network, as its running mean and variance say.
pub(crate) fn running(network: &Network) -> Vec<Statistics> {
    let of = |op: &Op| {
        let (width, i) = (network.program.values[op.to[0]].width, op.parameter.unwrap_or_default());
        let mut statistics = Statistics::new(width);
        if let Kind::BatchStandardise { epsilon, .. } = op.kind {
            let [mean, variance] = [network.parameters.weight(i), network.parameters.bias(i)];
            statistics.set(|column| mean[column], |column| variance[column], epsilon);
        }
        statistics
    };
    network.program.batch_norms().map(of).collect()
}

/// Puts the sums of the blocks together, and moves the running mean and variance towards those of the batch, unless they are
/// `frozen`.
///
/// # Numerics
/// The running variance is that of the population the batch was drawn from: sum of squares / (n - 1).
pub(crate) fn gather(
    network: &mut Network,
    index: usize,
    statistics: &mut [Statistics],
    matrices: &[Matrix],
    places: Places,
    [rows, step]: [usize; 2],
    frozen: &[bool],
) {
    let Network { program, parameters, .. } = network;
    let Some(op) = program.batch_norms().nth(index) else { return };
    let (Kind::BatchStandardise { epsilon, momentum, .. }, Some(i)) = (op.kind, op.parameter) else { return };
    let Some(kept) = places.kept(program.values[op.to[0]]) else { return };
    let view = parameters.layers[i];
    let values = parameters.values.values_mut();
    let share = if frozen[i] { 0.0 } else { momentum };
    let unbiased = if rows > 1 { rows as f32 / (rows as f32 - 1.0) } else { 1.0 };
    let mut toward = |row: usize, column: usize, new: f32| {
        let running = &mut values[view.start + view.layout.index(row, column)];
        *running += share * (new - *running);
    };
    statistics[index].gather([&matrices[kept], &matrices[kept + 1]], rows, step, epsilon, |column, mean, variance| {
        toward(0, column, mean);
        if rows > 1 {
            toward(1, column, variance * unbiased);
        }
    });
}

/// As [`gather`], in the backward pass.
pub(crate) fn gather_gradient(
    network: &Network,
    index: usize,
    statistics: &mut [Statistics],
    matrices: &[Matrix],
    places: Places,
    [rows, step]: [usize; 2],
) {
    let Some(op) = network.program.batch_norms().nth(index) else { return };
    let Some(kept) = places.kept(network.program.values[op.to[0]]) else { return };
    statistics[index].gather_gradient([&matrices[kept], &matrices[kept + 1]], rows, step);
}
