//! How weights start.

use layerloop_kernels::softmax::Output;

use super::parameters::Parameters;
use super::program::{Parameter, Program, Start};
use super::spec::Init;
use crate::train::rng::Stream;

/// Draws every weight of a network from the stream `init` of `seed`, one index a layer, in border order.
///
/// Under the reference softmax the last layer is drawn as for softmax, with a row for each class, and the last class's
/// row is then taken from the others: the network starts as the same function of its inputs as the softmax one.
pub(crate) fn initialise(parameters: &mut Parameters, program: &Program, output: Output, seed: u64) {
    let logits = program.logits();
    for (i, &Parameter { inputs, outputs, start, .. }) in program.parameters.iter().enumerate() {
        let init = match start {
            Start::Drawn(init) => init,
            Start::Constant(weight, bias) => {
                parameters.set_weight(i, std::iter::repeat(weight));
                parameters.set_bias(i, std::iter::repeat(bias));
                continue;
            }
            Start::Custom(layer, inputs) => {
                let mut stream = Stream::new(seed, "init", i as u64);
                parameters.set_weight(i, layer.start(inputs, &mut || stream.uniform()));
                continue;
            }
        };
        let gives_logits = program.around(i)[1] == logits;
        let rows = if gives_logits { output.targets(outputs) } else { outputs };
        let mut weight = draw(init, inputs, rows, &mut Stream::new(seed, "init", i as u64));
        if gives_logits && output == Output::ReferenceSoftmax {
            let reference = weight.split_off(outputs * inputs);
            weight.chunks_exact_mut(inputs).for_each(|row| row.iter_mut().zip(&reference).for_each(|(w, r)| *w -= r));
        }
        parameters.set_weight(i, weight);
    }
}

/// `outputs` x `inputs` weights.
fn draw(init: Init, inputs: usize, outputs: usize, stream: &mut Stream) -> Vec<f32> {
    let limit = match init {
        Init::GlorotUniform => (6.0 / (inputs + outputs) as f64).sqrt(),
        Init::KaimingUniform => (6.0 / inputs as f64).sqrt(),
    };
    (0..inputs * outputs).map(|_| (2.0 * stream.uniform() - 1.0) * limit as f32).collect()
}

#[cfg(test)]
mod tests {
    use crate::data::Inputs;
    use crate::network::{Activation, Network, Output, Predictor, Spec};

    #[test]
    fn weights_fill_their_range_and_biases_are_zero() {
        let spec = Spec::new(200).layer(100, Activation::Relu).layer(100, Activation::Tanh);
        let network = Network::new(&spec, 3).unwrap();
        for (i, limit) in [(0, (6.0_f32 / 200.0).sqrt()), (1, (6.0_f32 / 200.0).sqrt())] {
            let weight = network.weight(i);
            let largest = weight.iter().fold(0.0_f32, |a, w| a.max(w.abs()));
            let mean = weight.iter().sum::<f32>() / weight.len() as f32;
            assert!(largest < limit && largest > 0.99 * limit && mean.abs() < 0.01 * limit, "layer {i}");
            assert!(network.bias(i).iter().all(|&b| b == 0.0));
        }
    }

    #[test]
    fn both_output_maps_start_with_the_same_probabilities() {
        let start = |output| {
            let spec = Spec::classifier(5, &[4], Activation::Sigmoid, 3, output);
            let inputs = Inputs::Floats((0..10).map(|i| i as f32 * 0.3 - 1.0).collect());
            Predictor::new(&Network::new(&spec, 7).unwrap(), 1).probabilities(&inputs).unwrap()
        };
        for (a, b) in start(Output::Softmax).into_iter().zip(start(Output::ReferenceSoftmax)) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }
}
