//! `layerloop train`

mod report;
mod watch;

use std::path::PathBuf;
use std::time::Instant;

use layerloop::choice::text;
use layerloop::data::Dataset;
use layerloop::metrics::Evaluation;
use layerloop::model_file::{Model, check_writable};
use layerloop::network::{Network, Spec};
use layerloop::train::{FitOptions, Report, fit_with};
use layerloop::{Error, Result};
use layerloop_data::Loaded;
use serde_json::{Value, json};

use self::report::Run;
use self::watch::Watch;
use crate::args::Train;
use crate::{Outcome, data};

/// Trains, judges, saves.
pub(crate) fn run(args: &Train) -> Result<Outcome> {
    let start = Instant::now();
    let path = model_path(args);
    path.as_deref().map(check_writable).transpose()?;
    let mut loaded = data::load(&args.data, args.data_dir.as_deref())?;
    if let Some(limit) = args.limit {
        loaded.train = limited(&loaded.train, limit)?;
    }
    let options = options(args, &loaded);
    options.check()?;
    let mut network = Network::new(&spec(args, &loaded)?, args.seed)?;
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

fn limited(train: &Dataset, limit: usize) -> Result<Dataset> {
    if limit == 0 {
        return Err(Error::config("--limit", "0 rows; at least 1 is needed to train on"));
    }
    Ok(train.head(limit))
}

fn options(args: &Train, loaded: &Loaded) -> FitOptions {
    FitOptions {
        epochs: args.epochs.unwrap_or(loaded.defaults.epochs),
        batch: args.batch.unwrap_or(loaded.defaults.batch),
        optimizer: args.optimizer,
        learning_rate: args.lr.unwrap_or(loaded.defaults.learning_rate),
        seed: args.seed,
        threads: args.threads,
    }
}

fn spec(args: &Train, loaded: &Loaded) -> Result<Spec> {
    if let Some(&width) = args.hidden.iter().find(|&&width| width == 0) {
        return Err(Error::config("--hidden", format!("a layer of {width} units; each layer needs at least 1")));
    }
    let classes = loaded.train.classes().len();
    let hidden = args.hidden.iter().fold(Spec::new(loaded.train.width()), |spec, &n| spec.layer(n, args.activation));
    Ok(hidden.layer(args.output.logits(classes), args.last_activation).output(args.output))
}

/// The named file, or the first free one called after the data: no earlier model is ever overwritten unasked.
fn model_path(args: &Train) -> Option<PathBuf> {
    if args.no_save || args.save.is_some() {
        return args.save.clone();
    }
    let name = args.data.file_name().map_or("model".into(), |name| name.to_string_lossy());
    let numbered = (2..).map(|n| format!("{name}-{n}.safetensors"));
    std::iter::once(format!("{name}.safetensors")).chain(numbered).map(PathBuf::from).find(|path| !path.exists())
}

/// How the model came to be: what it takes to make it again, and how good it was.
fn receipt(args: &Train, loaded: &Loaded, options: &FitOptions, fitted: &Report, judged: &Evaluation) -> Value {
    let train = &loaded.train;
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "seed": options.seed,
        "options": {
            "epochs": options.epochs, "batch": options.batch, "optimizer": text(options.optimizer),
            "learning_rate": options.learning_rate, "limit": args.limit,
        },
        "data": { "name": args.data, "rows": train.rows(), "sha256": train.sha256() },
        "result": {
            "epochs": fitted.epochs.len(), "steps": fitted.steps, "interrupted": fitted.stopped,
            "train_loss": fitted.epochs.last().map(|epoch| epoch.train_loss),
            "test_loss": judged.loss, "test_accuracy": judged.accuracy,
        },
    })
}
