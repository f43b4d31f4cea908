//! The training jobs, as a table.

use std::path::Path;

use layerloop::Result;
use layerloop::data::{Dataset, Inputs};
use layerloop::evaluate::{evaluate, evaluate_regression};
use layerloop::network::{Activation, Network, Output, Predictor, Spec};
use layerloop::recipes::Recipe;
use layerloop::rng::Stream;
use layerloop::train::{FitOptions, Optimizer, fit};
use layerloop_data::LoadOptions;
use serde_json::json;

use super::{Measured, Setting, median};
use crate::data;

/// A network, its data, and how it is trained: Adam or SGD at 1e-3, the default loss of its targets.
pub(super) struct Job {
    pub(super) name: &'static str,
    data: Data,
    hidden: &'static [usize],
    activation: Activation,
    output: Output,
    optimizer: Optimizer,
    batch: usize,
    epochs: usize,
    /// The recipe that makes the network and the options instead.
    recipe: Option<Recipe>,
}

/// Where the rows come from.
#[derive(Clone, Copy)]
enum Data {
    Mnist,
    /// Rows of 20 random numbers, whose class is what a small random network says of them.
    Table {
        rows: usize,
        width: usize,
        classes: usize,
    },
    /// Rows of random numbers, whose targets are the outputs of a small random network.
    Numbers {
        rows: usize,
        width: usize,
        outputs: usize,
    },
}

const TINY: Data = Data::Table { rows: 10_000, width: 20, classes: 2 };
const ODD: Data = Data::Table { rows: 1_010, width: 20, classes: 3 };
/// As many columns as the HIGGS data set has, two classes.
const HIGGS: Data = Data::Table { rows: 100_000, width: 28, classes: 2 };
/// Numbers as in a table of medium size, two classes.
const NUMBERS: Data = Data::Table { rows: 10_000, width: 12, classes: 2 };
const SIMPLECHAINS: Data = Data::Numbers { rows: 10_000, width: 4, outputs: 4 };

const fn adam(name: &'static str, data: Data, hidden: &'static [usize], activation: Activation) -> Job {
    let (output, optimizer) = (Output::Softmax, Optimizer::ADAM);
    Job { name, data, hidden, activation, output, optimizer, batch: 128, epochs: 20, recipe: None }
}

const fn odd(name: &'static str, activation: Activation, optimizer: Optimizer) -> Job {
    Job { batch: 50, optimizer, ..adam(name, ODD, &[33, 17], activation) }
}

const fn recipe(name: &'static str, recipe: Recipe) -> Job {
    Job { batch: 256, epochs: 2, recipe: Some(recipe), ..adam(name, NUMBERS, &[], Activation::Relu) }
}

pub(super) const JOBS: [Job; 13] = [
    adam("notebook", Data::Mnist, &[32], Activation::Sigmoid),
    Job { epochs: 5, ..adam("wide", Data::Mnist, &[256, 128], Activation::Relu) },
    Job { batch: 512, epochs: 2, ..adam("large", Data::Mnist, &[1024, 1024], Activation::Relu) },
    Job { batch: 64, ..adam("tiny", TINY, &[64, 64], Activation::Relu) },
    Job {
        batch: 10_000,
        epochs: 2_000,
        output: Output::Identity,
        ..adam("simplechains", SIMPLECHAINS, &[32, 16], Activation::Relu)
    },
    // One logit for both classes.
    Job { batch: 1_000, epochs: 2, output: Output::Sigmoid, ..adam("higgs", HIGGS, &[300; 5], Activation::Relu) },
    odd("odd-relu-adam", Activation::Relu, Optimizer::ADAM),
    odd("odd-relu-sgd", Activation::Relu, Optimizer::Sgd),
    odd("odd-tanh-adam", Activation::Tanh, Optimizer::ADAM),
    odd("odd-tanh-sgd", Activation::Tanh, Optimizer::Sgd),
    recipe("realmlp", Recipe::RealMlp),
    recipe("tabm", Recipe::TabM { bins: 48 }),
    recipe("tabm-mini", Recipe::TabMMini { bins: 48 }),
];

impl Job {
    /// The network and the options.
    fn training(&self, train: &Dataset, threads: Option<usize>) -> Result<(Spec, FitOptions)> {
        let given = FitOptions {
            epochs: self.epochs,
            batch: self.batch,
            optimizer: self.optimizer,
            threads,
            ..FitOptions::default()
        };
        let Some(recipe) = self.recipe else { return Ok((self.spec(train), given)) };
        let plan = recipe.plan_for_table(train.rows(), true)?;
        let spec = plan.spec(train);
        let (epochs, layer_rates, early_stopping) = (self.epochs, plan.layer_rates(&spec)?, None);
        Ok((spec, FitOptions { epochs, threads, layer_rates, early_stopping, ..plan.options() }))
    }

    fn spec(&self, train: &Dataset) -> Spec {
        let outputs = match self.data {
            Data::Numbers { outputs, .. } => outputs,
            Data::Mnist | Data::Table { .. } => train.classes().len(),
        };
        Spec::classifier(train.width(), self.hidden, self.activation, outputs, self.output)
    }

    /// Trains it a few times.
    pub(super) fn measure(&self, setting: &Setting) -> Result<Measured> {
        let (train, test) = self.data.load(setting.args.data_dir.as_deref())?;
        let (spec, options) = self.training(&train, setting.args.threads.map(usize::from))?;
        let mut network = Network::new(&spec, 0)?;
        let (mut seconds, mut threads) = (Vec::new(), 0);
        for _ in 0..setting.args.repeats {
            network = Network::started_by(&spec, &train, 0)?;
            let report = fit(&mut network, &train, &options)?;
            seconds.push(report.seconds);
            threads = report.threads;
        }
        let (score, figure) = score(&network, &test, setting.threads)?;
        let samples = (train.rows() * self.epochs) as f64;
        let gflop = 1e-9 * spec.operations() * samples;
        let (middle, rate) = (median(&seconds), gflop / median(&seconds));
        let step_us = 1e6 * middle / (self.epochs * train.rows().div_ceil(self.batch)) as f64;
        let [fastest, slowest] = [f64::min, f64::max].map(|f| seconds.iter().copied().fold(middle, f));
        let of_peak = setting.peak.map(|peak| rate / peak);
        let hash = network.sha256();
        Ok(Measured {
            object: json!({
                "job": self.name, "network": spec.to_string(), "batch": self.batch, "epochs": self.epochs,
                "threads": threads, "isa": setting.isa.name(), "train_s": middle, "all_s": seconds,
                score: figure, "gflop": gflop, "gflops": rate, "of_peak": of_peak, "weights_sha256": hash,
                "step_us": step_us, "samples_per_s": samples / middle,
            }),
            text: format!(
                "{:9} {spec}, batch {}, {} epochs, {threads} threads\n          {middle:.4} s ({fastest:.4} to {slowest:.4}), \
                 {step_us:.1} us a step, {:.0} samples a second, {score} {figure:.4}, {rate:.0} Gflop/s of {gflop:.0} dense \
                 Gflop{}, weights {}",
                self.name,
                self.batch,
                self.epochs,
                samples / middle,
                of_peak.map(|share| format!(", {:.0} % of the peak", 100.0 * share)).unwrap_or_default(),
                &hash[..8],
            ),
        })
    }
}

/// The name of a network's figure on held-out rows, and the figure: accuracy, or the mean squared error.
fn score(network: &Network, test: &Dataset, threads: usize) -> Result<(&'static str, f64)> {
    if test.labels().is_empty() {
        return Ok(("loss", evaluate_regression(network, test, threads)?.mse));
    }
    Ok(("accuracy", evaluate(network, test, threads)?.accuracy))
}

impl Data {
    /// Rows to train on, and rows to evaluate on.
    fn load(self, data_dir: Option<&Path>) -> Result<(Dataset, Dataset)> {
        match self {
            Self::Mnist => mnist(data_dir),
            Self::Table { rows, width, classes } => Ok(split(table(rows + rows / 10, width, classes)?, rows)),
            Self::Numbers { rows, width, outputs } => Ok(split(numbers(rows + rows / 10, width, outputs)?, rows)),
        }
    }
}

/// MNIST's two parts.
pub(super) fn mnist(data_dir: Option<&Path>) -> Result<(Dataset, Dataset)> {
    let loaded = data::load(Path::new("mnist"), &LoadOptions { data_dir, size: None })?;
    Ok((loaded.train, loaded.test))
}

/// The first `rows` rows, and the others.
fn split(all: Dataset, rows: usize) -> (Dataset, Dataset) {
    (all.head(rows), all.select(&Vec::from_iter(rows..all.rows())))
}

fn table(rows: usize, width: usize, classes: usize) -> Result<Dataset> {
    let (inputs, answers) = answered(rows, Spec::new(width).layer(8, Activation::Tanh), classes, Output::Softmax)?;
    let labels: Vec<u32> = answers.chunks(classes).map(|row| layerloop::data::onecold(row) as u32).collect();
    Dataset::new("table", inputs, width, labels, (0..classes).map(|class| class.to_string()))
}

fn numbers(rows: usize, width: usize, outputs: usize) -> Result<Dataset> {
    let (inputs, answers) = answered(rows, Spec::new(width).layer(8, Activation::Tanh), outputs, Output::Identity)?;
    Dataset::regression("numbers", inputs, width, answers, (0..outputs).map(|output| output.to_string()))
}

/// Random rows, and what a random network of `outputs` outputs gives for them.
fn answered(rows: usize, teacher: Spec, outputs: usize, output: Output) -> Result<(Inputs, Vec<f32>)> {
    let mut stream = Stream::new(0, "bench", 0);
    let values: Vec<f32> = (0..rows * teacher.inputs).map(|_| 2.0 * stream.uniform() - 1.0).collect();
    let inputs = Inputs::Floats(values.into());
    let teacher = Network::new(&teacher.layer(outputs, Activation::Identity).output(output), 1)?;
    let answers = Predictor::new(&teacher, 1)?.probabilities(&inputs)?;
    Ok((inputs, answers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notebook_job_is_122_gflop() {
        let spec = Spec::classifier(784, &[32], Activation::Sigmoid, 10, Output::Softmax);
        let gflop = 1e-9 * spec.operations() * 60_000.0 * 20.0;
        assert!((gflop - 122.7).abs() < 0.1, "{gflop}");
    }
}
