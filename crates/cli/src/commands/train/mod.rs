//! `layerloop train`

mod find_lr;
mod report;
mod watch;

use std::path::PathBuf;
use std::time::Instant;

use layerloop::choice::text;
use layerloop::data::{Dataset, Targets};
use layerloop::model_file::{Model, check_writable};
use layerloop::network::{Dense, Layer, Network, Output, Spec};
use layerloop::train::{
    ClassWeights, FitOptions, LayerRate, Loss, Objective, Optimizer, Report, find_learning_rate, fit_with,
};
use layerloop::{Error, Result};
use layerloop_data::Loaded;
use layerloop_data::registry::Defaults;
use serde_json::{Value, json};

use self::report::Run;
use self::watch::Watch;
use crate::args::Train;
use crate::door::flags;
use crate::scores::Scores;
use crate::{Outcome, data};

/// Trains, judges, saves.
pub(crate) fn run(args: &Train) -> Result<Outcome> {
    let start = Instant::now();
    let path = model_path(args);
    path.as_deref().map(check_writable).transpose()?;
    let mut loaded = data::load(&args.data, args.data_dir.as_deref())?;
    if let Some(limit) = args.limit {
        loaded.train = loaded.train.head(limit);
    }
    let Defaults { epochs, batch, learning_rate } = loaded.defaults;
    let options = args.options(&FitOptions { epochs, batch, learning_rate, ..FitOptions::default() });
    let mut network = Network::new(&args.spec(&loaded.train)?, args.seed)?;
    layerloop::train::check(&network, &loaded.train, &options)?;
    if args.find_lr {
        find_lr::report(args, &find_learning_rate(&network, &loaded.train, &options)?)?;
        return Ok(Outcome::Done);
    }
    report::introduce(args, &loaded, network.spec(), &options)?;

    let mut watch = Watch::new(args, &loaded, &options)?;
    let fitted = fit_with(&mut network, &loaded.train, &options, &mut watch);
    let (fitted, judged, failure) = watch.finish(fitted, &network)?;
    let model = Model::new(network, &loaded.train, receipt(args, &loaded, &options, &fitted, &judged));
    path.as_deref().map(|path| model.save(path)).transpose()?;
    report::conclude(
        args,
        &Run { model: &model, fitted: &fitted, judged: &judged, path: path.as_deref() },
        start.elapsed(),
    )?;
    let outcome = if fitted.stopped { Outcome::Negative } else { Outcome::Done };
    failure.map_or(Ok(outcome), Err)
}

impl Train {
    /// How to train; `usual` says what was not typed.
    fn options(&self, usual: &FitOptions) -> FitOptions {
        FitOptions {
            epochs: self.epochs.unwrap_or(usual.epochs),
            batch: self.batch.unwrap_or(usual.batch),
            objective: Objective {
                loss: self.loss.map(Into::into),
                label_smoothing: self.label_smoothing,
                class_weights: self.class_weights.clone().unwrap_or_default(),
                reduction: self.reduction,
            },
            optimizer: self.optimizer,
            learning_rate: self.lr.unwrap_or(usual.learning_rate),
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
            ema: self.ema,
            swa_from_epoch: self.swa_from_epoch,
            decay_schedule: self.decay_schedule.into(),
            dropout_schedule: self.dropout_schedule.into(),
            seed: self.seed,
            threads: self.threads,
        }
    }

    /// Those with a factor, then those that are frozen.
    fn layer_rates(&self) -> Vec<LayerRate> {
        let frozen = self.freeze.iter().map(|layer| LayerRate { layer: layer.clone(), factor: 0.0 });
        self.layer_rate.iter().cloned().chain(frozen).collect()
    }

    /// What is wrong about the options, whatever the data.
    pub(crate) fn faults(&self) -> Vec<Error> {
        let mut faults = self.options(&FitOptions::default()).check().map_or_else(flags, |()| Vec::new());
        if self.hidden.contains(&0) {
            faults.push(Error::config("--hidden", "a layer of 0 units; each layer needs at least 1"));
        }
        if self.lr.is_some() && matches!(self.optimizer, Optimizer::Lbfgs { .. }) {
            faults.push(Error::config("--lr", "lbfgs finds the length of its steps by itself"));
        }
        if self.limit == Some(0) {
            faults.push(Error::config("--limit", "0 rows; at least 1 is needed to train on"));
        }
        if let Some(error) = self.network.as_ref().and_then(|spec| spec.check().err()) {
            faults.push(Error::config("--network", error.to_string()));
        }
        faults
    }

    /// The network for this data.
    fn spec(&self, data: &Dataset) -> Result<Spec> {
        let (inputs, names) = (data.width(), data.target_names().len());
        let Some(spec) = &self.network else {
            let usual = match data.targets() {
                Targets::Labels { .. } => Output::Softmax,
                Targets::Numbers { .. } => Output::Identity,
            };
            let output = self.output.or(self.loss.map(Loss::usual_output)).unwrap_or(usual);
            let logits = match data.targets() {
                Targets::Labels { .. } => output.logits(names),
                Targets::Numbers { .. } => names - (output.targets(1) - 1),
            };
            let dense = |n, activation| Layer::Dense(Dense { init: self.init, ..Dense::new(n, activation) });
            let hidden = self.hidden.iter().map(|&n| dense(n, self.activation));
            let layers = hidden.chain([dense(logits, self.last_activation)]);
            return Ok(layers.fold(Spec::new(inputs), Spec::then).output(output));
        };
        let outputs = match data.targets() {
            Targets::Labels { .. } => spec.classes(),
            Targets::Numbers { .. } => spec.output.targets(spec.logits()),
        };
        if (spec.inputs, outputs) != (inputs, names) {
            let reason = format!(
                "`{spec}` takes {} inputs to {outputs} outputs; {} has {inputs} inputs and {names} {}",
                spec.inputs,
                data.name(),
                if data.classes().is_empty() { "numbers to give" } else { "classes" }
            );
            return Err(Error::config("--network", reason));
        }
        Ok(spec.clone())
    }
}

/// The named file, none, or the first free one called after the data: no earlier model is ever overwritten unasked.
fn model_path(args: &Train) -> Option<PathBuf> {
    if args.no_save || args.find_lr || args.save.is_some() {
        return args.save.clone();
    }
    let name = args.data.file_name().map_or("model".into(), |name| name.to_string_lossy());
    let numbered = (2..).map(|n| format!("{name}-{n}.safetensors"));
    std::iter::once(format!("{name}.safetensors")).chain(numbered).map(PathBuf::from).find(|path| !path.exists())
}

/// How the model came to be: what it takes to make it again, and how good it was.
fn receipt(args: &Train, loaded: &Loaded, options: &FitOptions, fitted: &Report, judged: &Scores) -> Value {
    let train = &loaded.train;
    let (name, score) = judged.headline();
    let mut receipt = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "seed": options.seed,
        "options": said(args, options),
        "data": { "name": args.data, "rows": train.rows(), "sha256": train.sha256() },
        "result": {
            "epochs": fitted.epochs.len(), "steps": fitted.steps, "interrupted": fitted.stopped,
            "train_loss": fitted.epochs.last().map(|epoch| epoch.train_loss),
            "test_loss": judged.loss(),
        },
    });
    receipt["result"][format!("test_{name}")] = json!(score);
    receipt
}

fn rates(rates: &[LayerRate]) -> Value {
    json!(rates.iter().map(|LayerRate { layer, factor }| format!("{layer}={factor}")).collect::<Vec<_>>())
}

/// The options of a run: the first few always, all others where they are not the usual ones.
fn said(args: &Train, options: &FitOptions) -> Value {
    let mut said = json!({
        "epochs": options.epochs, "batch": options.batch, "optimizer": text(options.optimizer),
        "learning_rate": options.learning_rate, "limit": args.limit,
    });
    let all = |options: &FitOptions| {
        let Objective { loss, label_smoothing, class_weights, reduction } = &options.objective;
        let class_weights = match class_weights {
            ClassWeights::Equal => Value::Null,
            ClassWeights::Balanced => json!("balanced"),
            ClassWeights::Given(weights) => json!(weights),
        };
        [
            ("loss", json!(loss.map(|loss| loss.to_string()))),
            ("label_smoothing", json!(label_smoothing)),
            ("class_weights", class_weights),
            ("reduction", json!(text(*reduction))),
            ("schedule", json!(options.schedule.to_string())),
            ("layer_rates", rates(&options.layer_rates)),
            ("warmup", json!(options.warmup)),
            ("weight_decay", json!(options.weight_decay)),
            ("decay_schedule", json!(options.decay_schedule.to_string())),
            ("dropout_schedule", json!(options.dropout_schedule.to_string())),
            ("l1", json!(options.l1)),
            ("l2", json!(options.l2)),
            ("decay_all", json!(options.decay_all)),
            ("clip_value", json!(options.clip_value)),
            ("clip_norm", json!(options.clip_norm)),
            ("accumulate", json!(options.accumulate)),
            ("ema", json!(options.ema)),
            ("swa_from_epoch", json!(options.swa_from_epoch)),
        ]
    };
    for ((name, value), (_, usual)) in all(options).into_iter().zip(all(&FitOptions::default())) {
        if value != usual {
            said[name] = value;
        }
    }
    said
}
