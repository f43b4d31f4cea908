//! Seconds from the start of a process, loading included, until a network is good: what a person waits for.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use layerloop::names::{NamedEnum as _, text};
use layerloop::{Error, Result};
use serde_json::{Value, json};

use super::{Measured, Setting, median};
use crate::places::write_page;
use layerloop_page::chart::{Log, lines, standalone};

/// Trainings, each with a seed of its own.
const SEEDS: usize = 5;

/// One training: when each epoch was evaluated, and how good the network was then.
struct Trained {
    /// Seconds since the start of the process, and accuracy on the test part.
    epochs: Vec<(f64, f64)>,
    /// Seconds of training alone.
    training: f64,
    /// Seconds until the end of the process.
    whole: f64,
}

impl Trained {
    /// When the target was reached; never is infinity.
    fn reached(&self, target: f64) -> f64 {
        self.epochs.iter().find(|(_, accuracy)| *accuracy >= target).map_or(f64::INFINITY, |(seconds, _)| *seconds)
    }
}

/// Trains MNIST by a recipe in processes of its own.
pub(super) fn measure(setting: &Setting) -> Result<Measured> {
    let (args, target) = (setting.args, setting.args.target);
    if !(0.0..=1.0).contains(&target) {
        return Err(Error::config("--target", format!("{target}; it is an accuracy, from 0 to 1")));
    }
    let runs = (0..SEEDS).map(|seed| train(setting, seed)).collect::<Result<Vec<_>>>()?;
    let of = |figure: &dyn Fn(&Trained) -> f64| runs.iter().map(figure).collect::<Vec<_>>();
    let reached = of(&|run| run.reached(target));
    let (training, whole) = (median(&of(&|run| run.training)), median(&of(&|run| run.whole)));
    let accuracies = of(&|run| run.epochs.last().map_or(f64::NAN, |(_, accuracy)| *accuracy));
    let mean = accuracies.iter().sum::<f64>() / accuracies.len() as f64;
    if let Some(path) = &args.svg {
        let curves: Vec<_> =
            runs.iter().enumerate().map(|(seed, run)| (format!("seed {seed}"), run.epochs.clone())).collect();
        let title = format!("accuracy on MNIST's test part over seconds, {}", text(args.recipe));
        let chart = lines(&title, "seconds", &curves, [Log::Always, Log::Never]);
        write_page(path, standalone(&chart.unwrap_or_default()))?;
    }
    let middle = median(&reached);
    let said = if middle.is_finite() { format!("{middle:.3} s") } else { "not reached".into() };
    let count = reached.iter().filter(|seconds| seconds.is_finite()).count();
    Ok(Measured {
        object: json!({
            "job": "time-to-accuracy", "recipe": args.recipe.name(), "target": target, "reached_s": Some(middle).filter(|s| s.is_finite()),
            "all_s": reached.iter().map(|s| Some(*s).filter(|s| s.is_finite())).collect::<Vec<_>>(),
            "train_s": training, "process_s": whole, "accuracy": mean, "isa": setting.isa.name(),
        }),
        text: format!(
            "time to accuracy {target} on MNIST, recipe {}: {said} from the start of the process, the median of {SEEDS} seeds, {count} \
             of which reached it\n          training alone {training:.3} s, whole process {whole:.3} s, mean accuracy {mean:.4}",
            args.recipe.name()
        ),
    })
}

/// One training by this program itself.
fn train(setting: &Setting, seed: usize) -> Result<Trained> {
    let program = std::env::current_exe().map_err(Error::io("the path of this program"))?;
    let mut command = Command::new(&program);
    command.args(["train", "mnist", "--json", "--no-save", "--recipe", setting.args.recipe.name()]);
    command.arg("--seed").arg(seed.to_string());
    if let Some(folder) = &setting.args.data_dir {
        command.arg("--data-dir").arg(folder);
    }
    if let Some(threads) = setting.args.threads {
        command.arg("--threads").arg(threads.to_string());
    }
    let start = Instant::now();
    let failed = |reason: String| Error::data(&program, reason);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(Error::io(&program))?;
    let mut trained = Trained { epochs: Vec::new(), training: f64::NAN, whole: 0.0 };
    for event in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        let event: Value = serde_json::from_str(&event.map_err(Error::io(&program))?)
            .map_err(|error| failed(format!("a line that is not JSON: {error}")))?;
        let seconds = start.elapsed().as_secs_f64();
        match event["event"].as_str() {
            Some("epoch") => trained.epochs.push((seconds, event["test_accuracy"].as_f64().unwrap_or(f64::NAN))),
            Some("done") => trained.training = event["train_seconds"].as_f64().unwrap_or(f64::NAN),
            _ => {}
        }
    }
    let status = child.wait().map_err(Error::io(&program))?;
    trained.whole = start.elapsed().as_secs_f64();
    if status.success() { Ok(trained) } else { Err(failed(format!("the training ended with {status}"))) }
}
