//! What can be typed. What it means is decided in `commands`.

use std::ffi::OsStr;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser};
use clap::{Arg, Parser, Subcommand, ValueEnum};
use layerloop::choice::{self, Choice};
use layerloop::explain::Attribution;
use layerloop::metrics::Metric;
use layerloop::network::{Activation, Init, Output, Spec};
use layerloop::train::{ClassWeights, Every, LayerRate, Loss, Optimizer, Reduction, Schedule, duration};

use crate::commands::bench;
use crate::typed::Typed;

/// Feedforward neural networks: train, judge, use and check them.
#[derive(Debug, Parser)]
#[command(name = "layerloop", version, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a network on images, judge it, save it
    Train(Box<Train>),
    /// Train again as a model's receipt says, and confirm that the weights are the same to the bit
    Replay(Replay),
    /// Judge a model on labelled images
    Eval(Eval),
    /// Say what images show
    Predict(Predict),
    /// Show every number of the forward and backward pass of a sample
    Explain(Explain),
    /// List the samples that are most likely mislabelled
    Outliers(Outliers),
    /// Print a model's layers, shapes, parameters and receipt
    Summary(Summary),
    /// Compare the gradient of the fast road, of the derivation and of central differences
    CheckGradients(CheckGradients),
    /// Print what there is to choose from: layers, activations, optimizers, ...
    List(List),
    /// Measure this machine, and how near to its floor training and predicting come
    Bench(Bench),
}

#[derive(Debug, Parser)]
#[command(args_override_self = true)]
pub(crate) struct Train {
    /// digits, diabetes, mnist, fashion-mnist, or a folder of IDX files
    #[arg(value_name = "DATA", default_value = "digits")]
    pub(crate) data: PathBuf,
    /// Folder that has the data set's files; no download then
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The whole network, such as "784 -> 256 relu dropout=0.1 -> 10"
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["hidden", "activation", "output", "last_activation", "init"])]
    pub(crate) network: Option<Spec>,
    /// Units of the hidden layers, such as 32 or 256,128
    #[arg(long, value_delimiter = ',', value_name = "WIDTHS", default_value = "32")]
    pub(crate) hidden: Vec<usize>,
    /// Activation of the hidden layers; `layerloop list activations` has them all
    #[arg(long, value_parser = choice::<Activation>(), hide_possible_values = true, value_name = "NAME", default_value = "sigmoid")]
    pub(crate) activation: Activation,
    /// Map from the last layer to probabilities or numbers [default: softmax for classes, identity for numbers, or what --loss
    /// measures]
    #[arg(long, value_parser = choice::<Output>())]
    pub(crate) output: Option<Output>,
    /// Activation of the last layer; `layerloop list activations` has them all
    #[arg(long, value_parser = choice::<Activation>(), hide_possible_values = true, value_name = "NAME", default_value = "identity")]
    pub(crate) last_activation: Activation,
    /// How the weights of every layer start; `layerloop list initializers` has them all
    #[arg(long, value_parser = choice::<Init>(), hide_possible_values = true, value_name = "NAME", default_value = "usual")]
    pub(crate) init: Init,
    /// Passes over the data [default: the data set's own]
    #[arg(long, value_name = "N")]
    pub(crate) epochs: Option<usize>,
    /// Rows of a step [default: the data set's own]
    #[arg(long, value_name = "ROWS")]
    pub(crate) batch: Option<usize>,
    /// What is minimised; `layerloop list losses` has them all [default: what the output map is made for]
    #[arg(long, value_parser = choice::<Loss>(), hide_possible_values = true, value_name = "NAME")]
    pub(crate) loss: Option<Loss>,
    /// Share of a label that is spread over all classes, such as 0.1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) label_smoothing: f32,
    /// How much each class counts: balanced, or a number for each, such as 1,2,1 [default: all the same]
    #[arg(long, value_name = "WEIGHTS", value_parser = class_weights)]
    pub(crate) class_weights: Option<ClassWeights>,
    /// What becomes of the losses of a batch
    #[arg(long, value_parser = choice::<Reduction>(), default_value = "mean")]
    pub(crate) reduction: Reduction,
    /// How a gradient becomes a step; `layerloop list optimizers` has them all
    #[arg(long, value_parser = choice::<Optimizer>(), hide_possible_values = true, value_name = "NAME", default_value = "adam")]
    pub(crate) optimizer: Optimizer,
    /// Learning rate [default: the data set's own]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub(crate) lr: Option<f64>,
    /// A factor on the learning rate of a layer, such as 2=0.1 or 2.1=0.1, several times if wanted
    #[arg(long, value_name = "LAYER=FACTOR", value_parser = layer_rate)]
    pub(crate) layer_rate: Vec<LayerRate>,
    /// Layers that do not move, such as 1,2.1
    #[arg(long, value_delimiter = ',', value_name = "LAYERS")]
    pub(crate) freeze: Vec<String>,
    /// How the learning rate changes over the run; `layerloop list schedules` has them all
    #[arg(long, value_parser = choice::<Schedule>(), hide_possible_values = true, value_name = "NAME", default_value = "constant")]
    pub(crate) schedule: Schedule,
    /// Epochs, such as 0.5, in which the learning rate rises to what it is by the schedule
    #[arg(long, value_name = "EPOCHS", default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) warmup: f64,
    /// Decay of the weights: apart from the gradient for adamw, lion and muon, else added to --l2 [default: 0.01 for adamw, 0.1
    /// for muon, else 0]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    pub(crate) weight_decay: Option<f64>,
    /// Weight of the sum of |w| in the loss
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) l1: f64,
    /// Weight of the sum of w^2 / 2 in the loss
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) l2: f64,
    /// Biases, norms and scales decay too
    #[arg(long)]
    pub(crate) decay_all: bool,
    /// The largest component of a gradient: what is larger is cut to it
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    pub(crate) clip_value: Option<f64>,
    /// The largest norm of the whole gradient: a longer one is shortened to it
    #[arg(long, value_name = "NORM", allow_negative_numbers = true)]
    pub(crate) clip_norm: Option<f64>,
    /// Batches of a step, whose gradients are added up
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) accumulate: usize,
    /// Save the exponential moving average of the weights, of which each step keeps this share, such as 0.999
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub(crate) ema: Option<f64>,
    /// Save the mean of the weights after this epoch and all later ones: stochastic weight averaging
    #[arg(long, value_name = "EPOCH")]
    pub(crate) swa_from_epoch: Option<usize>,
    /// How the decay of weights changes over the run
    #[arg(long, value_parser = choice::<Schedule>(), hide_possible_values = true, value_name = "NAME", default_value = "constant")]
    pub(crate) decay_schedule: Schedule,
    /// How the rates of all dropouts change over the run
    #[arg(long, value_parser = choice::<Schedule>(), hide_possible_values = true, value_name = "NAME", default_value = "constant")]
    pub(crate) dropout_schedule: Schedule,
    /// Share of the training rows that is held back to judge the network by after every epoch [default: 0.1 where early stopping
    /// needs it, else 0]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub(crate) validation: Option<f64>,
    /// What else to measure after every epoch, such as f1,roc-auc; `layerloop list metrics` has them all
    #[arg(long, value_name = "METRICS", hide_possible_values = true, value_parser = several::<Metric>())]
    pub(crate) metrics: Option<Several<Metric>>,
    /// End when this gets no better, and keep the best weights: val_loss, val_accuracy, val_f1, train_loss, ...
    #[arg(long, value_name = "METRIC")]
    pub(crate) early_stopping: Option<String>,
    /// Epochs in a row without a better value after which --early-stopping ends the run
    #[arg(long, value_name = "EPOCHS", default_value_t = 5, requires = "early_stopping")]
    pub(crate) patience: usize,
    /// By how much a value must be better to count
    #[arg(
        long,
        value_name = "SIZE",
        default_value_t = 0.0,
        allow_negative_numbers = true,
        requires = "early_stopping"
    )]
    pub(crate) min_delta: f64,
    /// The first epoch that counts for --early-stopping
    #[arg(long, value_name = "EPOCH", default_value_t = 1, requires = "early_stopping")]
    pub(crate) start_epoch: usize,
    /// Keep the weights of the last epoch, not those of the best one
    #[arg(long, requires = "early_stopping")]
    pub(crate) last_weights: bool,
    /// End after this time, such as 90s, 10min or 2h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) time_limit: Option<Duration>,
    /// Begin with the network and the weights of this model, not with new ones
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["network", "hidden", "activation", "output", "last_activation", "init"])]
    pub(crate) warm_start: Option<PathBuf>,
    /// A new folder for all there is of the run: receipt, checkpoints, logs, the best model, the last one
    #[arg(long, value_name = "DIR", conflicts_with_all = ["find_lr"])]
    pub(crate) run: Option<PathBuf>,
    /// How often a checkpoint is written into the folder of the run: 100steps, 2epochs, 5min
    #[arg(long, value_name = "EVERY", default_value = "1epoch")]
    pub(crate) checkpoint_every: Every,
    /// How many checkpoints are kept, the newest ones
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) keep: usize,
    /// Go on with the run in this folder where it was, to the bit; what else is typed changes it
    #[arg(long, value_name = "DIR", conflicts_with_all = ["run", "find_lr"])]
    pub(crate) resume: Option<PathBuf>,
    /// Go on though options or data are others than the run's
    #[arg(long, requires = "resume")]
    pub(crate) anyway: bool,
    /// Log into this folder: CSV, JSON lines, TensorBoard events [default: DIR/logs where there is a folder of the run]
    #[arg(long, value_name = "DIR")]
    pub(crate) log_dir: Option<PathBuf>,
    /// Write a page about the run: curves, confusion, mistakes, weights, receipt [default: DIR/report.html where there is a folder
    /// of the run]
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Seed of the first weights and of the shuffles: same seed, same bits
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Threads; any number gives the same bits [default: what the work keeps busy]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Train on the first ROWS samples only
    #[arg(long, value_name = "ROWS")]
    pub(crate) limit: Option<usize>,
    /// Where to save the model [default: DATA.safetensors, or the first free DATA-2.safetensors, ...]
    #[arg(long, value_name = "FILE", conflicts_with = "no_save")]
    pub(crate) save: Option<PathBuf>,
    /// Save no model
    #[arg(long)]
    pub(crate) no_save: bool,
    /// Look for a learning rate on a copy of the weights: draw its curve, train and save nothing
    #[arg(long, conflicts_with_all = ["save", "lr", "quiet"])]
    pub(crate) find_lr: bool,
    /// Show the run as curves, with keys to pause it, to stop it, and to lower the learning rate
    #[arg(long, conflicts_with_all = ["json", "quiet", "find_lr"])]
    pub(crate) tui: bool,
    /// Print one JSON object a line on stdout, and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
    /// Print errors, warnings and, with --json, the objects; nothing else
    #[arg(long)]
    pub(crate) quiet: bool,
    /// What was typed of all this.
    #[arg(skip)]
    pub(crate) typed: Typed,
}

#[derive(Debug, Parser)]
pub(crate) struct Replay {
    /// A model that `train` saved, with the receipt of its run
    pub(crate) model: PathBuf,
    /// Folder that has the data set's files; no download then [default: the one that the run had]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Threads; any number gives the same bits [default: what the work keeps busy]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Parser)]
pub(crate) struct Eval {
    /// A model that `train` saved
    pub(crate) model: PathBuf,
    /// digits, diabetes, mnist, fashion-mnist, or a folder of IDX files; its test part is used [default: what it was trained on]
    #[arg(value_name = "DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Folder that has the data set's files; no download then
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// What else to measure, such as f1,roc-auc,top-k=5; `layerloop list metrics` has them all
    #[arg(long, value_name = "METRICS", hide_possible_values = true, value_parser = several::<Metric>())]
    pub(crate) metrics: Option<Several<Metric>>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Parser)]
pub(crate) struct Outliers {
    /// A model that `train` saved
    pub(crate) model: PathBuf,
    /// digits, diabetes, mnist, fashion-mnist, or a folder of IDX files [default: what it was trained on]
    #[arg(value_name = "DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Folder that has the data set's files; no download then
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Which part of the data to look through
    #[arg(long, value_enum, default_value = "train")]
    pub(crate) part: Part,
    /// What makes a row suspicious
    #[arg(long, value_enum, default_value = "loss")]
    pub(crate) by: By,
    /// How many to list [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..).map(|n| n as usize), conflicts_with = "share")]
    pub(crate) top: Option<usize>,
    /// The share of all rows to list, such as 0.01
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) share: Option<f64>,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Parser)]
pub(crate) struct Explain {
    /// A model that `train` saved
    pub(crate) model: Option<PathBuf>,
    /// digits, mnist, fashion-mnist, or a folder of IDX files [default: what it was trained on]
    #[arg(value_name = "DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Folder that has the data set's files; no download then
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Which part of the data the sample is of
    #[arg(long, value_enum, default_value = "test")]
    pub(crate) part: Part,
    /// The row of the sample, counted from 0
    #[arg(long, value_name = "ROW", default_value_t = 0)]
    pub(crate) sample: usize,
    /// An example instead of a model: golden, that of the derivation
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(["golden"]), conflicts_with_all = ["model", "sample"])]
    pub(crate) example: Option<String>,
    /// Print one JSON object: every z, t, A, B, C, q, p with all its numbers
    #[arg(long)]
    pub(crate) json: bool,
    /// Compare the gradient with central differences too: two forward passes for each parameter
    #[arg(long, conflicts_with = "step")]
    pub(crate) differences: bool,
    /// Walk through the objects one by one
    #[arg(long, conflicts_with = "json")]
    pub(crate) step: bool,
    /// Write a page to walk through the layer loops with: one HTML file that needs nothing else
    #[arg(long, value_name = "FILE", conflicts_with = "step")]
    pub(crate) html: Option<PathBuf>,
    /// How the loss bends around the model: the largest eigenvalue of its Hessian, and its trace
    #[arg(long, conflicts_with_all = ["sample", "step", "html", "differences"])]
    pub(crate) curvature: bool,
    /// How many rows --curvature and --units look at, the first ones
    #[arg(long, value_name = "ROWS", default_value_t = 500)]
    pub(crate) rows: usize,
    /// Draw the loss along the two directions in which it bends most, as an SVG picture
    #[arg(long, value_name = "FILE", requires = "curvature")]
    pub(crate) surface: Option<PathBuf>,
    /// The worst mistakes, each with the training rows that stand behind it and the smallest change that turns the answer
    #[arg(long, conflicts_with_all = ["sample", "example", "step", "differences", "curvature"])]
    pub(crate) mistakes: bool,
    /// What the units of each layer do: dead ones, saturated ones, how steep they are, how large the gradient is
    #[arg(long, conflicts_with_all = ["sample", "step", "html", "differences", "curvature", "mistakes"])]
    pub(crate) units: bool,
    /// How many mistakes
    #[arg(long, value_name = "N", default_value_t = 8, requires = "mistakes")]
    pub(crate) top: usize,
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// That to learn from
    Train,
    /// That to be judged by
    Test,
}

/// What rows are ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// A large loss
    Loss,
    /// A large gradient: |delta|^2 (|z|^2 + 1), summed over the dense layers
    Gradient,
    /// A small p_label - max p_other
    Margin,
}

/// Above 0, at most 1.
fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share: &f64| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| format!("`{text}` is no share above 0 and at most 1, such as 0.01"))
}

#[derive(Debug, Parser)]
pub(crate) struct Predict {
    /// A model that `train` saved
    pub(crate) model: PathBuf,
    /// PNG images of any size, or IDX files of images
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Print one JSON object a line, one for each image
    #[arg(long)]
    pub(crate) json: bool,
    /// How many classes to print, the most probable first
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) top: usize,
    /// The images are dark on light (true) or not (false) [default: PNGs are looked at, IDX files are taken as they are]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true, value_name = "BOOL")]
    pub(crate) invert: Option<bool>,
    /// What each input had to do with the answer: saliency, input-times-gradient, integrated-gradients or occlusion
    #[arg(long, value_parser = choice::<Attribution>(), hide_possible_values = true, value_name = "NAME")]
    pub(crate) attribution: Option<Attribution>,
    /// The class that is asked about, by name [default: the answer]
    #[arg(long, value_name = "CLASS", requires = "attribution")]
    pub(crate) class: Option<String>,
    /// Folder to draw each image and its attribution into, side by side, as PNG files
    #[arg(long, value_name = "DIR", requires = "attribution")]
    pub(crate) pictures: Option<PathBuf>,
}

#[derive(Debug, Parser)]
pub(crate) struct Summary {
    /// A model that `train` saved
    pub(crate) model: PathBuf,
}

#[derive(Debug, Parser)]
pub(crate) struct List {
    /// layers, activations, losses, optimizers, attributions, ... [default: what can be listed]
    #[arg(value_name = "WHAT")]
    pub(crate) what: Option<String>,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Parser)]
pub(crate) struct CheckGradients {
    /// A model that `train` saved [default: a small random network with every activation]
    pub(crate) model: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Parser)]
pub(crate) struct Bench {
    /// Folder that has MNIST's files; no download then
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// What to measure, several times if wanted [default: floor, notebook, wide, large, tiny, predict]
    #[arg(long, value_name = "JOB", value_parser = PossibleValuesParser::new(bench::NAMES))]
    pub(crate) job: Vec<String>,
    /// Threads [default: what a job keeps busy; for the floor, the processor's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Runs of a job, of which the median counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) repeats: u16,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// `2.1=0.1`
fn layer_rate(text: &str) -> Result<LayerRate, String> {
    let parts = text.split_once('=').and_then(|(layer, factor)| Some((layer.trim(), factor.trim().parse().ok()?)));
    let (layer, factor) = parts.ok_or_else(|| format!("`{text}` is no LAYER=FACTOR, such as 2=0.1"))?;
    Ok(LayerRate { layer: layer.into(), factor })
}

/// `balanced`, or numbers.
fn class_weights(text: &str) -> Result<ClassWeights, String> {
    if text == "balanced" {
        return Ok(ClassWeights::Balanced);
    }
    let weight = |part: &str| part.trim().parse().map_err(|_| format!("`{part}` is no number; nor is it `balanced`"));
    text.split(',').map(weight).collect::<Result<_, String>>().map(ClassWeights::Given)
}

/// A parser for a closed set: its names are listed in the help, and a number of a choice may be given.
fn choice<T: Choice + Send + Sync>() -> impl TypedValueParser<Value = T> {
    Chosen::<T>(PhantomData)
}

/// As [`choice()`], for several with commas between them.
fn several<T: Choice + Send + Sync>() -> impl TypedValueParser<Value = Several<T>> {
    Chosen::<Several<T>>(PhantomData)
}

/// What was chosen, in the order in which it was named.
#[derive(Debug, Clone)]
pub(crate) struct Several<T>(pub(crate) Vec<T>);

#[derive(Debug, Clone)]
struct Chosen<T>(PhantomData<T>);

impl<T: Choice + Send + Sync> TypedValueParser for Chosen<T> {
    type Value = T;

    fn parse_ref(&self, command: &clap::Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        StringValueParser::new().try_map(|text| choice::parse(&text)).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(names::<T>()))
    }
}

impl<T: Choice + Send + Sync> TypedValueParser for Chosen<Several<T>> {
    type Value = Several<T>;

    fn parse_ref(&self, command: &clap::Command, arg: Option<&Arg>, value: &OsStr) -> Result<Several<T>, clap::Error> {
        StringValueParser::new().try_map(|text| choice::parse_all(&text).map(Several)).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(names::<T>()))
    }
}

/// Each name with its equation, for the help.
fn names<T: Choice>() -> impl Iterator<Item = PossibleValue> {
    T::ALL.iter().map(|choice| PossibleValue::new(choice.name()).help(choice.equation()))
}
