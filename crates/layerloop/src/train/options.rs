//! How to train: every option with its default value; `check` finds invalid ones.

use std::time::Duration;

use layerloop_kernels::{Before, Update};
use serde::{Deserialize, Serialize};

use super::early_stopping::EarlyStopping;
use super::rates::{LayerRate, Rates};
use crate::augment::Augmentation;
use crate::metrics::AnyMetric;
use crate::names::OrCustom;
use crate::objective::Objective;
use crate::optim;
use crate::optim::Optimizer;
use crate::optim::Schedule;

/// How to train. In JSON, what is left out is as in the default, and members of closed sets are their texts.
///
/// # Example
/// ```
/// use layerloop::train::FitOptions;
/// let options: FitOptions = serde_json::from_str(r#"{ "epochs": 5, "optimizer": "adam(beta_1=0.8)", "ema": 0.99 }"#)?;
/// assert_eq!((options.epochs, options.batch), (5, 128));
/// assert_eq!(serde_json::to_value(&options)?["optimizer"], "adam(beta_1=0.8)");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitOptions {
    /// Passes over the data.
    pub epochs: usize,
    /// Rows of a batch; the last one of an epoch may be shorter and has a mean of its own.
    pub batch: usize,
    /// Whether a last batch that would be shorter is left out, in each epoch other rows.
    pub drop_last: bool,
    /// Whether the rows are put in another order in each epoch.
    pub shuffle: bool,
    /// What is done to images at random, anew in every epoch. Nothing by default.
    pub augment: Augmentation,
    /// What is minimised.
    pub objective: Objective,
    /// How a gradient becomes a step.
    pub optimizer: Optimizer,
    /// Length of a step.
    pub learning_rate: f64,
    /// Layers with a learning rate of their own; of several that name a layer the last counts.
    pub layer_rates: Vec<LayerRate>,
    /// How the learning rate changes over the run.
    pub schedule: OrCustom<Schedule, dyn optim::custom::Schedule>,
    /// Epochs, not necessarily whole, in which the learning rate rises to what it is by the schedule.
    pub warmup: f64,
    /// Weight decay; by default 0.01 for `adamw`, 0.1 for `muon` and 0 for all others. For `adamw`, `lion` and `muon` it is decoupled,
    /// w -= lr decay w before the rule; for all others it is added to `l2`: as in PyTorch.
    pub weight_decay: Option<f64>,
    /// How the decay of weights changes over the run.
    pub decay_schedule: OrCustom<Schedule, dyn optim::custom::Schedule>,
    /// How the rates of all dropouts change over the run.
    pub dropout_schedule: OrCustom<Schedule, dyn optim::custom::Schedule>,
    /// Weight of the penalty sum |w|: g += l1 sign(w). A penalty is not a part of the loss that is reported.
    pub l1: f64,
    /// Weight of the penalty sum w^2 / 2: g += l2 w.
    pub l2: f64,
    /// Whether decay and penalties are for all parameters. If not, they are for the weights of dense layers and embeddings
    /// alone: not for biases, nor for what norms, scales and prelu learn.
    pub decay_all: bool,
    /// The largest component of a gradient, before penalties: what is larger is cut to it.
    pub clip_value: Option<f64>,
    /// The largest Euclidean norm of the whole gradient, before penalties and before `clip_value`: a longer one becomes as
    /// long as this.
    pub clip_norm: Option<f64>,
    /// Batches of a step: their gradients are added up to that of one batch of all their rows.
    pub accumulate: usize,
    /// Micro-batches of a batch: each has the rows of a part of the data, and their gradients are added up in one binary tree, so that it
    /// makes no difference which process computes which of them. 1 for batches of rows from anywhere.
    pub micro_batches: usize,
    /// Share of the average of the weights that each step keeps: after the run, the network has the average
    /// a = ema a + (1 - ema) w, begun with the weights after the first step.
    ///
    /// Callbacks see the weights themselves. The running statistics of batch norms are averaged with them.
    pub ema: Option<f64>,
    /// The epoch, counted from 1, after which stochastic weight averaging begins: after the run, the network has the mean of
    /// the weights at the end of this epoch and of all after it. Source: Izmailov et al. 2018.
    pub swa_from_epoch: Option<usize>,
    /// What is measured after every epoch on the data that is watched, beside the loss and accuracy or R2.
    pub metrics: Vec<AnyMetric>,
    /// Whether and when the run ends because it gets no better.
    pub early_stopping: Option<EarlyStopping>,
    /// Wall time after which the run ends, with the step that is under way.
    #[serde(with = "crate::names::serialised::seconds")]
    pub time_limit: Option<Duration>,
    /// Seed of the shuffles.
    pub seed: u64,
    /// Threads, at most; by default [`default_threads`](super::default_threads). Where one thread is measured to be faster, it
    /// works alone.
    pub threads: Option<usize>,
}

impl Default for FitOptions {
    /// 20 epochs, batches of 128, Adam at a constant 1e-3, seed 0.
    fn default() -> Self {
        Self {
            epochs: 20,
            batch: 128,
            drop_last: false,
            shuffle: true,
            augment: Augmentation::default(),
            objective: Objective::default(),
            optimizer: Optimizer::ADAM,
            learning_rate: 1e-3,
            layer_rates: Vec::new(),
            schedule: Schedule::Constant.into(),
            warmup: 0.0,
            weight_decay: None,
            decay_schedule: Schedule::Constant.into(),
            dropout_schedule: Schedule::Constant.into(),
            l1: 0.0,
            l2: 0.0,
            decay_all: false,
            clip_value: None,
            clip_norm: None,
            accumulate: 1,
            micro_batches: 1,
            ema: None,
            swa_from_epoch: None,
            metrics: Vec::new(),
            early_stopping: None,
            time_limit: None,
            seed: 0,
            threads: None,
        }
    }
}

impl FitOptions {
    /// Whether the network is given the weights of its best epoch.
    pub(crate) fn restores_best(&self) -> bool {
        self.early_stopping.as_ref().is_some_and(|rule| rule.restore_best)
    }

    /// The step `t`, counted from 1, at the learning rate `lr`; weights decay by `decay` times what the options say.
    pub(crate) fn step(&self, t: u64, lr: f64, decay: f64) -> Update {
        let before = self.before(lr, decay);
        Update {
            rule: self.optimizer.at(t, lr),
            before: (before != Before::NOTHING).then_some(before),
            of_biases: None,
        }
    }

    /// As [`Self::step`], for parameters with rates of their own.
    pub(crate) fn step_at(&self, t: u64, lr: f64, decay: f64, rates: Rates) -> Update {
        let before = self.before(lr * rates.weights, decay * rates.decay);
        let before = Before { everywhere: before.everywhere || rates.all_decay && before != Before::NOTHING, ..before };
        let plain = |factor: f64| self.optimizer.at(t, lr * factor);
        let rule = plain(rates.weights);
        let rule = if rates.unit == 1.0 { rule } else { rule.in_units(rates.unit as f32).unwrap_or(rule) };
        Update {
            rule,
            before: (before != Before::NOTHING).then_some(before),
            of_biases: (rates.biases != rates.weights || rates.unit != 1.0).then(|| plain(rates.biases)),
        }
    }

    /// How many of `rows` an epoch trains on.
    #[must_use]
    pub fn rows_of_epoch(&self, rows: usize) -> usize {
        if self.drop_last && rows >= self.batch { rows / self.batch * self.batch } else { rows }
    }

    /// Steps of an epoch of `rows`.
    #[must_use]
    pub fn steps_of_epoch(&self, rows: usize) -> u64 {
        self.rows_of_epoch(rows).div_ceil(self.batch.saturating_mul(self.accumulate).max(1)) as u64
    }

    /// Whether weights move whose gradient is always 0.
    pub(crate) fn decays(&self) -> bool {
        let Before { l1, l2, decay, .. } = self.before(self.learning_rate, 1.0);
        [l1, l2, decay] != [0.0; 3]
    }

    /// Weight of the penalty w^2 / 2 where weights do not decay apart from the gradient.
    pub(crate) fn penalty(&self) -> f64 {
        self.l2 + self.weight_decay()
    }

    pub(super) fn weight_decay(&self) -> f64 {
        self.weight_decay.unwrap_or_else(|| self.optimizer.default_decay())
    }

    /// What comes before the optimiser's rule: clipping, and the decay of weights.
    fn before(&self, lr: f64, decay: f64) -> Before {
        let decay = decay * self.weight_decay();
        let (l2, decay) = if self.optimizer.decouples() { (self.l2, lr * decay) } else { (self.l2 + decay, 0.0) };
        let before = Before {
            clip: self.clip_value.map_or(f32::INFINITY, |clip| clip as f32),
            l1: self.l1 as f32,
            l2: l2 as f32,
            decay: decay as f32,
            ..Before::NOTHING
        };
        Before { everywhere: self.decay_all && before != Before::NOTHING, ..before }
    }
}

#[cfg(test)]
mod tests {
    use layerloop_kernels::dense::WeightBlock;
    use layerloop_kernels::{Isa, LANES, Panels, Part, STATES, update};
    use serde::Deserialize;

    use super::*;
    use crate::names::parse;

    /// Four weights and four biases.
    type Pair = [[f64; 4]; 2];

    #[derive(Deserialize)]
    struct Reference {
        start: Pair,
        gradients: Vec<Pair>,
        runs: Vec<Run>,
    }

    #[derive(Deserialize)]
    struct Run {
        optimizer: String,
        learning_rate: f64,
        weight_decay: f64,
        l1: f64,
        l2: f64,
        clip_value: Option<f64>,
        after: Vec<Pair>,
    }

    fn in_panel(values: &Pair) -> [f32; 2 * LANES] {
        std::array::from_fn(|i| values[i / LANES].get(i % LANES).map_or(0.0, |&value| value as f32))
    }

    /// The parameters after each step.
    fn steps(isa: Isa, reference: &Reference, options: &FitOptions) -> Vec<[f32; 2 * LANES]> {
        let panel = Panels::new(2, 4).iter().next().unwrap();
        let block = WeightBlock { panel, row: 0, rows: 2, listed: None, bias: true };
        let (mut weights, mut states) = (in_panel(&reference.start), [[0.0; 2 * LANES]; STATES]);
        (1..)
            .zip(&reference.gradients)
            .map(|(t, gradient)| {
                let part = Part { weights: &mut weights, states: states.each_mut().map(|state| &mut state[..]) };
                update(isa, options.step(t, options.learning_rate, 1.0), block, part, &mut in_panel(gradient));
                weights
            })
            .collect()
    }

    /// Ten steps in f64 by PyTorch, or the paper's equation where it has none: `tests/reference/optimizers.py`.
    #[test]
    fn every_optimizer_takes_the_steps_of_pytorch_with_the_same_bits_on_every_isa() {
        let reference = include_str!("../../../../tests/reference/optimizers.json");
        let reference: Reference = serde_json::from_str(reference).unwrap();
        let named = |choice: &Optimizer| {
            let of = |run: &Run| parse::<Optimizer>(&run.optimizer).unwrap() == *choice;
            reference.runs.iter().filter(|run| of(run)).count()
        };
        // Those that look at more than a weight have references of their own.
        let by_value = || {
            Optimizer::ALL.iter().filter(|choice| !matches!(choice, Optimizer::Muon { .. } | Optimizer::Lbfgs { .. }))
        };
        assert!(by_value().all(|choice| named(choice) > 1), "every optimiser, with and without decay");
        for run in &reference.runs {
            let options = FitOptions {
                optimizer: parse(&run.optimizer).unwrap(),
                learning_rate: run.learning_rate,
                weight_decay: Some(run.weight_decay),
                l1: run.l1,
                l2: run.l2,
                clip_value: run.clip_value,
                ..FitOptions::default()
            };
            let steps = self::steps(Isa::best(), &reference, &options);
            let said = format!("{}, {options:?}", run.optimizer);
            for (t, (got, truth)) in steps.iter().zip(&run.after).enumerate() {
                for (i, &truth) in truth.as_flattened().iter().enumerate() {
                    let got = f64::from(got[i / 4 * LANES + i % 4]);
                    assert!(
                        (got - truth).abs() <= 1e-6 * truth.abs().max(1.0),
                        "{got} instead of {truth} at {i}, step {}: {said}",
                        t + 1
                    );
                }
            }
            assert!(steps[9].iter().enumerate().all(|(i, &w)| i % LANES < 4 || w == 0.0), "padding: {said}");
            for isa in Isa::available() {
                let same = self::steps(isa, &reference, &options);
                assert_eq!(same.as_flattened(), steps.as_flattened(), "{}: {said}", isa.name());
            }
        }
    }

    #[test]
    fn what_is_not_asked_for_is_not_there() {
        let before = |options: FitOptions| options.step(1, options.learning_rate, 1.0).before;
        assert_eq!(before(FitOptions::default()), None);
        assert_eq!(before(FitOptions { decay_all: true, ..FitOptions::default() }), None);
        let adamw = FitOptions { optimizer: parse("adamw").unwrap(), ..FitOptions::default() };
        assert_eq!(before(adamw.clone()), Some(Before { decay: 1e-5, ..Before::NOTHING }));
        assert_eq!(before(FitOptions { weight_decay: Some(0.0), ..adamw }), None);
        let adam = FitOptions { weight_decay: Some(0.5), l2: 0.25, decay_all: true, ..FitOptions::default() };
        assert_eq!(before(adam), Some(Before { l2: 0.75, everywhere: true, ..Before::NOTHING }));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let default = FitOptions::default;
        let refused = |options: FitOptions| options.check().unwrap_err().to_string();
        assert!(
            refused(FitOptions { l1: -1.0, ..default() }).starts_with("l1: -1; it must be a finite number, at least 0")
        );
        assert!(refused(FitOptions { l2: f64::NAN, ..default() }).starts_with("l2: NaN;"));
        assert!(refused(FitOptions { weight_decay: Some(1e300), ..default() }).starts_with("weight_decay: 1000"));
        assert!(refused(FitOptions { clip_value: Some(0.0), ..default() }).starts_with("clip_value: 0;"));
        let rprop = FitOptions { optimizer: parse("rprop(least=60)").unwrap(), ..default() };
        assert_eq!(refused(rprop), "optimizer: rprop with steps between 60 and 50; least is at most most");
        let lion = FitOptions { optimizer: parse("lion").unwrap(), learning_rate: 0.5, ..default() };
        assert!(refused(FitOptions { weight_decay: Some(3.0), ..lion }).contains("it is 1.5, the share"));
    }
}
