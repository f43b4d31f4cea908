//! `layerloop train`

mod best;
mod find_lr;
mod folder;
pub(crate) mod job;
mod report;
mod watch;

use std::path::PathBuf;
use std::time::Instant;

use layerloop::files::write_beside_and_rename;
use layerloop::logs::Logs;
use layerloop::metrics::Any;
use layerloop::model_file::{Model, check_writable};
use layerloop::train::{
    Callback, Checkpoint, Checkpoints, Identity, Report, Stopped, With, find_learning_rate, fit_with,
};
use layerloop::{Error, Result};
use serde_json::{Value, json};

use self::best::Best;
use self::folder::Folder;
use self::job::Job;
use self::report::Run;
use self::watch::Watch;
use crate::args::Train;
use crate::output::message;
use crate::page::{self, Contents};
use crate::scores::{Measured, Scores, measured};
use crate::shell;
use crate::typed::Typed;
use crate::{Outcome, door};

/// Steps of a run that are logged, at most.
const LOGGED_STEPS: u64 = 200;

/// Trains in a folder of its own, goes on with a run, or just trains.
pub(crate) fn run(args: &Train) -> Result<Outcome> {
    match (&args.run, &args.resume) {
        (Some(path), _) => train(args, Some(&Folder::begin(path)?)),
        (_, Some(path)) => {
            let (folder, receipt) = Folder::go_on(path)?;
            let earlier = Typed::from_json(&receipt["arguments"]).unwrap_or_default();
            let mut merged = door::train(&args.typed.clone().over(earlier))?;
            let Train { json, quiet, tui, anyway, threads, .. } = *args;
            (merged.json, merged.quiet, merged.tui) = (json, quiet, tui);
            (merged.anyway, merged.threads) = (anyway, threads);
            merged.resume.clone_from(&args.resume);
            train(&merged, Some(&folder))
        }
        _ => train(args, None),
    }
}

/// Trains, judges, saves.
fn train(args: &Train, folder: Option<&Folder>) -> Result<Outcome> {
    let start = Instant::now();
    let path = model_path(args, folder);
    let report = args.report.clone().or(folder.map(Folder::report));
    for path in path.iter().chain(&report) {
        check_writable(path)?;
    }
    let mut job = Job::new(args)?;
    if args.find_lr {
        find_lr::report(args, &find_learning_rate(&job.network, &job.loaded.train, &job.options)?)?;
        return Ok(Outcome::Done);
    }
    let receipt = job.receipt(args);
    let from = folder.map_or(Ok(None), |folder| begin(args, folder, &job, &receipt))?;
    report::introduce(args, &job, from.as_ref())?;

    let mut network = job.network.clone();
    let mut callbacks = Callbacks::new(args, folder, &job, &receipt, from.as_ref())?;
    let mut all = callbacks.all();
    let with = With { watch: job.watched(), callback: Some(&mut all), from, anyway: args.anyway };
    let fitted = fit_with(&mut network, &job.loaded.train, &job.options, with);
    drop(all);
    if let (Err(Error::Diverged { .. }), Some(folder)) = (&fitted, folder) {
        let go_on = format!("{} {} --anyway", shell::command(["train", "--resume"]), shell::path(folder.path()));
        message(format_args!(
            "note: the checkpoints before that are kept; to go on from the last one, type what is to change behind this:\n  {go_on}"
        ));
    }
    let (fitted, failure) = callbacks.finish(fitted)?;
    let judged = Scores::of(&network, &job.loaded.test, args.loss)?;
    let metrics = args.metrics.as_ref().map_or(&[][..], |metrics| &metrics.0);
    let measured = measured(metrics, &network, &job.loaded.test)?;
    let receipt = receipt_with_result(receipt, &fitted, &judged, &measured);
    job.network = network;
    let model = Model::new(job.network, &job.loaded.train, receipt);
    path.as_deref().map(|path| model.save(path)).transpose()?;
    if let Some(path) = &report {
        let (train, test, objective) = (&job.loaded.train, &job.loaded.test, &job.options.objective);
        let (history, seconds) = (&fitted.history, fitted.seconds);
        let logs = folder.map(Folder::logs).or_else(|| args.log_dir.clone());
        let norms = logs.map_or_else(Vec::new, layerloop::logs::gradient_norms);
        let page = page::html(&Contents { model: &model, train, test, history, norms: &norms, objective, seconds })?;
        write_beside_and_rename(path, page.as_bytes())?;
    }
    report::conclude(
        args,
        &Run { model: &model, fitted: &fitted, judged: &judged, measured: &measured, path: path.as_deref() },
        start.elapsed(),
    )?;
    let outcome = if fitted.stopped == Some(Stopped::Callback) { Outcome::Negative } else { Outcome::Done };
    failure.map_or(Ok(outcome), Err)
}

/// The checkpoint to go on from, if there is one; of a new run, its receipt is written.
fn begin(args: &Train, folder: &Folder, job: &Job, receipt: &Value) -> Result<Option<Checkpoint>> {
    let newest =
        if folder.checkpoints().exists() { Checkpoints::newest(folder.checkpoints())? } else { (None, vec![]) };
    let (checkpoint, damaged) = newest;
    for error in &damaged {
        let back =
            checkpoint.as_ref().map_or("the beginning".into(), |c| format!("the checkpoint of step {}", c.steps()));
        message(format_args!("warning: {error}; going back to {back}"));
    }
    if let Some(checkpoint) = &checkpoint {
        let sha256 = receipt["data"]["sha256"].as_str().map(str::to_owned);
        let data = Identity { sha256, ..Identity::of(&job.loaded.train) };
        let differences = checkpoint.differences(&job.network, &job.options.described(), &data);
        if !differences.is_empty() && !args.anyway {
            let reason = format!("it would not be the same run: {}", differences.join("; "));
            return Err(Error::config("--resume", reason + "; with --anyway it goes on all the same"));
        }
    }
    let mut receipt = receipt.clone();
    receipt["arguments"] = args.typed.to_json();
    folder.write_receipt(&receipt)?;
    Ok(checkpoint)
}

/// All that follows a run.
struct Callbacks<'a> {
    watch: Watch<'a>,
    checkpoints: Option<Checkpoints>,
    best: Option<Best<'a>>,
    logs: Option<Logs>,
}

impl<'a> Callbacks<'a> {
    fn new(
        args: &'a Train,
        folder: Option<&Folder>,
        job: &'a Job,
        receipt: &Value,
        from: Option<&Checkpoint>,
    ) -> Result<Self> {
        let log_dir = args.log_dir.clone().or(folder.map(Folder::logs));
        let per_run = job.steps() / LOGGED_STEPS;
        let logs = log_dir.map(|path| match args.resume {
            Some(_) => Logs::go_on(path, per_run, from),
            None => Logs::new(path, per_run),
        });
        let checkpoints = folder.map(|folder| {
            let failed =
                |error: &Error| message(format_args!("warning: {error}; no checkpoint this time, the run goes on"));
            let checkpoints = Checkpoints::new(folder.checkpoints(), args.checkpoint_every, args.keep, failed)?;
            Ok(checkpoints.with_sha256(receipt["data"]["sha256"].as_str().unwrap_or_default()))
        });
        let best = folder.map(|folder| Best::new(folder.best(), job, receipt.clone()));
        Ok(Self {
            watch: Watch::new(args, job)?,
            checkpoints: checkpoints.transpose()?,
            best: best.transpose()?,
            logs: logs.transpose()?,
        })
    }

    /// The checkpoint comes last: what it stands for is in the logs and among the best then, whenever the run is killed.
    fn all(&mut self) -> impl Callback {
        (&mut self.watch, (&mut self.best, (&mut self.logs, &mut self.checkpoints)))
    }

    /// The run's report, and what went wrong beside the training.
    fn finish(mut self, fitted: Result<Report>) -> Result<(Report, Option<Error>)> {
        if let Some(failure) = self.logs.as_mut().and_then(Logs::failure) {
            message(format_args!("warning: {failure}; the logs end there"));
        }
        let failure = self.watch.finish();
        Ok((fitted?, failure))
    }
}

/// The named file, none, that in the folder of the run, or the first free one called after the data: no earlier model is ever
/// overwritten unasked.
fn model_path(args: &Train, folder: Option<&Folder>) -> Option<PathBuf> {
    if args.no_save || args.find_lr || args.save.is_some() {
        return args.save.clone();
    }
    if let Some(folder) = folder {
        return Some(folder.model());
    }
    let name = args.data.file_name().map_or("model".into(), |name| name.to_string_lossy());
    let numbered = (2..).map(|n| format!("{name}-{n}.safetensors"));
    std::iter::once(format!("{name}.safetensors")).chain(numbered).map(PathBuf::from).find(|path| !path.exists())
}

/// How the model came to be: what it takes to make it again, and how good it was.
fn receipt_with_result(mut receipt: Value, fitted: &Report, judged: &Scores, measured: &[Measured]) -> Value {
    let (name, score) = judged.headline();
    receipt["result"] = json!({
        "epochs": fitted.epochs.len(), "steps": fitted.steps, "interrupted": fitted.stopped == Some(Stopped::Callback),
        "train_loss": fitted.epochs.last().map(|epoch| epoch.train_loss),
        "test_loss": judged.loss(),
    });
    receipt["result"][format!("test_{name}")] = json!(score);
    for &(metric, value) in measured {
        receipt["result"][format!("test_{}", Any::from(metric).key())] = json!(value);
    }
    if let Some(stopped) = fitted.stopped {
        receipt["result"]["stopped"] = json!(stopped);
    }
    if let Some((epoch, value)) = fitted.best {
        receipt["result"]["best"] = json!({ "epoch": epoch, "value": value });
    }
    if !fitted.rate_changes.is_empty() {
        receipt["result"]["rate_changes"] = json!(fitted.rate_changes);
    }
    receipt
}
