//! Layers that treat each row by itself, and the standardisation of a batch norm.

use layerloop_kernels::{
    Block, Rows, Slope, activate, columns, dense, grouped, members, norm, parametric, piecewise, rows, table,
};

use crate::network::forward::{Mode, Pass, weights};
use crate::network::program::{Kind, Op};
use crate::rng::Stream;

/// z' of one operation, the `i`-th.
pub(in crate::network) fn forward(pass: Pass, op: &Op, i: usize, block: &mut Block) {
    let Pass { isa, network, places, mode, .. } = pass;
    let [from, to] = [op.from[0], op.to[0]].map(|value| network.program.values[value]);
    let first = mode.first_row(block);
    if let (Kind::Standardise { epsilon }, Some(inverse)) = (op.kind, places.kept(to)) {
        let ([out, inverse], [z]) = block.write([places.z(to), inverse], [places.z(from)]);
        return norm::rows(isa, epsilon, z, to.width, out, Some(inverse));
    }
    if let (Kind::Parametric(activation), Some(kept)) = (op.kind, places.kept(to)) {
        let ([out, mut values, mut slopes], [z]) = block.write([places.z(to), kept, kept + 1], [places.z(from)]);
        rows::copy(z, 0, values.again(), 0, to.width);
        activate(isa, activation, to.width, values.again(), Some(slopes.again()));
        let values = Rows { values: values.values, stride: values.stride };
        if activation.slope() == Slope::OfOutput {
            (0..slopes.count()).for_each(|row| slopes.row(row, to.width).fill(1.0));
            dense::through_activation(isa, activation, values, to.width, slopes);
        }
        return parametric::forward(isa, z, Some(values), weights(network, op), out);
    }
    let ([out], [z]) = block.write([places.z(to)], [places.z(from)]);
    match op.kind {
        Kind::Drop { rate, alpha } => match keys(mode, i) {
            Some(keys) => rows::mask(isa, drop_mask(rate * dropped(mode), alpha, keys), z, to.width, first, out),
            None => rows::copy(z, 0, out, 0, to.width),
        },
        Kind::Leak { lower, upper } => {
            let leak = rows::Leak { lower, upper, keys: keys(mode, i) };
            rows::leak(isa, leak, z, None, to.width, first, out);
        }
        Kind::PerColumn(per_column) => columns::forward(isa, per_column, z, weights(network, op), out),
        Kind::Standardise { epsilon } => norm::rows(isa, epsilon, z, to.width, out, None),
        Kind::BatchStandardise { index, .. } => pass.statistics[index].standardise(isa, z, out),
        Kind::Max { pieces } => rows::max(isa, z, pieces, to.width, out),
        Kind::Outer => rows::outer(isa, z, from.width, out),
        Kind::Piecewise { piecewise: of, first } => {
            let w = &weights(network, op).values[..of.parameters()];
            piecewise::forward(isa, of, network.program.edges(of, first), z, w, out);
        }
        Kind::Columns { first } => rows::copy(z, first, out, 0, to.width),
        Kind::Grouped(groups) => {
            grouped::forward(isa, groups, first, z, &weights(network, op).values[..groups.parameters()], out);
        }
        Kind::Parametric(activation) => {
            let mut out = out;
            rows::copy(z, 0, out.again(), 0, to.width);
            activate(isa, activation, to.width, out.again(), None);
            parametric::forward(isa, z, None, weights(network, op), out);
        }
        Kind::Members(members) => {
            members::forward(isa, members, first, z, &weights(network, op).values[..members.parameters()], out);
        }
        Kind::Table => table::look_up(z, from.width, weights(network, op), out),
        Kind::Dense(_) | Kind::Activation(_) | Kind::Fork | Kind::Join(_) | Kind::Custom(_) => unreachable!("no unit"),
    }
}

/// q of one operation, the `i`-th, from q', the gradient of what it gave.
pub(in crate::network) fn backward(pass: Pass, op: &Op, i: usize, block: &mut Block) {
    let Pass { isa, network, places, mode, .. } = pass;
    let [from, to] = [op.from[0], op.to[0]].map(|value| network.program.values[value]);
    let first = mode.first_row(block);
    if let (Kind::Parametric(_), Some(kept)) = (op.kind, places.kept(to)) {
        let ([out], [q, slopes]) = block.write([places.delta(from)], [places.delta(to), kept + 1]);
        return parametric::input_gradient(isa, q, slopes, weights(network, op), out);
    }
    let reads = [places.delta(to), places.z(from), places.z(to), places.kept(to).unwrap_or(places.z(to))];
    let ([out], [q, z, next, kept]) = block.write([places.delta(from)], reads);
    match op.kind {
        Kind::Drop { rate, alpha } => match keys(mode, i) {
            Some(keys) => {
                rows::mask(isa, drop_mask(rate * dropped(mode), alpha, keys).backward(), q, to.width, first, out)
            }
            None => rows::copy(q, 0, out, 0, to.width),
        },
        Kind::Leak { lower, upper } => {
            let leak = rows::Leak { lower, upper, keys: keys(mode, i) };
            rows::leak(isa, leak, z, Some(q), to.width, first, out);
        }
        Kind::PerColumn(per_column) => columns::input_gradient(isa, per_column, z, q, weights(network, op), out),
        Kind::Standardise { .. } => norm::rows_gradient(isa, next, kept, q, to.width, out),
        Kind::BatchStandardise { index, .. } => pass.statistics[index].gradient(isa, next, q, out),
        Kind::Max { pieces } => rows::max_gradient(isa, z, next, q, pieces, to.width, out),
        Kind::Outer => rows::outer_gradient(isa, z, q, from.width, out),
        Kind::Piecewise { piecewise: of, first } => {
            let w = &weights(network, op).values[..of.parameters()];
            piecewise::input_gradient(isa, of, network.program.edges(of, first), [z, q], w, out);
        }
        Kind::Columns { first } => {
            let mut out = out;
            (0..out.count()).for_each(|row| out.row(row, from.width).fill(0.0));
            rows::copy(q, 0, out, first, to.width);
        }
        Kind::Grouped(groups) => {
            grouped::input_gradient(isa, groups, first, q, &weights(network, op).values[..groups.parameters()], out);
        }
        Kind::Members(members) => {
            members::input_gradient(isa, members, first, q, &weights(network, op).values[..members.parameters()], out);
        }
        Kind::Table
        | Kind::Parametric(_)
        | Kind::Dense(_)
        | Kind::Activation(_)
        | Kind::Fork
        | Kind::Join(_)
        | Kind::Custom(_) => {
            unreachable!("no unit")
        }
    }
}

/// The factor of every rate.
fn dropped(mode: Mode) -> f32 {
    if let Mode::Training { dropout, .. } = mode { dropout } else { 0.0 }
}

fn drop_mask(rate: f32, alpha: bool, keys: [u32; 2]) -> rows::Mask {
    if alpha { rows::Mask::alpha_dropout(rate, keys) } else { rows::Mask::dropout(rate, keys) }
}

/// What names the random numbers of the `i`-th operation in a step; none where the network is used.
fn keys(mode: Mode, i: usize) -> Option<[u32; 2]> {
    match mode {
        Mode::Use | Mode::Gradient => None,
        Mode::Training { seed, step, .. } => {
            // 2^20 operations are more than a network of 2^30 parameters is built of.
            Some(Stream::new(seed, "dropout", step << 20 | i as u64).keys())
        }
    }
}
