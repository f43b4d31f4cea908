//! When scikit-learn's MLP ends a run, and what it makes of the learning rate.

use std::ops::{ControlFlow, Range};

use layerloop::Result;
use layerloop::data::Dataset;
use layerloop::network::{Network, Predictor};
use layerloop::train::Run;
use serde::Deserialize;

use crate::kept::Kept;

/// The rules of a run; numbers in scikit-learn's units.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    /// The smallest change that counts, and for how many epochs there may be none; `None` for ever.
    pub(crate) tol: f64,
    pub(crate) patience: Option<u64>,
    /// Whether the rate is divided by 5 instead of the first ends.
    adaptive: bool,
    /// The rate is multiplied by (t + 1)^-power_t, where t counts the rows so far.
    power_t: Option<f64>,
    learning_rate: f64,
    /// Rows and batches of an epoch, and rows before this call.
    rows: f64,
    batches: f64,
    pub(crate) seen: f64,
    /// The reported loss is `scale` times the library's, plus `offset`, plus `penalty` times the squared weights.
    scale: f64,
    offset: f64,
    penalty: f64,
    /// The column of the history that is compared instead of the loss: larger is better.
    score: Option<String>,
    best: Option<f64>,
    pub(crate) without: u64,
    /// One epoch alone.
    once: bool,
    /// L-BFGS: the largest component of the gradient at which it ends.
    gradient: Option<f64>,
    /// Weight of the penalty w^2 / 2 in that gradient.
    l2: f64,
    /// L-BFGS: gradients after which it ends.
    gradients: Option<u64>,
}

/// The rules at work.
pub(crate) struct Followed {
    pub(crate) rules: Rules,
    pub(crate) losses: Vec<f64>,
    pub(crate) scores: Vec<f64>,
    /// L-BFGS: gradients so far, after each epoch.
    gradients: Vec<u64>,
    /// Where a score is compared, the network at the best one.
    pub(crate) best_network: Option<Network>,
    /// Whether the run came to an end by a rule rather than by its last epoch.
    pub(crate) converged: bool,
    /// The best loss or score so far.
    pub(crate) best: f64,
    /// The rows that are held back, where the library has no column for the score.
    pub(crate) held: Option<Dataset>,
    /// Where this is kept for a run that goes on later.
    pub(crate) kept: Option<Kept>,
    places: Vec<Range<usize>>,
    squares: f64,
}

/// The share of rows all of whose classes are right, of classes that do not exclude each other.
const SUBSETS: &str = "val_subset_accuracy";
/// Change of the loss, as a share of it, below which L-BFGS ends: SciPy's `ftol`.
const SAME: f64 = 2.220_446_049_250_313e-9;
/// The smallest learning rate that is divided by 5.
const LEAST: f64 = 1e-6;

impl Followed {
    pub(crate) fn new(rules: Rules, network: &Network) -> Self {
        let places = places(network);
        let squares = if rules.penalty > 0.0 { squares(network, &places) } else { 0.0 };
        let worst = if rules.score.is_some() { f64::NEG_INFINITY } else { f64::INFINITY };
        let best = rules.best.unwrap_or(worst);
        Self {
            rules,
            losses: Vec::new(),
            scores: Vec::new(),
            gradients: Vec::new(),
            best_network: None,
            converged: false,
            best,
            held: None,
            kept: None,
            places,
            squares,
        }
    }

    /// After an epoch with this mean loss.
    pub(crate) fn epoch(&mut self, train_loss: f64, run: &mut Run) -> ControlFlow<()> {
        let loss = self.loss(train_loss, run.network());
        let earlier = self.losses.last().copied();
        self.losses.push(loss);
        self.rules.seen += self.rules.rows;
        let flow = match self.rules.gradient {
            Some(tol) => self.line_search(tol, earlier, run),
            None => self.batches(loss, run),
        };
        self.keep();
        flow
    }

    /// After an epoch of batches with this loss.
    fn batches(&mut self, loss: f64, run: &mut Run) -> ControlFlow<()> {
        let score = self.score(run);
        if self.count(loss, score) {
            let network = run.outcome();
            if let Some(kept) = &self.kept {
                kept.write_best(&network, self.losses.len());
            }
            self.best_network = Some(network);
        }
        if let Some(power) = self.rules.power_t {
            change_rate(run, (self.rules.seen + 1.0).powf(-power));
        }
        if self.out_of_patience() && self.ends(run) {
            self.converged = true;
            return ControlFlow::Break(());
        }
        if self.rules.once { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn out_of_patience(&self) -> bool {
        self.rules.patience.is_some_and(|patience| self.rules.without > patience)
    }

    /// The loss with its penalty.
    fn loss(&mut self, train_loss: f64, network: &Network) -> f64 {
        let Rules { scale, offset, penalty, gradient, batches, .. } = self.rules;
        if penalty == 0.0 {
            return scale * train_loss + offset;
        }
        let before = std::mem::replace(&mut self.squares, squares(network, &self.places));
        // Each batch has the penalty of the weights before its step: between the ends of the epoch they change about linearly.
        let mean = match gradient {
            Some(_) => self.squares,
            None => before + (self.squares - before) * (batches - 1.0) / (2.0 * batches),
        };
        scale * train_loss + offset + penalty * mean
    }

    fn score(&self, run: &Run) -> f64 {
        match (&self.rules.score, &self.held) {
            (Some(score), Some(held)) if score == SUBSETS => subset_accuracy(&run.outcome(), held).unwrap_or(f64::NAN),
            (Some(score), _) => run.history().last(score).unwrap_or(f64::NAN),
            (None, _) => f64::NAN,
        }
    }

    /// Counts the epochs without an improvement; whether this is the best score so far.
    fn count(&mut self, loss: f64, score: f64) -> bool {
        if self.rules.score.is_none() {
            let is_better = loss <= self.best - self.rules.tol;
            self.rules.without = if is_better { 0 } else { self.rules.without + 1 };
            self.best = if loss < self.best { loss } else { self.best };
            return false;
        }
        self.scores.push(score);
        self.rules.without = if score < self.best + self.rules.tol { self.rules.without + 1 } else { 0 };
        let is_best = score > self.best;
        self.best = if is_best { score } else { self.best };
        is_best
    }

    /// Writes down what the epochs were, and whether the run has converged.
    fn keep(&self) {
        let Some(kept) = &self.kept else { return };
        let beside = |i: usize| match self.rules.gradient {
            Some(_) => self.gradients.get(i).map(|&count| count as f64),
            None => self.scores.get(i).copied(),
        };
        let numbers = self.losses.iter().enumerate().map(|(i, &loss)| [Some(loss), beside(i)]);
        kept.write_epochs(numbers, self.converged);
    }

    /// Takes the place of a run that had come so far; whether it had ended by these rules.
    pub(crate) fn resume(&mut self, epochs: usize, network: &Network) -> bool {
        let Some(kept) = &self.kept else { return false };
        let ((numbers, had_converged), best) = (kept.epochs(epochs), kept.best(epochs, network));
        for [loss, beside] in numbers {
            self.losses.push(loss);
            self.rules.seen += self.rules.rows;
            if self.rules.gradient.is_some() {
                self.gradients.push(beside as u64);
                continue;
            }
            if self.out_of_patience() {
                self.rules.without = 0; // the rate became smaller
            }
            self.count(loss, beside);
        }
        self.best_network = best.filter(|_| self.rules.score.is_some());
        self.squares = if self.rules.penalty > 0.0 { squares(network, &self.places) } else { 0.0 };
        // Of losses alone it cannot be told what L-BFGS and an adaptive rate made of them; with more patience, another run may go on.
        let is_kept = self.rules.gradient.is_some() || self.rules.adaptive;
        self.converged = if is_kept { had_converged } else { self.out_of_patience() };
        self.converged || self.has_spent_its_gradients()
    }

    /// Whether a run without improvement ends, or goes on with a smaller rate.
    fn ends(&mut self, run: &mut Run) -> bool {
        let factor = run.rate_factor();
        if !self.rules.adaptive || self.rules.learning_rate * factor <= LEAST {
            return true;
        }
        change_rate(run, factor / 5.0);
        self.rules.without = 0;
        false
    }

    fn line_search(&mut self, tol: f64, earlier: Option<f64>, run: &mut Run) -> ControlFlow<()> {
        let loss = self.losses.last().copied().unwrap_or(0.0);
        let same = earlier.is_some_and(|before| before - loss <= SAME * before.abs().max(loss.abs()).max(1.0));
        let l2 = self.rules.l2;
        let mut flat = || {
            let weights = run.network().to_vec();
            let gradient = run.gradient().unwrap_or_default();
            gradient.iter().zip(&weights).all(|(g, w)| (f64::from(*g) + l2 * f64::from(*w)).abs() <= tol)
        };
        self.converged = same || flat();
        self.gradients.push(run.gradients());
        if self.converged || self.has_spent_its_gradients() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn has_spent_its_gradients(&self) -> bool {
        self.rules.gradients.zip(self.gradients.last()).is_some_and(|(most, &count)| count >= most)
    }
}

fn subset_accuracy(network: &Network, held: &Dataset) -> Result<f64> {
    let outputs = Predictor::new(network, 1)?.probabilities(held.inputs())?;
    let width = network.classes();
    let rows = outputs.chunks_exact(width).zip(held.numbers().chunks_exact(width));
    let right = rows.filter(|(p, y)| p.iter().zip(*y).all(|(p, y)| (*p > 0.5) == (*y > 0.5))).count();
    Ok(right as f64 / held.rows() as f64)
}

/// Sets the factor on the learning rate; the velocity of scikit-learn's momentum contains the rate.
fn change_rate(run: &mut Run, factor: f64) {
    run.scale_velocity((run.rate_factor() / factor) as f32);
    run.set_rate_factor(factor);
}

/// Where the weights are in the canonical order, without the biases.
fn places(network: &Network) -> Vec<Range<usize>> {
    let mut from = 0;
    let all = network.tensors().map(|tensor| {
        let place = from..from + tensor.values.len();
        from = place.end;
        (tensor.name.ends_with("weight"), place)
    });
    all.filter(|(is_weight, _)| *is_weight).map(|(_, place)| place).collect()
}

/// The sum of all squared weights.
fn squares(network: &Network, places: &[Range<usize>]) -> f64 {
    let all = network.to_vec();
    let sum =
        |values: &[f32]| values.chunks(64).map(|some| f64::from(some.iter().map(|w| w * w).sum::<f32>())).sum::<f64>();
    places.iter().map(|place| sum(&all[place.clone()])).sum()
}
