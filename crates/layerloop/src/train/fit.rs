//! The training loop.

use std::fmt;
use std::thread::available_parallelism;

use layerloop_kernels::Matrix;

use super::adaptive_threads::AdaptiveThreads;
use super::callback::{Callback, EpochEnd};
use super::checkpoints::{Checkpoint, Identity};
use super::clock::Clock;
use super::early_stopping::Stopper;
use super::full_gradient::FullGradient;
use super::history::History;
use super::monitored::{ALWAYS, Monitored};
use super::on_ranks::OnRanks;
use super::options::FitOptions;
use super::rates::Rates;
use super::run::Run;
use super::state::{State, Stopped, no_norms};
use super::step::Stepper;
use crate::augment::Augmenter;
use crate::data::{Dataset, StoredRows, Streams};
use crate::names::OrCustom;
use crate::network::bound_loss::BoundLoss;
use crate::network::input_plan::InputPlan;
use crate::network::program::{Program, Role};
use crate::network::weight_plan::outgrows_cache;
use crate::network::workspace::{self, Reach, block_rows};
use crate::network::{Network, Spec};
use crate::optim::Optimizer;
use crate::optim::Plateau;
use crate::optim::Progress;
use crate::optim::average::Average;
use crate::optim::lbfgs::Lbfgs;
use crate::ranks::Communicator;
use crate::{Error, Result, memory, threads};

/// What a run did.
///
/// # Example
/// ```
/// use layerloop::data::Dataset;
/// use layerloop::network::Network;
/// use layerloop::train::{FitOptions, fit};
/// let data = Dataset::new("sign", vec![-2.0, -1.0, 1.0, 2.0].into(), 1, vec![0, 0, 1, 1], ["below 0", "above 0"])?;
/// let mut network = Network::new(&"1 -> 2".parse()?, 0)?;
/// let options = FitOptions { epochs: 50, batch: 2, learning_rate: 0.1, ..FitOptions::default() };
/// let report = fit(&mut network, &data, &options)?;
/// assert_eq!((report.steps, report.epochs.len(), report.stopped), (100, 50, None));
/// assert_eq!(format!("{:.3}", report.epochs[49].train_loss), "0.014");
/// # Ok::<(), layerloop::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// One entry for each complete epoch, those before a checkpoint included.
    pub epochs: Vec<EpochEnd>,
    /// What was measured after each of them.
    pub history: History,
    /// Steps taken.
    pub steps: u64,
    /// Seconds of the training loop alone, callbacks and measuring excluded.
    pub seconds: f64,
    /// Why the run ended before its last epoch, if it did.
    pub stopped: Option<Stopped>,
    /// The best epoch by the metric of early stopping, and its value; the network has its weights if they are restored.
    pub best: Option<(usize, f64)>,
    /// What callbacks made of the learning rate: after which step, and the factor on it from then on.
    pub rate_changes: Vec<(u64, f64)>,
    /// Threads used.
    pub threads: usize,
}

/// The number of threads that a step of `batch` rows keeps busy, at most the processor's.
///
/// One thread for every million floating-point operations; [`fit`] measures whether they are faster than one.
#[must_use]
pub fn default_threads(spec: &Spec, batch: usize) -> usize {
    let useful = operations(spec, batch) / 1_000_000;
    useful.clamp(1, processors())
}

fn processors() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// What takes less memory.
const LESS: &str = "fewer units or a smaller batch";

/// Floating-point operations of a step, from which on a team is faster whatever else the processors do.
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

/// Whether there is memory to train a network of this kind on so many rows, the network itself included: to be checked before the
/// network is built.
///
/// # Errors
/// [`Error::Config`] with the size that is needed; those of [`Spec::check`] and [`FitOptions::check`].
///
/// # Example
/// ```
/// use layerloop::train::{FitOptions, check_memory};
/// assert!(check_memory(&"64 -> 32 relu -> 10".parse()?, 1000, &FitOptions::default()).is_ok());
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn check_memory(spec: &Spec, rows: usize, options: &FitOptions) -> Result<()> {
    spec.check()?;
    options.check()?;
    memory::check("the training", bytes(&Program::of(spec)?, spec, rows, options), LESS)
}

/// Bytes that a training takes beside its data, nearly.
///
/// # Errors
/// Those of [`Spec::check`].
pub fn bytes_of_training(spec: &Spec, rows: usize, options: &FitOptions) -> Result<usize> {
    Ok(bytes(&Program::of(spec)?, spec, rows, options))
}

/// Rows that are in memory at a time while those of [`FitContext::stored`] are read: two windows of each stream.
#[must_use]
pub fn rows_in_memory(micro_batches: usize) -> usize {
    2 * Streams::rows_of_windows(micro_batches)
}

/// Bytes of a run, nearly: the network and a copy of it, what the optimiser keeps, gradient, transposed weights, averages; the
/// matrices of a batch, and of the rows that are measured at once.
fn bytes(program: &Program, spec: &Spec, rows: usize, options: &FitOptions) -> usize {
    let (batch, per_weight) = match options.optimizer {
        Optimizer::Lbfgs { history } => (rows, history.min(options.epochs).saturating_mul(2).saturating_add(8)),
        _ => (options.batch.min(rows), options.optimizer.at(1, options.learning_rate).states()),
    };
    let whole = if options.micro_batches > 1
        || options.clip_norm.is_some()
        || matches!(options.optimizer, Optimizer::Muon { .. })
    {
        1
    } else {
        0
    };
    let sums = if options.accumulate > 1 { 2 } else { whole };
    let averages = usize::from(options.ema.or(options.swa_from_epoch.map(|_| 0.0)).is_some());
    let vectors = 4 + per_weight.saturating_add(sums + averages + usize::from(options.restores_best()));
    let threads = options.threads.unwrap_or_else(|| default_threads(spec, batch));
    let measured = workspace::bytes(program, threads.saturating_mul(block_rows(program)), Reach::Loss);
    let step = workspace::bytes(program, batch, Reach::Gradient);
    let all = program.bytes().saturating_mul(vectors).saturating_add(step).saturating_add(measured);
    all.saturating_add(all / 16) // tasks, stacks of threads
}

/// Whether `network` can be trained on `train` like this: what [`fit`] asks before it begins.
///
/// # Errors
/// As [`fit`], but for [`Error::Diverged`].
pub fn check(network: &Network, train: &Dataset, options: &FitOptions) -> Result<()> {
    options.check()?;
    let bytes = bytes(&network.program, network.spec(), train.rows(), options);
    memory::check("the training", bytes.saturating_sub(network.program.bytes()), LESS)?;
    network.check_fits(train)?;
    if train.rows() == 0 {
        return Err(Error::data(train.name(), "there are no rows to train on"));
    }
    if options.batch.min(train.rows()) == 1 && network.program.batch_norms().next().is_some() {
        let reason = "1; a batch norm has the mean and the variance of a batch, which takes at least 2 rows";
        return Err(Error::config("batch", reason));
    }
    Rates::of(&options.layer_rates, &network.program)?;
    options.check_lbfgs(&network.program)?;
    options.check_micro_batches(&network.program)?;
    options.augment.check(train)?;
    BoundLoss::new(network, train, &options.objective)?.check_weights(train)
}

/// What a run is given beside its options. A callback alone is one: `fit_with(.., &mut callback)`.
#[derive(Default)]
pub struct FitContext<'a> {
    /// Data to be evaluated after every epoch, by name: `[("val", &validation)]` gives the columns `val_loss`, `val_accuracy`, and
    /// one for each of [`FitOptions::metrics`].
    pub watch: Vec<(&'a str, &'a Dataset)>,
    /// Called as the run goes on.
    pub callback: Option<&'a mut dyn Callback>,
    /// Where to go on: the network takes the weights that it had.
    pub from: Option<Checkpoint>,
    /// Whether to go on though options or data are others than the checkpoint's.
    pub anyway: bool,
    /// The rows to train on, where they are not in memory; `train` is then some of them, or all: class weights that balance go by these. They are
    /// visited in the order of [`FitOptions::micro_batches`], of one stream where there is but one.
    pub stored: Option<&'a dyn StoredRows>,
    /// The other processes that train the same network on the same data with the same options, in [`FitOptions::micro_batches`]: each calls this
    /// function too. The checkpoint, the callback and the time limit are those of rank 0.
    pub ranks: Option<&'a dyn Communicator>,
}

impl fmt::Debug for FitContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { watch, from, anyway, stored, ranks, .. } = self;
        f.debug_struct("FitContext")
            .field("watch", watch)
            .field("from", from)
            .field("anyway", anyway)
            .field("stored", stored)
            .field("ranks", ranks)
            .finish_non_exhaustive()
    }
}

impl<'a, C: Callback> From<&'a mut C> for FitContext<'a> {
    fn from(callback: &'a mut C) -> Self {
        Self { callback: Some(callback), ..Self::default() }
    }
}

/// As [`fit`], watched, and perhaps stopped by a callback or begun where another run was.
///
/// # Errors
/// As [`fit`]; [`Error::Config`] if what is to be measured cannot be, or if the checkpoint is of another network, of other
/// options or of other data.
///
/// # Example
/// ```
/// use layerloop::data::Dataset;
/// use layerloop::network::Network;
/// use layerloop::train::{FitContext, FitOptions, fit_with};
/// let points: Vec<f32> = (0..40).map(|i| (i * 7 % 40) as f32 / 20.0 - 1.0).collect();
/// let labels: Vec<u32> = points.iter().map(|&x| u32::from(x > 0.0)).collect();
/// let [train, validation] = Dataset::new("sign", points.into(), 1, labels, ["below 0", "above 0"])?.split([30, 10], 0)?;
/// let mut network = Network::new(&"1 -> 2".parse()?, 0)?;
/// let options = FitOptions { epochs: 20, batch: 5, learning_rate: 0.1, ..FitOptions::default() };
/// let context = FitContext { watch: vec![("val", &validation)], ..FitContext::default() };
/// let report = fit_with(&mut network, &train, &options, context)?;
/// assert_eq!(report.history.rows().len(), 20);
/// assert_eq!(report.history.last("val_accuracy"), Some(1.0));
/// # Ok::<(), layerloop::Error>(())
/// ```
pub fn fit_with<'a>(
    network: &mut Network,
    train: &Dataset,
    options: &FitOptions,
    with: impl Into<FitContext<'a>>,
) -> Result<Report> {
    let FitContext { watch, callback, mut from, anyway, stored, ranks } = with.into();
    let on_ranks = OnRanks::new(ranks, options.micro_batches)?;
    let own = check(network, train, options).and_then(|()| check_stored(train, options, stored));
    match &on_ranks {
        None => own?,
        Some(on_ranks) => from = on_ranks.begin(own, network, train, options, from)?,
    }
    if let Some(from) = &from {
        let rows = stored.map_or(train.rows(), StoredRows::rows);
        check_same(from, network, &Identity { rows, ..Identity::of(train) }, options, anyway)?;
    }
    let bound_loss = BoundLoss::new(network, train, &options.objective)?;
    let mut run = begin(network, (train, stored), options, &bound_loss, watch, from.is_some(), on_ranks)?;
    from.map_or(Ok(()), |from| run.restore(from))?;
    let mut nobody = ();
    let callback = callback.unwrap_or(&mut nobody);
    callback.on_start(&mut run)?;
    run.go(callback)?;
    let report = report(&run);
    callback.on_end(&report, &mut run);
    if let Some(weights) = run.final_weights().cloned() {
        run.network.parameters.values = weights;
    }
    Ok(report)
}

/// Refuses what needs all rows at once, where they are not in memory.
fn check_stored(train: &Dataset, options: &FitOptions, stored: Option<&dyn StoredRows>) -> Result<()> {
    let Some(stored) = stored else { return Ok(()) };
    if matches!(options.optimizer, Optimizer::Lbfgs { .. }) {
        return Err(Error::config("optimizer", "lbfgs looks at all rows in each step, and they are not in memory"));
    }
    if !options.augment.is_empty() {
        return Err(Error::config("augment", "images are augmented where all of them are in memory"));
    }
    if stored.rows() < train.rows() {
        let what = format!("{}: rows that are not in memory", train.name());
        return Err(Error::shape(what, format!("at least {}", train.rows()), stored.rows()));
    }
    Ok(())
}

/// Refuses a checkpoint of another run.
fn check_same(
    from: &Checkpoint,
    network: &Network,
    train: &Identity,
    options: &FitOptions,
    anyway: bool,
) -> Result<()> {
    let differences = from.differences(network, &options.described(), train);
    let other_network = from.specification != *network.spec();
    if differences.is_empty() || anyway && !other_network {
        return Ok(());
    }
    Err(Error::config("checkpoint", format!("it is of another run: {}", differences.join("; "))))
}

/// Everything that a run needs, before its first step. Where it `continues`, the optimiser may remember data with other columns
/// of zeros.
fn begin<'a>(
    network: &'a mut Network,
    (train, stored): (&'a Dataset, Option<&'a dyn StoredRows>),
    options: &'a FitOptions,
    bound_loss: &'a BoundLoss<'a>,
    watch: Vec<(&'a str, &'a Dataset)>,
    continues: bool,
    on_ranks: Option<OnRanks<'a>>,
) -> Result<Run<'a>> {
    let lbfgs = Lbfgs::wanted(options.optimizer);
    let rows = stored.map_or(train.rows(), StoredRows::rows);
    let batch = if lbfgs.is_some() { rows } else { options.batch.min(rows) };
    let worked_on = on_ranks.as_ref().map_or(batch, |on_ranks| on_ranks.most_rows(batch, options.micro_batches));
    let threads = options.threads.unwrap_or_else(|| default_threads(network.spec(), worked_on));
    let watched = Monitored::new(watch, &options.metrics, &options.objective, network)?;
    let history = History::new(ALWAYS.map(String::from).into_iter().chain(watched.names()));
    let stopper = options.early_stopping.as_ref().map(|rule| Stopper::new(rule, &history)).transpose()?;
    let states = options.optimizer.at(1, options.learning_rate).states();
    let input_plan = input_plan(network, (train, stored.is_some()), options, batch, continues);
    let chunk = match options.micro_batches {
        1 => workspace::chunk_rows(&network.program, &input_plan, batch, threads),
        _ => batch,
    };
    let apart = gradient_is_apart(&network.program, options, [batch, chunk], on_ranks.is_some());
    let whole = FullGradient::wanted(options, network, apart);
    let sizes = [worked_on, chunk.min(worked_on)];
    let stepper = Stepper::new(threads::team(threads)?, network, input_plan, sizes, states).with_whole(whole);
    let rates = Rates::of(&options.layer_rates, &network.program)?;
    let stepper = stepper.with_frozen(rates.iter().map(|rates| rates.frozen()).collect());
    let in_doubt = lbfgs.is_none() && is_in_doubt(network.spec(), batch, threads);
    let adaptive_threads = in_doubt.then(AdaptiveThreads::new);
    let per_epoch = options.steps_of_epoch(rows);
    let start = Progress { step: 0, steps: per_epoch.saturating_mul(options.epochs as u64), per_epoch };
    let norms = no_norms(&network.program);
    Ok(Run {
        average: Average::wanted(options.ema, options.swa_from_epoch, network),
        gradient: Matrix::vector(network.parameters.values.values().len()),
        network,
        train,
        stored,
        bound_loss,
        options,
        augmenter: Augmenter::of(&options.augment, train, options.seed),
        watched,
        stepper,
        on_ranks,
        adaptive_threads,
        start,
        stopper,
        lbfgs,
        updates: vec![None; rates.len()],
        rates,
        batch,
        rows: batch.saturating_mul(options.accumulate),
        last_rows: 0,
        norms_every_epoch: false,
        state: State::new(history, plateau(options), norms.clone()),
        norms,
        clock: Clock::from(0.0, 0.0),
    })
}

/// Whether it is not certain that so many threads are faster than one. With more of them than processors, timings say nothing about a team with a
/// processor for each.
fn is_in_doubt(spec: &Spec, batch: usize, threads: usize) -> bool {
    (2..=processors()).contains(&threads) && operations(spec, batch) < LARGE
}

/// Whether the gradient is computed whole before the step of batches of so many rows, in chunks of so many.
fn gradient_is_apart(program: &Program, options: &FitOptions, [batch, chunk]: [usize; 2], on_ranks: bool) -> bool {
    if options.micro_batches > 1 {
        // Other ranks add to it, or a layer is not a product.
        return on_ranks || program.parameters.iter().any(|parameter| parameter.role != Role::Product);
    }
    chunk == batch && outgrows_cache(program, batch * program.members_of_row)
}

/// What follows the loss, if the schedule does.
fn plateau(options: &FitOptions) -> Option<Plateau> {
    match options.schedule {
        OrCustom::BuiltIn(schedule) => Plateau::of(schedule),
        OrCustom::Custom(_) => None,
    }
}

/// How the rows enter the network, of which `train` may be but some: a column that is 0 in these may not be in others.
fn input_plan(
    network: &Network,
    (train, is_some): (&Dataset, bool),
    options: &FitOptions,
    batch: usize,
    continues: bool,
) -> InputPlan {
    let (source, width, program) = (train.inputs().source(), train.width(), &network.program);
    if options.augment.is_empty() {
        let plan = InputPlan::of(source, width, batch, program, continues || is_some || options.decays());
        if options.micro_batches > 1 || is_some { plan.of_rows(width) } else { plan }
    } else {
        InputPlan::augmented(source, width, &options.augment, program)
    }
}

/// What the run has done.
fn report(run: &Run) -> Report {
    let State { history, steps, stopped, rate_changes, .. } = run.state.clone();
    let epoch =
        |row: &Vec<f64>| EpochEnd { epoch: row[0] as usize, steps: row[1] as u64, seconds: row[2], train_loss: row[4] };
    Report {
        epochs: history.rows().iter().map(epoch).collect(),
        history,
        steps,
        seconds: run.clock.seconds(),
        stopped,
        best: run.stopper.as_ref().and_then(|stopper| stopper.standing.best),
        rate_changes,
        threads: run.stepper.team.threads(),
    }
}
