//! Weights that start by the rows to train on.

use super::Network;
use super::init::Init;
use super::layer::{Dense, Join, Layer};
use super::predict::Predictor;
use super::program::Program;
use super::spec::Spec;
use crate::data::{Dataset, StoredRows};
use crate::rng::Stream;
use crate::{Error, Result};
use layerloop_kernels::Activation;
use layerloop_kernels::softmax::Output;

/// Rows that are looked at, at most.
const ROWS: usize = 8192;

/// Rows that are shuffled, at most, so that some of them are at random.
const MOST_SHUFFLED: usize = 1 << 22;

/// Rows whose mean is a bias.
const POINTS: usize = 5;

impl Network {
    /// As [`Network::new`], with the layers that start by data ([`Init::Data`]) started by rows of `train`: those of the chain itself, or of
    /// the members of an ensemble, not of chains inside it.
    ///
    /// ```text
    /// w_j <- w_j / std(w_j . z),   b_j = -sum_{k=1}^5 a_k w_j . z_{r_k}
    /// ```
    ///
    /// The deviation is over the rows; r_k are rows at random, and a_k shares at random, whose sum is 1, for each unit j others.
    ///
    /// # Errors
    /// As [`Network::new`]; [`Error::Shape`] if the rows do not fit.
    ///
    /// # Example
    /// ```
    /// use layerloop::data::Dataset;
    /// use layerloop::network::Network;
    /// let inputs: Vec<f32> = (0..200).map(|i| (i * 37 % 101) as f32).collect();
    /// let data = Dataset::new("numbers", inputs.into(), 2, (0..100).map(|i| i % 2).collect::<Vec<u32>>(), ["a", "b"])?;
    /// let network = Network::started_by(&"2 -> 8 relu init=data -> 2".parse()?, &data, 0)?;
    /// let bound = |name: &str| network.tensor(name).map(|tensor| tensor.values.iter().fold(0.0_f32, |most, w| most.max(w.abs())));
    /// assert!(bound("layers.0.weight") < Some(0.2) && bound("layers.0.bias") > Some(0.5));
    /// # Ok::<(), layerloop::Error>(())
    /// ```
    pub fn started_by(spec: &Spec, train: &Dataset, seed: u64) -> Result<Self> {
        Self::started(spec, train, train.rows(), seed, |rows| Ok(train.select(rows)))
    }

    /// As [`Self::started_by`], by rows that are not in memory; `like` is some of them.
    ///
    /// # Errors
    /// As [`Self::started_by`]; those of reading.
    pub fn started_by_stored(spec: &Spec, like: &Dataset, stored: &dyn StoredRows, seed: u64) -> Result<Self> {
        Self::started(spec, like, stored.rows(), seed, |rows| {
            let read = rows.iter().map(|&row| stored.read(row..row + 1)).collect::<Result<Vec<_>>>()?;
            Ok(like.gathered(&read.iter().map(|one| (one, 0)).collect::<Vec<_>>()))
        })
    }

    fn started(
        spec: &Spec,
        like: &Dataset,
        count: usize,
        seed: u64,
        read: impl FnOnce(&[usize]) -> Result<Dataset>,
    ) -> Result<Self> {
        let mut network = Self::new(spec, seed)?;
        let chains: Vec<&[Layer]> = match &spec.layers[..] {
            [Layer::Parallel(members, Join::Mean)] => members.iter().map(Vec::as_slice).collect(),
            chain => vec![chain],
        };
        if !chains.iter().any(|chain| chain.iter().any(starts)) {
            return Ok(network);
        }
        if count == 0 {
            return Err(Error::data(like.name(), "it has no rows to start by"));
        }
        let (some, mut first) = (read(&rows_to_start_by(count, seed))?, 0);
        for chain in chains {
            for at in (0..chain.len()).filter(|&at| starts(&chain[at])) {
                network.start_layer(&chain[..=at], first, &some, seed)?;
            }
            first += Program::of(&chain.iter().cloned().fold(Spec::new(spec.inputs), Spec::then))?.parameters.len();
        }
        Ok(network)
    }

    /// Starts the last layer of a chain, whose parameters begin with the one of number `first`.
    fn start_layer(&mut self, chain: &[Layer], first: usize, rows: &Dataset, seed: u64) -> Result<()> {
        let Some((&Layer::Dense(dense), before)) = chain.split_last() else { return Ok(()) };
        // The network up to this layer, whose outputs are its t.
        let last = Layer::Dense(Dense { activation: Activation::Identity, ..dense });
        let layers = before.iter().cloned().chain([last]);
        let head = layers.fold(Spec::new(self.spec.inputs), Spec::then).output(Output::Identity);
        let mut head = Self::new(&head, seed)?;
        let count = head.parameters.layers.len();
        for parameter in 0..count {
            head.parameters.set_weight(parameter, self.parameters.weight(first + parameter));
            head.parameters.set_bias(parameter, self.parameters.bias(first + parameter));
        }
        let i = first + count - 1;
        let t = Predictor::new(head, 1)?.probabilities(rows.inputs())?;
        let (n, mut stream) = (dense.width, Stream::new(seed, "start", 1 + i as u64));
        let inputs = self.program.parameters[i].inputs;
        let (mut weight, mut bias) = (self.parameters.weight(i), Vec::with_capacity(n));
        for unit in 0..n {
            let of = |row: usize| f64::from(t[row * n + unit]);
            let count = t.len() / n;
            let mean = (0..count).map(of).sum::<f64>() / count as f64;
            let variance = (0..count).map(|row| (of(row) - mean) * (of(row) - mean)).sum::<f64>() / count as f64;
            let factor = if variance > 1e-12 { 1.0 / variance.sqrt() } else { 1.0 };
            weight[unit * inputs..][..inputs].iter_mut().for_each(|w| *w = (f64::from(*w) * factor) as f32);
            let points: [(usize, f64); POINTS] =
                std::array::from_fn(|_| (stream.below(count), -libm::log(1.0 - f64::from(stream.uniform()))));
            let all: f64 = points.iter().map(|(_, share)| share).sum();
            let centre: f64 = points.iter().map(|(row, share)| share / all * of(*row) * factor).sum();
            bias.push(-centre as f32);
        }
        self.parameters.set_weight(i, weight);
        if dense.bias {
            self.parameters.set_bias(i, bias);
        }
        Ok(())
    }
}

/// Rows at random: of many some may be drawn twice.
fn rows_to_start_by(count: usize, seed: u64) -> Vec<usize> {
    let mut stream = Stream::new(seed, "start", 0);
    if count > MOST_SHUFFLED {
        return (0..ROWS).map(|_| stream.below(count)).collect();
    }
    let mut rows: Vec<u32> = (0..count as u32).collect();
    stream.shuffle(&mut rows);
    rows.into_iter().take(ROWS).map(|row| row as usize).collect()
}

/// Whether a layer starts by data.
fn starts(layer: &Layer) -> bool {
    matches!(layer, Layer::Dense(Dense { init: Init::Data, .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_starts_with_deviation_1_and_its_zero_among_the_rows() {
        let inputs: Vec<f32> = (0..300 * 4).map(|i| (i * 7919 % 1009) as f32 * 0.01 + 3.0).collect();
        let data = Dataset::new("t", inputs.into(), 4, vec![0; 300], ["a", "b"]).unwrap();
        let spec: Spec = "4 -> 40 init=data parametric -> 16 init=data -> 2".parse().unwrap();
        let network = Network::started_by(&spec, &data, 3).unwrap();
        assert_eq!(network, Network::started_by(&spec, &data, 3).unwrap());
        assert_ne!(network, Network::started_by(&spec, &data, 4).unwrap());
        for (layers, width) in [(1, 40), (3, 16)] {
            let head = spec.layers[..layers].iter().cloned().fold(Spec::new(4), Spec::then).output(Output::Identity);
            let tensors = network.tensors().filter(|tensor| {
                let at: usize = tensor.name.split('.').nth(1).unwrap().parse().unwrap();
                at < layers
            });
            let head = Network::from_tensors(&head, tensors).unwrap();
            let t = Predictor::new(head, 1).unwrap().probabilities(data.inputs()).unwrap();
            for unit in 0..width {
                let of: Vec<f32> = t.iter().skip(unit).step_by(width).copied().collect();
                let mean = of.iter().sum::<f32>() / 300.0;
                let deviation = (of.iter().map(|t| (t - mean).powi(2)).sum::<f32>() / 300.0).sqrt();
                assert!((deviation - 1.0).abs() < 1e-3, "{deviation}");
                let [least, most] = [f32::min, f32::max].map(|f| of.iter().copied().reduce(f).unwrap());
                assert!(least < 0.0 && most > 0.0, "unit {unit}: {least} {most}");
            }
        }
    }
}
