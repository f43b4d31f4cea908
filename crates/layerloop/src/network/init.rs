//! How weights start.

use super::parameters::Parameters;
use super::spec::{Init, Spec};
use crate::train::rng::Stream;

/// Draws every weight of a network from the stream `init` of `seed`, one index a layer, in border order.
pub(crate) fn initialise(parameters: &mut Parameters, spec: &Spec, seed: u64) {
    for (i, (inputs, outputs)) in spec.shapes().enumerate() {
        let limit = match spec.layers[i].init {
            Init::GlorotUniform => (6.0 / (inputs + outputs) as f64).sqrt(),
            Init::KaimingUniform => (6.0 / inputs as f64).sqrt(),
        };
        let mut stream = Stream::new(seed, "init", i as u64);
        parameters.set_weight(i, std::iter::repeat_with(|| (2.0 * stream.uniform() - 1.0) * limit as f32));
    }
}

#[cfg(test)]
mod tests {
    use crate::network::{Activation, Network, Spec};

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
}
