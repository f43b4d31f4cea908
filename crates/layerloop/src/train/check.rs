//! Whether one can train by some options: all that is wrong with them, at once.

use layerloop_kernels::tree::MOST_PARTS;

use super::options::FitOptions;
use super::rates::LayerRate;
use crate::names::{self, NamedEnum, OrCustom};
use crate::network::program::{Kind, Program};
use crate::optim::{Optimizer, Schedule};
use crate::{Error, Result, threads};

/// A number that a weight can be multiplied with: at least 0, and finite as f32 too.
fn is_size(value: f64) -> bool {
    value >= 0.0 && (value as f32).is_finite()
}

impl FitOptions {
    /// Whether one can train like this.
    ///
    /// # Errors
    /// [`Error::Config`] naming the invalid option, with its value; [`Error::Several`] for several.
    pub fn check(&self) -> Result<()> {
        let mut faults = self.objective.check();
        faults.extend(self.faults_of_choices());
        faults.extend(self.faults_of_passes());
        faults.extend(self.faults_of_decay());
        faults.extend(self.faults_of_clipping());
        faults.extend(self.faults_of_averages());
        if let Some(threads) = self.threads {
            faults.extend(threads::check(threads).err());
        }
        faults.extend(self.early_stopping.iter().flat_map(|rule| rule.faults(self.epochs)));
        Error::of_several(faults).map_or(Ok(()), Err)
    }

    /// Epochs, batches, and the learning rate over them.
    fn faults_of_passes(&self) -> Vec<Error> {
        let Self { epochs, batch, learning_rate: rate, warmup, accumulate, .. } = *self;
        let not_above_0 = !(rate > 0.0 && rate.is_finite());
        let mut faults = Error::of_rules([
            (epochs == 0, "epochs", "0; at least 1 is needed".into()),
            (batch == 0, "batch", "0; a step needs at least 1 row".into()),
            (accumulate == 0, "accumulate", "0; a step needs at least 1 batch".into()),
            (
                not_above_0,
                "learning_rate",
                format!("{rate}; it must be a finite number above 0, customarily 1e-4 to 1e-1"),
            ),
        ]);
        faults.extend(self.faults_of_micro_batches());
        faults.extend(self.layer_rates.iter().filter_map(LayerRate::fault));
        let has_unit = self.layer_rates.iter().any(|rate| rate.unit.is_some());
        let knows_units =
            self.optimizer.at(1, rate).in_units(1.0).is_some() && !matches!(self.optimizer, Optimizer::Muon { .. });
        faults.extend(Error::of_rules([(
            has_unit && !knows_units,
            "layer_rates",
            format!(
                "a unit goes with sgd, momentum, nesterov, adam, adamw and lion, not with {}",
                names::text(self.optimizer)
            ),
        )]));
        let follows_loss = |schedule| matches!(schedule, OrCustom::BuiltIn(Schedule::ReduceOnPlateau { .. }));
        let reason = |schedule| format!("`{schedule}` follows the loss; only the learning rate can");
        let (decay, dropout) = (self.decay_schedule, self.dropout_schedule);
        let not_epochs = !(warmup >= 0.0 && warmup.is_finite());
        faults.extend(Error::of_rules([
            (not_epochs, "warmup", format!("{warmup}; it is a number of epochs, 0 or more, such as 0.5")),
            (follows_loss(decay), "decay_schedule", reason(decay)),
            (follows_loss(dropout), "dropout_schedule", reason(dropout)),
        ]));
        faults
    }

    fn faults_of_micro_batches(&self) -> Vec<Error> {
        let Self { batch, accumulate, micro_batches: count, .. } = *self;
        let most = MOST_PARTS.min(batch);
        let lbfgs = count > 1 && matches!(self.optimizer, Optimizer::Lbfgs { .. });
        Error::of_rules([
            (
                !(1..=most.max(1)).contains(&count),
                "micro_batches",
                format!("{count}; a batch of {batch} rows can be cut into 1 to {most}"),
            ),
            (
                count > 1 && accumulate > 1,
                "accumulate",
                format!("{accumulate}; micro-batches are added up already: take larger batches instead"),
            ),
            (lbfgs, "micro_batches", format!("{count}; lbfgs takes all rows at once")),
        ])
    }

    /// Whether a network can be trained in micro-batches, if that is asked for.
    pub(crate) fn check_micro_batches(&self, program: &Program) -> Result<()> {
        if self.micro_batches > 1 && program.batch_norms().next().is_some() {
            let reason =
                format!("{}; a batch norm looks at the whole batch; a layer norm does not", self.micro_batches);
            return Err(Error::config("micro_batches", reason));
        }
        Ok(())
    }

    /// Decay and penalties, and what an optimiser has to do with them.
    fn faults_of_decay(&self) -> Vec<Error> {
        let Self { l1, l2, .. } = *self;
        let decay = self.weight_decay();
        let reason = |value| format!("{value}; it must be a finite number, at least 0, customarily 1e-6 to 1e-1");
        let lost = self.learning_rate * decay;
        let all_is_lost = self.optimizer.decouples() && is_size(decay) && lost > 1.0;
        let share = format!(
            "{decay}; times the learning rate it is {lost}, the share of a weight that a step takes: at most 1"
        );
        let mut faults = Error::of_rules([
            (!is_size(decay), "weight_decay", reason(decay)),
            (!is_size(l1), "l1", reason(l1)),
            (!is_size(l2), "l2", reason(l2)),
            (all_is_lost, "weight_decay", share),
        ]);
        if let Optimizer::Muon { .. } = self.optimizer {
            let reason = "muon has no use for it: its steps have one length whatever the gradient's";
            faults.extend(Error::of_rules([
                (self.clip_value.is_some(), "clip_value", reason.into()),
                (self.clip_norm.is_some(), "clip_norm", reason.into()),
                (l1 > 0.0 || l2 > 0.0, "l2", "muon's decay is `weight_decay`, apart from the gradient".into()),
            ]));
        }
        if let Optimizer::Rprop { least, most, .. } = self.optimizer {
            let reason = format!("rprop with steps between {least} and {most}; least is at most most");
            faults.extend(Error::of_rules([(least > most, "optimizer", reason)]));
        }
        faults
    }

    fn faults_of_clipping(&self) -> Vec<Error> {
        let clips = [("clip_value", self.clip_value, "component"), ("clip_norm", self.clip_norm, "norm")];
        let faults = clips.into_iter().filter_map(|(field, clip, largest)| {
            let clip = clip.filter(|&clip| !is_size(clip) || clip as f32 == 0.0)?;
            let reason = format!("{clip}; it must be a finite number above 0, the largest {largest} of a gradient");
            Some(Error::config(field, reason))
        });
        faults.collect()
    }

    /// Averages of the weights, and the time for them.
    fn faults_of_averages(&self) -> Vec<Error> {
        let (epochs, kept, first) = (self.epochs, self.ema.unwrap_or(0.0), self.swa_from_epoch.unwrap_or(1));
        let both = self.ema.is_some() && self.swa_from_epoch.is_some();
        let no_epoch = first == 0 || self.swa_from_epoch.is_some_and(|first| first > epochs);
        let no_time = self.time_limit.is_some_and(|limit| limit.is_zero());
        Error::of_rules([
            (
                !(0.0..1.0).contains(&kept),
                "ema",
                format!("{kept}; it is at least 0 and below 1, customarily 0.99 to 0.9999"),
            ),
            (
                no_epoch,
                "swa_from_epoch",
                format!("{first}; of {epochs} epochs, the first that is averaged is 1 to {epochs}"),
            ),
            (both, "swa_from_epoch", "there is an ema too; a network can have one average".into()),
            (no_time, "time_limit", "0 s; a run needs some time".into()),
        ])
    }

    /// Choices with a number outside its range, and metrics that are named twice.
    fn faults_of_choices(&self) -> Vec<Error> {
        fn built_in<T: NamedEnum, C: ?Sized>(open: OrCustom<T, C>) -> Option<Error> {
            if let OrCustom::BuiltIn(choice) = open { names::check(choice).err() } else { None }
        }
        let metrics = &self.metrics;
        let again = (0..metrics.len()).find(|&i| metrics[..i].contains(&metrics[i]));
        let again = again.map(|i| Error::config("metrics", format!("`{}` is named twice", metrics[i])));
        let schedules = [self.schedule, self.decay_schedule, self.dropout_schedule].into_iter().filter_map(built_in);
        let optimizer = names::check(self.optimizer).err().into_iter();
        optimizer.chain(schedules).chain(metrics.iter().copied().filter_map(built_in)).chain(again).collect()
    }

    /// Refuses what makes the loss another one at each look, or has no place in a line search.
    pub(crate) fn check_lbfgs(&self, program: &Program) -> Result<()> {
        if !matches!(self.optimizer, Optimizer::Lbfgs { .. }) {
            return Ok(());
        }
        let refuse = |field: &str, reason: &str| Err(Error::config(field, format!("{reason}, so lbfgs cannot use it")));
        for op in &program.ops {
            match op.kind {
                Kind::Drop { rate, .. } if rate > 0.0 => {
                    return refuse("optimizer", "dropout makes each loss differ");
                }
                Kind::Leak { lower, upper } if lower < upper => {
                    return refuse("optimizer", "rrelu makes each loss differ");
                }
                Kind::BatchStandardise { .. } => {
                    return refuse("optimizer", "a batch norm changes its statistics in each pass");
                }
                _ => {}
            }
        }
        if !self.augment.is_empty() {
            return refuse("augment", "each epoch has other images");
        }
        let constant = super::Schedule::Constant.into();
        let schedules = [self.schedule, self.decay_schedule, self.dropout_schedule];
        let odd = [
            ("schedule", schedules.iter().any(|schedule| *schedule != constant) || self.warmup > 0.0),
            ("accumulate", self.accumulate > 1),
            ("clip_value", self.clip_value.is_some()),
            ("clip_norm", self.clip_norm.is_some()),
            ("l1", self.l1 > 0.0),
            ("ema", self.ema.is_some()),
            ("swa_from_epoch", self.swa_from_epoch.is_some()),
            ("drop_last", self.drop_last),
            (
                "layer_rates",
                self.layer_rates
                    .iter()
                    .any(|rate| ![0.0, 1.0].contains(&rate.factor) || rate.bias.is_some() || rate.decay.is_some()),
            ),
        ];
        match odd.iter().find(|(_, wrong)| *wrong) {
            Some((field, _)) => refuse(field, "a line search finds the length of each step"),
            None => Ok(()),
        }
    }
}
