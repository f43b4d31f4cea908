//! What can be typed: one file a command. What it means is decided in `commands`.

mod bench;
mod check_gradients;
mod eval;
mod explain;
mod list;
mod outliers;
mod parsers;
mod predict;
mod replay;
mod summary;
mod train;

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use self::bench::Bench;
pub(crate) use self::check_gradients::CheckGradients;
pub(crate) use self::eval::Eval;
pub(crate) use self::explain::Explain;
pub(crate) use self::list::List;
pub(crate) use self::outliers::{By, Outliers};
pub(crate) use self::predict::Predict;
pub(crate) use self::replay::Replay;
pub(crate) use self::summary::Summary;
pub(crate) use self::train::Train;

/// Feedforward neural networks: train, judge, use and check them.
#[derive(Debug, Parser)]
#[command(name = "layerloop", version, arg_required_else_help = true, max_term_width = 120)]
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

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// That to learn from
    Train,
    /// That to be judged by
    Test,
}
