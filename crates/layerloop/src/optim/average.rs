//! The average of the weights of a run, which the network has after it.

use layerloop_kernels::Matrix;

use crate::Result;
use crate::network::Network;

/// The average so far.
#[derive(Debug)]
pub(crate) struct Average {
    of: Of,
    mean: Matrix,
    /// Networks in it.
    count: u64,
}

/// What it is the average of.
#[derive(Debug, Clone, Copy)]
enum Of {
    /// mean = kept mean + (1 - kept) w, after every step
    Steps { kept: f64 },
    /// The mean of w at the end of this epoch and all after it.
    Epochs { first: usize },
}

impl Average {
    /// Memory for an average, if the options have one.
    pub(crate) fn wanted(ema: Option<f64>, swa_from_epoch: Option<usize>, network: &Network) -> Option<Self> {
        let of = match (ema, swa_from_epoch) {
            (Some(kept), _) => Of::Steps { kept },
            (_, Some(first)) => Of::Epochs { first },
            _ => return None,
        };
        Some(Self { of, mean: Matrix::vector(network.parameters.values.values().len()), count: 0 })
    }

    /// Takes note of a step.
    pub(crate) fn step(&mut self, network: &Network) {
        if let Of::Steps { kept } = self.of {
            self.take(network, if self.count == 0 { 1.0 } else { (1.0 - kept) as f32 });
        }
    }

    /// Takes note of the end of an epoch, counted from 1.
    pub(crate) fn epoch(&mut self, epoch: usize, network: &Network) {
        match self.of {
            Of::Epochs { first } if epoch >= first => self.take(network, 1.0 / (self.count + 1) as f32),
            _ => {}
        }
    }

    /// mean + share (w - mean)
    fn take(&mut self, network: &Network, share: f32) {
        self.count += 1;
        let weights = network.parameters.values.values();
        self.mean.values_mut().iter_mut().zip(weights).for_each(|(mean, w)| *mean += share * (w - *mean));
    }

    /// Networks in it.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The average of the parameters.
    pub(crate) fn mean(&self) -> &Matrix {
        &self.mean
    }

    /// Changes places with the network's parameters, if anything is in it.
    pub(crate) fn swap(&mut self, network: &mut Network) {
        if self.count > 0 {
            std::mem::swap(&mut self.mean, &mut network.parameters.values);
        }
    }

    /// What an earlier run had.
    pub(crate) fn restore(&mut self, count: u64, mean: impl FnOnce(&mut Matrix) -> Result<()>) -> Result<()> {
        self.count = count;
        mean(&mut self.mean)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use crate::data::{Dataset, Inputs};
    use crate::network::Network;
    use crate::train::{Callback, EpochEnd, FitOptions, Run, StepEnd, fit_with};

    /// The parameters after every step, and after every epoch.
    #[derive(Default)]
    struct Watch([Vec<Vec<f32>>; 2]);

    impl Callback for Watch {
        fn on_step(&mut self, _: &StepEnd, run: &mut Run) -> ControlFlow<()> {
            self.0[0].push(run.network().to_vec());
            ControlFlow::Continue(())
        }
        fn on_epoch(&mut self, _: &EpochEnd, run: &mut Run) -> ControlFlow<()> {
            self.0[1].push(run.network().to_vec());
            ControlFlow::Continue(())
        }
    }

    fn watched(options: &FitOptions) -> (Vec<f32>, Watch) {
        let values: Vec<f32> = crate::data::for_tests::values(70 * 5);
        let labels = (0..70).map(|i| i * 7 % 3).collect::<Vec<u32>>();
        let data = Dataset::new("test", Inputs::Floats(values.into()), 5, labels, ["a", "b", "c"]).unwrap();
        let mut network = Network::new(&"5 -> 18 batch-norm tanh -> 3".parse().unwrap(), 3).unwrap();
        let mut watch = Watch::default();
        fit_with(&mut network, &data, options, &mut watch).unwrap();
        (network.to_vec(), watch)
    }

    fn assert_near(got: &[f32], mean: impl Fn(usize) -> f64) {
        for (i, &w) in got.iter().enumerate() {
            assert!((f64::from(w) - mean(i)).abs() < 1e-6, "{w} instead of {} at {i}", mean(i));
        }
    }

    #[test]
    fn the_network_has_the_average_of_the_weights_of_its_run() {
        let options = FitOptions { epochs: 5, batch: 10, learning_rate: 0.02, ..FitOptions::default() };
        let (last, plain) = watched(&options);
        assert_eq!(last, plain.0[1][4]);

        let (got, steps) = watched(&FitOptions { ema: Some(0.9), ..options.clone() });
        assert_eq!(steps.0, plain.0, "the run itself is the same");
        let of_step = |mean: f64, w: f64| 0.9 * mean + 0.1 * w;
        assert_near(&got, |i| steps.0[0].iter().map(|w| f64::from(w[i])).reduce(of_step).unwrap());

        let (got, epochs) = watched(&FitOptions { swa_from_epoch: Some(3), ..options });
        assert_near(&got, |i| epochs.0[1][2..].iter().map(|w| f64::from(w[i])).sum::<f64>() / 3.0);
    }
}
