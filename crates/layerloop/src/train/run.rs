//! A run in progress: what every callback sees.

use std::ops::ControlFlow;
use std::time::Duration;

use layerloop_kernels::{Matrix, Update};

use super::adaptive_threads::AdaptiveThreads;
use super::callback::{Callback, EpochEnd, StepEnd};
use super::checkpoints::{Checkpoint, Identity};
use super::clock::Clock;
use super::early_stopping::Stopper;
use super::full_gradient::sum_of_squares;
use super::history::History;
use super::monitored::Monitored;
use super::on_ranks::OnRanks;
use super::options::FitOptions;
use super::rates::Rates;
use super::state::{State, Stopped};
use super::step::Stepper;
use super::streamed::{BatchRows, Gathered};
use crate::augment::{Augmented, Augmenter};
use crate::clock::Instant;
use crate::data::{Batches, Dataset, StoredRows};
use crate::error::GradientNorms;
use crate::network::Network;
use crate::network::bound_loss::BoundLoss;
use crate::network::forward::{Batch, Mode};
use crate::optim::Optimizer;
use crate::optim::Plateau;
use crate::optim::average::Average;
use crate::optim::lbfgs::Lbfgs;
use crate::optim::{Progress, warm_up};
use crate::{Error, Result};

/// Steps from one look at all weights to the next: whether they are finite.
const LOOK_EVERY: u64 = 64;
/// Steps from one look at the norms of the gradient to the next, and the first steps at which they are looked at.
const NORMS_EVERY: u64 = 256;
const NORMS_AT: [u64; 2] = [1, 16];

/// A run in progress.
#[derive(Debug)]
pub struct Run<'a> {
    pub(super) network: &'a mut Network,
    pub(super) train: &'a Dataset,
    /// The rows to train on, where they are not in memory: `train` is some of them.
    pub(super) stored: Option<&'a dyn StoredRows>,
    pub(super) bound_loss: &'a BoundLoss<'a>,
    pub(super) options: &'a FitOptions,
    /// Where images are augmented.
    pub(super) augmenter: Option<Augmenter>,
    pub(super) watched: Monitored<'a>,
    pub(super) stepper: Stepper,
    /// Where there are several ranks.
    pub(super) on_ranks: Option<OnRanks<'a>>,
    /// Where it is not certain that a team is faster than one thread.
    pub(super) adaptive_threads: Option<AdaptiveThreads>,
    /// Before the first step.
    pub(super) start: Progress,
    pub(super) average: Option<Average>,
    pub(super) stopper: Option<Stopper<'a>>,
    /// Where each step looks at all rows.
    pub(super) lbfgs: Option<Lbfgs>,
    /// On the learning rate, for each parameter.
    pub(super) rates: Vec<Rates>,
    /// The step of each parameter that moves.
    pub(super) updates: Vec<Option<Update>>,
    /// Rows of a batch, and of a step, at most.
    pub(super) batch: usize,
    pub(super) rows: usize,
    /// Rows of the newest batch.
    pub(super) last_rows: usize,
    pub(super) norms_every_epoch: bool,
    /// Memory for a gradient that is looked at.
    pub(super) gradient: Matrix,
    /// Their squares, while they are being added up.
    pub(super) norms: GradientNorms,
    pub(super) state: State,
    pub(super) clock: Clock,
}

/// What a callback may see, and do.
impl Run<'_> {
    /// The network with its weights of this moment.
    #[must_use]
    pub fn network(&self) -> &Network {
        self.network
    }

    /// The network that the run would end with now: with its average weights where there is an average, with the best ones
    /// where early stopping restores them.
    #[must_use]
    pub fn outcome(&self) -> Network {
        let mut network = self.network.clone();
        if let Some(weights) = self.final_weights() {
            network.parameters.values.clone_from(weights);
        }
        network
    }

    /// What was measured so far, one row for each whole epoch.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.state.history
    }

    /// The columns of the newest row of the [`History`] that could not be computed, each with the reason.
    #[must_use]
    pub fn missing(&self) -> &[(String, String)] {
        self.watched.missing()
    }

    /// The norms of the gradient, layer by layer: measured in steps 1 and 16, every 256 steps, and in the last step of every
    /// epoch where [`Self::measure_gradient_norms_every_epoch`] was called.
    #[must_use]
    pub fn gradient_norms(&self) -> Option<&GradientNorms> {
        Some(&self.state.norms).filter(|norms| norms.step > 0)
    }

    /// From now on [`Self::gradient_norms`] are measured at least once an epoch: a callback asks for it in
    /// [`Callback::on_start`].
    pub fn measure_gradient_norms_every_epoch(&mut self) {
        self.norms_every_epoch = true;
    }

    /// The gradient of the newest batch, at the weights before its step, in canonical order, as long as [`Network::to_vec`]; none
    /// before the first batch since the run began or was resumed.
    #[must_use]
    pub fn gradient(&mut self) -> Option<Vec<f32>> {
        (self.last_rows > 0).then(|| self.stepper.gradient(self.network))
    }

    /// All that the coming steps depend on: a run that begins with it goes on as this one does, to the bit.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let mut vectors = vec![("weights".to_owned(), self.network.parameters.values.clone())];
        vectors.extend(self.stepper.vectors().map(|(name, vector)| (name.to_owned(), vector.clone())));
        vectors.extend(self.average.iter().map(|average| ("average".to_owned(), average.mean().clone())));
        let best = self.stopper.iter().filter_map(|stopper| stopper.weights.clone());
        vectors.extend(best.map(|best| ("best".to_owned(), best)));
        let lbfgs = self.lbfgs.as_ref().map(|lbfgs| lbfgs.memory(&mut vectors));
        let mut state = self.state.clone();
        state.averaged = self.average.as_ref().map_or(0, Average::count);
        if let Some(stopper) = &self.stopper {
            state.standing = stopper.standing.clone();
        }
        (state.seconds, state.wall) = (self.clock.seconds(), self.clock.wall());
        Checkpoint {
            specification: self.network.spec().clone(),
            options: self.options.described(),
            data: Identity { rows: self.rows_to_train_on(), ..Identity::of(self.train) },
            state,
            lbfgs,
            vectors,
        }
    }

    /// Batches so far whose gradient was computed: of L-BFGS, of all rows each, those that its line searches tried.
    #[must_use]
    pub fn gradients(&self) -> u64 {
        self.state.batches
    }

    /// The learning rate of the coming step.
    #[must_use]
    pub fn learning_rate(&self) -> f64 {
        let FitOptions { learning_rate, schedule, warmup, .. } = *self.options;
        let waited = self.state.plateau.as_ref().map_or(1.0, Plateau::factor);
        let own = self.state.rate_factor();
        learning_rate * schedule.factor(self.progress()) * warm_up(self.progress(), warmup) * waited * own
    }

    /// What callbacks have made of the learning rate: a factor on it.
    #[must_use]
    pub fn rate_factor(&self) -> f64 {
        self.state.rate_factor()
    }

    /// Sets the factor on the learning rate of all coming steps; what is not finite or not above 0 changes nothing.
    pub fn set_rate_factor(&mut self, factor: f64) {
        if factor > 0.0 && factor.is_finite() && factor != self.rate_factor() {
            self.state.rate_changes.push((self.state.steps, factor));
        }
    }

    /// Multiplies the velocity of `momentum` and `nesterov`. Beside a rate that is divided by c, the factor c leaves what momentum adds to the
    /// next step as it is: as where the velocity contains the rate, in scikit-learn and Keras.
    pub fn scale_velocity(&mut self, factor: f32) {
        if matches!(self.options.optimizer, Optimizer::Momentum { .. } | Optimizer::Nesterov { .. }) {
            self.stepper.vectors_mut().flat_map(|(_, vector)| vector.values_mut()).for_each(|v| *v *= factor);
        }
    }
}

impl Run<'_> {
    /// Takes the place of a run that had come so far.
    ///
    /// # Errors
    /// [`Error::Format`] if the checkpoint lacks a vector.
    pub(super) fn restore(&mut self, from: Checkpoint) -> Result<()> {
        let missing = |name: &str| Error::format("checkpoint", format!("there is no vector `{name}`"));
        let mut vectors = from.vectors;
        let mut take = |name: &str, to: &mut Matrix| {
            let at = vectors.iter().position(|(n, _)| n == name).ok_or_else(|| missing(name))?;
            *to = vectors.swap_remove(at).1;
            Ok(())
        };
        take("weights", &mut self.network.parameters.values)?;
        self.stepper.vectors_mut().try_for_each(|(name, vector)| take(name, vector))?;
        if let Some(average) = &mut self.average {
            average.restore(from.state.averaged, |mean| take("average", mean))?;
        }
        if let Some(stopper) = &mut self.stopper {
            stopper.standing = from.state.standing.clone();
            if stopper.standing.best.is_some() && self.options.restores_best() {
                take("best", stopper.weights.insert(Matrix::vector(0)))?;
            }
        }
        if let (Some(lbfgs), Some(numbers)) = (&mut self.lbfgs, &from.lbfgs) {
            lbfgs.restore(numbers, self.network.parameters.values.values(), take)?;
        }
        self.stepper.resume(self.network, from.state.steps);
        self.clock = Clock::from(from.state.seconds, from.state.wall);
        self.state = from.state;
        Ok(())
    }

    /// Epoch after epoch, from the current state.
    pub(super) fn go(&mut self, callback: &mut dyn Callback) -> Result<()> {
        let of_epoch = self.options.rows_of_epoch(self.train.rows());
        let mut batches = Batches::new(self.train.rows(), self.batch, self.options.seed).of_rows(of_epoch);
        batches = if self.options.shuffle { batches } else { batches.in_order() };
        batches = batches.in_streams(self.options.micro_batches);
        if matches!(self.state.stopped, Some(Stopped::Callback | Stopped::TimeLimit)) {
            self.state.stopped = None; // continued on purpose
        }
        while self.state.epoch <= self.options.epochs && self.state.stopped.is_none() {
            let more = match (self.lbfgs.take(), self.stored) {
                (Some(lbfgs), _) => self.line_search(lbfgs, callback)?,
                (None, Some(stored)) => self.streamed_epoch(stored, callback).map(|()| true)?,
                (None, None) => {
                    let taken = self.state.taken.div_ceil(self.batch);
                    let rest = batches.epoch(self.state.epoch as u64).skip(taken);
                    self.epoch(rest.map(|rows| Ok(BatchRows::InMemory(rows))), callback).map(|()| true)?
                }
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// What is left of an epoch: its coming batches.
    pub(super) fn epoch<'b>(
        &mut self,
        batches: impl Iterator<Item = Result<BatchRows<'b>>>,
        callback: &mut dyn Callback,
    ) -> Result<()> {
        let rows_of_epoch = self.options.rows_of_epoch(self.rows_to_train_on());
        let mut left = rows_of_epoch.saturating_sub(self.state.taken);
        let (mut sum, mut taken) = (0.0, 0);
        for rows in batches {
            let rows = rows?;
            let (of, learning_rate) = (left.min(self.rows), self.learning_rate());
            taken += rows.count();
            let ends = BatchEnds { step: taken == of, epoch: taken == left };
            sum += self.timed_batch(&rows, of, ends)?;
            if taken < of {
                continue;
            }
            self.state.total += sum;
            self.state.taken += taken;
            let (step, loss) = (self.state.steps, (sum / taken as f64) as f32);
            let end = StepEnd { step, epoch: self.state.epoch, rows: taken, loss, learning_rate };
            left -= taken;
            (sum, taken) = (0.0, 0);
            if self.after_step(&end, callback)?.is_break() {
                return Ok(());
            }
        }
        self.check_weights()?;
        if let Some(average) = &mut self.average {
            average.epoch(self.state.epoch, self.network);
        }
        let train_loss = self.state.total / rows_of_epoch as f64;
        self.state.plateau.iter_mut().for_each(|plateau| _ = plateau.observe(train_loss));
        self.after_epoch(train_loss, callback)
    }

    /// Tells the callback, and looks at the weights and the clock.
    pub(super) fn after_step(&mut self, end: &StepEnd, callback: &mut dyn Callback) -> Result<ControlFlow<()>> {
        if end.step.is_multiple_of(LOOK_EVERY) {
            self.check_weights()?;
        }
        let since = self.clock.pause();
        let flow = callback.on_step(end, self);
        self.clock.go_on(since);
        let over = |limit: Duration| self.clock.wall() >= limit.as_secs_f64();
        let wish = match flow {
            ControlFlow::Break(()) => Some(Stopped::Callback),
            ControlFlow::Continue(()) => {
                self.options.time_limit.filter(|&limit| over(limit)).map(|_| Stopped::TimeLimit)
            }
        };
        self.state.stopped = self.on_ranks.as_mut().map_or(wish, |on_ranks| on_ranks.after_step(wish));
        Ok(self.state.stopped.map_or(ControlFlow::Continue(()), |_| ControlFlow::Break(())))
    }

    /// Measures, calls the callback, and decides whether there is another epoch.
    pub(super) fn after_epoch(&mut self, train_loss: f64, callback: &mut dyn Callback) -> Result<()> {
        let (epoch, steps, seconds) = (self.state.epoch, self.state.steps, self.clock.seconds());
        let since = self.clock.pause();
        // What is measured is what the run would end with.
        self.swap_average();
        let group = self.on_ranks.as_ref().map(|on_ranks| on_ranks.group);
        let measured = self.watched.measure(self.network, &mut self.stepper.team, group);
        let default = [epoch as f64, steps as f64, seconds, self.learning_rate(), train_loss];
        let row = measured.map(|measured| default.into_iter().chain(measured).collect::<Vec<_>>());
        let stop = row.map(|row| {
            self.state.history.push(row);
            let (history, network) = (&self.state.history, &*self.network);
            self.stopper.as_mut().is_some_and(|stopper| stopper.epoch(epoch, history, network))
        });
        self.swap_average();
        if stop? {
            self.state.stopped = Some(Stopped::EarlyStopping);
        }
        (self.state.epoch, self.state.taken, self.state.total) = (epoch + 1, 0, 0.0);
        let end = EpochEnd { epoch, steps, train_loss, seconds };
        let flow = callback.on_epoch(&end, self);
        self.clock.go_on(since);
        let wish = flow.is_break().then_some(Stopped::Callback);
        let told = self.on_ranks.as_mut().map_or(Ok(wish), |on_ranks| on_ranks.after_epoch(wish))?;
        self.state.stopped = self.state.stopped.or(told);
        Ok(())
    }

    /// Changes places with the average, if there is one yet.
    fn swap_average(&mut self) {
        if let Some(average) = &mut self.average {
            average.swap(self.network);
        }
    }

    /// The parameters that the run would end with, if they are not the network's.
    pub(super) fn final_weights(&self) -> Option<&Matrix> {
        let best = self.stopper.as_ref().and_then(|stopper| stopper.weights.as_ref());
        best.or_else(|| self.average.as_ref().filter(|average| average.count() > 0).map(Average::mean))
    }

    /// One batch, alone or together.
    fn timed_batch(&mut self, rows: &BatchRows, of: usize, ends: BatchEnds) -> Result<f64> {
        let Some(adaptive_threads) = &self.adaptive_threads else { return self.one_batch(rows, of, ends) };
        self.stepper.team.work_alone(!adaptive_threads.together());
        let start = Instant::now();
        let loss = self.one_batch(rows, of, ends);
        if let Some(adaptive_threads) = &mut self.adaptive_threads {
            adaptive_threads.took(start.elapsed().as_secs_f64());
        }
        loss
    }

    /// One batch, of a step of `of` rows that is taken after its last batch; the sum of the losses before it.
    fn one_batch(&mut self, rows: &BatchRows, of: usize, ends: BatchEnds) -> Result<f64> {
        let (own, epoch) = (self.begin_micro_batches(rows.count()), self.state.epoch as u64);
        let first = own.start;
        let of_data;
        let (data, bound_loss, batch_rows) = match rows {
            BatchRows::InMemory(rows) => (self.train, self.bound_loss, &rows[own]),
            BatchRows::Read(gathered) => {
                let Gathered { data, places, .. } = &**gathered;
                of_data = self.bound_loss.of(self.network, data)?;
                (data, &of_data, &places[..])
            }
        };
        let augmented = self.augmenter.as_ref().map(|augmenter| Augmented { augmenter, epoch });
        let source = data.inputs().source();
        let batch = Batch { source, rows: batch_rows, next: &[], bound_loss: Some(bound_loss), augmented };
        let step = self.state.steps + 1;
        self.state.batches += 1;
        self.last_rows = batch_rows.len();
        let dropout = self.options.dropout_schedule.factor(self.progress()) as f32;
        let mode = Mode::Training { seed: self.options.seed, step: self.state.batches, first, dropout };
        let loss = self.stepper.backpropagate(self.network, batch, self.bound_loss.scale(of), mode);
        let loss = self.exchange(loss)?;
        if !loss.is_finite() {
            return Err(self.diverged(step, rows, first));
        }
        let sampled = NORMS_AT.contains(&step) || step.is_multiple_of(NORMS_EVERY);
        if ends.step && sampled || ends.epoch && self.norms_every_epoch {
            self.look_at_norms(step);
        }
        let decay = self.options.decay_schedule.factor(self.progress());
        let (options, rate) = (self.options, self.learning_rate());
        let plain = options.step(step, rate, decay);
        for (update, &rates) in self.updates.iter_mut().zip(&self.rates) {
            *update = match rates {
                _ if rates.frozen() => None,
                Rates::SAME => Some(plain),
                _ => Some(options.step_at(step, rate, decay, rates)),
            };
        }
        self.stepper.update(self.network, ends.step.then_some(&self.updates));
        if ends.step {
            self.state.steps = step;
            if let Some(average) = &mut self.average {
                average.step(self.network);
            }
        }
        Ok(loss)
    }

    /// Notes the norms of the batch's gradient, layer by layer, if they are finite.
    pub(super) fn look_at_norms(&mut self, step: u64) {
        self.stepper.gradient_into(self.network, &mut self.gradient);
        let parameters = self.network.program.parameters.iter().zip(&self.network.parameters.layers);
        self.norms.layers.iter_mut().for_each(|(_, square)| *square = 0.0);
        for (parameter, view) in parameters {
            let part = &self.gradient.values()[view.start..][..view.layout.len()];
            let square = sum_of_squares(part);
            let layer = self.norms.layers.iter_mut().find(|(path, _)| *path == parameter.path);
            layer.into_iter().for_each(|(_, sum)| *sum += square);
        }
        if self.norms.layers.iter().all(|(_, square)| square.is_finite()) {
            self.state.norms.step = step;
            let norms = self.state.norms.layers.iter_mut().zip(&self.norms.layers);
            norms.for_each(|((_, norm), (_, square))| *norm = libm::sqrt(*square));
        }
    }

    /// The weights, or else the values of the batch, are not finite.
    fn diverged(&self, step: u64, rows: &BatchRows, first: usize) -> Error {
        if let Err(weights) = self.check_weights() {
            return weights;
        }
        match self.first_not_finite(rows, first) {
            Ok(found) => {
                let (layer, row) = found.unzip();
                self.divergence(step, layer.unwrap_or("the loss".into()), row)
            }
            Err(error) => error,
        }
    }

    fn divergence(&self, step: u64, layer: String, sample: Option<usize>) -> Error {
        let last_good = self.gradient_norms().cloned().map(Box::new);
        Error::Diverged { step, layer, sample, learning_rate: self.learning_rate(), last_good }
    }

    /// Whether the last step of this epoch is done, but `on_epoch` was not called yet.
    pub(super) fn epoch_is_over(&self) -> bool {
        self.state.taken == self.options.rows_of_epoch(self.rows_to_train_on())
    }

    /// Those of an epoch, but for a short last batch that is left out.
    fn rows_to_train_on(&self) -> usize {
        self.stored.map_or(self.train.rows(), StoredRows::rows)
    }

    /// Before the coming step.
    fn progress(&self) -> Progress {
        Progress { step: self.state.steps, ..self.start }
    }

    /// A gradient or a step can overflow where no loss shows it.
    fn check_weights(&self) -> Result<()> {
        if self.network.is_finite() {
            return Ok(());
        }
        let parameters = &self.network.program.parameters;
        let bad = |i: &usize| self.network.parameters.layer(*i).iter().any(|w| !w.is_finite());
        let layer = (0..parameters.len()).find(bad);
        let layer = layer.map_or("the weights".into(), |i| format!("the weights of layer {}", parameters[i].path));
        Err(self.divergence(self.state.steps, layer, None))
    }
}

/// What a batch is the last one of.
#[derive(Debug, Clone, Copy)]
struct BatchEnds {
    step: bool,
    epoch: bool,
}
