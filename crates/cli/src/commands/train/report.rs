//! What a run says before, after every epoch, and at its end.

use std::path::Path;
use std::time::Duration;

use layerloop::Result;
use layerloop::choice::text;
use layerloop::data::Targets;
use layerloop::model_file::Model;
use layerloop::network::Spec;
use layerloop::train::{EpochEnd, FitOptions, Report, Schedule, default_threads};
use layerloop_data::Loaded;
use serde_json::json;

use crate::args::Train;
use crate::output::line;
use crate::scores::Scores;

/// Before: what will be trained, on what, and how.
pub(super) fn introduce(args: &Train, loaded: &Loaded, spec: &Spec, options: &FitOptions) -> Result<()> {
    spec.warnings().iter().for_each(|warning| eprintln!("warning: {warning}"));
    if args.json || args.quiet {
        return Ok(());
    }
    let (train, test) = (&loaded.train, &loaded.test);
    let about = if loaded.about.is_empty() { String::new() } else { format!(": {}", loaded.about) };
    let (name, rows, test_rows) = (train.name(), train.rows(), test.rows());
    let (targets, score) = match train.targets() {
        Targets::Labels { classes, .. } => (format!("{} classes", classes.len()), "accuracy"),
        Targets::Numbers { names, .. } => (format!("to give {}", names.join(", ")), "r2"),
    };
    let FitOptions { epochs, batch, optimizer, learning_rate, schedule, warmup, seed, .. } = options;
    let (parameters, optimizer) = (spec.parameters(), text(*optimizer));
    let schedule =
        if *schedule == Schedule::Constant.into() { String::new() } else { format!(" --schedule {schedule}") };
    let warmup = if *warmup == 0.0 { String::new() } else { format!(" --warmup {warmup}") };
    let threads = options.threads.unwrap_or_else(|| default_threads(spec, *batch));
    line(format_args!(
        "{name}{about}\n\
         {rows} samples to train on, {test_rows} to test on, {targets}\n\
         {spec}, {parameters} parameters\n\
         --epochs {epochs} --batch {batch} --optimizer {optimizer} --lr {learning_rate} --seed {seed} --threads {threads}{schedule}{warmup}\n\n\
         epoch  train loss  test loss  {:>13}      time",
        format!("test {score}")
    ))
}

/// After an epoch: one object, one row of the table, or nothing.
pub(super) fn epoch_line(args: &Train, end: &EpochEnd, test: &Scores, seconds: f64) -> Option<String> {
    let EpochEnd { epoch, train_loss, .. } = *end;
    let (loss, (name, score)) = (test.loss(), test.headline());
    if args.json {
        let mut event = json!({ "event": "epoch", "epoch": epoch, "train_loss": train_loss, "test_loss": loss });
        event[format!("test_{name}")] = json!(score);
        event["seconds"] = json!(seconds);
        return Some(event.to_string());
    }
    let time = duration(seconds);
    let (train_loss, loss) = (nats(train_loss), nats(loss));
    (!args.quiet).then(|| format!("{epoch:5}  {train_loss:>10}  {loss:>9}  {score:13.4}  {time:>8}"))
}

/// What there is to say of a run that has ended.
pub(super) struct Run<'a> {
    pub(super) model: &'a Model,
    pub(super) fitted: &'a Report,
    pub(super) judged: &'a Scores,
    pub(super) path: Option<&'a Path>,
}

/// At the end.
pub(super) fn conclude(args: &Train, run: &Run<'_>, total: Duration) -> Result<()> {
    let Run { model, fitted, judged, path } = run;
    if fitted.stopped {
        let (step, epochs) = (fitted.steps, fitted.epochs.len());
        let kept = path.map_or(String::new(), |path| format!("; what was learnt is saved as {}", path.display()));
        eprintln!("stopped as asked after step {step}, {epochs} whole epochs{kept}");
    }
    if args.json {
        let (name, score) = judged.headline();
        let mut done = json!({
            "event": "done", "parameters": model.network.spec().parameters(), "steps": fitted.steps,
            "train_seconds": fitted.seconds, "total_seconds": total.as_secs_f64(), "test_loss": judged.loss(),
        });
        done[format!("test_{name}")] = json!(score);
        done["weights_sha256"] = json!(model.network.sha256());
        done["model"] = json!(path);
        done["interrupted"] = json!(fitted.stopped);
        return line(done);
    }
    if args.quiet {
        return Ok(());
    }
    let ((name, score), sha256) = (judged.headline(), model.network.sha256());
    let (training, total) = (duration(fitted.seconds), duration(total.as_secs_f64()));
    line(format_args!(
        "\ntest {name} {score:.4} after {training} of training, {total} in all\nweights sha256 {sha256}"
    ))?;
    path.map_or(Ok(()), |path| line(suggestions(model, &path.display().to_string())))
}

/// The commands to try next, with the program called as it was called.
fn suggestions(model: &Model, path: &str) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "layerloop".into());
    let classifies = model.network.spec().output.is_classifier();
    let judged =
        if classifies { "the confusion matrix, precision and recall by class" } else { "how far its numbers are off" };
    let mut commands = vec![
        (format!("eval {path}"), judged),
        (format!("predict {path} IMAGE.png"), "what an image of yours shows"),
        (format!("summary {path}"), "layers, shapes, parameters, receipt"),
        (format!("check-gradients {path}"), "the fast gradient against the derivation's"),
    ];
    if model.input.image.is_none() {
        commands.remove(1);
    }
    let width = commands.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    let lines: Vec<String> =
        commands.iter().map(|(command, purpose)| format!("  {program} {command:width$}   {purpose}")).collect();
    format!("saved as {path}\n\nNext:\n{}", lines.join("\n"))
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
