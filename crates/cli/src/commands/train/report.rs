//! What a run says before, after every epoch, and at its end.

use std::path::Path;
use std::time::Duration;

use layerloop::Result;
use layerloop::augment::Distortion;
use layerloop::data::Targets;
use layerloop::metrics::{AnyMetric, Threshold};
use layerloop::model_file::Model;
use layerloop::names::{NamedEnum as _, text};
use layerloop::recipes::{Recipe, is_characters};
use layerloop::train::{Checkpoint, FitOptions, History, Report, Schedule, Stopped, default_threads};
use serde_json::{Value, json};

use super::Compared;
use super::job::Job;
use crate::args::Train;
use crate::commands::list::reached;
use crate::output::{line, message, shown};
use crate::scores::{Measured, Scores, threshold_in_words};
use crate::shell;
use crate::table::table;

/// Before: what will be trained, on what, and how.
pub(super) fn introduce(args: &Train, job: &Job, from: Option<&Checkpoint>) -> Result<()> {
    let Job { loaded, options, network, validation, .. } = job;
    let spec = network.spec();
    spec.warnings().iter().for_each(|warning| message(format_args!("warning: {warning}")));
    let mirrors = options.augment.distortions().iter().any(|one| matches!(one, Distortion::Flip { .. }));
    if mirrors && is_characters(&loaded.train) {
        message(format_args!("warning: a mirrored character may be of another class, or of none; leave out flip"));
    }
    if !args.quiet {
        loaded.notes.iter().for_each(|note| message(format_args!("note: {}", shown(note))));
    }
    if args.json || args.quiet {
        return Ok(());
    }
    let (train, test) = (&loaded.train, &loaded.test);
    let about = if loaded.about.is_empty() { String::new() } else { format!(": {}", loaded.about) };
    let (name, rows, test_rows) = (shown(train.name()), job.loaded.rows_to_train_on(), test.rows());
    let held = validation.as_ref().map_or(String::new(), |held| format!(", {} to validate on", held.rows()));
    let targets = match train.targets() {
        Targets::Labels { classes, .. } => format!("{} classes", classes.len()),
        Targets::Numbers { names, .. } => format!("to give {}", names.join(", ")),
    };
    let FitOptions { epochs, batch, optimizer, learning_rate, schedule, warmup, seed, .. } = options;
    let (parameters, optimizer) = (spec.parameters(), text(*optimizer));
    let schedule =
        if *schedule == Schedule::Constant.into() { String::new() } else { format!(" --schedule {schedule}") };
    let warmup = if *warmup == 0.0 { String::new() } else { format!(" --warmup {warmup}") };
    let augment =
        if options.augment.is_empty() { String::new() } else { format!(" --augment \"{}\"", options.augment) };
    let threads = options.threads.unwrap_or_else(|| default_threads(spec, *batch));
    line(format_args!(
        "{name}{about}\n\
         {rows} samples to train on{held}, {test_rows} to test on, {targets}\n\
         {spec}, {parameters} parameters\n\
         --epochs {epochs} --batch {batch} --optimizer {optimizer} --lr {learning_rate} --seed {seed} --threads {threads}{schedule}{warmup}{augment}"
    ))?;
    if let Some(from) = from {
        line(format_args!("resuming after step {}, {} complete epochs", from.steps(), from.epochs()))?;
    }
    if args.tui {
        return Ok(());
    }
    let columns: String = job.columns().iter().map(|(_, title, width)| format!("  {title:>width$}")).collect();
    line(format_args!("\nepoch{columns}      time"))
}

/// After an epoch: one object, one row of the table, or nothing.
pub(super) fn epoch_line(args: &Train, job: &Job, history: &History, seconds: f64) -> Option<String> {
    let epoch = history.rows().len();
    let values = |name: &str| history.last(name).unwrap_or(f64::NAN);
    if args.json {
        let mut event = json!({ "event": "epoch", "epoch": epoch });
        for name in history.names().iter().filter(|name| !NOT_SAID.contains(&name.as_str())) {
            event[name] = json!(values(name));
        }
        event["seconds"] = json!(seconds);
        return Some(event.to_string());
    }
    let cell = |(name, _, width): &(String, String, usize)| {
        let value = values(name);
        let text = if name.ends_with("_loss") { nats(value) } else { format!("{value:.4}") };
        format!("  {text:>width$}")
    };
    let cells: String = job.columns().iter().map(cell).collect();
    (!args.quiet).then(|| format!("{epoch:5}{cells}  {:>8}", duration(seconds)))
}

/// Columns of the history that are no news.
const NOT_SAID: [&str; 4] = ["epoch", "steps", "seconds", "learning_rate"];

impl Job {
    /// The columns of the table: name in the history, title, width.
    fn columns(&self) -> Vec<(String, String, usize)> {
        let score = self.headline();
        let sets: Vec<&'static str> = self.watched().iter().map(|(set, _)| *set).collect();
        let chosen = self.options.metrics.iter().map(|metric| (metric.key(), metric.to_string()));
        let default = ["loss", score].map(|name| (name.to_owned(), name.to_owned()));
        let measures: Vec<_> = default.into_iter().chain(chosen.filter(|(key, _)| key != score)).collect();
        let of = |set: &&'static str| {
            let set = *set;
            measures.iter().map(move |(key, text)| (format!("{set}_{key}"), format!("{set} {text}")))
        };
        let train = [("train_loss".to_owned(), "train loss".to_owned())];
        let columns = train.into_iter().chain(sets.iter().flat_map(of));
        columns.map(|(name, title)| (name, title.clone(), title.len().max(9))).collect()
    }
}

/// What there is to say of a run that has ended.
pub(super) struct Run<'a> {
    pub(super) model: &'a Model,
    pub(super) fitted: &'a Report,
    pub(super) scores: &'a Scores,
    /// What else was measured on the test part.
    pub(super) measured: &'a [Measured],
    /// Of a table: beside simpler models.
    pub(super) compared: Option<Compared>,
    pub(super) path: Option<&'a Path>,
}

/// At the end.
pub(super) fn conclude(args: &Train, run: &Run<'_>, total: Duration) -> Result<()> {
    let Run { model, fitted, scores, measured, compared, path } = run;
    let (step, epochs) = (fitted.steps, fitted.epochs.len());
    let kept = path.map_or(String::new(), |path| format!("; the weights are saved as {}", path.display()));
    let metric = args.early_stopping.as_deref().unwrap_or_default();
    match (fitted.stopped, fitted.best) {
        (Some(Stopped::Callback), _) => {
            message(format_args!("stopped on request after step {step}, {epochs} whole epochs{kept}"))
        }
        (Some(Stopped::TimeLimit), _) => {
            message(format_args!("time limit reached after step {step}, {epochs} whole epochs{kept}"))
        }
        (Some(Stopped::EarlyStopping), Some((best, value))) if !args.quiet => {
            message(format_args!(
                "{metric} did not improve for {} epochs; it was best in epoch {best}: {value:.4}",
                args.patience
            ));
        }
        _ => {}
    }
    if args.early_stopping.is_some() && fitted.best.is_none() && epochs >= args.start_epoch {
        message(format_args!("warning: {metric} was never a finite number; --early-stopping could not decide"));
    }
    if args.json {
        return line(run.done(total));
    }
    if args.quiet {
        return Ok(());
    }
    let ((name, score), sha256) = (scores.headline(), model.network.sha256());
    let (training, total) = (duration(fitted.seconds), duration(total.as_secs_f64()));
    line(format_args!(
        "\ntest {name} {score:.4} after {training} of training, {total} in all{}\nweights sha256 {sha256}",
        also(measured)
    ))?;
    if let Some(said) = threshold_in_words(model) {
        let rule = args.threshold.map_or_else(String::new, |rule| match rule {
            Threshold::Given(_) => ", as given".into(),
            rule => format!(", by {rule} on the validation rows"),
        });
        line(format_args!("threshold {said}{rule}"))?;
    }
    if let Some(compared) = compared {
        line(format_args!("\n{}", compared.table()))?;
    }
    let better = better_recipe(args, model, scores);
    match path {
        Some(path) => line(suggestions(model, path, better)),
        None => better.map_or(Ok(()), |(command, why)| line(format_args!("\nNext:\n  {command}   # {why}"))),
    }
}

impl Run<'_> {
    /// The last event of --json.
    fn done(&self, total: Duration) -> Value {
        let Run { model, fitted, scores, measured, compared, path } = self;
        let (name, score) = scores.headline();
        let mut done = json!({
            "event": "done", "parameters": model.network.spec().parameters(), "steps": fitted.steps,
            "train_seconds": fitted.seconds, "total_seconds": total.as_secs_f64(), "test_loss": scores.loss(),
        });
        done[format!("test_{name}")] = json!(score);
        for &(metric, value) in *measured {
            done[format!("test_{}", AnyMetric::from(metric).key())] = json!(value);
        }
        if let Some(threshold) = model.threshold {
            done["threshold"] = json!(threshold);
        }
        if let Some(Compared { task, recipe, test, intervals, baseline }) = compared {
            done["task"] = json!(task);
            done["recipe"] = json!(recipe);
            done["test"] = test.clone();
            done["intervals"] = intervals.clone();
            done["baseline"] = baseline.clone();
        }
        done["weights_sha256"] = json!(model.network.sha256());
        done["model"] = json!(path.map(Path::to_string_lossy));
        done["interrupted"] = json!(fitted.stopped == Some(Stopped::Callback));
        if let Some(stopped) = fitted.stopped {
            done["stopped"] = json!(stopped);
        }
        if let Some((epoch, value)) = fitted.best {
            done["best"] = json!({ "epoch": epoch, "value": value });
        }
        done
    }
}

impl Compared {
    /// A row for each model, a column for each score.
    fn table(&self) -> String {
        let models = [
            ("always the same answer", &self.baseline["trivial"]),
            ("linear", &self.baseline["linear"]),
            ("this network", &self.test),
        ];
        let names: Vec<&str> =
            self.test.as_object().into_iter().flat_map(|scores| scores.keys().map(String::as_str)).collect();
        let cell = |scores: &Value, name: &str| scores[name].as_f64().map_or("-".into(), number);
        let row = |(model, scores): &(&str, &Value)| {
            std::iter::once((*model).to_owned()).chain(names.iter().map(|name| cell(scores, name))).collect()
        };
        let interval = |name: &&str| {
            let [low, high] = [0, 1].map(|at| self.intervals[name][at].as_f64());
            low.zip(high).map_or("-".into(), |(low, high)| format!("{} to {}", number(low), number(high)))
        };
        let intervals = std::iter::once("95 % of draws of rows".to_owned()).chain(names.iter().map(interval)).collect();
        let rows: Vec<Vec<String>> = models.iter().map(row).chain([intervals]).collect();
        table(&[&["on the test part"], &names[..]].concat(), &rows).trim_end().to_owned()
    }
}

/// A score as a person reads it: four digits after the point of small numbers, fewer of large ones.
fn number(value: f64) -> String {
    let digits = 4_usize.saturating_sub(value.abs().max(1.0).log10() as usize);
    format!("{value:.digits$}")
}

/// The recipe that does better on images, as a command, and how good it was measured to be.
fn better_recipe(args: &Train, model: &Model, scores: &Scores) -> Option<(String, String)> {
    let (Some(_), ("accuracy", accuracy)) = (model.input.image, scores.headline()) else { return None };
    let name = args.data.to_string_lossy();
    let recipe = Recipe::better(args.recipe, &name, accuracy)?;
    let data = std::iter::once(shell::path(&args.data));
    let folder = args.data_dir.iter().flat_map(|folder| ["--data-dir".into(), shell::path(folder)]);
    let words: Vec<String> = data.chain(folder).collect();
    let command = format!("{} {} --recipe {}", shell::command(["train"]), words.join(" "), recipe.name());
    let measured = recipe.measured(&name).or(recipe.measured("mnist"));
    Some((command, measured.map_or(recipe.equation().into(), |best| reached(&best))))
}

/// The other metrics of the test part, on a line of their own.
fn also(measured: &[Measured]) -> String {
    let each: Vec<String> = measured.iter().map(|&(metric, value)| format!("{} {value:.4}", text(metric))).collect();
    if each.is_empty() { String::new() } else { format!("\ntest {}", each.join("   ")) }
}

/// The commands to try next, with the program called as it was called.
fn suggestions(model: &Model, path: &Path, better: Option<(String, String)>) -> String {
    let classifies = model.network.spec().output.is_classifier();
    let scores =
        if classifies { "the confusion matrix, precision and recall by class" } else { "how far its numbers are off" };
    let quoted = shell::path(path);
    let command = |name: &str| format!("{} {quoted}", shell::command([name]));
    let mut commands = vec![
        (command("eval"), scores.to_owned()),
        match model.input.preprocessing {
            Some(_) => (command("predict") + " NEW.csv", "what other rows give".into()),
            None => (command("predict") + " IMAGE.png", "what an image of yours shows".into()),
        },
        (command("summary"), "layers, shapes, parameters, receipt".into()),
        (command("check-gradients"), "the fast gradient against the derivation's".into()),
    ];
    if model.input.image.is_none() && model.input.preprocessing.is_none() {
        commands.remove(1);
    }
    commands.extend(better);
    let width = commands.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = commands.iter().map(|(command, why)| format!("  {command:width$}   # {why}")).collect();
    format!("saved as {}\n\nNext:\n{}", shown(&path.display().to_string()), lines.join("\n"))
}

/// A loss as a person reads it: `0.0382`, `1.3e31`.
fn nats(loss: f64) -> String {
    if loss < 1e4 { format!("{loss:.4}") } else { format!("{loss:.1e}") }
}

/// Seconds as a person reads them: `8.1 ms`, `0.604 s`, `12.3 s`.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.1 => format!("{:.1} ms", s * 1e3),
        s if s < 10.0 => format!("{s:.3} s"),
        s => format!("{s:.1} s"),
    }
}
