//! The learning-rate finder: a short run whose learning rate grows until the loss does.

use std::ops::ControlFlow;

use super::callback::{Callback, StepEnd};
use super::fit::fit_with;
use super::options::FitOptions;
use super::run::Run;
use super::schedule::Schedule;
use crate::data::Dataset;
use crate::network::Network;
use crate::{Error, Result};

/// The first and the last learning rate.
const RATES: [f64; 2] = [1e-7, 10.0];

/// Steps from the first to the last, at least.
const STEPS: u64 = 300;

/// The longest epoch, in runs of that many steps: an epoch's growth is a number of f64, at most 10^308.
const LONGEST: u64 = 32;

/// What the smoothed loss keeps of itself at a step: a loss counts for about a quarter of a decade of rates.
const KEPT: f64 = 0.9;

/// The smoothed loss may be that many times the best one; then it is over.
const WORSE: f64 = 4.0;

/// A rate is proposed if the smoothed loss has fallen to this share of the first.
const FALLEN: f64 = 0.99;

/// What [`find_learning_rate`] saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The learning rate of each step.
    pub rates: Vec<f64>,
    /// The smoothed loss before each step, in nats.
    pub losses: Vec<f64>,
    /// A tenth of the rate at the lowest loss, to two digits; none if the loss has not fallen.
    pub proposed: Option<f64>,
}

/// Trains a copy of `network` while the learning rate grows exponentially from 1e-7 to 10, until the loss does.
///
/// ```text
/// s_n = 0.9 s_{n-1} + 0.1 l_n;   loss n is s_n / (1 - 0.9^n)
/// ```
/// It ends when that is 4 times its least, when it is no number, or after about 300 steps. The schedule, the warm-up, the
/// number of epochs and the averages of `options` play no part.
///
/// At the rate of the lowest loss learning has already come to a halt, so a tenth of it is proposed. The other custom, the
/// rate at which the loss falls fastest, is a difference of noisy numbers: on another seed it is easily another decade.
/// Data that some hundred steps learn by heart, such as four rows, have no such lowest loss: there the tenth says little.
///
/// # Errors
/// Those of [`fit`](super::fit), but not [`Error::Diverged`] once a loss is there.
///
/// # Source
/// Smith 2017, Cyclical learning rates for training neural networks, section 3.3. The smoothing, the end and the tenth
/// are customs of fastai's `lr_find`.
///
/// # Example
/// ```
/// use layerloop::data::{Dataset, Inputs};
/// use layerloop::network::Network;
/// use layerloop::train::{FitOptions, find_learning_rate};
/// let x: Vec<f32> = (0..800).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
/// let inside = x.chunks(2).map(|x| u32::from(x[0] * x[0] + x[1] * x[1] < 0.6)).collect::<Vec<u32>>();
/// let data = Dataset::new("disc", Inputs::Floats(x.into()), 2, inside, ["outside", "inside"])?;
/// let network = Network::new(&"2 -> 8 tanh -> 2".parse()?, 0)?;
/// let found = find_learning_rate(&network, &data, &FitOptions { batch: 16, ..FitOptions::default() })?;
/// assert!(found.proposed.is_some_and(|rate| (1e-3..0.2).contains(&rate)), "{:?}", found.proposed);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn find_learning_rate(network: &Network, train: &Dataset, options: &FitOptions) -> Result<Finding> {
    options.check()?;
    let per_epoch = train.rows().div_ceil(options.batch.saturating_mul(options.accumulate)).max(1) as u64;
    let steps = STEPS.max(per_epoch / LONGEST);
    let [first, last] = RATES;
    let factor = libm::pow(last / first, per_epoch as f64 / (steps - 1) as f64);
    let growing = FitOptions {
        learning_rate: first,
        schedule: Schedule::Exponential { factor }.into(),
        warmup: 0.0,
        epochs: steps.div_ceil(per_epoch) as usize,
        ema: None,
        swa_from_epoch: None,
        metrics: Vec::new(),
        early_stopping: None,
        time_limit: None,
        ..options.clone()
    };
    let mut curve = Curve::new(steps);
    match fit_with(&mut network.clone(), train, &growing, &mut curve) {
        Err(Error::Diverged { .. }) if !curve.rates.is_empty() => {}
        fitted => _ = fitted?,
    }
    let proposed = curve.proposed();
    Ok(Finding { rates: curve.rates, losses: curve.losses, proposed })
}

/// The losses so far.
#[derive(Debug)]
struct Curve {
    steps: u64,
    /// s_n
    sum: f64,
    /// 0.9^n
    left: f64,
    rates: Vec<f64>,
    losses: Vec<f64>,
}

impl Curve {
    fn new(steps: u64) -> Self {
        Self { steps, sum: 0.0, left: 1.0, rates: Vec::new(), losses: Vec::new() }
    }

    /// The place of the lowest loss, the first of several.
    fn lowest(&self) -> Option<usize> {
        (0..self.losses.len()).min_by(|&a, &b| self.losses[a].total_cmp(&self.losses[b]))
    }

    fn proposed(&self) -> Option<f64> {
        let lowest = self.lowest()?;
        let has_fallen = self.losses[lowest] < self.losses[0] - (1.0 - FALLEN) * self.losses[0].abs();
        has_fallen.then(|| format!("{:.1e}", self.rates[lowest] / 10.0).parse().ok())?
    }
}

impl Callback for Curve {
    fn on_step(&mut self, end: &StepEnd, _run: &mut Run) -> ControlFlow<()> {
        self.left *= KEPT;
        self.sum = KEPT * self.sum + (1.0 - KEPT) * f64::from(end.loss);
        let loss = self.sum / (1.0 - self.left);
        self.rates.push(end.learning_rate);
        self.losses.push(loss);
        let best = self.lowest().map_or(loss, |lowest| self.losses[lowest]);
        if loss > WORSE * best || end.step >= self.steps { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Inputs;
    use crate::train::fit;

    fn data(rows: usize) -> Dataset {
        let values: Vec<f32> = (0..rows * 5).map(|i| ((i * 37 + 11) % 97) as f32 / 97.0 - 0.4).collect();
        let labels: Vec<u32> = values.chunks(5).map(|x| u32::from(x[0] > x[1]) + u32::from(x[2] > 0.1)).collect();
        Dataset::new("test", Inputs::Floats(values.into()), 5, labels, ["a", "b", "c"]).unwrap()
    }

    #[test]
    fn the_rate_that_is_found_trains_well_and_is_the_same_whatever_the_threads() {
        let (data, network) = (data(400), Network::new(&"5 -> 16 tanh -> 3".parse().unwrap(), 0).unwrap());
        let before = network.sha256();
        for optimizer in ["adam", "sgd"] {
            let optimizer = crate::choice::parse(optimizer).unwrap();
            let options =
                |threads| FitOptions { optimizer, batch: 32, threads: Some(threads), ..FitOptions::default() };
            let found = find_learning_rate(&network, &data, &options(1)).unwrap();
            assert_eq!(found, find_learning_rate(&network, &data, &options(3)).unwrap());
            assert_eq!(network.sha256(), before, "a copy was trained");
            assert_eq!((found.rates[0], found.rates.len()), (1e-7, found.losses.len()));
            let growth = found.rates[100] / found.rates[0];
            assert!((growth / libm::pow(1e8, 100.0 / 299.0) - 1.0).abs() < 1e-9, "{growth}");
            let learning_rate = found.proposed.unwrap();
            let options = FitOptions { learning_rate, ..options(1) };
            let epochs = fit(&mut network.clone(), &data, &options).unwrap().epochs;
            assert!(epochs[19].train_loss < 0.5 * epochs[0].train_loss, "{learning_rate}: {epochs:?}");
        }
    }

    #[test]
    fn long_epochs_and_losses_that_do_not_fall_are_borne() {
        let network = Network::new(&"5 -> 3".parse().unwrap(), 0).unwrap();
        let options = FitOptions { batch: 1, ..FitOptions::default() };
        let found = find_learning_rate(&network, &data(20_000), &options).unwrap();
        assert!(found.rates.iter().all(|rate| rate.is_finite()) && found.rates.len() <= 625, "{found:?}");
        let one = Dataset::new("one", Inputs::Floats(vec![0.0; 5].into()), 5, vec![0], ["a", "b", "c"]).unwrap();
        let still = find_learning_rate(&network, &one, &FitOptions { batch: 0, ..options }).unwrap_err().to_string();
        assert!(still.starts_with("batch: 0"), "{still}");
        assert!(find_learning_rate(&network, &one, &FitOptions::default()).is_ok());
        let flat = Curve { rates: vec![1e-7, 1e-6], losses: vec![1.0, 0.995], ..Curve::new(2) };
        assert_eq!(flat.proposed(), None);
    }
}
