//! When scikit-learn's MLP ends a run, and what it makes of the learning rate.

use std::ops::{ControlFlow, Range};
use std::path::PathBuf;

use layerloop::Result;
use layerloop::data::Dataset;
use layerloop::files::write_atomically;
use layerloop::network::{Network, Predictor};
use layerloop::train::Run;
use serde::Deserialize;

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
    /// Where a score is compared, the network at the best one.
    pub(crate) best_network: Option<Network>,
    /// Whether the run came to an end by a rule rather than by its last epoch.
    pub(crate) converged: bool,
    /// The best loss or score so far.
    pub(crate) best: f64,
    /// The rows that are held back, where the library has no column for the score.
    pub(crate) held: Option<Dataset>,
    /// Where losses and scores are kept for a run that goes on later.
    pub(crate) kept: Option<PathBuf>,
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
        let (losses, scores) = (Vec::new(), Vec::new());
        Self {
            rules,
            losses,
            scores,
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
        if let Some(tol) = self.rules.gradient {
            return self.line_search(tol, earlier, run);
        }
        let score = self.score(run);
        self.count(loss, score, || run.network().clone());
        self.keep();
        if let Some(power) = self.rules.power_t {
            change_rate(run, (self.rules.seen + 1.0).powf(-power));
        }
        if self.rules.patience.is_some_and(|patience| self.rules.without > patience) && self.ends(run) {
            self.converged = true;
            return ControlFlow::Break(());
        }
        if self.rules.once { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
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
            (Some(score), Some(held)) if score == SUBSETS => subset_accuracy(run.network(), held).unwrap_or(f64::NAN),
            (Some(score), _) => run.history().last(score).unwrap_or(f64::NAN),
            (None, _) => f64::NAN,
        }
    }

    /// Counts the epochs without an improvement.
    fn count(&mut self, loss: f64, score: f64, network: impl Fn() -> Network) {
        if self.rules.score.is_none() {
            let is_better = loss <= self.best - self.rules.tol;
            self.rules.without = if is_better { 0 } else { self.rules.without + 1 };
            self.best = if loss < self.best { loss } else { self.best };
            return;
        }
        self.scores.push(score);
        self.rules.without = if score < self.best + self.rules.tol { self.rules.without + 1 } else { 0 };
        if score > self.best {
            self.best = score;
            self.best_network = Some(network());
        }
    }

    /// Writes the losses down; what cannot be written only costs the run its way back.
    fn keep(&self) {
        if let Some(path) = &self.kept {
            let losses: Vec<String> = self.losses.iter().map(|loss| format!("{loss:e}")).collect();
            _ = write_atomically(path, losses.join("\n").as_bytes());
        }
    }

    /// Takes the place of a run that had come so far; whether it had ended by these rules.
    pub(crate) fn resume(&mut self, epochs: usize, network: &Network) -> bool {
        let kept = self.kept.as_ref().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        for loss in kept.lines().filter_map(|line| line.parse().ok()).take(epochs) {
            self.losses.push(loss);
            self.rules.seen += self.rules.rows;
            if self.rules.patience.is_some_and(|patience| self.rules.without > patience) {
                self.rules.without = 0; // the rate became smaller
            }
            self.count(loss, f64::NAN, || network.clone());
        }
        self.squares = if self.rules.penalty > 0.0 { squares(network, &self.places) } else { 0.0 };
        self.converged =
            self.rules.patience.is_some_and(|patience| self.rules.without > patience) && !self.rules.adaptive;
        self.converged
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
        let spent = self.rules.gradients.is_some_and(|most| run.gradients() >= most);
        if self.converged || spent { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
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
