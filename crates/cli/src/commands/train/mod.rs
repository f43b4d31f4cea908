//! `layerloop train`

mod baseline;
mod best_model;
mod callbacks;
mod find_lr;
mod folder;
pub(crate) mod job;
mod outputs;
pub(crate) mod recipe;
mod report;
pub(crate) mod table;
mod trials;
mod watch;

use std::time::Instant;

use layerloop::logs::gradient_norms;
use layerloop::metrics::AnyMetric;
use layerloop::model_file::Model;
use layerloop::names::text;
use layerloop::network::Predictor;
use layerloop::objective::Objective;
use layerloop::recipes::Recipe;
use layerloop::train::{Checkpoint, Checkpoints, FitContext, Identity, Report, Stopped, find_learning_rate, fit_with};
use layerloop::{Error, Result};
use layerloop_data::Loaded;
use layerloop_page::Contents;
use serde_json::{Value, json};

use self::baseline::baselines;
use self::callbacks::{Callbacks, folder_receipt};
use self::folder::Folder;
use self::job::Job;
use self::outputs::Outputs;
use self::report::Run;
use super::trained_on;
use crate::Outcome;
use crate::args::ExplicitArgs;
use crate::args::{Train, parse};
use crate::interrupt::Interrupt;
use crate::output::message;
use crate::places::write_page;
use crate::ranks::Ranks;
use crate::scores::{Measured, Scores, intervals_of_table, measured, of_table, outputs as of_data, task, threads_for};
use crate::shell;

/// Trains in a folder of its own, goes on with a run, or just trains.
pub(crate) fn run(args: &Train, ranks: &Ranks) -> Result<Outcome> {
    if let Some(path) = &args.config {
        let merged = args.with_typed(&parse::over(args.typed.clone(), parse::config(path)?))?;
        return run(&Train { config: None, folds: args.folds, search: args.search, ..*merged }, ranks);
    }
    if let Some(count) = args.folds {
        return trials::folds::run(args, count, ranks);
    }
    if let Some(count) = args.search {
        let best = trials::search::run(args, count, ranks)?;
        return if ranks.are_led_from_here() { train_best(*best) } else { Ok(Outcome::Done) };
    }
    let leads = ranks.are_led_from_here();
    match (&args.run, &args.resume) {
        (Some(path), _) if leads => train(args, Some(&Folder::begin(path)?), ranks),
        (_, Some(path)) => {
            let folder = leads.then(|| Folder::go_on(path)).transpose()?;
            let earlier = folder.as_ref().and_then(Folder::earlier);
            let receipt = ranks.share(earlier.cloned().unwrap_or_default())?;
            let earlier = ExplicitArgs::from_json(&receipt["arguments"]).unwrap_or_default();
            let mut merged = args.with_typed(&parse::over(args.typed.clone(), earlier))?;
            merged.data_dir = trained_on::data_dir(&merged, &receipt);
            train(&merged, folder.as_ref(), ranks)
        }
        _ => train(args, None, ranks),
    }
}

/// Trains by the options that a search has found; on this rank alone. What an earlier search has begun goes on.
fn train_best(args: Train) -> Result<Outcome> {
    let has_begun = args.run.as_ref().is_some_and(|folder| folder.exists());
    let args = if has_begun { Train { resume: args.run.clone(), run: None, ..args } } else { args };
    run(&args, &Ranks::new(None))
}

/// Trains, evaluates, saves.
fn train(args: &Train, folder: Option<&Folder>, ranks: &Ranks) -> Result<Outcome> {
    let start = Instant::now();
    let outputs = Outputs::of(args, folder);
    let (by_recipe, mut job) = ranks.agree(prepare(args, folder, &outputs, ranks))?;
    let args = by_recipe.as_deref().unwrap_or(args);
    if !ranks.are_led_from_here() {
        return train_beside(&job, args.find_lr, ranks);
    }
    if args.find_lr {
        find_lr::report(args, &find_learning_rate(&job.network, &job.loaded.train, &job.options)?)?;
        return Ok(Outcome::Done);
    }
    let receipt = job.receipt(args);
    let from = folder.map_or(Ok(None), |folder| begin(args, folder, &job, &receipt))?;
    report::introduce(args, &job, from.as_ref())?;

    let mut network = job.network.clone();
    let mut callbacks = Callbacks::new(args, &job, &outputs, folder, (&receipt, from.as_ref()))?;
    let mut all = callbacks.all();
    let with = FitContext {
        watch: job.watched(),
        callback: Some(&mut all),
        from,
        anyway: args.anyway,
        stored: job.stored(),
        ranks: ranks.communicator(),
    };
    let fitted = fit_with(&mut network, &job.loaded.train, &job.options, with);
    drop(all);
    if let (Err(Error::Diverged { .. }), Some(folder)) = (&fitted, folder) {
        say_how_to_go_on(folder);
    }
    let (fitted, signal, failure) = callbacks.finish(fitted)?;
    let (threshold, predictor) = (job.threshold(&network)?, Predictor::new(&network, threads_for(network.spec()))?);
    let of_test = of_data(&predictor, &job.loaded.test, args.loss)?.with_threshold(threshold);
    let scores = Scores::of_outputs(&of_test, &job.loaded.test)?;
    let metrics = args.metrics.as_ref().map_or(&[][..], |metrics| &metrics.0);
    let measured = measured(metrics, &of_test)?;
    let compared = job.loaded.train.preprocessing().map(|_| Compared::of(args, &job, &of_test)).transpose()?;
    let mut receipt = receipt_with_result(receipt, &fitted, &scores, &measured);
    if let Some(compared) = &compared {
        receipt["result"]["test"] = compared.test.clone();
        receipt["result"]["intervals"] = compared.intervals.clone();
        receipt["result"]["baseline"] = compared.baseline.clone();
    }
    job.network = network;
    let model = Model::new(job.network, &job.loaded.train, receipt).with_threshold(threshold);
    let path = outputs.save(&model)?;
    if let Some(path) = &outputs.report {
        write_page(path, page(&model, &job.loaded, &job.options.objective, &fitted, &outputs)?)?;
    }
    report::conclude(
        args,
        &Run { model: &model, fitted: &fitted, scores: &scores, measured: &measured, compared, path: path.as_deref() },
        start.elapsed(),
    )?;
    let signal = signal.filter(|_| fitted.stopped == Some(Stopped::Callback));
    let outcome = signal.map_or(Outcome::Done, Outcome::Signal);
    failure.map_or(Ok(outcome), Err)
}

/// After a run that diverged.
fn say_how_to_go_on(folder: &Folder) {
    let go_on = format!("{} {} --anyway", shell::command(["train", "--resume"]), shell::path(folder.path()));
    message(format_args!(
        "note: the checkpoints before that are kept; to resume from the last one, add the options to change to this command:\n  {go_on}"
    ));
}

/// Data, network and options, with those of a recipe; all that can be refused before a training begins.
fn prepare(
    args: &Train,
    folder: Option<&Folder>,
    outputs: &Outputs,
    ranks: &Ranks,
) -> Result<(Option<Box<Train>>, Job)> {
    if ranks.are_led_from_here() {
        outputs.check(args, folder)?;
    }
    let (by_recipe, loaded) = job::load(args)?;
    let job = Job::new(by_recipe.as_deref().unwrap_or(args), loaded)?;
    Ok((by_recipe, job))
}

/// What a rank does that is not the first one: its part of each batch. It goes on until rank 0 has had enough.
fn train_beside(job: &Job, finds_rate: bool, ranks: &Ranks) -> Result<Outcome> {
    let _ends_with_rank_0 = Interrupt::listen()?;
    if !finds_rate {
        let with = FitContext {
            watch: job.watched(),
            stored: job.stored(),
            ranks: ranks.communicator(),
            ..FitContext::default()
        };
        let fitted = fit_with(&mut job.network.clone(), &job.loaded.train, &job.options, with);
        // What cannot be read here may be read elsewhere; all else goes wrong on all ranks.
        let fitted = if matches!(fitted, Err(Error::Io { .. })) { fitted } else { ranks.known(fitted) };
        fitted?;
    }
    Ok(Outcome::Done)
}

/// The report.
fn page(model: &Model, loaded: &Loaded, objective: &Objective, fitted: &Report, outputs: &Outputs) -> Result<String> {
    let norms = outputs.logs.as_ref().map_or_else(Vec::new, |(logs, _)| gradient_norms(logs));
    layerloop_page::html(&Contents {
        model,
        train: &loaded.train,
        test: &loaded.test,
        history: &fitted.history,
        norms: &norms,
        objective,
        seconds: fitted.seconds,
        sample: loaded.test_frame.as_ref(),
    })
}

/// How a network does on the test part of a table, beside simpler models.
pub(crate) struct Compared {
    task: &'static str,
    recipe: String,
    test: Value,
    intervals: Value,
    baseline: Value,
}

impl Compared {
    fn of(args: &Train, job: &Job, outputs: &layerloop::evaluate::Outputs) -> Result<Self> {
        let Loaded { train, test, .. } = &job.loaded;
        Ok(Self {
            task: task(test),
            recipe: text(args.recipe.unwrap_or(Recipe::Plain)),
            test: of_table(outputs, test)?,
            intervals: intervals_of_table(outputs, test)?,
            baseline: baselines(train, test, args.seed)?,
        })
    }
}

/// The checkpoint to go on from, if there is one; a new run gets its receipt, and is something to go on with from then on.
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
        let data = Identity { sha256, rows: job.loaded.rows_to_train_on(), ..Identity::of(&job.loaded.train) };
        let differences = checkpoint.differences(&job.network, &job.options.described(), &data);
        if !differences.is_empty() && !args.anyway {
            let reason = format!("it would not be the same run: {}", differences.join("; "));
            return Err(Error::config("--resume", reason + "; --anyway resumes it all the same"));
        }
    }
    if folder.earlier().is_none() {
        folder.write_receipt(&folder_receipt(args, job, receipt))?;
    }
    Ok(checkpoint)
}

/// How the model came to be: what it takes to make it again, and how good it was.
fn receipt_with_result(mut receipt: Value, fitted: &Report, scores: &Scores, measured: &[Measured]) -> Value {
    let (name, score) = scores.headline();
    receipt["result"] = json!({
        "epochs": fitted.epochs.len(), "steps": fitted.steps, "interrupted": fitted.stopped == Some(Stopped::Callback),
        "train_loss": fitted.epochs.last().map(|epoch| epoch.train_loss),
        "test_loss": scores.loss(),
    });
    receipt["result"][format!("test_{name}")] = json!(score);
    for &(metric, value) in measured {
        receipt["result"][format!("test_{}", AnyMetric::from(metric).key())] = json!(value);
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
