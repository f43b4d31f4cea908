//! Backward layer loop on a block of rows.

use layerloop_kernels::{Activation, Block, dense};

use super::forward::Pass;
use super::layers;
use super::program::Kind;
use super::weight_plan::WeightPlan;

/// The gradient of every value that parameters stand before, from the last to the first of a stage; for what a dense layer
/// gives, delta_i = sigma'(t_i) * q_{i+1}. Where each member of an ensemble has a loss, their gradients are there already.
pub(crate) fn backward(pass: Pass, plan: &WeightPlan, stage: usize, each_member: bool, block: &mut Block) {
    let Pass { isa, network, places, .. } = pass;
    let program = &network.program;
    let ops = program.stages[stage].clone();
    // The batch norm after this stage has all sums now.
    if let Some(op) = program.ops.get(ops.end)
        && program.values[op.from[0]].depends
    {
        layers::unit::backward(pass, op, ops.end, block);
    }
    for (i, op) in ops.clone().zip(&program.ops[ops]).rev() {
        let [from, to] = [op.from[0], op.to[0]].map(|value| program.values[value]);
        let joins_members = each_member && i + 1 == program.ops.len();
        if !to.depends || joins_members {
            continue;
        }
        let activation = op.activation_left(&program.values);
        if activation != Activation::Identity {
            // z_{i+1} = sigma(t_i)
            let ([delta], [z]) = block.write([places.delta(to)], [places.slopes_or_z(to)]);
            dense::through_activation(isa, activation, z, to.width, delta);
        }
        match op.kind {
            Kind::Join(join) => layers::join::backward(isa, join, program, op, places, block),
            _ if !from.depends => {}
            Kind::Dense(_) => {
                // z_{i+1} = sigma(W_i z_i^{;1}), where z_i = sigma(t_{i-1})
                let transposed = plan.transposed(op.parameter.unwrap_or_default());
                let reads = [places.delta(to), places.slopes_or_z(from)];
                let ([below], [delta, z]) = block.write([places.delta(from)], reads);
                dense::input_gradient(isa, from.through, delta, transposed, z, below);
            }
            Kind::Activation(_) => {} // its gradient stands where it was
            Kind::Fork => layers::join::fork_backward(isa, program, op, places, block),
            Kind::BatchStandardise { .. } => layers::batch_norm::gradient_sums(pass, op, block),
            Kind::Custom(layer) => layers::custom::backward(pass, op, layer, block),
            _ => layers::unit::backward(pass, op, i, block),
        }
    }
}
