//! What can be typed: one file a command. What it means is decided in `commands`.

mod bench;
mod check_gradients;
mod completions;
mod config;
mod eval;
mod explain;
mod explicit;
mod export;
mod import;
mod inspect;
mod list;
mod man;
mod outliers;
pub(crate) mod parse;
mod parsers;
mod predict;
mod refused;
mod replay;
mod report;
mod show;
mod summary;
mod table;
mod train;
mod train_options;
mod variants;

use clap::{Parser, Subcommand, ValueEnum};

#[cfg(test)]
pub(crate) use self::bench::JOB_NAMES;
pub(crate) use self::bench::{Bench, DEFAULT_JOBS};
pub(crate) use self::check_gradients::CheckGradients;
pub(crate) use self::completions::Completions;
pub(crate) use self::eval::Eval;
pub(crate) use self::explain::Explain;
pub(crate) use self::explicit::ExplicitArgs;
pub(crate) use self::export::{Export, Quantize, To};
pub(crate) use self::import::Import;
pub(crate) use self::inspect::Inspect;
pub(crate) use self::list::List;
pub(crate) use self::man::Man;
pub(crate) use self::outliers::{By, Outliers};
pub(crate) use self::parsers::Size;
pub(crate) use self::predict::Predict;
pub(crate) use self::replay::Replay;
pub(crate) use self::report::Report;
pub(crate) use self::show::Show;
pub(crate) use self::summary::Summary;
pub(crate) use self::table::TableArgs;
pub(crate) use self::train::{OFTEN, Train};
pub(crate) use self::variants::Variants;

/// Feedforward neural networks on the CPU: train, evaluate, use and explain them.
#[derive(Debug, Parser)]
#[command(name = "layerloop", version, arg_required_else_help = true, max_term_width = 120)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the columns of a table: kinds, missing values, levels, ranges, and what inputs they become
    Inspect(Inspect),
    /// Train a network on a data set, evaluate it and save it
    Train(Box<Train>),
    /// Repeat the training of a model from its receipt, and check that the weights have the same bits
    Replay(Replay),
    /// Evaluate a model on the test part of a data set, or on a table
    Eval(Eval),
    /// Predict the classes of images, or the target of the rows of a table
    Predict(Predict),
    /// Explain a model: every number of the forward and backward pass, mistakes, units, curvature
    Explain(Explain),
    /// List the rows that are most likely mislabelled
    Outliers(Outliers),
    /// Compare runs or models: the options that differ, the best and last values, the curves in common charts
    #[command(visible_alias = "compare")]
    Report(Report),
    /// Draw the images of a data set on one sheet, as they are or as they are augmented
    Show(Show),
    /// Print a model's layers, shapes, parameters and receipt
    Summary(Summary),
    /// Write a model in another form: ONNX, C, Rust, JavaScript or a PyTorch state_dict
    Export(Export),
    /// Read a network of another program: an ONNX file, or a PyTorch state_dict
    Import(Import),
    /// Compare the gradient of the fast path with the reference and with central differences
    CheckGradients(CheckGradients),
    /// List what can be chosen: layers, activations, optimizers, ...
    List(List),
    /// Measure the speed of training and prediction on this machine, and what the processor can do at best
    Bench(Bench),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print the manual page of layerloop, or of a command
    Man(Man),
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The training part
    Train,
    /// The test part
    Test,
}
