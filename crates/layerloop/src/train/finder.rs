//! The learning-rate finder: a short run whose learning rate grows until the loss does.

use std::ops::ControlFlow;

use super::callback::{Callback, StepEnd};
use super::fit::fit_with;
use super::options::FitOptions;
use super::run::Run;
use crate::data::Dataset;
use crate::network::Network;
use crate::optim::Schedule;
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

/// A rate is proposed if the smoothed loss has fallen by this share of the first.
const FALLEN: f64 = 0.01;

/// Decades of rates: how far the losses that a slope is taken of spread around it, as a standard deviation.
const SPREAD: f64 = 0.5;

/// What [`find_learning_rate`] saw.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// The learning rate of each step.
    pub rates: Vec<f64>,
    /// The smoothed loss before each step, in nats.
    pub losses: Vec<f64>,
    /// The rate at which the loss falls fastest, to two digits; none if the loss has not fallen.
    pub proposed: Option<f64>,
}

/// Trains a copy of `network` while the learning rate grows exponentially from 1e-7 to 10, until the loss does.
///
/// ```text
/// s_n = 0.9 s_{n-1} + 0.1 l_n;   loss n is s_n / (1 - 0.9^n)
/// ```
/// It ends when that is 4 times its least, when it is not a number, or after about 300 steps. The schedule, the warm-up, the
/// number of epochs and the averages of `options` play no part.
///
/// The rate at which the loss falls fastest is proposed: where the slope of the losses over the logarithm of the rate is least.
/// Losses are noisy, so the slope at a rate is that of a line through the losses l_n around it, by least squares, each with the
/// weight exp(-(d / 0.5)^2 / 2), d its distance in decades. The smoothed losses would not do: they lag by nine steps, a quarter of
/// a decade. A tenth of the rate at the lowest loss, the other custom, is too large for a run of 20 epochs on MNIST or Fashion-MNIST
/// (`tests/accuracy.rs`).
///
/// # Errors
/// Those of [`fit`](super::fit), but not [`Error::Diverged`] once a loss is there.
///
/// # Source
/// Smith 2017, Cyclical learning rates for training neural networks, section 3.3. The smoothing, the end and the steepest slope
/// are those of fastai's `lr_find` (Howard and Gugger 2020, Deep learning for coders, chapter 5).
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
    let per_epoch = options.steps_of_epoch(train.rows()).max(1);
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
    /// l_n
    each: Vec<f64>,
    losses: Vec<f64>,
}

impl Curve {
    fn new(steps: u64) -> Self {
        Self { steps, sum: 0.0, left: 1.0, rates: Vec::new(), each: Vec::new(), losses: Vec::new() }
    }

    /// The lowest smoothed loss.
    fn lowest(&self) -> Option<f64> {
        self.losses.iter().copied().min_by(f64::total_cmp)
    }

    fn proposed(&self) -> Option<f64> {
        let first = self.losses.first()?;
        let has_fallen = self.lowest()? < first - FALLEN * first.abs();
        let decades: Vec<f64> = self.rates.iter().map(|&rate| libm::log10(rate)).collect();
        let slopes: Vec<f64> = decades.iter().map(|&at| slope(&decades, &self.each, at)).collect();
        let steepest = (0..slopes.len()).min_by(|&a, &b| slopes[a].total_cmp(&slopes[b]))?;
        has_fallen.then(|| format!("{:.1e}", self.rates[steepest]).parse().ok())?
    }
}

/// The slope at `at` of a line through the points, by least squares: sum w (x - mx) (y - my) / sum w (x - mx)^2
fn slope(x: &[f64], y: &[f64], at: f64) -> f64 {
    let weight = |x: f64| libm::exp(-((x - at) / SPREAD) * ((x - at) / SPREAD) / 2.0);
    let sum = |f: &dyn Fn(f64, f64) -> f64| x.iter().zip(y).map(|(&x, &y)| weight(x) * f(x, y)).sum::<f64>();
    let all = sum(&|_, _| 1.0);
    let [mx, my] = [sum(&|x, _| x) / all, sum(&|_, y| y) / all];
    sum(&|x, y| (x - mx) * (y - my)) / sum(&|x, _| (x - mx) * (x - mx)).max(f64::MIN_POSITIVE)
}

impl Callback for Curve {
    fn on_step(&mut self, end: &StepEnd, _run: &mut Run) -> ControlFlow<()> {
        self.left *= KEPT;
        self.sum = KEPT * self.sum + (1.0 - KEPT) * f64::from(end.loss);
        let loss = self.sum / (1.0 - self.left);
        self.rates.push(end.learning_rate);
        self.each.push(end.loss.into());
        self.losses.push(loss);
        let best = self.lowest().unwrap_or(loss);
        // Of losses below 0 no share is taken, but of how far they fell.
        let scale = if best > 0.0 { best } else { self.losses[0] - best };
        let is_over = end.step >= self.steps || scale > 0.0 && loss - best > (WORSE - 1.0) * scale;
        if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Inputs;
    use crate::train::fit;

    fn data(rows: usize) -> Dataset {
        let values: Vec<f32> = crate::data::for_tests::values(rows * 5);
        let labels: Vec<u32> = values.chunks(5).map(|x| u32::from(x[0] > x[1]) + u32::from(x[2] > 0.1)).collect();
        Dataset::new("test", Inputs::Floats(values.into()), 5, labels, ["a", "b", "c"]).unwrap()
    }

    #[test]
    fn the_rate_that_is_found_trains_well_and_is_the_same_whatever_the_threads() {
        let (data, network) = (data(400), Network::new(&"5 -> 16 tanh -> 3".parse().unwrap(), 0).unwrap());
        let before = network.sha256();
        for optimizer in ["adam", "sgd"] {
            let optimizer = crate::names::parse(optimizer).unwrap();
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
        let curve = |rates: Vec<f64>, losses: Vec<f64>| Curve { rates, each: losses.clone(), losses, ..Curve::new(2) };
        assert_eq!(curve(vec![1e-7, 1e-6], vec![1.0, 0.995]).proposed(), None);
        assert_eq!(curve(vec![1e-7, 1e-6], vec![-1.0, -1.005]).proposed(), None);
        // A fall by 1 around 10^-2.5, above and below 0.
        let rates: Vec<f64> = (0..81).map(|i| libm::pow(10.0, f64::from(i) / 10.0 - 7.0)).collect();
        for above in [2.0, 0.5, -5.0] {
            let fall = |rate: &f64| above - 1.0 / (1.0 + libm::exp(-4.0 * (libm::log10(*rate) + 2.5)));
            let losses = rates.iter().map(fall).collect();
            assert_eq!(curve(rates.clone(), losses).proposed(), Some(3.2e-3));
        }
    }
}
