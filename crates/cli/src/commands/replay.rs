//! `layerloop replay`

use std::ops::ControlFlow;

use layerloop::model_file::Model;
use layerloop::train::{Callback, EpochEnd, FitContext, Run, StepEnd, fit_with};
use layerloop::{Error, Result};
use serde_json::{Value, json};

use super::train::job::{Job, load};
use super::trained_on;
use crate::Outcome;
use crate::args::ExplicitArgs;
use crate::args::Replay;
use crate::output::line;

pub(crate) fn run(args: &Replay) -> Result<Outcome> {
    let model = Model::load(&args.model)?;
    let receipt = &model.receipt;
    let typed = ExplicitArgs::from_json(&receipt["arguments"]).ok_or_else(|| {
        let reason = "its receipt has no options; only models of `layerloop train` can be replayed";
        Error::data(&args.model, reason)
    })?;
    let mut train = trained_on::again(&typed, receipt)?;
    train.threads = args.threads;
    train.time_limit = None;
    if args.data_dir.is_some() {
        train.data_dir.clone_from(&args.data_dir);
    }
    let (_, loaded) = load(&train)?; // the receipt has the options of the recipe
    let job = Job::new(&train, loaded)?;
    let now = job.receipt(&train);
    let what = ["seed", "options", "data", "warm_start"];
    let different = |what: &&&str| receipt[**what] != now[**what] && !(**what == "data" && same_data(receipt, &now));
    if let Some(what) = what.iter().find(|what| different(what)) {
        let reason = format!("its {what} were {}, and are now {}", receipt[*what], now[*what]);
        return Err(Error::data(&args.model, reason + "; it cannot be the same run"));
    }
    let mut again = Again::of(&receipt["result"]);
    let mut network = job.network.clone();
    let with = FitContext { watch: job.watched(), callback: Some(&mut again), ..FitContext::default() };
    let fitted = fit_with(&mut network, &job.loaded.train, &job.options, with)?;
    let [was, is] = [&model.network, &network].map(|network| network.sha256());
    let threshold = job.threshold(&network)?;
    let same = was == is && threshold == model.threshold;
    if args.json {
        line(json!({
            "event": "replay", "same": same, "weights_sha256": is, "expected": was, "steps": fitted.steps,
            "train_seconds": fitted.seconds, "threads": fitted.threads, "threshold": threshold,
        }))?;
    } else {
        let verdict = if same { "the same to the bit" } else { "NOT the same" };
        let steps = fitted.steps;
        let or_none = |threshold: Option<f64>| threshold.map_or("none".into(), |threshold| threshold.to_string());
        let thresholds = match (threshold, model.threshold) {
            (None, None) => String::new(),
            (now, was) => format!("threshold      {}\nin the model   {}\n", or_none(now), or_none(was)),
        };
        line(format_args!(
            "{steps} steps in {:.3} s\nweights sha256 {is}\nin the model   {was}\n{thresholds}{verdict}",
            fitted.seconds
        ))?;
        let version = &receipt["version"];
        if !same && version != env!("CARGO_PKG_VERSION") {
            line(format_args!("The model was made by layerloop {version}; this is {}.", env!("CARGO_PKG_VERSION")))?;
        }
    }
    Ok(if same { Outcome::Done } else { Outcome::Negative })
}

/// The same rows, wherever they lie.
fn same_data(one: &Value, other: &Value) -> bool {
    ["rows", "sha256"].iter().all(|what| one["data"][what] == other["data"][what])
}

/// Repeats what the user did during the run: changes the learning rate, ends it.
struct Again {
    steps: u64,
    epochs: u64,
    rate_changes: Vec<(u64, f64)>,
}

impl Again {
    fn of(result: &Value) -> Self {
        let change = |change: &Value| Some((change[0].as_u64()?, change[1].as_f64()?));
        Self {
            steps: result["steps"].as_u64().unwrap_or(u64::MAX),
            epochs: result["epochs"].as_u64().unwrap_or(u64::MAX),
            rate_changes: result["rate_changes"].as_array().into_iter().flatten().filter_map(change).collect(),
        }
    }
}

impl Callback for Again {
    fn on_step(&mut self, end: &StepEnd, run: &mut Run) -> ControlFlow<()> {
        let changes = self.rate_changes.iter().filter(|(step, _)| *step == end.step);
        changes.for_each(|(_, factor)| run.set_rate_factor(*factor));
        // In the middle of an epoch, or after its last step and before its end.
        let ends_here = end.step >= self.steps && (end.epoch as u64) > self.epochs;
        if ends_here { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn on_epoch(&mut self, end: &EpochEnd, _: &mut Run) -> ControlFlow<()> {
        if end.steps >= self.steps { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
