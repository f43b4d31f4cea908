//! The training loop.

use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use layerloop_kernels::{Isa, Matrix, Team, Update};

use super::average::Average;
use super::callback::{Callback, EpochEnd, StepEnd};
use super::lbfgs::{Lbfgs, Penalty, Point};
use super::options::FitOptions;
use super::pace::Pace;
use super::plateau::Plateau;
use super::schedule::{Progress, warm_up};
use super::step::Stepper;
use super::whole::Whole;
use crate::custom::Open;
use crate::data::{Batches, Dataset};
use crate::network::forward::{Batch, Mode};
use crate::network::goal::Goal;
use crate::network::intake::Intake;
use crate::network::{Network, Spec};
use crate::{Error, Result};

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

/// Whether `network` can be trained on `train` like this: what [`fit`] asks before it begins.
///
/// # Errors
/// As [`fit`], but for [`Error::Diverged`].
pub fn check(network: &Network, train: &Dataset, options: &FitOptions) -> Result<()> {
    options.check()?;
    network.check_fits(train)?;
    if train.rows() == 0 {
        return Err(Error::data(train.name(), "there are no rows to train on"));
    }
    if options.batch.min(train.rows()) == 1 && network.program.batch_norms().next().is_some() {
        let reason = "1; a batch norm has the mean and the variance of a batch, which takes at least 2 rows";
        return Err(Error::config("batch", reason));
    }
    options.factors(&network.program)?;
    options.check_lbfgs(&network.program)?;
    Goal::new(network, train, &options.objective).map(drop)
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
    check(network, train, options)?;
    let isa = Isa::chosen().map_err(|reason| Error::config("LAYERLOOP_ISA", reason))?;
    let goal = Goal::new(network, train, &options.objective)?;
    let lbfgs = Lbfgs::wanted(options.optimizer);
    let batch = if lbfgs.is_some() { train.rows() } else { options.batch.min(train.rows()) };
    let threads = options.threads.unwrap_or_else(|| default_threads(network.spec(), batch));
    let states = options.optimizer.at(1, options.learning_rate).states();
    let clock = Clock::start();
    let intake = Intake::of(train.inputs().source(), train.width(), batch, &network.program, options.decays());
    let whole = Whole::wanted(options, network);
    let stepper = Stepper::new(Team::new(threads, isa), network, intake, batch, states).with_whole(whole);
    let factors = options.factors(&network.program)?;
    let stepper = stepper.with_frozen(factors.iter().map(|&factor| factor == 0.0).collect());
    let updates = vec![None; factors.len()];
    let average = Average::wanted(options, network);
    let report = Report {
        epochs: Vec::with_capacity(options.epochs.min(1024)),
        steps: 0,
        seconds: 0.0,
        stopped: false,
        threads,
    };
    // Where there are more threads than processors, the clock knows nothing of a team that has one for each.
    let in_doubt = (2..=processors()).contains(&threads) && operations(network.spec(), batch) < LARGE;
    let pace = (in_doubt && lbfgs.is_none()).then(Pace::new);
    let rows = batch.saturating_mul(options.accumulate);
    let per_epoch = train.rows().div_ceil(rows) as u64;
    let start = Progress { step: 0, steps: per_epoch.saturating_mul(options.epochs as u64), per_epoch };
    let plateau = match options.schedule {
        Open::Ours(schedule) => Plateau::of(schedule),
        Open::Custom(_) => None,
    };
    let mut run = Run {
        network,
        train,
        goal: &goal,
        options,
        callback,
        stepper,
        pace,
        start,
        plateau,
        average,
        lbfgs,
        factors,
        updates,
        rows,
        batches: 0,
        report,
        clock,
    };
    let mut batches = Batches::new(train.rows(), batch, options.seed);
    for epoch in 1..=options.epochs {
        let more = match run.lbfgs.take() {
            Some(lbfgs) => run.line_search(epoch, lbfgs)?,
            None => run.epoch(epoch, batches.epoch(epoch as u64)).map(|()| true)?,
        };
        if run.report.stopped || !more {
            break;
        }
    }
    if let Some(average) = run.average {
        average.hand_over(run.network);
    }
    run.report.seconds = run.clock.seconds();
    Ok(run.report)
}

/// A run on its way.
struct Run<'a> {
    network: &'a mut Network,
    train: &'a Dataset,
    goal: &'a Goal<'a>,
    options: &'a FitOptions,
    callback: &'a mut dyn Callback,
    stepper: Stepper,
    /// Where it is not certain that a team is worth its while.
    pace: Option<Pace>,
    /// Before the first step.
    start: Progress,
    /// Where the schedule waits for one.
    plateau: Option<Plateau>,
    average: Option<Average>,
    /// Where each step looks at all rows.
    lbfgs: Option<Lbfgs>,
    /// On the learning rate, for each parameter.
    factors: Vec<f64>,
    /// The step of each parameter that moves.
    updates: Vec<Option<Update>>,
    /// Rows of a step, at most.
    rows: usize,
    /// Batches so far.
    batches: u64,
    report: Report,
    clock: Clock,
}

impl Run<'_> {
    fn epoch<'b>(&mut self, epoch: usize, batches: impl Iterator<Item = &'b [u32]>) -> Result<()> {
        let (mut total, mut left) = (0.0, self.train.rows());
        let (mut sum, mut taken) = (0.0, 0);
        for rows in batches {
            let (of, learning_rate) = (left.min(self.rows), self.learning_rate());
            taken += rows.len();
            sum += self.paced_batch(rows, of, taken == of)?;
            if taken < of {
                continue;
            }
            total += sum;
            let (step, loss) = (self.report.steps, (sum / taken as f64) as f32);
            let end = StepEnd { step, epoch, rows: taken, loss, learning_rate };
            left -= taken;
            (sum, taken) = (0.0, 0);
            let flow = self.clock.paused(|| self.callback.on_step(&end, self.network));
            if flow.is_break() {
                self.report.stopped = true;
                return Ok(());
            }
        }
        self.check_weights()?;
        if let Some(average) = &mut self.average {
            average.epoch(epoch, self.network);
        }
        let seconds = self.clock.seconds();
        let end = EpochEnd { epoch, steps: self.report.steps, train_loss: total / self.train.rows() as f64, seconds };
        self.plateau.iter_mut().for_each(|plateau| _ = plateau.observe(end.train_loss));
        self.report.epochs.push(end);
        self.report.stopped = self.clock.paused(|| self.callback.on_epoch(&end, self.network)).is_break();
        Ok(())
    }

    /// One step of L-BFGS on all rows; whether there was one to take.
    fn line_search(&mut self, epoch: usize, mut lbfgs: Lbfgs) -> Result<bool> {
        let Self { network, train, goal, options, stepper, factors, .. } = self;
        let rows: Vec<u32> = (0..train.rows() as u32).collect();
        let batch = Batch { source: train.inputs().source(), rows: &rows, next: &[], goal: Some(goal) };
        let mode = Mode::Training { seed: options.seed, step: 1, dropout: 1.0 };
        let (scale, penalty) = (goal.scale(rows.len()), Penalty::of(network, options));
        let start = network.parameters.values.values().to_vec();
        let mut gradient = Matrix::vector(start.len());
        let next = lbfgs.step(&start, &mut |w| {
            network.parameters.values.values_mut().copy_from_slice(&w);
            let sum = stepper.loss_and_gradient(network, batch, scale, mode, &mut gradient);
            let mut g = gradient.values().to_vec();
            let f = sum * f64::from(scale) + penalty.add(&w, &mut g);
            for (view, _) in network.parameters.layers.iter().zip(&*factors).filter(|(_, factor)| **factor == 0.0) {
                g[view.start..][..view.layout.len()].fill(0.0);
            }
            Point { w, f: if f.is_finite() { f } else { f64::INFINITY }, g, loss: sum / rows.len() as f64 }
        });
        let step = self.report.steps + 1;
        let Some(Point { w, loss, .. }) = next else {
            network.parameters.values.values_mut().copy_from_slice(&start);
            return Ok(false);
        };
        network.parameters.values.values_mut().copy_from_slice(w);
        let loss = *loss;
        self.lbfgs = Some(lbfgs);
        self.report.steps = step;
        let end = StepEnd { step, epoch, rows: rows.len(), loss: loss as f32, learning_rate: 1.0 };
        let flow = self.clock.paused(|| self.callback.on_step(&end, self.network));
        let end = EpochEnd { epoch, steps: step, train_loss: loss, seconds: self.clock.seconds() };
        self.report.epochs.push(end);
        let after = self.clock.paused(|| self.callback.on_epoch(&end, self.network));
        self.report.stopped = flow.is_break() || after.is_break();
        Ok(true)
    }

    /// One batch, alone or together.
    fn paced_batch(&mut self, rows: &[u32], of: usize, last: bool) -> Result<f64> {
        let Some(pace) = &self.pace else { return self.batch(rows, of, last) };
        self.stepper.team.work_alone(!pace.together());
        let start = Instant::now();
        let loss = self.batch(rows, of, last);
        if let Some(pace) = &mut self.pace {
            pace.took(start.elapsed().as_secs_f64());
        }
        loss
    }

    /// One batch, of a step of `of` rows that is taken after its last batch; the sum of the losses before it.
    fn batch(&mut self, rows: &[u32], of: usize, last: bool) -> Result<f64> {
        let batch = Batch { source: self.train.inputs().source(), rows, next: &[], goal: Some(self.goal) };
        let step = self.report.steps + 1;
        self.batches += 1;
        let dropout = self.options.dropout_schedule.factor(self.progress()) as f32;
        let mode = Mode::Training { seed: self.options.seed, step: self.batches, dropout };
        let loss = self.stepper.backpropagate(self.network, batch, self.goal.scale(of), mode);
        if !loss.is_finite() {
            let place = self.stepper.first_not_finite(self.network, rows.len());
            let sample = place.as_ref().map(|&(_, row)| rows[row] as usize);
            let layer = place.map_or("the loss".into(), |(layer, _)| layer);
            return Err(Error::Diverged { step, layer, sample });
        }
        let decay = self.options.decay_schedule.factor(self.progress());
        let (options, rate) = (self.options, self.learning_rate());
        let plain = options.step(step, rate, decay);
        for (update, &factor) in self.updates.iter_mut().zip(&self.factors) {
            *update = match factor {
                0.0 => None,
                1.0 => Some(plain),
                _ => Some(options.step(step, rate * factor, decay)),
            };
        }
        self.stepper.update(self.network, rows.len(), last.then_some(&self.updates));
        if last {
            self.report.steps = step;
            if let Some(average) = &mut self.average {
                average.step(self.network);
            }
        }
        Ok(loss)
    }

    /// Before the coming step.
    fn progress(&self) -> Progress {
        Progress { step: self.report.steps, ..self.start }
    }

    /// The learning rate of the coming step.
    fn learning_rate(&self) -> f64 {
        let FitOptions { learning_rate, schedule, warmup, .. } = *self.options;
        let waited = self.plateau.as_ref().map_or(1.0, Plateau::factor);
        learning_rate * schedule.factor(self.progress()) * warm_up(self.progress(), warmup) * waited
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
