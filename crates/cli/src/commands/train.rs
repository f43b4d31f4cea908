//! `layerloop train`

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use layerloop::metrics::{Evaluation, evaluate};
use layerloop::model_file::{Model, check_writable};
use layerloop::network::{Named as _, Network, Spec};
use layerloop::train::{Callback, EpochEnd, FitOptions, Report, StepEnd, default_threads, fit_with};
use layerloop::{Error, Result, data::Dataset};
use layerloop_data::Loaded;
use serde_json::{Value, json};

use super::{print_json, threads_for};
use crate::args::Train;
use crate::interrupt::Interrupt;
use crate::progress::RunBar;
use crate::{Outcome, data};

/// Within an epoch the test accuracy is measured at most this often.
const EVALUATE_EVERY: Duration = Duration::from_secs(2);

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
    introduce(args, &loaded, network.spec(), &options);

    let mut watch = Watch::new(args, &loaded, &options)?;
    let report = fit_with(&mut network, &loaded.train, &options, &mut watch);
    watch.bar.clear();
    let report = report?;
    let judged = watch.judge(report.steps, &network)?;
    let model = Model::new(network, &loaded.train, receipt(args, &loaded, &options, &report, &judged));
    path.as_deref().map(|path| model.save(path)).transpose()?;
    conclude(args, &Run { model: &model, report: &report, judged: &judged, path: path.as_deref() }, start.elapsed());
    Ok(if report.stopped { Outcome::Negative } else { Outcome::Done })
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
    let mut spec = Spec::classifier(loaded.train.width(), &args.hidden, args.activation, classes, args.output);
    if let Some(last) = spec.layers.pop() {
        spec = spec.layer(last.width, args.last_activation);
    }
    Ok(spec)
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

/// Says, before the run, what will be trained on what, and how.
fn introduce(args: &Train, loaded: &Loaded, spec: &Spec, options: &FitOptions) {
    spec.warnings().iter().for_each(|warning| eprintln!("warning: {warning}"));
    if args.json || args.quiet {
        return;
    }
    let (train, test) = (&loaded.train, &loaded.test);
    let about = if loaded.about.is_empty() { String::new() } else { format!(": {}", loaded.about) };
    println!("{}{about}", train.name());
    println!("{} samples to train on, {} to test on, {} classes", train.rows(), test.rows(), train.classes().len());
    println!("{spec}, {} parameters", spec.parameters());
    let threads = options.threads.unwrap_or_else(|| default_threads(spec, options.batch));
    let FitOptions { epochs, batch, optimizer, learning_rate, seed, .. } = options;
    let optimizer = optimizer.name();
    println!(
        "--epochs {epochs} --batch {batch} --optimizer {optimizer} --lr {learning_rate} --seed {seed} --threads {threads}\n"
    );
    println!("epoch  train loss  test loss  test accuracy      time");
}

/// Follows a run: progress bar, test accuracy, Ctrl-C.
struct Watch<'a> {
    args: &'a Train,
    test: &'a Dataset,
    bar: RunBar,
    interrupt: Interrupt,
    looked: Instant,
    /// The newest judgement, and the step after which it was made.
    judged: Option<(u64, Evaluation)>,
    last_seconds: f64,
}

impl<'a> Watch<'a> {
    fn new(args: &'a Train, loaded: &'a Loaded, options: &FitOptions) -> Result<Self> {
        let steps = options.epochs as u64 * loaded.train.rows().div_ceil(options.batch) as u64;
        let bar = RunBar::new(args.json || args.quiet, options.epochs, steps);
        let interrupt = Interrupt::listen()?;
        Ok(Self { args, test: &loaded.test, bar, interrupt, looked: Instant::now(), judged: None, last_seconds: 0.0 })
    }

    /// The network's evaluation after `step`, made now unless it is known.
    fn judge(&mut self, step: u64, network: &Network) -> Result<Evaluation> {
        self.looked = Instant::now();
        let known = self.judged.take().filter(|(at, _)| *at == step).map(|(_, evaluation)| evaluation);
        let evaluation = known.map_or_else(|| evaluate(network, self.test, threads_for(network.spec())), Ok)?;
        self.bar.accuracy(evaluation.accuracy);
        self.judged = Some((step, evaluation.clone()));
        Ok(evaluation)
    }

    fn flow(&self) -> ControlFlow<()> {
        if self.interrupt.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// One object, or one row of the table.
    fn report_epoch(&mut self, end: &EpochEnd, test: &Evaluation) {
        let EpochEnd { epoch, train_loss, seconds, .. } = *end;
        let took = seconds - std::mem::replace(&mut self.last_seconds, seconds);
        let (test_loss, accuracy) = (test.loss, test.accuracy);
        if self.args.json {
            print_json(&json!({
                "event": "epoch", "epoch": epoch, "train_loss": train_loss,
                "test_loss": test_loss, "test_accuracy": accuracy, "seconds": took,
            }));
        } else if !self.args.quiet {
            let time = duration(took);
            self.bar.print(&format!("{epoch:5}  {train_loss:10.4}  {test_loss:9.4}  {accuracy:13.4}  {time:>8}"));
        }
    }
}

impl Callback for Watch<'_> {
    fn on_step(&mut self, end: &StepEnd, network: &Network) -> ControlFlow<()> {
        self.bar.step(end);
        if self.looked.elapsed() >= EVALUATE_EVERY {
            self.judge(end.step, network)
                .map_err(|_| ())
                .map_or(ControlFlow::Break(()), |_| ControlFlow::Continue(()))?;
        }
        self.flow()
    }

    fn on_epoch(&mut self, end: &EpochEnd, network: &Network) -> ControlFlow<()> {
        match self.judge(end.steps, network) {
            Ok(evaluation) => self.report_epoch(end, &evaluation),
            Err(_) => return ControlFlow::Break(()), // judging once more after the run says why
        }
        self.flow()
    }
}

/// How the model came to be: what it takes to make it again, and how good it was.
fn receipt(args: &Train, loaded: &Loaded, options: &FitOptions, report: &Report, judged: &Evaluation) -> Value {
    let train = &loaded.train;
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "seed": options.seed,
        "options": {
            "epochs": options.epochs, "batch": options.batch, "optimizer": options.optimizer.name(),
            "learning_rate": options.learning_rate, "limit": args.limit,
        },
        "data": { "name": args.data, "rows": train.rows(), "sha256": train.sha256() },
        "result": {
            "epochs": report.epochs.len(), "steps": report.steps, "interrupted": report.stopped,
            "train_loss": report.epochs.last().map(|epoch| epoch.train_loss),
            "test_loss": judged.loss, "test_accuracy": judged.accuracy,
        },
    })
}

/// What there is to say when a run has ended.
struct Run<'a> {
    model: &'a Model,
    report: &'a Report,
    judged: &'a Evaluation,
    path: Option<&'a Path>,
}

fn conclude(args: &Train, run: &Run<'_>, total: Duration) {
    let Run { model, report, judged, path } = run;
    if report.stopped {
        let epochs = report.epochs.len();
        eprintln!(
            "stopped by Ctrl-C after step {}, {epochs} epochs complete; what it had learnt is kept",
            report.steps
        );
    }
    if args.json {
        print_json(&json!({
            "event": "done", "parameters": model.network.spec().parameters(), "steps": report.steps,
            "train_seconds": report.seconds, "total_seconds": total.as_secs_f64(),
            "test_loss": judged.loss, "test_accuracy": judged.accuracy,
            "weights_sha256": model.network.sha256(), "model": path, "interrupted": report.stopped,
        }));
    } else if !args.quiet {
        let (training, total) = (duration(report.seconds), duration(total.as_secs_f64()));
        println!("\ntest accuracy {:.4} after {training} of training, {total} in all", judged.accuracy);
        println!("weights sha256 {}", model.network.sha256());
        path.iter().for_each(|path| suggest(&path.display().to_string()));
    }
}

/// The commands to try next, with the program called as it was called.
fn suggest(path: &str) {
    let program = std::env::args().next().unwrap_or_else(|| "layerloop".into());
    let commands = [
        (format!("eval {path}"), "the confusion matrix, precision and recall by class"),
        (format!("predict {path} IMAGE.png"), "what an image of yours shows"),
        (format!("summary {path}"), "layers, shapes, parameters, receipt"),
        (format!("check-gradients {path}"), "the fast gradient against the derivation's"),
    ];
    println!("saved as {path}\n\nNext:");
    let width = commands.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    for (command, purpose) in commands {
        println!("  {program} {command:width$}   {purpose}");
    }
}

/// Seconds as a person reads them: `8.1 ms`, `0.604 s`, `12.3 s`.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.1 => format!("{:.1} ms", s * 1e3),
        s if s < 10.0 => format!("{s:.3} s"),
        s => format!("{s:.1} s"),
    }
}
