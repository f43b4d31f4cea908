//! Several values into one, and one value under several names.

use layerloop_kernels::{Block, Isa, rows};

use crate::network::layer::Join;
use crate::network::program::{Op, Program};
use crate::network::workspace::Places;

/// z = z_1 + z_2 + ..., z_1 z_2 ..., or (z_1; z_2; ...)
pub(in crate::network) fn forward(isa: Isa, join: Join, program: &Program, op: &Op, places: Places, block: &mut Block) {
    let to = program.values[op.to[0]];
    let mut column = 0;
    for (i, &from) in op.from.iter().enumerate() {
        let from = program.values[from];
        let ([out], [z]) = block.write([places.z(to)], [places.z(from)]);
        match join {
            Join::Concatenate => rows::copy(z, 0, out, column, from.width),
            _ if i == 0 => rows::copy(z, 0, out, 0, from.width),
            Join::Add => rows::add(isa, z, from.width, out),
            Join::Multiply => rows::multiply(isa, z, from.width, out),
        }
        column += from.width;
    }
}

/// q_i = q, or q times the other factors, or its part of q.
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
            rows::copy(q, first, out, 0, from.width);
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
    use crate::data::{Dataset, Inputs};
    use crate::network::{Network, Predictor, Spec};
    use crate::train::loss_and_gradient;

    fn data() -> Dataset {
        let values: Vec<f32> = (0..70 * 5).map(|i| ((i * 37 + 11) % 97) as f32 / 97.0 - 0.4).collect();
        let labels = (0..70).map(|i| i * 7 % 3).collect::<Vec<u32>>();
        Dataset::new("test", Inputs::Floats(values.into()), 5, labels, ["a", "b", "c"]).unwrap()
    }

    /// Joins add no rounding that f32 differences could not see past: 1e-3 of the largest derivative.
    #[test]
    fn gradients_through_joins_are_the_slopes_of_the_loss_whatever_the_threads() {
        for text in [
            "5 -> 6 tanh -> skip(6 sigmoid -> 6) tanh -> 3",
            "5 -> skip(6 tanh -> 4, join=concatenate) -> 3",
            "5 -> parallel(4 tanh | 4 sigmoid | 7 tanh -> 4) -> 3",
            "5 -> 6 sigmoid -> parallel(4 tanh | skip(6 tanh) -> 4, join=multiply) -> 3",
            "5 -> tanh parallel(skip(5 tanh, join=multiply) | 3 no-bias, join=concatenate) -> 3 tanh",
        ] {
            let spec: Spec = text.parse().unwrap();
            let network = Network::new(&spec, 3).unwrap();
            let (_, gradient) = loss_and_gradient(&network, &data(), 1).unwrap();
            assert_eq!(loss_and_gradient(&network, &data(), 3).unwrap().1, gradient, "{text}");
            let size = gradient.iter().fold(0.0_f32, |size, g| size.max(g.abs()));
            let values = network.parameters.values.values().to_vec();
            let parameters = &network.parameters;
            let places: Vec<usize> = (0..parameters.layers.len()).flat_map(|i| parameters.border_indices(i)).collect();
            assert_eq!(places.len(), gradient.len());
            for (&place, &g) in places.iter().zip(&gradient) {
                let loss = |step: f32| {
                    let mut moved = network.clone();
                    moved.parameters.values.values_mut()[place] = values[place] + step;
                    let (_, losses) = Predictor::new(&moved, 1).judge(&data()).unwrap();
                    losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / 70.0
                };
                let slope = (loss(0.01) - loss(-0.01)) / 0.02;
                assert!((slope - f64::from(g)).abs() < 1e-3 * f64::from(size), "{text}: {slope} {g} at {place}");
            }
        }
    }

    #[test]
    fn chains_that_cannot_be_joined_are_refused() {
        let refused = |text: &str| Network::new(&text.parse().unwrap(), 0).unwrap_err().to_string();
        let said = refused("4 -> 3 -> skip(5 relu) -> 2");
        assert!(said.contains("layer 2: join: chains that give 5 and 3 values"), "{said}");
        assert!(refused("4 -> parallel(3 | 2 -> 0) -> 2").contains("layer 1.2.2 has 0 units"));
    }
}
