//! The options of `layerloop train`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use layerloop::choice::is_same;
use layerloop::metrics::Metric;
use layerloop::network::{Activation, Init, Output, Spec};
use layerloop::train::{ClassWeights, Every, LayerRate, Loss, Optimizer, Reduction, Schedule, duration};

use super::parsers::{Several, choice, count, number, several, threads};
use crate::typed::Typed;

const DATA: &str = "Data";
const NETWORK: &str = "Network";
const LENGTH: &str = "Length of the training, early stopping";
const LOSS: &str = "Loss";
const OPTIMISER: &str = "Optimiser and learning rate";
const REGULARISATION: &str = "Regularisation";
const RUN: &str = "Run folder, checkpoints, logs";
const OUTPUT: &str = "Output";
const MACHINE: &str = "Seed and threads";

/// What `train` ends with.
const EXIT_CODES: &str = "\
Exit codes:
  0    the run ended as planned: its last epoch, --early-stopping, --time-limit, or q on the live screen
  1    it failed: data that cannot be read, a model that cannot be saved, a loss that is not finite
  2    it was not begun: an option or a folder that makes no sense
  130  it was stopped by Ctrl-C (SIGINT); 143 by SIGTERM, 129 by SIGHUP. What was learnt is saved; a second signal ends it at once";

#[derive(Debug, Parser)]
#[command(args_override_self = true, after_help = EXIT_CODES)]
pub(crate) struct Train {
    /// digits, diabetes, mnist, fashion-mnist, or a folder of IDX files
    #[arg(value_name = "DATA", default_value = "digits")]
    pub(crate) data: PathBuf,
    /// Folder that has the data set's files; no download then
    #[arg(long, short = 'd', help_heading = DATA, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Train on the first ROWS samples only
    #[arg(long, value_parser = count(), help_heading = DATA, value_name = "ROWS")]
    pub(crate) limit: Option<usize>,
    /// Share of the training rows that is held back to judge the network by after every epoch [default: 0.1 where early stopping
    /// needs it, else 0]
    #[arg(long, visible_alias = "validation-split", value_parser = number::<f64>("a number, at least 0 and below 1"), help_heading = DATA, value_name = "SHARE")]
    pub(crate) validation: Option<f64>,
    /// The whole network, such as "784 -> 256 relu dropout=0.1 -> 10"
    #[arg(long, short = 'n', help_heading = NETWORK, value_name = "TEXT", conflicts_with_all = ["hidden", "activation", "output", "last_activation", "init"])]
    pub(crate) network: Option<Spec>,
    /// Units of the hidden layers, such as 32 or 256,128
    #[arg(long, short = 'H', value_parser = number::<usize>("whole numbers with commas between them, such as 256,128"), help_heading = NETWORK, value_delimiter = ',', value_name = "WIDTHS", default_value = "32")]
    pub(crate) hidden: Vec<usize>,
    /// Activation of the hidden layers; `layerloop list activations` has them all
    #[arg(long, short = 'a', help_heading = NETWORK, value_parser = choice::<Activation>(), hide_possible_values = true, value_name = "NAME", default_value = "sigmoid")]
    pub(crate) activation: Activation,
    /// Activation of the last layer; `layerloop list activations` has them all
    #[arg(long, help_heading = NETWORK, value_parser = choice::<Activation>(), hide_possible_values = true, value_name = "NAME", default_value = "identity")]
    pub(crate) last_activation: Activation,
    /// Map from the last layer to probabilities or numbers [default: softmax for classes, identity for numbers, or what --loss
    /// measures]
    #[arg(long, help_heading = NETWORK, value_parser = choice::<Output>())]
    pub(crate) output: Option<Output>,
    /// How the weights of every layer start; `layerloop list initializers` has them all
    #[arg(long, alias = "initializer", help_heading = NETWORK, value_parser = choice::<Init>(), hide_possible_values = true, value_name = "NAME", default_value = "usual")]
    pub(crate) init: Init,
    /// Begin with the network and the weights of this model, not with new ones
    #[arg(long, help_heading = NETWORK, value_name = "MODEL", conflicts_with_all = ["network", "hidden", "activation", "output", "last_activation", "init"])]
    pub(crate) warm_start: Option<PathBuf>,
    /// Passes over the data [default: the data set's own]
    #[arg(long, short = 'e', value_parser = count(), help_heading = LENGTH, value_name = "N")]
    pub(crate) epochs: Option<usize>,
    /// Rows of a step [default: the data set's own]
    #[arg(long, short = 'b', visible_alias = "batch-size", value_parser = count(), help_heading = LENGTH, value_name = "ROWS")]
    pub(crate) batch: Option<usize>,
    /// End after this time, such as 90s, 10min or 2h
    #[arg(long, help_heading = LENGTH, value_name = "TIME", value_parser = duration)]
    pub(crate) time_limit: Option<Duration>,
    /// End when this gets no better, and keep the best weights: val_loss, val_accuracy, val_f1, train_loss, ...
    #[arg(long, alias = "early-stop", help_heading = LENGTH, value_name = "METRIC")]
    pub(crate) early_stopping: Option<String>,
    /// Epochs in a row without a better value after which --early-stopping ends the run
    #[arg(long, value_parser = count(), help_heading = LENGTH, value_name = "EPOCHS", default_value_t = 5, requires = "early_stopping")]
    pub(crate) patience: usize,
    /// By how much a value must be better to count
    #[arg(
        long, value_parser = number::<f64>("a number, at least 0"),
        help_heading = LENGTH,
        value_name = "SIZE",
        default_value_t = 0.0,
        requires = "early_stopping"
    )]
    pub(crate) min_delta: f64,
    /// The first epoch that counts for --early-stopping
    #[arg(long, value_parser = count(), help_heading = LENGTH, value_name = "EPOCH", default_value_t = 1, requires = "early_stopping")]
    pub(crate) start_epoch: usize,
    /// Keep the weights of the last epoch, not those of the best one
    #[arg(long, help_heading = LENGTH, requires = "early_stopping")]
    pub(crate) last_weights: bool,
    /// What is minimised; `layerloop list losses` has them all [default: what the output map is made for]
    #[arg(long, help_heading = LOSS, value_parser = choice::<Loss>(), hide_possible_values = true, value_name = "NAME")]
    pub(crate) loss: Option<Loss>,
    /// Share of a label that is spread over all classes, such as 0.1
    #[arg(long, value_parser = number::<f32>("a number, at least 0 and below 1"), help_heading = LOSS, value_name = "SHARE", default_value_t = 0.0)]
    pub(crate) label_smoothing: f32,
    /// How much each class counts: balanced, or a number for each, such as 1,2,1 [default: all the same]
    #[arg(long, help_heading = LOSS, value_name = "WEIGHTS", value_parser = class_weights)]
    pub(crate) class_weights: Option<ClassWeights>,
    /// What becomes of the losses of a batch
    #[arg(long, help_heading = LOSS, value_parser = choice::<Reduction>(), default_value = "mean")]
    pub(crate) reduction: Reduction,
    /// How a gradient becomes a step; `layerloop list optimizers` has them all
    #[arg(long, short = 'O', alias = "optimiser", help_heading = OPTIMISER, value_parser = choice::<Optimizer>(), hide_possible_values = true, value_name = "NAME", default_value = "adam")]
    pub(crate) optimizer: Optimizer,
    /// Learning rate [default: the data set's own]
    #[arg(long, short = 'l', visible_alias = "learning-rate", value_parser = number::<f64>("a number above 0, such as 0.001"), help_heading = OPTIMISER, value_name = "RATE")]
    pub(crate) lr: Option<f64>,
    /// Look for a learning rate on a copy of the weights: draw its curve, train and save nothing
    #[arg(long, help_heading = OPTIMISER, conflicts_with_all = ["save", "lr", "quiet"])]
    pub(crate) find_lr: bool,
    /// How the learning rate changes over the run; `layerloop list schedules` has them all
    #[arg(long, help_heading = OPTIMISER, value_parser = choice::<Schedule>(), hide_possible_values = true, value_name = "NAME", default_value = "constant")]
    pub(crate) schedule: Schedule,
    /// Epochs, such as 0.5, in which the learning rate rises to what it is by the schedule
    #[arg(long, value_parser = number::<f64>("a number, at least 0"), help_heading = OPTIMISER, value_name = "EPOCHS", default_value_t = 0.0)]
    pub(crate) warmup: f64,
    /// A factor on the learning rate of a layer, such as 2=0.1 or 2.1=0.1, several times if wanted
    #[arg(long, help_heading = OPTIMISER, value_name = "LAYER=FACTOR", value_parser = layer_rate)]
    pub(crate) layer_rate: Vec<LayerRate>,
    /// Layers that do not move, such as 1,2.1
    #[arg(long, help_heading = OPTIMISER, value_delimiter = ',', value_name = "LAYERS")]
    pub(crate) freeze: Vec<String>,
    /// The largest component of a gradient: what is larger is cut to it
    #[arg(long, value_parser = number::<f64>("a number above 0"), help_heading = OPTIMISER, value_name = "SIZE")]
    pub(crate) clip_value: Option<f64>,
    /// The largest norm of the whole gradient: a longer one is shortened to it
    #[arg(long, value_parser = number::<f64>("a number above 0"), help_heading = OPTIMISER, value_name = "NORM")]
    pub(crate) clip_norm: Option<f64>,
    /// Batches of a step, whose gradients are added up
    #[arg(long, value_parser = count(), help_heading = OPTIMISER, value_name = "N", default_value_t = 1)]
    pub(crate) accumulate: usize,
    /// Save the exponential moving average of the weights, of which each step keeps this share, such as 0.999
    #[arg(long, value_parser = number::<f64>("a number, at least 0 and below 1"), help_heading = OPTIMISER, value_name = "SHARE")]
    pub(crate) ema: Option<f64>,
    /// Save the mean of the weights after this epoch and all later ones: stochastic weight averaging
    #[arg(long, value_parser = count(), help_heading = OPTIMISER, value_name = "EPOCH")]
    pub(crate) swa_from_epoch: Option<usize>,
    /// Decay of the weights: apart from the gradient for adamw, lion and muon, else added to --l2 [default: 0.01 for adamw, 0.1
    /// for muon, else 0]
    #[arg(long, alias = "wd", value_parser = number::<f64>("a number, at least 0"), help_heading = REGULARISATION, value_name = "RATE")]
    pub(crate) weight_decay: Option<f64>,
    /// Weight of the sum of |w| in the loss
    #[arg(long, value_parser = number::<f64>("a number, at least 0"), help_heading = REGULARISATION, value_name = "WEIGHT", default_value_t = 0.0)]
    pub(crate) l1: f64,
    /// Weight of the sum of w^2 / 2 in the loss
    #[arg(long, value_parser = number::<f64>("a number, at least 0"), help_heading = REGULARISATION, value_name = "WEIGHT", default_value_t = 0.0)]
    pub(crate) l2: f64,
    /// Biases, norms and scales decay too
    #[arg(long, help_heading = REGULARISATION)]
    pub(crate) decay_all: bool,
    /// How the decay of weights changes over the run
    #[arg(long, help_heading = REGULARISATION, value_parser = choice::<Schedule>(), hide_possible_values = true, value_name = "NAME", default_value = "constant")]
    pub(crate) decay_schedule: Schedule,
    /// How the rates of all dropouts change over the run
    #[arg(long, help_heading = REGULARISATION, value_parser = choice::<Schedule>(), hide_possible_values = true, value_name = "NAME", default_value = "constant")]
    pub(crate) dropout_schedule: Schedule,
    /// A new folder for all there is of the run: receipt, checkpoints, logs, the best model, the last one
    #[arg(long, short = 'r', help_heading = RUN, value_name = "DIR", conflicts_with_all = ["find_lr"])]
    pub(crate) run: Option<PathBuf>,
    /// Go on with the run in this folder where it was, to the bit; what else is typed changes it
    #[arg(long, help_heading = RUN, value_name = "DIR", conflicts_with_all = ["run", "find_lr"])]
    pub(crate) resume: Option<PathBuf>,
    /// Go on though options or data are others than the run's
    #[arg(long, help_heading = RUN, requires = "resume")]
    pub(crate) anyway: bool,
    /// How often a checkpoint is written into the folder of the run: 100steps, 2epochs, 5min
    #[arg(long, help_heading = RUN, value_name = "EVERY", default_value = "1epoch")]
    pub(crate) checkpoint_every: Every,
    /// How many checkpoints are kept, the newest ones
    #[arg(long, value_parser = count(), help_heading = RUN, value_name = "N", default_value_t = 3)]
    pub(crate) keep: usize,
    /// Log into this folder: CSV, JSON lines, TensorBoard events [default: DIR/logs where there is a folder of the run]
    #[arg(long, help_heading = RUN, value_name = "DIR")]
    pub(crate) log_dir: Option<PathBuf>,
    /// What else to measure after every epoch, such as f1,roc-auc; `layerloop list metrics` has them all
    #[arg(long, short = 'm', alias = "metric", help_heading = OUTPUT, value_name = "METRICS", hide_possible_values = true, value_parser = several::<Metric>())]
    pub(crate) metrics: Option<Several<Metric>>,
    /// Where to save the model [default: DATA.safetensors, or the first free DATA-2.safetensors, ...]
    #[arg(long, short = 'o', help_heading = OUTPUT, value_name = "FILE", conflicts_with = "no_save")]
    pub(crate) save: Option<PathBuf>,
    /// Save no model
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) no_save: bool,
    /// Write a page about the run: curves, confusion, mistakes, weights, receipt [default: DIR/report.html where there is a folder
    /// of the run]
    #[arg(long, help_heading = OUTPUT, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Show the run as curves, with keys to pause it, to stop it, and to lower the learning rate
    #[arg(long, help_heading = OUTPUT, conflicts_with_all = ["json", "quiet", "find_lr"])]
    pub(crate) tui: bool,
    /// Print one JSON object a line on stdout, and nothing else there
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,
    /// Print errors, warnings and, with --json, the objects; nothing else
    #[arg(long, short = 'q', help_heading = OUTPUT)]
    pub(crate) quiet: bool,
    /// Seed of the first weights and of the shuffles: same seed, same bits
    #[arg(long, short = 's', alias = "random-state", value_parser = number::<u64>("a whole number, 0 to 18446744073709551615"), help_heading = MACHINE, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Threads; any number gives the same bits [default: what the work keeps busy]
    #[arg(long, short = 't', value_parser = threads(), help_heading = MACHINE, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// What was typed of all this.
    #[arg(skip)]
    pub(crate) typed: Typed,
}

/// `2.1=0.1`
fn layer_rate(text: &str) -> Result<LayerRate, String> {
    let parts = text.split_once('=').and_then(|(layer, factor)| Some((layer.trim(), factor.trim().parse().ok()?)));
    let (layer, factor) = parts.ok_or_else(|| "expected LAYER=FACTOR, such as 2=0.1".to_owned())?;
    Ok(LayerRate { layer: layer.into(), factor })
}

/// `balanced`, or numbers.
fn class_weights(text: &str) -> Result<ClassWeights, String> {
    if is_same(text, "balanced") {
        return Ok(ClassWeights::Balanced);
    }
    let weight = |part: &str| part.trim().parse().ok();
    let weights = text.split(',').map(weight).collect::<Option<_>>().map(ClassWeights::Given);
    weights.ok_or_else(|| "expected `balanced`, or a number for each class, such as 1,2,1".into())
}
