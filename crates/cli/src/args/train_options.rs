//! The options of `layerloop train` as those of the library, and what is wrong about them.

use layerloop::Error;
use layerloop::train::{EarlyStopping, FitOptions, LayerRate, Objective, Optimizer};
use layerloop_data::registry::{self, Defaults};
use layerloop_data::tables::is_table;

use super::Train;

impl Train {
    /// How to train; `default` has the options that were not typed.
    pub(crate) fn options(&self, default: &FitOptions) -> FitOptions {
        FitOptions {
            epochs: self.epochs.unwrap_or(default.epochs),
            batch: self.batch.unwrap_or(default.batch),
            drop_last: self.drop_last,
            shuffle: default.shuffle,
            augment: self.augment.clone(),
            objective: Objective {
                loss: self.loss.map(Into::into),
                label_smoothing: self.label_smoothing,
                class_weights: self.class_weights.clone().unwrap_or_default(),
                reduction: self.reduction,
                each_member: self.ensemble > 1,
            },
            optimizer: self.optimizer,
            learning_rate: self.lr.unwrap_or(default.learning_rate),
            layer_rates: self.layer_rates(),
            schedule: self.schedule.into(),
            warmup: self.warmup,
            weight_decay: self.weight_decay,
            l1: self.l1,
            l2: self.l2,
            decay_all: self.decay_all,
            clip_value: self.clip_value,
            clip_norm: self.clip_norm,
            accumulate: self.accumulate,
            micro_batches: self.micro_batches,
            ema: self.ema,
            swa_from_epoch: self.swa_from_epoch,
            decay_schedule: self.decay_schedule.into(),
            dropout_schedule: self.dropout_schedule.into(),
            metrics: self.metrics.iter().flat_map(|several| &several.0).map(|&metric| metric.into()).collect(),
            early_stopping: self.early_stopping.as_ref().map(|metric| EarlyStopping {
                patience: self.patience,
                min_delta: self.min_delta,
                start_epoch: self.start_epoch,
                restore_best: !self.last_weights,
                latest: self.latest,
                ..EarlyStopping::on(metric)
            }),
            time_limit: self.time_limit,
            seed: self.seed,
            threads: self.threads,
        }
    }

    /// Those with a factor, then those that are frozen.
    fn layer_rates(&self) -> Vec<LayerRate> {
        let frozen = self.freeze.iter().map(|layer| LayerRate::new(layer, 0.0));
        self.layer_rate.iter().cloned().chain(frozen).collect()
    }

    /// The data set's values of options that were not typed, before it is read.
    fn defaults(&self) -> Defaults {
        self.data.to_str().and_then(registry::find).map_or(Defaults::IMAGES, |entry| entry.defaults)
    }

    /// What is wrong about the options, whatever the data.
    pub(crate) fn faults(&self) -> Vec<Error> {
        if self.resume.is_some() {
            return Vec::new(); // what is typed is only a part of it
        }
        let Defaults { epochs, batch, learning_rate } = self.defaults();
        let default = FitOptions { epochs, batch, learning_rate, ..FitOptions::default() };
        let mut faults = self.options(&default).check().map_or_else(as_flags, |()| Vec::new());
        let mut refuse = |wrong: bool, option: &str, reason: &str| {
            if wrong {
                faults.push(Error::config(option, reason));
            }
        };
        refuse(self.ensemble == 0, "--ensemble", "0 members; at least 1 is needed");
        refuse(self.hidden.contains(&0), "--hidden", "a layer of 0 units; each layer needs at least 1");
        let lbfgs = matches!(self.optimizer, Optimizer::Lbfgs { .. });
        refuse(self.lr.is_some() && lbfgs, "--lr", "lbfgs finds the length of its steps by itself");
        let of_stopping = ["patience", "min_delta", "start_epoch", "latest", "last_weights"];
        let by_recipe = self.recipe.is_some() || is_table(&self.data);
        if let Some(option) =
            of_stopping.iter().find(|id| self.typed.has(id)).filter(|_| self.early_stopping.is_none() && !by_recipe)
        {
            let option = format!("--{}", option.replace('_', "-"));
            refuse(
                true,
                &option,
                "it is for --early-stopping, which is missing: --early-stopping val_loss, for instance",
            );
        }
        refuse(self.limit == Some(0), "--limit", "0 rows; at least 1 is needed to train on");
        refuse(self.keep == 0, "--keep", "0 checkpoints; at least 1 is needed to go on from");
        let share = self.validation.unwrap_or(0.0);
        refuse(
            !(0.0..1.0).contains(&share),
            "--validation",
            &format!("{share}; it is at least 0 and below 1, such as 0.1"),
        );
        if let Some(error) = self.network.as_ref().and_then(|spec| spec.check().err()) {
            faults.push(Error::config("--network", error.to_string()));
        }
        faults
    }
}

/// The library's errors, with the names that options have on the command line.
fn as_flags(said: Error) -> Vec<Error> {
    match said {
        Error::Several(all) => all.into_iter().flat_map(as_flags).collect(),
        Error::Config { field, reason } => {
            let name = if field == "learning_rate" { "lr".into() } else { field.replace('_', "-") };
            vec![Error::config(format!("--{name}"), reason)]
        }
        other => vec![other],
    }
}
