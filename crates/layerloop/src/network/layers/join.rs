//! Several values into one, and one value under several names.

use layerloop_kernels::{Block, Isa, RowsMut, rows};

use crate::network::layer::Join;
use crate::network::program::{Op, Program};
use crate::network::workspace::Places;

/// z = z_1 + z_2 + ..., their mean, z_1 z_2 ..., or (z_1; z_2; ...)
pub(in crate::network) fn forward(isa: Isa, join: Join, program: &Program, op: &Op, places: Places, block: &mut Block) {
    let to = program.values[op.to[0]];
    let mut column = 0;
    for (i, &from) in op.from.iter().enumerate() {
        let from = program.values[from];
        let ([out], [z]) = block.write([places.z(to)], [places.z(from)]);
        match join {
            Join::Concatenate => rows::copy(z, 0, out, column, from.width),
            _ if i == 0 => rows::copy(z, 0, out, 0, from.width),
            Join::Add | Join::Mean => rows::add(isa, z, from.width, out),
            Join::Multiply => rows::multiply(isa, z, from.width, out),
        }
        column += from.width;
    }
    if join == Join::Mean {
        let ([out], []) = block.write([places.z(to)], []);
        divide(out, to.width, op.from.len());
    }
}

/// The first `width` values of every row, over `n`.
fn divide(mut rows: RowsMut, width: usize, n: usize) {
    (0..rows.count()).for_each(|row| rows.row(row, width).iter_mut().for_each(|value| *value /= n as f32));
}

/// q_i = q, or q / n, or q times the other factors, or its part of q.
pub(in crate::network) fn backward(
    isa: Isa,
    join: Join,
    program: &Program,
    op: &Op,
    places: Places,
    block: &mut Block,
) {
    let to = program.values[op.to[0]];
    let mut column = 0;
    for (i, &from) in op.from.iter().enumerate() {
        let from = program.values[from];
        if from.depends {
            let ([out], [q]) = block.write([places.delta(from)], [places.delta(to)]);
            let first = if join == Join::Concatenate { column } else { 0 };
            let mut out = out;
            rows::copy(q, first, out.again(), 0, from.width);
            if join == Join::Mean {
                divide(out, from.width, op.from.len());
            }
            if join == Join::Multiply {
                for (_, &other) in op.from.iter().enumerate().filter(|(other, _)| *other != i) {
                    let z = places.z(program.values[other]);
                    let ([out], [z]) = block.write([places.delta(from)], [z]);
                    rows::multiply(isa, z, from.width, out);
                }
            }
        }
        column += from.width;
    }
}

/// The gradient of a value with several names is the sum of theirs.
pub(in crate::network) fn fork_backward(isa: Isa, program: &Program, op: &Op, places: Places, block: &mut Block) {
    let from = program.values[op.from[0]];
    for (i, &name) in op.to.iter().enumerate() {
        let ([out], [q]) = block.write([places.delta(from)], [places.delta(program.values[name])]);
        if i == 0 { rows::copy(q, 0, out, 0, from.width) } else { rows::add(isa, q, from.width, out) }
    }
}

#[cfg(test)]
mod tests {
    use crate::network::Network;

    #[test]
    fn chains_that_cannot_be_joined_are_refused() {
        let refused = |text: &str| Network::new(&text.parse().unwrap(), 0).unwrap_err().to_string();
        let said = refused("4 -> 3 -> skip(5 relu) -> 2");
        assert!(said.contains("layer 2: join: chains that give 5 and 3 values"), "{said}");
        assert!(refused("4 -> parallel(3 | 2 -> 0) -> 2").contains("layer 1.2.2 has 0 units"));
    }
}
