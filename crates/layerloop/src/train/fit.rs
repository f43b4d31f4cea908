//! The training loop.

use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use layerloop_kernels::{Isa, Team};

use super::callback::{Callback, EpochEnd, StepEnd};
use super::optimizer::Optimizer;
use super::pace::Pace;
use super::step::Stepper;
use crate::data::{Batches, Dataset};
use crate::network::forward::{Batch, Mode};
use crate::network::intake::Intake;
use crate::network::{Network, Spec};
use crate::{Error, Result};

/// How to train.
#[derive(Debug, Clone, PartialEq)]
pub struct FitOptions {
    /// Passes over the data.
    pub epochs: usize,
    /// Rows of a step; the last batch of an epoch may be shorter and has a mean of its own.
    pub batch: usize,
    /// How a gradient becomes a step.
    pub optimizer: Optimizer,
    /// Length of a step.
    pub learning_rate: f64,
    /// Decay of weights; if nothing is said, 0.01 for `adamw` and 0 for all others. For `adamw` and `lion` it is decoupled,
    /// w -= lr decay w before the rule; for all others it is added to `l2`: as in PyTorch.
    pub weight_decay: Option<f64>,
    /// Weight of the penalty sum |w|: g += l1 sign(w). A penalty is no part of the loss that is reported.
    pub l1: f64,
    /// Weight of the penalty sum w^2 / 2: g += l2 w.
    pub l2: f64,
    /// Whether decay and penalties apply to all parameters: otherwise it is to the weights of dense layers and embeddings,
    /// and not to biases, the parameters of norms, scales and prelu.
    pub decay_all: bool,
    /// The largest component of a gradient, before penalties: what is larger is cut to it.
    pub clip_value: Option<f64>,
    /// Seed of the shuffles.
    pub seed: u64,
    /// Threads, at most; if nothing is said, as many as [`default_threads`] finds useful. Where the clock says that one alone
    /// is faster, it works alone.
    pub threads: Option<usize>,
}

impl Default for FitOptions {
    /// 20 epochs, batches of 128, Adam at 1e-3, seed 0.
    fn default() -> Self {
        Self {
            epochs: 20,
            batch: 128,
            optimizer: Optimizer::ADAM,
            learning_rate: 1e-3,
            weight_decay: None,
            l1: 0.0,
            l2: 0.0,
            decay_all: false,
            clip_value: None,
            seed: 0,
            threads: None,
        }
    }
}

impl FitOptions {
    /// Whether one can train like this.
    ///
    /// # Errors
    /// [`Error::Config`] naming the option that makes no sense, with its value; [`Error::Several`] for several.
    pub fn check(&self) -> Result<()> {
        let Self { epochs, batch, learning_rate: rate, threads, .. } = *self;
        let mut faults: Vec<Error> = [
            (epochs == 0).then(|| Error::config("epochs", "0; at least 1 is needed")),
            (batch == 0).then(|| Error::config("batch", "0; a step needs at least 1 row")),
            (!(rate > 0.0 && rate.is_finite())).then(|| {
                let reason = format!("{rate}; it must be a finite number above 0, customarily 1e-4 to 1e-1");
                Error::config("learning_rate", reason)
            }),
            threads.filter(|threads| !(1..=1024).contains(threads)).map(|threads| {
                let reason = format!("{threads}; between 1 and 1024 are possible");
                Error::config("threads", reason)
            }),
        ]
        .into_iter()
        .flatten()
        .collect();
        faults.extend(self.faults_of_decay());
        Error::of_several(faults).map_or(Ok(()), Err)
    }
}

/// What a run did.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// One entry for each complete epoch.
    pub epochs: Vec<EpochEnd>,
    /// Steps taken.
    pub steps: u64,
    /// Seconds of the training loop alone, callbacks excluded.
    pub seconds: f64,
    /// Whether a callback ended the run early.
    pub stopped: bool,
    /// Threads used.
    pub threads: usize,
}

/// The number of threads that a step of `batch` rows keeps busy, at most the processor's.
///
/// A thread may be worth its while from a million floating-point operations on; [`fit`] looks now and then whether it is.
#[must_use]
pub fn default_threads(spec: &Spec, batch: usize) -> usize {
    let useful = operations(spec, batch) / 1_000_000;
    useful.clamp(1, processors())
}

fn processors() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Floating-point operations of a step, from which on a team is worth its while whatever else the processors do.
const LARGE: usize = 256_000_000;

/// Floating-point operations of a step: 6 a parameter and row.
fn operations(spec: &Spec, batch: usize) -> usize {
    spec.parameters().saturating_mul(6).saturating_mul(batch)
}

/// Trains `network` on `train`: shuffled batches, forward and backward layer loop, a step of the optimiser.
///
/// # Errors
/// [`Error::Config`] for impossible options, [`Error::Shape`] if the data does not fit the network, [`Error::Data`] if it
/// is empty, [`Error::Diverged`] if the loss stops being finite; the network then has the weights before that step.
///
/// # Example
/// ```
/// use layerloop::data::{Dataset, Inputs};
/// use layerloop::network::{Activation, Network, Spec};
/// use layerloop::train::{FitOptions, fit};
/// let xor = Inputs::Floats(vec![0., 0., 0., 1., 1., 0., 1., 1.].into());
/// let xor = Dataset::new("xor", xor, 2, vec![0, 1, 1, 0], ["equal", "different"])?;
/// let mut network = Network::new(&Spec::new(2).layer(8, Activation::Tanh).layer(2, Activation::Identity), 1)?;
/// let report = fit(&mut network, &xor, &FitOptions { epochs: 200, learning_rate: 0.05, ..FitOptions::default() })?;
/// assert!(report.epochs[199].train_loss < 0.01);
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn fit(network: &mut Network, train: &Dataset, options: &FitOptions) -> Result<Report> {
    fit_with(network, train, options, &mut ())
}

/// As [`fit`], watched and perhaps stopped by `callback`.
///
/// # Errors
/// As [`fit`].
pub fn fit_with(
    network: &mut Network,
    train: &Dataset,
    options: &FitOptions,
    callback: &mut dyn Callback,
) -> Result<Report> {
    options.check()?;
    let isa = Isa::chosen().map_err(|reason| Error::config("LAYERLOOP_ISA", reason))?;
    network.check_fits(train)?;
    if train.rows() == 0 {
        return Err(Error::data(train.name(), "there are no rows to train on"));
    }
    let batch = options.batch.min(train.rows());
    let threads = options.threads.unwrap_or_else(|| default_threads(network.spec(), batch));
    let states = options.step(1).rule.states();
    let clock = Clock::start();
    let intake = Intake::of(train.inputs().source(), train.width(), batch, &network.program, options.decays());
    let stepper = Stepper::new(Team::new(threads, isa), network, intake, batch, states);
    let report = Report {
        epochs: Vec::with_capacity(options.epochs.min(1024)),
        steps: 0,
        seconds: 0.0,
        stopped: false,
        threads,
    };
    // Where there are more threads than processors, the clock knows nothing of a team that has one for each.
    let in_doubt = (2..=processors()).contains(&threads) && operations(network.spec(), batch) < LARGE;
    let pace = in_doubt.then(Pace::new);
    let mut run = Run { network, train, options, callback, stepper, pace, report, clock };
    let mut batches = Batches::new(train.rows(), batch, options.seed);
    for epoch in 1..=options.epochs {
        run.epoch(epoch, batches.epoch(epoch as u64))?;
        if run.report.stopped {
            break;
        }
    }
    run.report.seconds = run.clock.seconds();
    Ok(run.report)
}

/// A run on its way.
struct Run<'a> {
    network: &'a mut Network,
    train: &'a Dataset,
    options: &'a FitOptions,
    callback: &'a mut dyn Callback,
    stepper: Stepper,
    /// Where it is not certain that a team is worth its while.
    pace: Option<Pace>,
    report: Report,
    clock: Clock,
}

impl Run<'_> {
    fn epoch<'b>(&mut self, epoch: usize, batches: impl Iterator<Item = &'b [u32]>) -> Result<()> {
        let mut total = 0.0;
        for rows in batches {
            let sum = self.paced_step(rows)?;
            total += sum;
            let end =
                StepEnd { step: self.report.steps, epoch, rows: rows.len(), loss: (sum / rows.len() as f64) as f32 };
            let flow = self.clock.paused(|| self.callback.on_step(&end, self.network));
            if flow.is_break() {
                self.report.stopped = true;
                return Ok(());
            }
        }
        self.check_weights()?;
        let seconds = self.clock.seconds();
        let end = EpochEnd { epoch, steps: self.report.steps, train_loss: total / self.train.rows() as f64, seconds };
        self.report.epochs.push(end);
        self.report.stopped = self.clock.paused(|| self.callback.on_epoch(&end, self.network)).is_break();
        Ok(())
    }

    /// One step on `rows`, alone or together.
    fn paced_step(&mut self, rows: &[u32]) -> Result<f64> {
        let Some(pace) = &self.pace else { return self.step(rows) };
        self.stepper.team.work_alone(!pace.together());
        let start = Instant::now();
        let loss = self.step(rows);
        if let Some(pace) = &mut self.pace {
            pace.took(start.elapsed().as_secs_f64());
        }
        loss
    }

    /// One step on `rows`; the sum of their losses before it.
    fn step(&mut self, rows: &[u32]) -> Result<f64> {
        let batch = Batch { source: self.train.inputs().source(), rows, next: &[], labels: self.train.labels() };
        let step = self.report.steps + 1;
        let mode = Mode::Training { seed: self.options.seed, step };
        let loss = self.stepper.backpropagate(self.network, batch, mode);
        if !loss.is_finite() {
            let place = self.stepper.first_not_finite(self.network, rows.len());
            let sample = place.as_ref().map(|&(_, row)| rows[row] as usize);
            let layer = place.map_or("the loss".into(), |(layer, _)| layer);
            return Err(Error::Diverged { step, layer, sample });
        }
        self.stepper.update(self.network, rows.len(), self.options.step(step));
        self.report.steps = step;
        Ok(loss)
    }

    /// A weight can overflow in the very last step, whose loss nobody sees.
    fn check_weights(&self) -> Result<()> {
        if self.network.is_finite() {
            return Ok(());
        }
        let parameters = &self.network.program.parameters;
        let bad = |i: &usize| self.network.parameters.layer(*i).iter().any(|w| !w.is_finite());
        let layer = (0..parameters.len()).find(bad);
        let layer = layer.map_or("the weights".into(), |i| format!("the weights of layer {}", parameters[i].path));
        Err(Error::Diverged { step: self.report.steps, layer, sample: None })
    }
}

/// Wall time without the callbacks'.
struct Clock {
    start: Instant,
    outside: Duration,
}

impl Clock {
    fn start() -> Self {
        Self { start: Instant::now(), outside: Duration::ZERO }
    }

    fn paused<T>(&mut self, f: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = f();
        self.outside += start.elapsed();
        result
    }

    fn seconds(&self) -> f64 {
        (self.start.elapsed() - self.outside).as_secs_f64()
    }
}
