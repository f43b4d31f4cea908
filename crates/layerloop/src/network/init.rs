//! Initialisers of weights.

use crate::names::serialised::serde_as_text;
use layerloop_kernels::softmax::Output;
use layerloop_kernels::{Activation, named_enum};

use super::parameters::Parameters;
use super::program::{Initial, Parameter, Program};
use crate::rng::Stream;

named_enum! {
    /// How the weights of a layer are initialised; biases are 0 unless stated.
    ///
    /// n_in and n_out are the numbers of inputs and outputs of the layer.
    ///
    /// # Example
    /// ```
    /// use layerloop::network::Network;
    /// let network = Network::new(&"300 -> 100 relu init=constant=0.5 -> 300 init=glorot-uniform -> 2".parse()?, 0)?;
    /// let largest = |name: &str| network.tensor(name).expect("a weight").values.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
    /// assert_eq!(largest("layers.0.weight"), 0.5);
    /// assert_eq!(format!("{:.4}", largest("layers.1.weight")), "0.1225"); // sqrt(6 / (100 + 300))
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub enum Init: "initialiser" {
        /// chosen by the activation of the layer and of the one before it
        ///
        /// `kaiming-uniform` for relu and similar ones, `glorot-sigmoid` for a sigmoid after a sigmoid, `glorot-uniform`
        /// for all others.
        Default = "default" | "usual",
        /// uniform on (-r, r), r = sqrt(6 / (n_in + n_out))
        ///
        /// Source: Glorot and Bengio 2010.
        GlorotUniform = "glorot-uniform" | "glorot" | "xavier" | "xavier-uniform",
        /// normal, of variance 2 / (n_in + n_out)
        GlorotNormal = "glorot-normal" | "xavier-normal",
        /// uniform on (-4 r, 4 r), r that of glorot-uniform; b = -sum_j w_j / 2
        ///
        /// The slope of a sigmoid is 1/4, and the sigmoids below are 1/2 in the mean: so each preactivation starts at mean 0 with
        /// the variance of those below it, and deep networks learn from the first step. With Glorot's own r each layer halves the
        /// variance twice, and the network gives a constant. Source: Glorot and Bengio 2010 for the variance.
        GlorotSigmoid = "glorot-sigmoid",
        /// uniform on (-r, r), r = sqrt(6 / ((1 + a^2) n_in))
        ///
        /// Source: He et al. 2015.
        KaimingUniform = "kaiming-uniform" | "he-uniform" {
            /// Slope of the activation below 0: 0 for relu.
            a: f64 = 0.0, "a finite number" if a.is_finite(),
        },
        /// normal, of variance 2 / ((1 + a^2) n_in)
        KaimingNormal = "kaiming-normal" | "kaiming" | "he" | "he-normal" {
            /// Slope of the activation below 0: 0 for relu.
            a: f64 = 0.0, "a finite number" if a.is_finite(),
        },
        /// uniform on (-r, r), r = sqrt(3 / n_in)
        ///
        /// For selu. Source: LeCun et al. 1998.
        LecunUniform = "lecun-uniform",
        /// normal, of variance 1 / n_in
        LecunNormal = "lecun-normal" | "lecun",
        /// normal
        Normal = "normal" {
            /// Standard deviation.
            std: f64 = 1.0, "a number above 0" if std > 0.0 && std.is_finite(),
        },
        /// by the rows to train on, so that every t has deviation 1; as `lecun-normal` where there are none
        ///
        /// w is normal and then scaled; b is minus a mean of t over five rows, with weights drawn at random, so that the kinks of the
        /// units lie among the rows. Source: Holzmueller, Grinsztajn and Steinwart 2024, RealMLP.
        Data = "data",
        /// normal, drawn again where it is more than 2 std from 0
        TruncatedNormal = "truncated-normal" | "trunc-normal" {
            /// Standard deviation before anything is cut off.
            std: f64 = 0.05, "a number above 0" if std > 0.0 && std.is_finite(),
        },
        /// W W^T = gain^2 I where n_out <= n_in, else W^T W
        ///
        /// Source: Saxe, McClelland and Ganguli 2014.
        Orthogonal = "orthogonal" {
            /// The length of each row, or column.
            gain: f64 = 1.0, "a finite number" if gain.is_finite(),
        },
        /// normal, of each input the share `sparsity` of its weights 0
        ///
        /// Source: Martens 2010.
        Sparse = "sparse" {
            /// Share of zeros.
            sparsity: f64 = 0.9, "at least 0 and below 1" if (0.0..1.0).contains(&sparsity),
            /// Standard deviation of the others.
            std: f64 = 0.01, "a number above 0" if std > 0.0 && std.is_finite(),
        },
        /// w_ij = gain where i = j, else 0
        Identity = "identity" | "eye" {
            /// The value on the diagonal.
            gain: f32 = 1.0, "a finite number" if gain.is_finite(),
        },
        /// w_ij = value
        Constant = "constant" {
            /// Every weight.
            value: f32 = 0.0, "a finite number" if value.is_finite(),
        },
        /// w_ij = 0
        Zero = "zero" | "zeros",
    }
}

serde_as_text!(Init);

impl Init {
    /// The initialiser that [`Init::Default`] means for a layer of this activation after another activation.
    #[must_use]
    pub fn default(activation: Activation, reads: Activation) -> Self {
        match activation {
            Activation::Relu | Activation::Relu6 | Activation::LeakyRelu { .. } | Activation::Trelu { .. } => {
                Self::KaimingUniform { a: 0.0 }
            }
            Activation::Elu { .. } | Activation::Celu { .. } | Activation::Gelu | Activation::GeluTanh => {
                Self::KaimingUniform { a: 0.0 }
            }
            Activation::Swish | Activation::HardSwish | Activation::Mish => Self::KaimingUniform { a: 0.0 },
            Activation::Sigmoid if reads == Activation::Sigmoid => Self::GlorotSigmoid,
            _ => Self::GlorotUniform,
        }
    }
}

/// Draws every weight of a network from the stream `init` of `seed`, one index a layer, in canonical order.
///
/// Under the reference softmax the last layer is drawn as for softmax, with a row for each class, and the last class's
/// row is then taken from the others: the network starts as the same function of its inputs as the softmax one.
pub(crate) fn initialise(parameters: &mut Parameters, program: &Program, output: Output, seed: u64) {
    let logits = program.logits();
    for (i, &Parameter { inputs, outputs, start, .. }) in program.parameters.iter().enumerate() {
        let init = match start {
            Initial::Drawn(init) => init,
            Initial::Constant(weight, bias) => {
                parameters.set_weight(i, std::iter::repeat(weight));
                parameters.set_bias(i, std::iter::repeat(bias));
                continue;
            }
            Initial::Signs => {
                let mut stream = Stream::new(seed, "init", i as u64);
                let signs = std::iter::repeat_with(|| if stream.uniform() < 0.5 { -1.0 } else { 1.0 });
                parameters.set_weight(i, signs.take(outputs));
                continue;
            }
            Initial::Ones(count) => {
                let ones = (0..outputs).map(|at| if at < count { 1.0 } else { 0.0 });
                parameters.set_weight(i, ones);
                continue;
            }
            Initial::Uniform(range) => {
                let mut stream = Stream::new(seed, "init", i as u64);
                parameters.set_weight(i, uniform(f64::from(range), inputs * outputs, &mut stream));
                continue;
            }
            Initial::Waves(deviation) => {
                let mut stream = Stream::new(seed, "init", i as u64);
                parameters.set_weight(i, normals(f64::from(deviation), outputs, &mut stream));
                parameters.set_bias(i, uniform(std::f64::consts::PI, outputs, &mut stream));
                continue;
            }
            Initial::Custom(layer, inputs) => {
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
        if init == Init::GlorotSigmoid {
            let centre = |row: &[f32]| -0.5 * row.iter().sum::<f32>();
            parameters.set_bias(i, weight.chunks_exact(inputs).map(centre).collect::<Vec<_>>());
        }
        parameters.set_weight(i, weight);
    }
}

/// `outputs` x `inputs` weights, row by row.
fn draw(init: Init, inputs: usize, outputs: usize, stream: &mut Stream) -> Vec<f32> {
    let [n_in, both] = [inputs, inputs + outputs].map(|n| n as f64);
    match init {
        Init::Default | Init::GlorotUniform => uniform((6.0 / both).sqrt(), inputs * outputs, stream),
        Init::GlorotSigmoid => uniform(4.0 * (6.0 / both).sqrt(), inputs * outputs, stream),
        Init::KaimingUniform { a } => uniform((6.0 / ((1.0 + a * a) * n_in)).sqrt(), inputs * outputs, stream),
        Init::LecunUniform => uniform((3.0 / n_in).sqrt(), inputs * outputs, stream),
        Init::GlorotNormal => normals((2.0 / both).sqrt(), inputs * outputs, stream),
        Init::KaimingNormal { a } => normals((2.0 / ((1.0 + a * a) * n_in)).sqrt(), inputs * outputs, stream),
        Init::Normal { std } => normals(std, inputs * outputs, stream),
        Init::LecunNormal | Init::Data => normals((1.0 / n_in).sqrt(), inputs * outputs, stream),
        Init::TruncatedNormal { std } => {
            let inside = std::iter::repeat_with(|| normal(stream)).filter(|x| x.abs() <= 2.0);
            inside.take(inputs * outputs).map(|x| (std * x) as f32).collect()
        }
        Init::Orthogonal { gain } => orthogonal(gain, inputs, outputs, stream),
        Init::Sparse { sparsity, std } => sparse(sparsity, std, inputs, outputs, stream),
        Init::Identity { gain } => {
            (0..inputs * outputs).map(|at| if at / inputs == at % inputs { gain } else { 0.0 }).collect()
        }
        Init::Constant { value } => vec![value; inputs * outputs],
        Init::Zero => vec![0.0; inputs * outputs],
    }
}

fn uniform(limit: f64, count: usize, stream: &mut Stream) -> Vec<f32> {
    (0..count).map(|_| (2.0 * stream.uniform() - 1.0) * limit as f32).collect()
}

fn normals(std: f64, count: usize, stream: &mut Stream) -> Vec<f32> {
    (0..count).map(|_| (std * normal(stream)) as f32).collect()
}

/// Standard normal: Box and Muller 1958.
fn normal(stream: &mut Stream) -> f64 {
    let [u, v] = [0; 2].map(|_| f64::from(stream.uniform()));
    libm::sqrt(-2.0 * libm::log(1.0 - u)) * libm::cos(2.0 * std::f64::consts::PI * v)
}

/// Orthogonal rows, or columns if there are more rows: of random normal ones, what the earlier ones leave of each.
fn orthogonal(gain: f64, inputs: usize, outputs: usize, stream: &mut Stream) -> Vec<f32> {
    let (count, length) = (inputs.min(outputs), inputs.max(outputs));
    let mut done: Vec<Vec<f64>> = Vec::with_capacity(count);
    while done.len() < count {
        let mut new: Vec<f64> = (0..length).map(|_| normal(stream)).collect();
        // Twice: the first time leaves a rounded rest.
        for earlier in done.iter().chain(&done) {
            let along: f64 = earlier.iter().zip(&new).map(|(a, b)| a * b).sum();
            new.iter_mut().zip(earlier).for_each(|(x, e)| *x -= along * e);
        }
        let norm = libm::sqrt(new.iter().map(|x| x * x).sum());
        if norm > 1e-6 {
            new.iter_mut().for_each(|x| *x /= norm);
            done.push(new);
        }
    }
    let entry = |row: usize, column: usize| if outputs <= inputs { done[row][column] } else { done[column][row] };
    (0..inputs * outputs).map(|at| (gain * entry(at / inputs, at % inputs)) as f32).collect()
}

/// For each input some outputs are drawn whose weights are 0.
fn sparse(sparsity: f64, std: f64, inputs: usize, outputs: usize, stream: &mut Stream) -> Vec<f32> {
    let mut weight = normals(std, inputs * outputs, stream);
    let mut order: Vec<usize> = (0..outputs).collect();
    for input in 0..inputs {
        stream.shuffle(&mut order);
        let zeros = (sparsity * outputs as f64).ceil() as usize;
        order.iter().take(zeros).for_each(|output| weight[output * inputs + input] = 0.0);
    }
    weight
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Inputs;
    use crate::network::{Network, Predictor, Spec};

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

    /// Mean, mean square and share of zeros of the weights of 200 -> 300.
    fn moments(init: Init) -> [f64; 3] {
        let weight = draw(init, 200, 300, &mut Stream::new(3, "init", 0));
        let mean = |f: &dyn Fn(f64) -> f64| weight.iter().map(|&w| f(w.into())).sum::<f64>() / weight.len() as f64;
        [mean(&|w| w), mean(&|w| w * w), mean(&|w| f64::from(u8::from(w == 0.0)))]
    }

    #[test]
    fn means_and_variances_are_those_of_the_formulas() {
        let a = 0.5;
        for (init, variance) in [
            (Init::GlorotUniform, 2.0 / 500.0),
            (Init::GlorotNormal, 2.0 / 500.0),
            (Init::GlorotSigmoid, 32.0 / 500.0),
            (Init::KaimingUniform { a }, 2.0 / (1.25 * 200.0)),
            (Init::KaimingNormal { a }, 2.0 / (1.25 * 200.0)),
            (Init::LecunUniform, 1.0 / 200.0),
            (Init::LecunNormal, 1.0 / 200.0),
            (Init::TruncatedNormal { std: 0.1 }, 0.01 * 0.773_74), // of a standard normal within 2: 1 - 4 phi(2) / 0.9545
            (Init::Orthogonal { gain: 2.0 }, 4.0 / 300.0),
            (Init::Sparse { sparsity: 0.75, std: 0.1 }, 0.01 * 0.25),
        ] {
            let [mean, square, _] = moments(init);
            assert!(mean.abs() < 0.02 * square.sqrt(), "{init:?}: mean {mean}");
            assert!((square / variance - 1.0).abs() < 0.03, "{init:?}: {square}, not {variance}");
        }
        assert_eq!(moments(Init::Sparse { sparsity: 0.75, std: 0.1 })[2], 0.75);
        assert_eq!(moments(Init::Identity { gain: 2.0 }), [2.0 / 300.0, 4.0 / 300.0, 1.0 - 1.0 / 300.0]);
        assert_eq!(moments(Init::Constant { value: 0.5 }), [0.5, 0.25, 0.0]);
        assert_eq!(moments(Init::Zero), [0.0, 0.0, 1.0]);
    }

    #[test]
    fn orthogonal_rows_or_columns_are_orthogonal() {
        for (inputs, outputs) in [(5, 3), (3, 5), (40, 40), (1, 1)] {
            let w = draw(Init::Orthogonal { gain: 3.0 }, inputs, outputs, &mut Stream::new(0, "init", 0));
            let (count, length) = (inputs.min(outputs), inputs.max(outputs));
            let entry =
                |i: usize, k: usize| f64::from(if outputs <= inputs { w[i * inputs + k] } else { w[k * inputs + i] });
            for (i, j) in (0..count).flat_map(|i| (0..count).map(move |j| (i, j))) {
                let product: f64 = (0..length).map(|k| entry(i, k) * entry(j, k)).sum();
                let expected = if i == j { 9.0 } else { 0.0 };
                assert!((product - expected).abs() < 1e-5, "{product} at {i}, {j} of {outputs} x {inputs}");
            }
        }
    }

    #[test]
    fn every_start_is_a_function_of_the_seed_and_has_a_text() {
        for init in Init::ALL {
            let spec: Spec = format!("6 -> 5 tanh init={} -> 3", crate::names::text(*init)).parse().unwrap();
            let again: Spec = spec.to_string().parse().unwrap();
            assert_eq!(again, spec);
            assert_eq!(Network::new(&spec, 4).unwrap().sha256(), Network::new(&again, 4).unwrap().sha256());
        }
        let text = "6 -> 5 tanh init=sparse(sparsity=0.5, std=1) -> 4 init=orthogonal=2 -> 3 -> softmax";
        assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
    }

    /// Means and deviations of what each layer of sigmoids gives, for inputs such as pixels have.
    #[test]
    fn deep_sigmoids_start_alive() {
        let spread = |spec: &str| {
            let network = Network::new(&spec.parse().unwrap(), 1).unwrap();
            let mut stream = Stream::new(1, "data", 0);
            let inputs = Inputs::Floats((0..50 * 100).map(|_| stream.uniform()).collect());
            let p = Predictor::new(&network, 1).unwrap().probabilities(&inputs).unwrap();
            let first = p.iter().step_by(10).copied();
            first.clone().fold(f32::MIN, f32::max) - first.fold(f32::MAX, f32::min)
        };
        let default = spread("100 -> 100 sigmoid -> 100 sigmoid -> 100 sigmoid -> 100 sigmoid -> 10");
        let glorot = "100 sigmoid init=glorot-uniform";
        let glorot = spread(&format!("100 -> {glorot} -> {glorot} -> {glorot} -> {glorot} -> 10"));
        assert!(default > 30.0 * glorot, "{default} {glorot}");
        let network =
            Network::new(&"4 -> 3 sigmoid dropout=0.5 -> 3 sigmoid -> 2 sigmoid -> 2".parse().unwrap(), 0).unwrap();
        assert!(network.bias(0).iter().all(|&b| b == 0.0) && network.bias(1).iter().all(|&b| b != 0.0));
        assert!((network.bias(2)[0] + network.weight(2)[..3].iter().sum::<f32>() / 2.0).abs() < 1e-6);
    }

    #[test]
    fn both_output_maps_start_with_the_same_probabilities() {
        let start = |output| {
            let spec = Spec::classifier(5, &[4], Activation::Sigmoid, 3, output);
            let inputs = Inputs::Floats((0..10).map(|i| i as f32 * 0.3 - 1.0).collect());
            Predictor::new(Network::new(&spec, 7).unwrap(), 1).unwrap().probabilities(&inputs).unwrap()
        };
        for (a, b) in start(Output::Softmax).into_iter().zip(start(Output::ReferenceSoftmax)) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }
}
