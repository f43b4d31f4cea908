//! The options of `layerloop train`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use layerloop::Error;
use layerloop::augment::Augmentation;
use layerloop::data::SplitBy;
use layerloop::metrics::{Metric, Threshold};
use layerloop::names::is_same;
use layerloop::network::{Activation, Init, Norm, Output, Spec};
use layerloop::preprocess::{Scaling, TargetTransform};
use layerloop::recipes::Recipe;
use layerloop::train::{ClassWeights, Every, LayerRate, Loss, Optimizer, Reduction, Schedule, duration};

use super::parsers::{Several, Size, augmentation, count, memory, named, number, several, size, threads};
use super::{ExplicitArgs, TableArgs};

const DATA: &str = "Data";
const TABLES: &str = "Tables";
const NETWORK: &str = "Network";
const LENGTH: &str = "Length of the training, early stopping";
const LOSS: &str = "Loss";
const OPTIMISER: &str = "Optimiser and learning rate";
const REGULARISATION: &str = "Regularisation";
const TRIALS: &str = "Several trainings";
const RUN: &str = "Run folder, checkpoints, logs";
const OUTPUT: &str = "Output";
const MACHINE: &str = "Seed and threads";

/// What `train` ends with.
const EXIT_CODES: &str = "\
Exit codes:
  0    the run ended as planned: its last epoch, --early-stopping, --time-limit, or q on the live screen
  1    it failed: data that cannot be read, a model that cannot be saved, a loss that is not finite
  2    it was not started: an invalid option or folder
  130  it was stopped by Ctrl-C (SIGINT); 143 by SIGTERM, 129 by SIGHUP. The weights are saved; a second signal ends it at once";

/// What `-h` shows; `--help` shows everything.
pub(crate) const OFTEN: &str = "data help target test data_dir recipe validation augment network hidden activation epochs batch time_limit early_stopping loss \
    class_weights optimizer lr find_lr schedule weight_decay run resume metrics save report tui json quiet seed threads";

/// Each was measured: `bench/examples`.
const EXAMPLES: &str = "\
Examples (accuracy on the test part, training time on two cores):

  98 % on MNIST: accuracy 0.9817 in 4.7 s
    layerloop train mnist --hidden 256 --activation relu

  A deep network, nine layers that keep their scale: accuracy 0.9803 in 3.7 s
    layerloop train mnist --hidden 128,128,128,128,128,128,128,128 \\
      --activation selu --init lecun-normal --schedule cosine --epochs 10

  Few rows, here 200: accuracy 0.8583 (0.8278 with the defaults) in 10 ms
    layerloop train digits --limit 200 --epochs 200 --activation relu --l2 0.01

  Regression: R2 0.3997 in 6 ms
    layerloop train diabetes --metrics mae,rmse

  Imbalanced classes: balanced accuracy 0.8080 (0.6670 without the weights) in
  0.19 s; here MNIST with half as many rows of each digit as of the one before
    layerloop train FOLDER --class-weights balanced \\
      --metrics balanced-accuracy,f1";

#[derive(Debug, Parser)]
#[command(args_override_self = true)]
#[command(after_help = "`layerloop train --help` shows all options, and five examples.", after_long_help = format!("{EXIT_CODES}\n\n{EXAMPLES}"))]
pub(crate) struct Train {
    /// digits, diabetes, penguins, mnist, fashion-mnist, a table (CSV, plain, gzip or Zstandard, Parquet, Arrow, or - for standard input), a folder with a folder of PNG or JPEG pictures for each class, or a folder of IDX files
    #[arg(value_name = "DATA", default_value = "digits")]
    pub(crate) data: PathBuf,
    /// Folder that has the data set's files; nothing is downloaded then [default: the one in LAYERLOOP_DATA]
    #[arg(long, short = 'd', help_heading = DATA, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Scale the pictures of a folder to this size [default: the most frequent size]
    #[arg(long, value_parser = size(), help_heading = DATA, value_name = "WIDTHxHEIGHT")]
    pub(crate) size: Option<Size>,
    /// Train on the first ROWS rows only
    #[arg(long, value_parser = count(), help_heading = DATA, value_name = "ROWS")]
    pub(crate) limit: Option<usize>,
    /// Keep the rows to train on in a temporary file, where they are more than the memory that this command may take, such as 500MB; they are then read in each epoch, block by block
    #[arg(long, value_parser = memory(), help_heading = DATA, value_name = "SIZE")]
    pub(crate) max_memory: Option<usize>,
    /// Share of the training rows to hold back and to evaluate the network on after every epoch [default: 0.1 if --early-stopping or --threshold needs it, else 0]
    #[arg(long, visible_alias = "validation-split", value_parser = number::<f64>("a number, at least 0 and below 1"), help_heading = DATA, value_name = "SHARE")]
    pub(crate) validation: Option<f64>,
    /// Change the images at random, anew in every epoch, such as "shift=2 rotate=12 elastic=36,5"; see `layerloop list augmentations`
    #[arg(long, visible_alias = "augmentation", help_heading = DATA, value_parser = augmentation, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) augment: Augmentation,
    #[command(flatten)]
    pub(crate) table: TableArgs,
    /// Table with the rows to test on [default: a fifth of the rows, stratified by class, the same for every seed]
    #[arg(long, help_heading = TABLES, value_name = "FILE")]
    pub(crate) test: Option<PathBuf>,
    /// Hold back the newest rows (time=COLUMN), or all rows of some groups (group=COLUMN), such as customers [default: any rows, stratified by class]
    #[arg(long, help_heading = TABLES, value_name = "BY", value_parser = split_by)]
    pub(crate) split: Option<SplitBy>,
    /// What is done to a number to predict before it is standardised: none or log
    #[arg(long, help_heading = TABLES, value_parser = named::<TargetTransform>(), value_name = "NAME", default_value = "none")]
    pub(crate) target_transform: TargetTransform,
    /// How the numbers of a table are scaled: standard, robust, quantile or none
    #[arg(long, help_heading = TABLES, value_parser = named::<Scaling>(), value_name = "NAME", default_value = "standard")]
    pub(crate) scaling: Scaling,
    /// Give categories with more levels than this a learned embedding, in recipes that have them
    #[arg(long, help_heading = TABLES, value_parser = count(), value_name = "LEVELS")]
    pub(crate) embed_above: Option<usize>,
    /// Keep predicted numbers between the smallest and the largest one of the training rows
    #[arg(long, help_heading = TABLES)]
    pub(crate) clamp: bool,
    /// TOML file with options, by their names here, such as epochs = 10 or hidden = [256, 128]; options that are typed win
    #[arg(long, help_heading = DATA, value_name = "FILE", conflicts_with = "resume")]
    pub(crate) config: Option<PathBuf>,
    /// Network and options of a recipe: fast, accurate, augmented or best for images, plain, realmlp, tabm or tabm-mini for tables; see `layerloop list recipes`. Other options that are given change it
    #[arg(long, short = 'R', help_heading = DATA, value_parser = named::<Recipe>(), hide_possible_values = true, value_name = "NAME", conflicts_with = "resume")]
    pub(crate) recipe: Option<Recipe>,
    /// The whole network as text, such as "784 -> 256 relu dropout=0.1 -> 10"
    #[arg(long, short = 'n', help_heading = NETWORK, value_name = "TEXT", conflicts_with_all = ["hidden", "activation", "output", "last_activation", "init", "norm", "dropout"])]
    pub(crate) network: Option<Spec>,
    /// Widths of the hidden layers, such as 32 or 256,128
    #[arg(long, short = 'H', value_parser = number::<usize>("whole numbers with commas between them, such as 256,128"), help_heading = NETWORK, value_delimiter = ',', value_name = "WIDTHS", default_value = "32")]
    pub(crate) hidden: Vec<usize>,
    /// Activation of the hidden layers; see `layerloop list activations`
    #[arg(long, short = 'a', help_heading = NETWORK, value_parser = named::<Activation>(), hide_possible_values = true, value_name = "NAME", default_value = "sigmoid")]
    pub(crate) activation: Activation,
    /// Activation of the last layer; see `layerloop list activations`
    #[arg(long, help_heading = NETWORK, value_parser = named::<Activation>(), hide_possible_values = true, value_name = "NAME", default_value = "identity")]
    pub(crate) last_activation: Activation,
    /// Output map: from the last layer to probabilities or numbers [default: softmax for classes, identity for numbers, or what --loss needs]
    #[arg(long, help_heading = NETWORK, value_parser = named::<Output>())]
    pub(crate) output: Option<Output>,
    /// Initialiser of the weights; see `layerloop list initializers` [default: chosen by the activation]
    #[arg(long, alias = "initializer", help_heading = NETWORK, value_parser = named::<Init>(), hide_possible_values = true, value_name = "NAME", default_value = "default", hide_default_value = true)]
    pub(crate) init: Init,
    /// What brings the values of each hidden layer to mean 0 and deviation 1, before its activation
    #[arg(long, help_heading = NETWORK, value_parser = named::<Norm>(), value_name = "NORM", default_value = "none")]
    pub(crate) norm: Norm,
    /// Dropout rate after each hidden layer
    #[arg(long, help_heading = NETWORK, value_parser = number::<f32>("a number, at least 0 and below 1"), value_name = "RATE", default_value_t = 0.0)]
    pub(crate) dropout: f32,
    /// Train this many networks together, each by its own loss, and save them as one, whose logits are their mean
    #[arg(long, help_heading = NETWORK, value_parser = count(), value_name = "N", default_value_t = 1)]
    pub(crate) ensemble: usize,
    /// Start from the network and the weights of this model
    #[arg(long, help_heading = NETWORK, value_name = "MODEL", conflicts_with_all = ["network", "hidden", "activation", "output", "last_activation", "init", "norm", "dropout", "ensemble"])]
    pub(crate) warm_start: Option<PathBuf>,
    /// Number of epochs, passes over the data [default: the data set's own]
    #[arg(long, short = 'e', value_parser = count(), help_heading = LENGTH, value_name = "N")]
    pub(crate) epochs: Option<usize>,
    /// Batch size, in rows [default: the data set's own]
    #[arg(long, short = 'b', visible_alias = "batch-size", value_parser = count(), help_heading = LENGTH, value_name = "ROWS")]
    pub(crate) batch: Option<usize>,
    /// Leave out a last batch that would be shorter, in each epoch other rows
    #[arg(long, help_heading = LENGTH)]
    pub(crate) drop_last: bool,
    /// Stop after this time, such as 90s, 10min or 2h
    #[arg(long, help_heading = LENGTH, value_name = "TIME", value_parser = duration)]
    pub(crate) time_limit: Option<Duration>,
    /// Stop when this metric no longer improves, and keep the best weights: val_loss, val_accuracy, val_f1, train_loss, ...
    #[arg(long, alias = "early-stop", help_heading = LENGTH, value_name = "METRIC")]
    pub(crate) early_stopping: Option<String>,
    /// Epochs without improvement after which --early-stopping stops
    #[arg(long, value_parser = count(), help_heading = LENGTH, value_name = "EPOCHS", default_value_t = 5)]
    pub(crate) patience: usize,
    /// The smallest change that counts as an improvement
    #[arg(
        long, value_parser = number::<f64>("a number, at least 0"),
        help_heading = LENGTH,
        value_name = "SIZE",
        default_value_t = 0.0,
    )]
    pub(crate) min_delta: f64,
    /// The first epoch that --early-stopping looks at
    #[arg(long, value_parser = count(), help_heading = LENGTH, value_name = "EPOCH", default_value_t = 1)]
    pub(crate) start_epoch: usize,
    /// Of epochs that are equally good, keep the weights of the last one instead of those of the first one
    #[arg(long, help_heading = LENGTH, conflicts_with = "last_weights")]
    pub(crate) latest: bool,
    /// Keep the weights of the last epoch instead of the best ones
    #[arg(long, help_heading = LENGTH)]
    pub(crate) last_weights: bool,
    /// Loss to minimise; see `layerloop list losses` [default: the one that fits the output map]
    #[arg(long, help_heading = LOSS, value_parser = named::<Loss>(), hide_possible_values = true, value_name = "NAME")]
    pub(crate) loss: Option<Loss>,
    /// Share of each label that is spread over all classes, such as 0.1
    #[arg(long, value_parser = number::<f32>("a number, at least 0 and below 1"), help_heading = LOSS, value_name = "SHARE", default_value_t = 0.0)]
    pub(crate) label_smoothing: f32,
    /// Weight of each class in the loss: balanced, or a number for each, such as 1,2,1 [default: 1 each]
    #[arg(long, help_heading = LOSS, value_name = "WEIGHTS", value_parser = class_weights)]
    pub(crate) class_weights: Option<ClassWeights>,
    /// How the losses of a batch are combined
    #[arg(long, help_heading = LOSS, value_parser = named::<Reduction>(), default_value = "mean")]
    pub(crate) reduction: Reduction,
    /// Optimiser; see `layerloop list optimizers`
    #[arg(long, short = 'O', alias = "optimiser", help_heading = OPTIMISER, value_parser = named::<Optimizer>(), hide_possible_values = true, value_name = "NAME", default_value = "adam")]
    pub(crate) optimizer: Optimizer,
    /// Learning rate [default: the data set's own]
    #[arg(long, short = 'l', visible_alias = "learning-rate", value_parser = number::<f64>("a number above 0, such as 0.001"), help_heading = OPTIMISER, value_name = "RATE")]
    pub(crate) lr: Option<f64>,
    /// Search for a learning rate and print its curve; nothing is trained or saved
    #[arg(long, help_heading = OPTIMISER, conflicts_with_all = ["save", "lr", "quiet"])]
    pub(crate) find_lr: bool,
    /// How the learning rate changes during the run; see `layerloop list schedules`
    #[arg(long, help_heading = OPTIMISER, value_parser = named::<Schedule>(), hide_possible_values = true, value_name = "NAME", default_value = "constant")]
    pub(crate) schedule: Schedule,
    /// Epochs, such as 0.5, in which the learning rate rises from 0
    #[arg(long, value_parser = number::<f64>("a number, at least 0"), help_heading = OPTIMISER, value_name = "EPOCHS", default_value_t = 0.0)]
    pub(crate) warmup: f64,
    /// A factor on the learning rate of one layer, such as 2=0.1 or 2.1=0.1; may be repeated
    #[arg(long, help_heading = OPTIMISER, value_name = "LAYER=FACTOR", value_parser = layer_rate)]
    pub(crate) layer_rate: Vec<LayerRate>,
    /// Layers that are not trained, such as 1,2.1
    #[arg(long, help_heading = OPTIMISER, value_delimiter = ',', value_name = "LAYERS")]
    pub(crate) freeze: Vec<String>,
    /// Clip each component of the gradient to at most this size
    #[arg(long, value_parser = number::<f64>("a number above 0"), help_heading = OPTIMISER, value_name = "SIZE")]
    pub(crate) clip_value: Option<f64>,
    /// Scale the gradient down to at most this norm
    #[arg(long, value_parser = number::<f64>("a number above 0"), help_heading = OPTIMISER, value_name = "NORM")]
    pub(crate) clip_norm: Option<f64>,
    /// Number of batches whose gradients are added up for one step
    #[arg(long, value_parser = count(), help_heading = OPTIMISER, value_name = "N", default_value_t = 1)]
    pub(crate) accumulate: usize,
    /// Number of micro-batches of a batch: gradients of parts of the data, added up as a tree, wherever each is computed
    #[arg(long, value_parser = count(), help_heading = OPTIMISER, value_name = "N", default_value_t = 1)]
    pub(crate) micro_batches: usize,
    /// Save the exponential moving average of the weights; each step keeps this share of it, such as 0.999
    #[arg(long, value_parser = number::<f64>("a number, at least 0 and below 1"), help_heading = OPTIMISER, value_name = "SHARE")]
    pub(crate) ema: Option<f64>,
    /// Save the mean of the weights after this epoch and all later ones (stochastic weight averaging)
    #[arg(long, value_parser = count(), help_heading = OPTIMISER, value_name = "EPOCH")]
    pub(crate) swa_from_epoch: Option<usize>,
    /// Weight decay: decoupled for adamw, lion and muon, otherwise added to --l2 [default: 0.01 for adamw, 0.1 for muon, else 0]
    #[arg(long, alias = "wd", value_parser = number::<f64>("a number, at least 0"), help_heading = REGULARISATION, value_name = "RATE")]
    pub(crate) weight_decay: Option<f64>,
    /// Factor of the sum of |w| in the loss
    #[arg(long, value_parser = number::<f64>("a number, at least 0"), help_heading = REGULARISATION, value_name = "WEIGHT", default_value_t = 0.0)]
    pub(crate) l1: f64,
    /// Factor of the sum of w^2 / 2 in the loss
    #[arg(long, value_parser = number::<f64>("a number, at least 0"), help_heading = REGULARISATION, value_name = "WEIGHT", default_value_t = 0.0)]
    pub(crate) l2: f64,
    /// Apply weight decay to biases, norms and scales too
    #[arg(long, help_heading = REGULARISATION)]
    pub(crate) decay_all: bool,
    /// How the weight decay changes during the run; see `layerloop list schedules`
    #[arg(long, help_heading = REGULARISATION, value_parser = named::<Schedule>(), hide_possible_values = true, value_name = "NAME", default_value = "constant")]
    pub(crate) decay_schedule: Schedule,
    /// How all dropout rates change during the run; see `layerloop list schedules`
    #[arg(long, help_heading = REGULARISATION, value_parser = named::<Schedule>(), hide_possible_values = true, value_name = "NAME", default_value = "constant")]
    pub(crate) dropout_schedule: Schedule,
    /// Train and test on each of N parts of the rows, all others to train on, and say how good networks of these options are; nothing is saved
    #[arg(long, value_parser = count(), help_heading = TRIALS, value_name = "N", conflicts_with_all = ["search", "max_memory", "save", "run", "resume", "report", "log_dir", "find_lr", "warm_start"])]
    pub(crate) folds: Option<usize>,
    /// Try N random choices of the options that are not given, with few epochs first, and train by the best one; with --run the same command goes on where it was
    #[arg(long, value_parser = count(), help_heading = TRIALS, value_name = "N", conflicts_with_all = ["resume", "find_lr", "warm_start"])]
    pub(crate) search: Option<usize>,
    /// Output directory of the run: receipt, checkpoints, logs, the best model, the last one
    #[arg(long, short = 'r', help_heading = RUN, value_name = "DIR", conflicts_with_all = ["find_lr"])]
    pub(crate) run: Option<PathBuf>,
    /// Resume the run in this folder, to the same bits; other options that are given change the run
    #[arg(long, help_heading = RUN, value_name = "DIR", conflicts_with_all = ["run", "find_lr"])]
    pub(crate) resume: Option<PathBuf>,
    /// Resume even if the options or the data differ from those of the run
    #[arg(long, help_heading = RUN, requires = "resume")]
    pub(crate) anyway: bool,
    /// How often to write a checkpoint into the run folder: 100steps, 2epochs, 5min
    #[arg(long, help_heading = RUN, value_name = "EVERY", default_value = "1epoch")]
    pub(crate) checkpoint_every: Every,
    /// How many checkpoints to keep, the newest ones
    #[arg(long, value_parser = count(), help_heading = RUN, value_name = "N", default_value_t = 3)]
    pub(crate) keep: usize,
    /// Write logs into this folder: CSV, JSON lines, TensorBoard events [default: DIR/logs of --run DIR]
    #[arg(long, help_heading = RUN, value_name = "DIR")]
    pub(crate) log_dir: Option<PathBuf>,
    /// More metrics to compute after every epoch, such as f1,roc-auc; see `layerloop list metrics`
    #[arg(long, short = 'm', alias = "metric", help_heading = OUTPUT, value_name = "METRICS", hide_possible_values = true, value_parser = several::<Metric>())]
    pub(crate) metrics: Option<Several<Metric>>,
    /// Of two classes, predict the second where its probability is above this: f1 or youden, the best for F1 or for sensitivity + specificity - 1 on the validation rows, or a number such as 0.3; kept in the model [default: the more probable class]
    #[arg(long, help_heading = OUTPUT, value_name = "RULE", value_parser = threshold)]
    pub(crate) threshold: Option<Threshold>,
    /// File to save the model to [default: DATA.safetensors, or the first free DATA-2.safetensors, ...]
    #[arg(long, short = 'o', help_heading = OUTPUT, value_name = "FILE", conflicts_with = "no_save")]
    pub(crate) save: Option<PathBuf>,
    /// Do not save the model
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) no_save: bool,
    /// Write an HTML report: curves, confusion matrix, mistakes, weights, columns of a table, receipt [default: DIR/report.html of --run DIR]
    #[arg(long, help_heading = OUTPUT, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Show the run as curves, with keys to pause it, stop it and lower the learning rate
    #[arg(long, help_heading = OUTPUT, conflicts_with_all = ["json", "quiet", "find_lr"])]
    pub(crate) tui: bool,
    /// Print one JSON object per line to standard output, and nothing else
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,
    /// Print only errors, warnings and the objects of --json
    #[arg(long, short = 'q', help_heading = OUTPUT)]
    pub(crate) quiet: bool,
    /// Seed of the initial weights and of the shuffling; the same seed gives the same bits
    #[arg(long, short = 's', alias = "random-state", value_parser = number::<u64>("a whole number, 0 to 18446744073709551615"), help_heading = MACHINE, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Number of threads; any number gives the same bits [default: as many as the work keeps busy]
    #[arg(long, short = 't', value_parser = threads(), help_heading = MACHINE, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// What was typed of all this.
    #[arg(skip)]
    pub(crate) typed: ExplicitArgs,
}

/// `time=COLUMN`
fn split_by(text: &str) -> Result<SplitBy, String> {
    text.parse().map_err(|_| "expected time=COLUMN or group=COLUMN".into())
}

/// `f1`, `youden` or a number.
fn threshold(text: &str) -> Result<Threshold, Error> {
    text.parse()
}

/// `2.1=0.1`
fn layer_rate(text: &str) -> Result<LayerRate, String> {
    text.parse().map_err(|_| "expected LAYER=FACTOR, such as 2=0.1 or 2=0.1:bias=0.01:unit=0.5:decay=2".to_owned())
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
